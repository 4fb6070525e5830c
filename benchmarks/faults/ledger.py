"""What people wrote, and what they were told: the measure of whether anybody's words are lost."""

import re
import threading
from collections import Counter, defaultdict

MARK = re.compile(r"#([\w.-]+): ")
WORDS = (
    "SELECT content FROM reflections",
    "SELECT instructor_response FROM reflections WHERE instructor_response IS NOT NULL",
    "SELECT content FROM daily_notes",
    "SELECT content FROM success_proofs",
    "SELECT content FROM goal_messages",
)


class Ledger:
    """A file with a line for each text that somebody tries to write and, later, one once they are told it is written.

    A text begins with `#key: `, which stays when it is edited; one writer alone
    writes what has this key.  What a writer was told nothing of, as when the
    connection broke, may be written or not.
    """

    def __init__(self, path):
        self.path = path
        self._file = path.open("w", encoding="utf-8")
        self._lock = threading.Lock()
        self.told = 0  # texts

    def _note(self, sign, texts):
        with self._lock:
            self._file.writelines(f"{sign}{text}\n" for text in texts)
            self._file.flush()

    def will_write(self, *texts):
        self._note("?", texts)

    def is_told(self, *texts):
        self._note("!", texts)
        self.told += len(texts)

    def position(self):
        """Where the file ends by now."""
        with self._lock:
            return self._file.tell()

    def wrong(self, found, since=None):
        """What is wrong with the texts that were found, as sentences, and how many of them nobody was told of.

        `since`: the position when somebody looked, while others went on writing.
        """
        may_be, must_be = defaultdict(set), set()
        with self.path.open(encoding="utf-8", newline="\n") as lines:
            at = 0
            for line in lines:
                key, text = MARK.match(line, 1)[1], line[1:-1]
                if line[0] == "?" or (since is not None and at >= since):
                    may_be[key].add(text)
                else:
                    may_be[key] = {text}
                    must_be.add(key)
                at += len(line.encode())
        found = [text for text in found if MARK.match(text)]
        keys = Counter(MARK.match(text)[1] for text in found)
        sentences = [f"lost: #{key}" for key in must_be - keys.keys()]
        sentences += [f"there {count} times: #{key}" for key, count in keys.items() if count > 1]
        sentences += [f"not what was written: {text}" for text in found if text not in may_be[MARK.match(text)[1]]]
        return sentences, len(keys.keys() - must_be)


def words_in(connection):
    """Every text in the tables of what people write."""
    return [text for statement in WORDS for (text,) in connection.execute(statement)]


def hashes(connection):
    """{table: (rows, a hash over all of them)} of every table of the database."""
    tables = connection.execute(
        "SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " ORDER BY 1"
    ).fetchall()
    # Shorter than one text of all rows, whose largest size a busy table would reach.
    content = "SELECT count(*), sum(hashtextextended(t::text, 0)::numeric)::text FROM {} AS t"
    return {table: connection.execute(content.format(table)).fetchone() for (table,) in tables}
