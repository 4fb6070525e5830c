"""Data goes one way, and only the database writes the timeline: held over the project's syntax trees."""

import ast
import asyncio
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.db import models, transaction

from courses.models import Video
from profiles.models import Profile
from tests import factories
from timeline.models import Activity, ReadOnlyError

ROOT = Path(settings.BASE_DIR)
LIMIT_IN_A_TEMPLATE = re.compile(r'maxlength="\d|capped:\d|slice:"|[<>]=? \d\d|\d,\d{3}')
PROJECT = {
    *(
        "config",
        "profiles",
        "courses",
        "uploads",
        "reflections",
        "goals",
        "xapi",
        "timeline",
        "news",
        "privacy",
        "demo",
    ),
    "tests",
}

# What each package may import of the project, beside itself.
MAY_IMPORT = {
    "config": set(),
    "profiles": {"config"},
    "courses": {"config", "profiles"},
    "uploads": {"config", "profiles", "courses"},
    "reflections": {"config", "profiles", "courses", "uploads"},
    "goals": {"config", "profiles", "courses", "uploads", "reflections"},
    "xapi": {"config", "profiles", "courses", "uploads", "reflections", "goals"},
    "demo": {"config", "profiles", "courses", "uploads", "reflections", "goals", "xapi"},
    "timeline": {"config", "profiles", "courses", "uploads", "reflections", "goals", "xapi"},
    "news": {"config", "profiles", "courses", "uploads", "reflections", "goals", "xapi", "timeline"},
    "privacy": {"config", "profiles", "courses", "uploads", "reflections", "goals", "xapi", "timeline", "news"},
}


def modules(package, migrations=False):
    """The package's modules (or its migrations), as paths and syntax trees."""
    for path in sorted((ROOT / package).rglob("*.py")):
        if ("migrations" in path.parts) == migrations and "tests" not in path.parts:
            yield path.relative_to(ROOT), ast.parse(path.read_text(), str(path))


def imports(tree, path):
    """The absolute names of the modules that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = list(path.parent.parts[: len(path.parent.parts) - node.level + 1]) if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            # import_module("timeline.models"), apps.get_model("timeline", "Activity"), __import__("timeline")
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__", "get_model", "get_app_config", "import_string"}:
                yield str(node.args[0].value)


def test_the_packages_are_the_ones_that_have_rules():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py") if not path.parent.name.startswith(".")}
    assert packages - {"tests", "benchmarks"} == {*MAY_IMPORT}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package):
    allowed = MAY_IMPORT[package] | {package}
    wrong = [
        f"{path} imports {name}"
        for path, tree in modules(package)
        for name in imports(tree, path)
        if name.split(".")[0] in PROJECT - allowed
    ]
    # The addresses of all apps come together in one place.
    assert [line for line in wrong if not line.startswith("config/urls.py ")] == []


def test_what_is_done_on_commit_keeps_nothing_after_it_from_being_done():
    """Django forgets the rest otherwise, and with it that a stored file is wanted (uploads/store.py)."""
    calls = [
        (path, node)
        for package in MAY_IMPORT
        for path, tree in modules(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "on_commit"
    ]
    assert calls
    for path, call in calls:
        assert [ast.unparse(option) for option in call.keywords] == ["robust=True"], path


def test_migrations_import_django_and_their_helper_only():
    allowed = re.compile(r"(django|datetime|zoneinfo|uuid)\b|config\.frozen\b|pathlib\b|config$")
    found = 0
    for package in MAY_IMPORT:
        for path, tree in modules(package, migrations=True):
            for name in imports(tree, path):
                found += 1
                # A field class belongs to the schema: its module must outlive the migrations that name it.
                assert allowed.match(name) or name == f"{path.parts[0]}.fields" or name == "courses.fields", (
                    f"{path} imports {name}"
                )
    assert found


# The timeline's table


def names_activity_objects(tree):
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in {"objects", "_default_manager", "_base_manager"}
        and (
            (isinstance(node.value, ast.Name) and node.value.id == "Activity")
            or (isinstance(node.value, ast.Attribute) and node.value.attr == "Activity")
        )
        for node in ast.walk(tree)
    )


def test_queries_alone_reads_the_timeline():
    readers = {str(path) for package in MAY_IMPORT for path, tree in modules(package) if names_activity_objects(tree)}
    assert readers
    assert all(reader.startswith("timeline/queries/") for reader in readers), readers


WRITES_THE_TIMELINE = re.compile(
    r"\b(insert\s+into|update|delete\s+from|truncate(\s+table)?|merge\s+into|copy)\s+(only\s+)?"
    r"(public\.)?\"?student_activity_timeline",
    re.IGNORECASE,
)


def test_no_string_of_the_project_writes_the_timeline():
    assert WRITES_THE_TIMELINE.search("DELETE\nFROM student_activity_timeline")
    for package in MAY_IMPORT:
        for path, tree in modules(package):
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    assert not WRITES_THE_TIMELINE.search(node.value), path


def test_sql_of_the_sources_knows_nothing_of_the_timeline():
    files = [path for package in MAY_IMPORT.keys() - {"timeline"} for path in (ROOT / package).rglob("*.sql")]
    assert files
    for path in files:
        assert "timeline" not in path.read_text().lower(), path


def test_templates_of_the_other_apps_do_not_reach_into_the_timelines():
    reaches = re.compile(r"""\{%\s*(load\s+[^%]*\btimeline\b|(include|extends)\s+["']timeline/)""")
    templates = [
        path
        for folder in [ROOT / "templates", *(ROOT / package / "templates" for package in MAY_IMPORT)]
        for path in folder.rglob("*.html")
    ]
    assert len(templates) > 10
    elsewhere = [path for path in templates if "timeline" not in path.relative_to(ROOT).parts]
    assert [str(path) for path in elsewhere if reaches.search(path.read_text())] == []
    assert any(reaches.search(path.read_text()) for path in templates), "the pattern matches something"


# Activity in Python


@pytest.fixture
def entry(db):
    factories.ReflectionFactory()
    return Activity.objects.get()


WRITES = {
    "create": lambda entry: Activity.objects.create(),
    "get_or_create": lambda entry: Activity.objects.get_or_create(id=entry.id),
    "update_or_create": lambda entry: Activity.objects.update_or_create(id=entry.id),
    "bulk_create": lambda entry: Activity.objects.bulk_create([entry]),
    "bulk_update": lambda entry: Activity.objects.bulk_update([entry], ["content"]),
    "update": lambda entry: Activity.objects.update(content=""),
    "filter and update": lambda entry: Activity.objects.filter(id=entry.id).update(content=""),
    "delete": lambda entry: Activity.objects.all().delete(),
    "asynchronous create": lambda entry: asyncio.run(Activity.objects.acreate()),
    "asynchronous update": lambda entry: asyncio.run(Activity.objects.aupdate(content="")),
    "asynchronous delete": lambda entry: asyncio.run(Activity.objects.all().adelete()),
    "save of a new one": lambda entry: Activity().save(),
    "save": lambda entry: entry.save(),
    "save of a field": lambda entry: entry.save(update_fields=["content"]),
    "asynchronous save": lambda entry: asyncio.run(entry.asave()),
    "delete of one": lambda entry: entry.delete(),
    "a fixture": lambda entry: [
        each.save() for each in serializers.deserialize("json", serializers.serialize("json", [entry]))
    ],
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_python_cannot_write_the_timeline(entry, write):
    before = [*Activity.objects.values()]
    with pytest.raises(ReadOnlyError, match="write the source row instead"), transaction.atomic():
        write(entry)
    assert [*Activity.objects.values()] == before


def test_deleting_a_student_in_python_leaves_the_entries_to_the_database(entry):
    Profile.objects.get(id=entry.student_id).delete()
    assert not Activity.objects.exists()
    assert Video.objects.exists()


def test_foreign_keys_of_the_sources_act_in_the_database():
    """So that psql's DELETE does what Django's does; the timeline's own do nothing at all."""
    for model in apps.get_models():
        if model._meta.app_label not in MAY_IMPORT:
            continue
        for field in model._meta.local_fields:
            if isinstance(field, models.ForeignKey):
                action = field.remote_field.on_delete
                assert action in (
                    {models.DO_NOTHING} if model is Activity else {models.DB_CASCADE, models.DB_SET_NULL}
                ), field


def test_no_template_writes_a_limit_that_python_has():
    written = {
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in (ROOT / "templates").rglob("*.html")
        for found in LIMIT_IN_A_TEMPLATE.finditer(path.read_text())
    }
    assert not written
