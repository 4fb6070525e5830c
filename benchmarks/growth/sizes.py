"""Bytes of an entry: the table, its indexes, and how full their pages are; and what a gigabyte holds."""

from benchmarks import harness, report
from benchmarks.harness import TIMELINE

SIZES = f"""
    SELECT 'the table', pg_relation_size('{TIMELINE}')
    UNION ALL
    SELECT 'its TOAST', pg_total_relation_size(reltoastrelid) FROM pg_class WHERE oid = '{TIMELINE}'::regclass
    UNION ALL
    SELECT * FROM (
        SELECT relname, pg_relation_size(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid = '{TIMELINE}'::regclass ORDER BY pg_relation_size(indexrelid) DESC, relname
    ) AS indexes
"""
SOURCES = f"""
    SELECT sum(pg_total_relation_size(oid)) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> '{TIMELINE}'
"""
FULL = f"""
    SELECT relname, avg_leaf_density FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid,
        LATERAL pgstatindex(indexrelid::regclass)
    WHERE indrelid = '{TIMELINE}'::regclass
    UNION ALL
    SELECT 'the table', 100 - free_percent FROM pgstattuple('{TIMELINE}')
"""


def measure(ground):
    """Blocks of Markdown, of schools by the backfill and of the smallest one by the triggers, too."""
    found, full = {}, {}
    schools = {f"{report.short(size)}, backfill": ground.school(size) for size in ground.sizes}
    schools[by_triggers := f"{report.short(ground.sizes[0])}, triggers"] = ground.school(
        ground.sizes[0], by_triggers=True
    )
    for title, name in schools.items():
        with ground.at(name) as connection:
            found[title] = bytes_of_entry(connection)
            full[title] = fullness(connection)
    return blocks(found, full, by_triggers)


def bytes_of_entry(connection):
    """{relation: bytes of it for an entry of the timeline}: the table, its indexes, "all sources"."""
    [(entries,)] = harness.execute(connection, f"SELECT count(*) FROM {TIMELINE}")
    sizes = harness.execute(connection, SIZES)
    [(sources,)] = harness.execute(connection, SOURCES)
    return {name: float(size) / entries for name, size in [*sizes, ("all sources, with their indexes", sources)]}


def fullness(connection):
    """{relation: per cent of its pages (of an index: of its leaves) in use}; {} without the extension pgstattuple."""
    [(there,)] = harness.execute(
        connection, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgstattuple')"
    )
    if not there:
        return {}
    harness.execute(connection, "CREATE EXTENSION IF NOT EXISTS pgstattuple")
    return {name: float(share) for name, share in harness.execute(connection, FULL)}


def sums(sizes):
    """(bytes of an entry in all indexes, in table and indexes, with the sources too)."""
    *own, sources = sizes.values()
    indexes = sum(own[2:])
    return indexes, sum(own), sum(own) + sources


def blocks(found, full, by_triggers):
    rows = [
        [
            f"`{name}`" if name.islower() and " " not in name else name,
            *(of[name] for of in found.values()),
            *(f"{full[each][name]:.0f} %" if name in full[each] else "" for each in (list(found)[-2], by_triggers)),
        ]
        for name in found[by_triggers]
    ]
    for index, name in enumerate(("all indexes", "the timeline, with its indexes", "all, with the sources")):
        rows.append([f"**{name}**", *(sums(of)[index] for of in found.values()), "", ""])
    largest = list(found)[-2]
    per_gigabyte = [[title, *(int(2**30 / size) for size in sums(of))] for title, of in found.items()]
    return [
        "**Bytes of an entry**, and how full the pages are",
        report.table(["", *found, f"full: {largest}", "full: triggers"], rows),
        "**Entries in a gigabyte** of memory or disk",
        report.table(["", "indexes alone", "table and indexes", "with the sources"], per_gigabyte),
    ]
