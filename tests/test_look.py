"""The visual language: every component, in both themes, narrow and wide; colours, icons, error pages."""

import io
import itertools
import logging
import math
import re

import pytest
from django.conf import settings as configured
from django.template.loader import render_to_string

from profiles.models import Profile
from profiles.templatetags.people import initials
from tests import factories
from timeline.kinds import GROUPS, KINDS

TEMPLATES = configured.BASE_DIR / "templates"
STATIC = configured.BASE_DIR / "static"


@pytest.fixture
def gallery(settings):
    """The site with the style guide among its pages."""
    settings.ROOT_URLCONF = "tests.look.urls"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [320, 1440])
def test_every_component_is_accessible_in_both_themes_and_fits(gallery, page, assert_accessible, width):
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/styleguide/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".entry").count() > len(KINDS)
    fields = page.locator("input:is([type=text], [type=search], [type=date]), select, textarea")
    sizes = fields.evaluate_all("fields => fields.map(field => parseFloat(getComputedStyle(field).fontSize))")
    assert min(sizes) >= 16, "or a phone zooms in on who types"
    assert_accessible(page, ["light", "dark"])
    page.evaluate("document.documentElement.style.fontSize = '200%'")  # as who cannot read smaller text has set it
    assert page.evaluate("document.documentElement.scrollWidth") <= width


NAMED = (
    "h1, h2, h3, .breadcrumb a, .subtitle, .words p, .composer label, .inline label,"
    " .entry-head > :not(.badge), .rows > li > :is(a, span):not(.badge, .button), .choices span:not(.badge),"
    " .field div > label"
)


@pytest.mark.django_db(transaction=True)
def test_a_word_longer_than_the_window_breaks_wherever_people_name_things(gallery, page):
    page.set_viewport_size({"width": 320, "height": 900})
    page.goto("/styleguide/")
    lengthen = "(all, word) => all.forEach((element) => element.append(word))"
    page.locator(NAMED).evaluate_all(lengthen, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamten")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    widths = "all => all.map(choice => choice.getBoundingClientRect().width)"
    assert min(page.locator(".field [type=radio]").evaluate_all(widths)) >= 20, "words take its room"


@pytest.mark.django_db(transaction=True)
def test_a_finger_finds_buttons_and_fields_that_are_higher_than_a_mouse_needs(gallery, browser, live_server):
    context = browser.new_context(base_url=live_server.url, has_touch=True, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto("/styleguide/")
    heights = "all => all.map(each => each.getBoundingClientRect().height).filter(Boolean)"  # some are folded away
    found = page.locator(".button:not(.small), .field input[type=text], .field select").evaluate_all(heights)
    context.close()
    assert len(found) > 5
    assert min(found) >= 44


BESIDE_ARABIC = """(markup) => {
  const line = document.createElement("p");
  line.innerHTML = markup;
  document.querySelector("main").prepend(line);
  const after = document.createRange();
  after.selectNodeContents(line.lastChild);
  return [line.firstChild.getBoundingClientRect().right, after.getBoundingClientRect().left];
}"""


@pytest.mark.django_db(transaction=True)
def test_in_forced_colours_what_its_ground_set_apart_has_an_edge(gallery, page):
    page.emulate_media(forced_colors="active")
    page.goto("/styleguide/")
    edges = "all => all.map(each => getComputedStyle(each).border)"
    found = page.locator(".notice:not(#toast), .badge").evaluate_all(edges)
    assert found
    assert all(each.startswith("1px solid") for each in found)


@pytest.mark.django_db(transaction=True)
def test_words_from_right_to_left_leave_the_number_after_them_where_it_is(gallery, page):
    page.goto("/styleguide/")
    for tag in ("a", "bdi", "q"):
        right, left = page.evaluate(BESIDE_ARABIC, f"<{tag}>ثمن عادل</{tag}>, 1:23")
        assert left >= right - 1, tag
    paragraph = page.locator(".words p").first
    paragraph.evaluate("element => { element.textContent = 'ثمن عادل.' }")
    ends = """element => {
      const all = document.createRange();
      all.selectNodeContents(element);
      return all.getBoundingClientRect().right;
    }"""
    assert abs(paragraph.evaluate(ends) - paragraph.evaluate("p => p.getBoundingClientRect().right")) < 2


PLACES_BY_MARKED = """(list, [items, attribute, value]) => {
  const all = [...list.querySelectorAll(items)];
  return all.map((marked) => {
    for (const item of all) item === marked ? item.setAttribute(attribute, value) : item.removeAttribute(attribute);
    return JSON.stringify(all.map((item) => item.getBoundingClientRect()));
  });
}"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [390, 1440])
def test_marking_the_current_one_of_several_moves_none_of_them(gallery, page, client, width):
    page.set_viewport_size({"width": width, "height": 900})
    for address, selector, *marked in (
        ("/styleguide/", ".tabs", "a", "aria-current", "page"),
        ("/styleguide/", ".order", "a", "aria-current", "true"),
        ("/styleguide/", ".roster", "th:has(a)", "aria-sort", "descending"),
        ("/", ".site-nav", "a", "aria-current", "page"),
    ):
        if address == "/":
            client.force_login(factories.ProfileFactory())
            name = configured.SESSION_COOKIE_NAME
            cookie = {"name": name, "value": client.cookies[name].value, "domain": "localhost", "path": "/"}
            page.context.add_cookies([cookie])
        page.goto(address)
        places = page.locator(selector).first.evaluate(PLACES_BY_MARKED, marked)
        assert len(places) > 1
        assert len(set(places)) == 1, selector


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("width", "beside"), [(390, False), (1440, True)])
def test_a_row_of_lines_is_one_line_where_there_is_room(gallery, page, width, beside):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/styleguide/")
    box = "(element, part) => element.querySelector(part).getBoundingClientRect()"
    row = page.locator(".lines > li").first
    assert beside == row.evaluate(f"row => ({box})(row, '.meta').top < ({box})(row, 'a').bottom")
    goals = page.locator(".lines > li > .meta > :nth-child(2)")
    starts = goals.evaluate_all("all => all.map(fact => fact.getBoundingClientRect().left)")
    assert starts == 2 * starts[:1], "what each tells stands under what the others tell"


@pytest.mark.django_db(transaction=True)
def test_on_paper_rows_stay_whole_and_what_a_screen_alone_can_do_is_not_there(gallery, page):
    page.goto("/styleguide/")
    page.emulate_media(media="print")
    kept = "all => all.map(element => getComputedStyle(element).breakInside)"
    assert set(page.locator(".rows > li:not(.load-more), .marks > li").evaluate_all(kept)) == {"avoid"}
    assert set(page.locator(".path .goal").evaluate_all(kept)) == {"auto"}, "a goal fills the page that it begins on"
    node = page.locator("[data-state=current] > .goal-node").first
    assert node.evaluate("element => getComputedStyle(element).printColorAdjust") == "exact"
    for selector in (
        ".load-more",
        ".openers",
        ".disclosure:not([open])",
        ".section-heading a",
        ".breadcrumb li >> nth=0",
    ):
        shown = [each.is_visible() for each in page.locator(selector).all()]
        assert shown
        assert not any(shown), selector


@pytest.mark.django_db(transaction=True)
def test_load_more_appends_entries_and_keeps_the_keyboards_place(gallery, page):
    page.goto("/styleguide/")
    page.get_by_role("link", name="Load more").press("Enter")
    first_new = page.locator("#more-1")
    first_new.wait_for()
    assert first_new.evaluate("element => element === document.activeElement")
    assert page.get_by_role("link", name="Load more").count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_failed_request_is_said(gallery, page):
    page.goto("/styleguide/")
    page.route("**/styleguide/more/", lambda route: route.fulfill(status=500))
    page.get_by_role("link", name="Load more").click()
    page.get_by_text("That did not work (error 500)").wait_for()
    page.unroute_all()
    page.route("**/styleguide/more/", lambda route: route.abort())
    page.get_by_role("link", name="Load more").click()
    page.get_by_text("The server cannot be reached").wait_for()


WITHOUT_ANCHORS = """() => {
  const layers = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]);
  const menu = layers.flatMap((layer) => [...(layer.cssRules ?? [])]).find((rule) => rule.selectorText === ".menu");
  const newer = [...menu.cssRules].findIndex((rule) => rule instanceof CSSSupportsRule);
  if (newer >= 0) menu.deleteRule(newer);
}"""


@pytest.mark.django_db(transaction=True)
def test_a_person_logs_in_and_out_by_the_menu(page, assert_accessible):
    Profile.objects.create_user("maya@example.org", "a plumber's logo", full_name="Maya Okafor")
    page.goto("/login/")
    assert_accessible(page)
    page.get_by_label("E-mail address").fill("Maya@Example.org")
    page.get_by_label("Password").fill("a plumber's logo")
    page.get_by_role("button", name="Log in").click()
    menu = page.get_by_role("button", name="Maya Okafor")
    menu.wait_for()
    page.wait_for_load_state()  # a button is there before the menu that it opens
    menu.click()
    page.get_by_role("button", name="Log out").wait_for()
    assert_accessible(page)
    page.set_viewport_size({"width": 1700, "height": 900})
    for browser in ("this one", "one that cannot anchor it"):
        right = [place.bounding_box()["x"] + place.bounding_box()["width"] for place in (menu, page.locator(".menu"))]
        assert abs(right[0] - right[1]) < 2, browser
        page.evaluate(WITHOUT_ANCHORS)
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("E-mail address").wait_for()


@pytest.mark.django_db(transaction=True)
def test_the_admin_wears_the_sites_colours_in_both_themes(page, assert_accessible):
    Profile.objects.create_superuser("daniel@example.org", "three options", full_name="Daniel Reyes")
    maya = Profile.objects.create_user("maya@example.org", "a plumber's logo", full_name="Maya Okafor")
    themes = ["light", "dark"]
    page.goto("/admin/")
    page.get_by_label("E-mail address").fill("daniel@example.org")
    page.get_by_label("Password").fill("three options")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Student Activity Timeline", exact=True).wait_for()
    page.wait_for_load_state()
    assert page.get_by_text("Daniel Reyes").is_visible()
    paper = "getComputedStyle(document.documentElement).getPropertyValue('--body-bg')"
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        assert page.evaluate(f"{paper} === {paper.replace('--body-bg', '--paper')}"), theme
    assert_accessible(page, themes)
    page.goto("/admin/courses/course/")  # a list, and the button that adds to it
    assert_accessible(page, themes)
    page.goto("/admin/courses/quiz/add/")  # a form with errors, and with fields that Select2 draws
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Please correct the errors below.").wait_for()
    page.get_by_role("combobox", name="Lesson:").wait_for()
    assert_accessible(page, themes)
    page.goto("/admin/timeline/activity/")  # filters: fields of Select2 and choices
    assert_accessible(page, themes)
    page.goto(f"/admin/profiles/profile/{maya.pk}/change/")  # a form, with every kind of button
    assert_accessible(page, themes)
    page.locator("a.deletelink").click()
    page.locator(".cancel-link").wait_for()
    assert_accessible(page, themes)


@pytest.mark.django_db(transaction=True)
def test_on_a_phone_the_admins_forms_within_forms_need_no_sideways_scrolling(page):
    Profile.objects.create_superuser("daniel@example.org", "three options", full_name="Daniel Reyes")
    question = factories.QuizQuestionFactory(prompt="What decides the price of what you sell, more than its hours do?")
    lesson = question.quiz.lesson
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto("/admin/")
    page.get_by_label("E-mail address").fill("daniel@example.org")
    page.get_by_label("Password").fill("three options")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Student Activity Timeline", exact=True).wait_for()
    hidden = "all => all.filter(each => each.scrollWidth > each.clientWidth).map(each => each.id || each.className)"
    for address in (f"quiz/{question.quiz.pk}", f"course/{lesson.course_id}"):
        page.goto(f"/admin/courses/{address}/change/")
        page.locator(".inline-related").first.wait_for()
        assert page.locator(".inline-related, .inline-related .wrapper").evaluate_all(hidden) == []
    way_on = page.get_by_role("link", name="Change", exact=True).bounding_box()
    assert way_on["x"] + way_on["width"] < 320


@pytest.mark.django_db
def test_the_admin_writes_times_as_the_pages_do(client):
    staff = Profile.objects.create_superuser("daniel@example.org", "three options", full_name="Daniel Reyes")
    Profile.objects.update(created_at="2026-09-29T19:39Z")
    client.force_login(staff)
    assert "29 Sep 2026, 3:39 p.m." in client.get(f"/admin/profiles/profile/{staff.pk}/change/").text
    factories.EnrollmentFactory(enrolled_at="2026-09-29T19:39Z")
    assert "29 Sep 2026, 3:39 p.m." in client.get("/admin/timeline/activity/").text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("400.html", "That did not work"),
        ("403.html", "You cannot do that"),
        ("403_csrf.html", "Nothing was saved"),
        ("404.html", "Page not found"),
        ("500.html", "on our side"),
        ("503.html", "try again in a minute"),
    ],
)
def test_an_error_page_needs_neither_a_request_nor_the_database(django_assert_num_queries, template, words):
    with django_assert_num_queries(0):
        assert words in render_to_string(template)


@pytest.mark.django_db
def test_an_error_reaches_its_page(client, gallery):
    assert "Page not found" in client.get("/nowhere/").content.decode()
    client.raise_request_exception = False
    response = client.get("/broken/")
    assert response.status_code == 500
    assert "on our side" in response.content.decode()


@pytest.mark.django_db
def test_bad_input_is_one_line_of_the_log_and_a_fault_of_ours_has_its_traceback(client, gallery, monkeypatch):
    (handler,) = (each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler)
    client.force_login(
        Profile.objects.create_superuser("daniel@example.org", "three options", full_name="Daniel Reyes")
    )
    monkeypatch.setattr(handler, "stream", io.StringIO())
    client.raise_request_exception = False
    for address in ("/days/?kind=a%0Ab", "/admin/profiles/profile/?password__startswith=md5"):
        assert client.get(address, follow=True).status_code == 400
    odd, lookup = handler.stream.getvalue().splitlines()
    assert "WARNING django.request: There is no kind of activity called" in odd
    assert "ERROR django.security.DisallowedModelAdminLookup: Filtering by" in lookup
    client.get("/broken/")
    assert "RuntimeError: for the test of the error page" in handler.stream.getvalue()


def test_no_template_takes_what_it_is_given_for_markup():
    """What people write stands in all of it."""
    trusting = [path.name for path in TEMPLATES.rglob("*.html") if re.search(r"\|\s*safe", path.read_text())]
    assert trusting == []


def test_every_icon_that_is_named_is_drawn():
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text()))
    named = {kind.icon for kind in KINDS}
    for template in TEMPLATES.rglob("*.html"):
        named |= set(re.findall(r'icon\.html" with name="([\w-]+)"', template.read_text()))
    assert named <= drawn
    assert len({kind.icon for kind in KINDS}) == len(KINDS)


def test_no_template_has_inline_styles_or_scripts():
    for template in TEMPLATES.rglob("*.html"):
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", template.read_text()), template


# What the browsers that docs/visual-language.md asks for do not all have; some of it may be in use one day.
NEWER = {
    "::details-content", "::scroll-button", "::view-transition", "@function", "@property", "@scope", "@starting-style",
    '/ ""', "accent-color", "anchor(", "animation-timeline", "calc-size(", "contrast-color(", "corner-shape",
    "field-sizing", "image/webp", "interpolate-size", "keepalive", "moveBefore", "position-anchor", "position-area",
    "position-try", "round(", "scrollbar-color", "scrollbar-width", "shape(", "sibling-index(", "startViewTransition",
    "text-box", "text-size-adjust", "text-wrap: pretty", "webkitDisplayingFullscreen",
}  # fmt: skip


def test_what_only_newer_browsers_can_do_has_its_row_in_the_docs():
    written = "".join(file.read_text() for kind in ("css", "js") for file in sorted((STATIC / kind).iterdir()))
    written = re.sub(r"Math\.round\(", "", written)
    docs = (configured.BASE_DIR / "docs" / "visual-language.md").read_text()
    section = docs.partition("## Browsers\n")[2].partition("\n## ")[0]
    assert {name for name in NEWER if name in written} == set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE))


def test_every_class_of_the_style_sheets_is_in_use():
    styled = set()
    for sheet in ("base", "layout", "components", "timeline", "journey", "days", "goals", "story"):
        styled |= set(
            re.findall(r"\.([a-z][\w-]*)", re.sub(r"/\*.*?\*/", "", (STATIC / "css" / f"{sheet}.css").read_text()))
        )
    # The style guide shows what there is, and is no reason for it.
    written = "".join(template.read_text() for template in TEMPLATES.rglob("*.html"))
    written += (configured.BASE_DIR / "timeline" / "templatetags" / "timeline.py").read_text()
    used = set(re.findall(r"[a-z][\w-]*", written))
    by_others = {"errorlist", "htmx-request"}  # Django's and htmx's
    assert styled - used - by_others == set()


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Maya Okafor", "MO"), ("Ana de la Cruz", "AC"), ("Cher", "C"), ("Øyvind (Øy) Å", "ØÅ"), ("", "")],
)
def test_initials_are_those_of_the_first_and_the_last_word(name, letters):
    assert initials(name) == letters


# Colours, from tokens.css: Oklab as its author published it; colour blindness after Machado, Oliveira and
# Fernandes (2009), severity 1; contrast after WCAG 2.2.

VISION = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
TO_CONE = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
FROM_CONE = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)
TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
FROM_LAB = ((1, 0.3963377774, 0.2158037573), (1, -0.1055613458, -0.0638541728), (1, -0.0894841775, -1.2914855480))


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def tokens(theme):
    """The colours of tokens.css in a theme, as linear sRGB."""
    colours = {}
    pattern = r"--([\w-]+): light-dark\(oklch\(([^)]*)\), oklch\(([^)]*)\)\)"
    for name, *themes in re.findall(pattern, (STATIC / "css" / "tokens.css").read_text()):
        lightness, chroma, hue = (float(part.rstrip("%")) for part in themes[theme == "dark"].split())
        lab = (lightness / 100, chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue)))
        colours[name] = [min(1, max(0, x)) for x in times(FROM_CONE, [x**3 for x in times(FROM_LAB, lab)])]
    return colours


def seen(colour, vision):
    """A linear sRGB colour in Oklab, as an eye of that kind sees it."""
    cones = times(TO_CONE, [min(1, max(0, x)) for x in times(VISION[vision], colour)])
    return times(TO_LAB, [x ** (1 / 3) for x in cones])


def contrast(one, other):
    dark, light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_groups_colours_differ_for_every_eye(theme):
    colours = tokens(theme)
    for vision in VISION:
        for one, other in itertools.combinations(GROUPS, 2):
            assert math.dist(seen(colours[one], vision), seen(colours[other], vision)) > 0.11, (vision, one, other)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_controls_have_contrast(theme):
    colours = tokens(theme)
    for name in ("ink", "ink-soft", "accent", "accent-strong", "success", "warning", "danger", *GROUPS):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
        assert contrast(colours[name], colours["surface"]) >= 4.5, name
    for name in GROUPS:
        assert contrast(colours["on-group"], colours[name]) >= 4.5, name
    assert contrast(colours["ink-soft"], colours["sunken"]) >= 4.5
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert contrast(colours["edge"], colours["surface"]) >= 3
    for name in ("paper", "surface"):
        assert contrast(colours["control"], colours[name]) >= 3, name
    assert contrast(colours["control"], (1, 1, 1)) >= 3, "Safari before 26.2 ticks in white"
    for tone in ("success", "warning", "danger"):
        assert contrast(colours[tone], colours[f"{tone}-wash"]) >= 4.5, tone
