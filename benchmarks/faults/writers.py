"""People who write while something goes wrong: some as programs in SQL, some in the pages of the production server."""

import contextlib
import http.client
import os
import socket
import threading
import time
import uuid
from urllib.parse import urlencode

import psycopg

from benchmarks.production import HOST, headers
from benchmarks.server import wait_until

PHRASES = ("What I would ask next", "Why it took me a week", "The price was the easy part", "Señor Ñandú says “no” 🙂")
SECRET = "a" * 32  # of the cookie and the form, which must be the same
GONE = ("08", "57P")  # SQLSTATEs of a lost connection


def is_gone(error):
    return error.sqlstate is None or error.sqlstate.startswith(GONE)


class Writer(threading.Thread):
    """Somebody who writes, edits and answers until they are stopped.

    `refused`: the errors that no fault excuses; `broken`: how often the
    connection broke or a form was not answered; `did`: what succeeded; `longest`: seconds, of one thing.
    """

    def __init__(self, name, chance, school, ledger, excused):
        super().__init__(daemon=True)
        self.who, self.chance, self.school, self.ledger, self.excused = name, chance, school, ledger, excused
        self.stopping = threading.Event()
        self.refused, self.broken, self.did, self.longest, self.number = [], 0, 0, 0.0, 0
        self.mine = []  # (table, column, id, key, how often it was edited)

    def text(self, key, version=0):
        return f"#{key}: {self.chance.choice(PHRASES)}, {version}"

    def new_text(self):
        self.number += 1
        key = f"{self.who}-{self.number}"
        return key, self.text(key)

    def done(self, start):
        self.did += 1
        self.longest = max(self.longest, time.monotonic() - start)
        self.stopping.wait(self.chance.uniform(0, 0.01))


class Program(Writer):
    """Writes in SQL, as psql or another service does, each time in one transaction."""

    INSERTS = {
        "daily_notes": "(student_id, content) VALUES (%(student)s, %(text)s)",
        "success_proofs": "(student_id, goal_id, content) VALUES (%(student)s, %(goal)s, %(text)s)",
        "goal_messages": "(student_id, author_id, content) VALUES (%(student)s, %(author)s, %(text)s)",
        "reflections": "(student_id, video_id, video_timestamp_seconds, content)"
        " VALUES (%(student)s, %(video)s, 7, %(text)s)",
    }

    def __init__(self, *arguments, url):
        super().__init__(*arguments)
        self.url, self.connection, self.is_connected = url, None, False

    def run(self):
        while not self.stopping.is_set():
            try:
                with psycopg.connect(self.url, connect_timeout=10) as self.connection:
                    self.is_connected = True
                    while not self.stopping.is_set():
                        start = time.monotonic()
                        self.act(self.connection)
                        self.done(start)
            except (psycopg.Error, OSError) as error:
                state = getattr(error, "sqlstate", None)
                if isinstance(error, OSError) or is_gone(error):
                    self.broken += self.is_connected
                elif not (state or "").startswith(self.excused):
                    self.refused.append(f"{state} {error}")
                self.is_connected = False
                self.stopping.wait(0.05)

    def act(self, connection):
        act = self.chance.choices([self.write, self.edit, self.answer, self.watch, self.switch], [50, 20, 10, 15, 5])
        act[0](connection)

    def write(self, connection):
        tables = self.chance.sample(list(self.INSERTS), self.chance.randint(1, 3))
        texts = [self.new_text() for _ in tables]
        student = self.chance.choice(self.school.students)
        values = {
            "student": student,
            "goal": self.chance.choice(self.school.goals[student]),
            "author": self.school.instructor,
            "video": self.chance.choice(self.school.videos),
        }
        self.ledger.will_write(*(text for _, text in texts))
        ids = []
        with connection.transaction():
            for table, (_, text) in zip(tables, texts, strict=True):
                insert = f"INSERT INTO {table} {self.INSERTS[table]} RETURNING id"
                ids.append(connection.execute(insert, values | {"text": text}).fetchone()[0])
        self.ledger.is_told(*(text for _, text in texts))
        self.mine += [[table, "content", id_, key, 0] for table, id_, (key, _) in zip(tables, ids, texts, strict=True)]

    def edit(self, connection):
        if not self.mine:
            return
        row = self.chance.choice(self.mine)
        table, column, id_, key, version = row
        row[4] = version + 1
        text = self.text(key, row[4])
        self.ledger.will_write(text)
        at = "edited_at" if column == "content" else "response_edited_at"
        with connection.transaction():
            connection.execute(f"UPDATE {table} SET {column} = %s, {at} = now() WHERE id = %s", [text, id_])
        self.ledger.is_told(text)

    def answer(self, connection):
        answered = {row[2] for row in self.mine if row[1] == "instructor_response"}
        waiting = [row[2] for row in self.mine if row[0] == "reflections" and row[2] not in answered]
        if not waiting:
            return
        id_, (key, text) = self.chance.choice(waiting), self.new_text()
        self.ledger.will_write(text)
        row = ["reflections", "instructor_response", id_, key, 0]
        answer = (
            "UPDATE reflections SET instructor_response = %s, responded_at = now(), responded_by = %s"
            " WHERE id = %s AND instructor_response IS NULL RETURNING id"
        )
        with connection.transaction():
            written = connection.execute(answer, [text, self.school.instructor, id_]).fetchone()
        if written:  # else an earlier answer was, of which nobody was told
            self.ledger.is_told(text)
            self.mine.append(row)

    def watch(self, connection):
        start = self.chance.randrange(250)
        with connection.transaction():
            connection.execute(
                "INSERT INTO video_progress AS present (student_id, video_id, watched)"
                " VALUES (%s, %s, int4multirange(int4range(%s, %s)))"
                " ON CONFLICT (student_id, video_id)"
                " DO UPDATE SET watched = present.watched + excluded.watched, watched_at = excluded.watched_at",
                [self.chance.choice(self.school.students), self.chance.choice(self.school.videos), start, start + 40],
            )

    def switch(self, connection):
        """Another goal becomes the current one, from now on."""
        student = self.chance.choice(self.school.students)
        with connection.transaction():
            connection.execute("SELECT FROM profiles WHERE id = %s FOR UPDATE", [student])
            ended = connection.execute(
                "UPDATE goal_periods SET period = tstzrange(lower(period), clock_timestamp())"
                " WHERE student_id = %s AND upper_inf(period) AND lower(period) < clock_timestamp()"
                " RETURNING upper(period), goal_id",
                [student],
            ).fetchone()
            if ended:
                goal = next(goal for goal in self.school.goals[student] if goal != ended[1])
                connection.execute(
                    "INSERT INTO goal_periods (student_id, goal_id, period) VALUES (%s, %s, tstzrange(%s, NULL))",
                    [student, goal, ended[0]],
                )

    def cut(self):
        """Cut the connection as a network does, whatever goes over it at this moment."""
        with (
            contextlib.suppress(psycopg.Error, OSError, ValueError),
            socket.socket(fileno=os.dup(self.connection.fileno())) as half,
        ):
            half.shutdown(socket.SHUT_RDWR)


class Visitor(Writer):
    """Writes in pages.  A form that no answer came to is sent again, as it is, until one comes."""

    def __init__(self, *arguments, port):
        super().__init__(*arguments)
        self.port = port

    def run(self):
        while not self.stopping.is_set():
            start = time.monotonic()
            acts = [self.note, self.reflect, self.message, self.edit, self.answer]
            self.chance.choices(acts, [4, 4, 2, 2, 2])[0]()
            self.done(start)

    def note(self):
        self._write("daily_notes", "/days/", self.chance.choice(self.school.visitors))

    def reflect(self):
        video = self.chance.choice(self.school.videos)
        self._write("reflections", f"/videos/{video}/", self.chance.choice(self.school.visitors), at="0:07")

    def message(self):
        student, _ = self.chance.choice(self.school.visitors)
        author = self.school.instructor, self.school.instructor_cookie
        self._write("goal_messages", f"/students/{student}/days/", author)

    def _write(self, table, address, visitor, **more):
        key, text = self.new_text()
        id_ = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        if self.send(address, visitor[1], text, id=id_, **more):
            self.mine.append([table, visitor[1], id_, key, 0])

    def edit(self):
        """The first edit of one's own words."""
        row = next((row for row in self.mine if row[4] == 0), None)
        if row:
            table, cookie, id_, key, _ = row
            row[4] = 1
            self.send(f"/{table}/{id_}/edit/", cookie, self.text(key, 1), seen="")

    def answer(self):
        row = next((row for row in self.mine if row[0] == "reflections" and row[4] < 2), None)
        if row:
            row[4] = 2
            _, text = self.new_text()
            self.send(f"/reflections/{row[2]}/answer/", self.school.instructor_cookie, text, seen="")

    def send(self, address, cookie, text, **fields):
        """Post a form until it is answered; whether that said that the words are kept."""
        self.ledger.will_write(text)
        body = urlencode({"text": text, "csrfmiddlewaretoken": SECRET, **fields})
        sent = headers(f"{cookie}; csrftoken={SECRET}") | {
            "Referer": f"https://{HOST}{address}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        while not self.stopping.is_set():
            try:
                with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as client:
                    client.request("POST", address, body, sent)
                    response = client.getresponse()
                    answer = response.read()
            except (OSError, http.client.HTTPException):
                self.broken += 1
                self.stopping.wait(0.05)
                continue
            if response.status == 302 and "/login/" not in response.headers["Location"]:
                self.ledger.is_told(text)
                return True
            if response.status in self.excused:
                self.broken += 1
                self.stopping.wait(0.05)
                continue
            self.refused.append(f"{address}: {response.status} {answer[:300]!r}")
            return False
        return False


class Crowd:
    """Writers at the same time, with `number` in their keys; leaving the `with` stops them."""

    def __init__(self, number, writers):
        self.number, self.writers = number, writers

    def __enter__(self):
        for writer in self.writers:
            writer.start()
        return self

    def __exit__(self, *exception):
        for writer in self.writers:
            writer.stopping.set()
        for writer in self.writers:
            writer.join(60)
        if hanging := [writer.who for writer in self.writers if writer.is_alive()]:
            self.writers[0].refused.append(f"hang: {', '.join(hanging)}")

    def all_write_again(self):
        """Return once each of them has written something since now."""
        before = [writer.did for writer in self.writers]
        wait_until(
            lambda: all(writer.did > count for writer, count in zip(self.writers, before, strict=True)),
            f"not everybody can write again: {[writer.refused[-1:] for writer in self.writers]}",
        )

    @property
    def programs(self):
        return [writer for writer in self.writers if isinstance(writer, Program)]

    @property
    def refused(self):
        return [f"{writer.who}: {error}" for writer in self.writers for error in writer.refused]

    @property
    def broken(self):
        return sum(writer.broken for writer in self.writers)

    @property
    def longest(self):
        return max(writer.longest for writer in self.writers)
