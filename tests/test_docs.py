"""What README.md, CHANGELOG.md and docs/ name is there."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.conf import settings
from django.core.management import get_commands

from demo.load import LOGINS

ROOT = Path(settings.BASE_DIR)
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])
TARGETS = set(re.findall(r"^([a-z][a-z -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
TARGETS = {target for names in TARGETS for target in names.split()}


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def page(request):
    return request.param


def anchors(page):
    """The addresses of a page's headings, as code-hosting sites make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_and_image_leads_somewhere(page):
    text = page.read_text()
    for address in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(
        r"(?:src|srcset)=\"([^\"]+)\"", without_code(text)
    ):
        if address.startswith(("https://", "http://")):
            continue
        path, _, anchor = unquote(address).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), address
        assert target.is_relative_to(ROOT), address
        if anchor:
            assert anchor in anchors(target), address


def test_every_command_that_is_named_exists(page):
    text = page.read_text()
    assert set(re.findall(r"(?:`|^|\| )make ([a-z][a-z-]*)", text, re.MULTILINE)) <= TARGETS
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= get_commands().keys()


def test_every_path_that_is_named_exists(page):
    """A path in backquotes: with a slash after the name of a folder of ours, or a file's name; not a placeholder."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    for path in re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:py|md|sql|toml))`", without_code(page.read_text())):
        if "/" not in path:
            assert any(ROOT.rglob(path)), path
        elif path.partition("/")[0] in folders:
            assert (ROOT / path).exists(), path


def test_the_picture_of_each_page_is_in_the_readme_and_light():
    pictures = set(ROOT.glob("docs/images/*"))
    assert pictures
    text = "".join(page.read_text() for page in PAGES)
    for picture in pictures:
        assert f"images/{picture.name}" in text, picture
        assert picture.stat().st_size < 160_000, picture  # a frame of a video is most of it


def test_the_readme_names_the_log_ins_of_the_demo():
    text = (ROOT / "README.md").read_text()
    for login in LOGINS:
        assert f"| {login.email} | {login.who}" in text
        assert f"`{login.password}`" in text


def test_the_readmes_test_command_is_the_one_that_continuous_integration_runs():
    assert re.search(r"^exec make test$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert "```sh\nmake test\n```" in (ROOT / "README.md").read_text()


def test_every_decision_is_listed_and_short():
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    records = sorted(ROOT.glob("docs/decisions/0*.md"))
    assert [record.name[:4] for record in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text()
        title = re.match(r"# (\d+)\. (.+)\n", text)
        assert int(title[1]) == int(record.name[:4])
        assert f"]({record.name}) {title[2]}" in index
        assert text.count("\n") <= 20, record
        for part in ("**Context.**", "**Decision.**", "**Consequence.**"):
            assert text.count(part) == 1, record


def test_the_code_cites_documents_that_are_there():
    """docs/decisions/0002, docs/architecture.md, …, wherever code names them."""
    cited, headings = set(), set()
    for suffix in ("py", "sql", "css", "html"):
        for path in ROOT.glob(f"[a-z]*/**/*.{suffix}"):
            cited |= set(re.findall(r"docs/[\w/.-]*\w", path.read_text()))
            headings |= set(re.findall(r'(docs/[\w/-]+\.md), "([^"\n]+)"', path.read_text()))
    assert "docs/decisions/0002" in cited
    assert ("docs/architecture.md", "Who sees what") in headings
    for name, heading in headings:
        assert re.search(rf"^#+ {re.escape(heading)}$", (ROOT / name).read_text(), re.MULTILINE), heading
    for name in cited - {"docs/images"}:
        assert list(ROOT.glob(f"{name}*")), name


def without_code(text):
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def test_a_first_load_is_told_to_nobody_whose_timeline_the_triggers_have_filled():
    """As pg_restore of data alone does: the command would only say that the timeline is not empty."""
    recipes = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "operating.md").read_text(), re.DOTALL)
    restores = [recipe for recipe in recipes if "pg_restore" in recipe]
    assert ["--first-load" in recipe for recipe in restores] == ["--data-only" not in recipe for recipe in restores]
    assert len(restores) == 3
