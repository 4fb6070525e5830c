"""What a move to Citus by `student_id` asks of the schema, tried on a coordinator and its workers.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python -m benchmarks.citus [--entries 100000] [--report]

DATABASE_URL names a database that has the extension `citus` and knows its
nodes (citus_set_coordinator_host, citus_add_node); its user is a superuser on
all of them, by the same password.  Makes a database `benchmark_citus` on every
node and `benchmark_plain` on the coordinator, deleted at the end, with the same
school (`benchmarks.population`) in both, and tells

- what Citus refuses of the tables as they are, and after each change that it asks for;
- what it says of mappings as functions; then it keeps them as views and has triggers of the shards
  follow them (`schema.py`);
- whether what is written, changed and deleted reaches the timeline, and what drifts;
- how many shards each statement of every page goes to, and which ones Citus refuses;
- what pages and writing take beside one plain table on the same machine.

Exits with 1 if a source's row and its entries ever differ.
"""

import contextlib
import os
import sys

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks import harness, population, report
from benchmarks.citus import refused, schema, shown
from benchmarks.citus.asking import DATABASE, PLAIN, TIMELINE, opened, value


def main():
    parser = harness.parser("benchmarks.citus", __doc__)
    parser.add_argument("--entries", type=int, default=100_000, help="size of the school (default: 100000)")
    options = parser.parse_args()
    url, nodes = cluster()
    delete(url, nodes)
    try:
        with harness.database(PLAIN) as connection:
            population.fill(connection, options.entries)
            connection.close()
            distribute(url, nodes)
            with opened(url) as citus:
                blocks, right = found(connection, citus, url)
                blocks.append(described(citus, nodes))
            print("\n\n".join(blocks))
            if options.report:
                report.write("citus", connection, *blocks)
            connection.close()
    finally:
        delete(url, nodes)
    return not right


def found(connection, citus, url):
    """(what is told, as blocks of Markdown; whether the timeline always followed).

    Pages and costs come before what changes one of the two schools.
    """
    steps, mapped = refused.refusals(citus), list(schema.mappings(citus))
    schema.install(citus)
    asked = shown.pages(connection, citus)
    with opened(url, PLAIN) as plain:
        cost = list(shown.costs(plain, citus))
    written = list(shown.writing(citus, url))
    blocks = [
        "**What Citus refuses** of `create_distributed_table(…, 'student_id')`, after one change after the other",
        steps,
        "**What a mapping may be**",
        report.table(["mappings as", "Citus' answer"], mapped),
        "**What is written**, with triggers of statements on the shards",
        report.table(["", "what came of it"], written),
        "**What pages ask**, of the student and the video with most entries",
        *asked,
        "**What it costs**, as times of the same without Citus",
        report.table(["", "shards", "ms without", "ms", "times"], cost),
    ]
    return blocks, not any("NOT" in came for _, came in written)


def described(citus, nodes):
    [(version, count)] = citus.execute(
        f"SELECT citus_version(), shard_count FROM citus_tables WHERE table_name = '{TIMELINE}'::regclass"
    ).fetchall()
    entries = value(citus, f"SELECT count(*) FROM {TIMELINE}")
    size = value(citus, f"SELECT citus_total_relation_size('{TIMELINE}')")
    return (
        f"{version.partition(' on ')[0]}, a coordinator and {len(nodes)} workers on one machine; {count} shards, of"
        f" {entries:,} entries and {size / entries:,.0f} bytes an entry in all; medians of {shown.ROUNDS} rounds."
    )


def cluster():
    """The coordinator's URL and {"host", "port"} of each worker; SystemExit if the database knows none."""
    url, rows = os.environ.get("DATABASE_URL"), []
    if url:
        with contextlib.suppress(psycopg.errors.UndefinedTable), psycopg.connect(url) as coordinator:
            rows = coordinator.execute(
                "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid > 0 AND isactive ORDER BY 1, 2"
            ).fetchall()
    if not rows:
        sys.exit("DATABASE_URL must name a database with the extension citus that knows its workers (citus_add_node).")
    return url, [{"host": host, "port": port} for host, port in rows]


def delete(url, nodes):
    for node in [{}, *nodes]:
        with psycopg.connect(make_conninfo(url, **node), autocommit=True) as connection:
            for name in (DATABASE, PLAIN):
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def distribute(url, nodes):
    """Copy the school into a database of Citus, where its tables are still ordinary ones."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE {PLAIN}")
        [coordinator] = connection.execute("SELECT nodename, nodeport FROM pg_dist_node WHERE groupid = 0").fetchall()
    for node in nodes:
        with psycopg.connect(make_conninfo(url, **node), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        with opened(url, **node) as connection:
            connection.execute("CREATE EXTENSION citus")
    with opened(url) as connection:
        connection.execute("CREATE EXTENSION citus")
        connection.execute("SELECT citus_set_coordinator_host(%s, %s)", coordinator)
        for node in nodes:
            connection.execute("SELECT citus_add_node(%(host)s, %(port)s)", node)


if __name__ == "__main__":
    sys.exit(main())
