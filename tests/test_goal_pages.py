"""A student's path in pages: who may do what, what is said beforehand, and what stands there afterwards."""

import datetime
import json
import uuid
from functools import partial
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.html import parse_html
from django.urls import reverse
from django.utils import timezone
from psycopg.types.range import TimestamptzRange

from goals import living
from goals.models import Goal, GoalCorrection, GoalMilestone, GoalPeriod, GoalProposal, SuccessProof
from profiles.writing import hide
from tests import factories, htmx, samples
from tests.drift import assert_no_drift
from tests.test_pages import text_of
from tests.threads import at_once
from timeline import queries
from timeline.models import DAY_ZONE, Activity

pytestmark = pytest.mark.django_db

day = datetime.timedelta(days=1)
HTMX = {"HX-Request": "true"}


def people():
    """Sara and Tom in a course of Ines; Sara has one goal in every state, two notes a day, and a proposal by Ines."""
    course = factories.CourseFactory()
    names = {"sara": "Sara Lindqvist", "tom": "Tom Abara", "ines": "Ines Teixeira"}
    known = {key: factories.ProfileFactory(full_name=name) for key, name in names.items()}
    sara = known["sara"]
    factories.CourseInstructorFactory(course=course, instructor=known["ines"])
    now = timezone.now()
    for key in ("sara", "tom"):
        factories.EnrollmentFactory(course=course, student=known[key], enrolled_at=now - 90 * day)
    goals = {
        state: factories.GoalFactory(student=sara, title=title, created_at=now - 60 * day)
        for state, title in (
            ("reached", "Earn $1K"),
            ("paused", "A new website"),
            ("current", "Earn $3K"),
            ("planned", "Fridays off"),
        )
    }
    for state, start, end in (("reached", 60, 40), ("paused", 40, 30), ("current", 30, None)):
        period = TimestamptzRange(now - start * day, end and now - end * day)
        factories.GoalPeriodFactory(goal=goals[state], period=period)
    goals["reached"].completed_at = now - 40 * day
    goals["reached"].save()
    for number in range(1, 60):
        factories.DailyNoteFactory(student=sara, content=f"Note {number}.", created_at=now - number * day)
    elsewhere = factories.CourseInstructorFactory()
    began = (now - 30 * day).astimezone(DAY_ZONE).date()  # 30 times 24 hours may be 29 or 31 days of the calendar
    return SimpleNamespace(
        days=(now.astimezone(DAY_ZONE).date() - began).days + 1,
        **known,
        **goals,
        milestone=factories.GoalMilestoneFactory(goal=goals["current"], title="First client", reached_at=None),
        proposal=factories.GoalProposalFactory(student=sara, author=known["ines"], title="Speak at the club"),
        period=goals["paused"].periods.get(),
        colleague=elsewhere.instructor,
        stranger=factories.EnrollmentFactory(course=elsewhere.course).student,
        staff=factories.StaffFactory(),
    )


@pytest.fixture
def school():
    return people()


def path_of(student):
    return reverse("student_goals", args=[student.pk])


def to(school, what):
    """The address of something that is done with a goal: "pause_goal current"."""
    name, *state = what.split()
    if name == "new_goal":
        return reverse(name, args=[school.sara.pk])
    if name in ("accept_goal", "decline_goal", "withdraw_goal"):
        return reverse(name, args=[school.proposal.pk])
    if name == "correct_period":
        return reverse(name, args=[school.period.pk])
    if name == "mark_milestone":
        return reverse(name, args=[school.milestone.pk])
    return reverse(name, args=[school.sara.pk, getattr(school, state[0]).pk])


def opened(client, address):
    """What the form at an address would send as it stands."""
    response = client.get(address)
    assert response.status_code == 200
    return form_of(response)


def form_of(response):
    """What the form in an answer would send."""
    return htmx.fields(htmx.by_class(parse_html(f"<main>{response.content.decode()}</main>"), "act")[0])


def stands():
    """Everything that the forms could have written."""
    tables = (Goal, GoalPeriod, GoalMilestone, GoalProposal, GoalCorrection, SuccessProof)
    return [list(model.objects.order_by("pk").values()) for model in tables]


# Who may

STUDENTS = [
    "make_current paused",
    "reach_goal current",
    "pause_goal current",
    "change_goal current",
    "remove_goal planned",
    "submit_proof reached",
    "add_milestone current",
    "accept_goal",
    "decline_goal",
    "mark_milestone",
]


@pytest.mark.parametrize("person", ["sara", "tom", "ines", "colleague", "stranger", "staff", None])
def test_each_thing_is_done_by_whose_it_is_and_is_not_there_for_others(client, school, person):
    if person:
        client.force_login(getattr(school, person))
    may = {
        "sara": {*STUDENTS, "new_goal"},
        "ines": {"new_goal", "correct_period", "withdraw_goal"},
        "staff": {"new_goal", "correct_period"},
    }.get(person, set())
    before = stands()
    for what in [*STUDENTS, "new_goal", "correct_period", "withdraw_goal"]:
        for ask in (client.get, client.post):
            response = ask(to(school, what))
            if person is None:
                assert response.status_code == 302
                assert response.url.startswith("/login/")
            elif what not in may:
                assert response.status_code == 404, (what, ask)
            elif what == "mark_milestone":
                assert response.status_code == 302
            else:
                assert response.status_code == (200 if ask == client.get else 422), (what, ask)
    assert stands() == before


def test_a_goal_of_one_student_is_not_reached_through_another(client, school):
    client.force_login(school.tom)
    assert client.get(reverse("pause_goal", args=[school.tom.pk, school.current.pk])).status_code == 404
    client.force_login(school.staff)
    assert client.get(reverse("student_goal", args=[school.tom.pk, school.current.pk])).status_code == 404


@pytest.mark.parametrize("person", ["sara", "ines"])
def test_corrections_are_read_by_the_student_and_who_sees_them(client, school, person):
    moves = [{"from": str(school.paused.pk), "to": None, "entries": 1}]
    corrected = {"author": school.ines, "reason": "On the phone.", "moves": moves, "moved": 1}
    factories.GoalCorrectionFactory(goal=school.paused, **corrected)
    client.force_login(getattr(school, person))
    assert "What was corrected" in text_of(client.get(path_of(school.sara)))
    page = text_of(client.get(reverse("goal_corrections", args=[school.sara.pk])))
    assert "1 entry moved from “A new website” to no goal." in page
    assert "On the phone. Ines Teixeira" in page
    client.force_login(school.tom)
    assert client.get(reverse("goal_corrections", args=[school.sara.pk])).status_code == 404


# The path


def test_the_path_shows_every_goal_in_its_state_with_its_days_and_counts(client, school):
    client.force_login(school.ines)
    page = text_of(client.get(path_of(school.sara)))
    order = ["Speak at the club", "Fridays off", "Earn $3K", "A new website", "Earn $1K"]
    places = [page.index(title) for title in order]
    assert places == sorted(places)
    for words in ("Fridays off Planned", "Earn $3K Current", "A new website Paused", "Earn $1K Reached"):
        assert words in page
    assert f"· {school.days} days" in page
    assert "30 daily notes" in page
    assert "most in the week of" in page
    assert "First client planned" in page
    assert "Note 3." not in page, "counts only at first"


def test_a_goal_that_is_not_worked_on_for_now_is_called_paused(client, school):
    client.force_login(school.sara)
    page = client.get(path_of(school.sara)).text
    assert '<span class="badge">Paused</span>' in page
    assert "Pause it<" in page
    said = client.post(to(school, "pause_goal current"), opened(client, to(school, "pause_goal current")), follow=True)
    assert f"“{school.current}” is paused." in said.text


def test_a_day_on_which_a_goal_is_paused_and_come_back_to_counts_once_and_is_said_once(client):
    goal, hour = factories.GoalFactory(), day / 24
    noon = datetime.datetime(2026, 3, 2, 17, tzinfo=datetime.UTC)
    for start, end in ((noon, noon + hour), (noon + 2 * hour, noon + 3 * hour), (noon + 4 * hour, noon + 3 * day)):
        factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(start, end))
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(noon + 9 * day, noon + 10 * day))
    page = queries.goal_path(student=goal.student, first_weekday=0)
    assert [lived.goal.days for lived in page.entries] == [4 + 2]
    client.force_login(goal.student)
    said = "2 March 2026, then 2 March 2026 to 5 March 2026, then 11 March 2026 to 12 March 2026 · 6 days"
    for address in ("/goals/", reverse("student_goal", args=[goal.student_id, goal.pk])):
        page = text_of(client.get(address)).replace(" ,", ",")
        assert said in page
        assert f"then {said}" not in page


def test_a_goal_that_ended_at_midnight_has_nothing_of_the_day_that_began_there(client):
    first = factories.GoalFactory(completed_at=datetime.datetime(2026, 3, 9, 4, tzinfo=datetime.UTC))
    second = factories.GoalFactory(student=first.student)
    start, midnight, end = (datetime.datetime(2026, 3, day, tzinfo=DAY_ZONE) for day in (2, 9, 12))  # clocks change
    factories.GoalPeriodFactory(goal=first, period=TimestamptzRange(start, midnight))
    period = factories.GoalPeriodFactory(goal=second, period=TimestamptzRange(midnight, end))
    client.force_login(first.student)
    page = text_of(client.get("/goals/"))
    assert "2 March 2026 to 8 March 2026 · 7 days" in page
    assert "9 March 2026 to 11 March 2026 · 3 days" in page
    assert str(period).endswith("9 March 2026 to 11 March 2026")
    story = text_of(client.get(reverse("goal_story", args=[first.student_id, first.pk]))).replace(" :", ":")
    assert "From 2 March 2026 to 8 March 2026: 7 days" in story


def test_milestones_and_proofs_stand_on_the_line_by_time_and_what_is_planned_before_them(client):
    noon = datetime.datetime(2026, 3, 2, 17, tzinfo=datetime.UTC)
    goal = factories.GoalFactory()
    marks = {"student": goal.student, "goal": goal}
    factories.GoalMilestoneFactory(**marks, title="First yes", reached_at=noon)
    factories.SuccessProofFactory(**marks, content="The letter.", created_at=noon + day)
    factories.GoalMilestoneFactory(**marks, title="Second yes", reached_at=noon + 2 * day)
    factories.GoalMilestoneFactory(**marks, title="All of them", reached_at=None)
    client.force_login(goal.student)
    said = text_of(client.get("/goals/"))
    names = ["All of them planned", "Second yes", "The letter.", "First yes"]
    assert [said.index(name) for name in names] == sorted(said.index(name) for name in names)


def test_a_milestone_is_marked_until_its_goal_is_reached(client, school):
    call = factories.GoalMilestoneFactory(goal=school.current, title="First call", reached_at=timezone.now())
    client.force_login(school.sara)
    page = text_of(client.get(path_of(school.sara)))
    assert "First client planned Mark as reached : First client" in page
    assert "Mark as not reached : First call" in page
    assert "Correct the dates" not in page
    Goal.objects.filter(pk=school.current.pk).update(completed_at=timezone.now())
    page = text_of(client.get(path_of(school.sara)))
    assert "First client not reached First call" in page
    assert "Mark as" not in page
    # A tab that was open before.
    before = {each.pk: each.reached_at for each in GoalMilestone.objects.all()}
    for milestone in before:
        for reached in ("1", ""):
            page = text_of(client.post(reverse("mark_milestone", args=[milestone]), {"reached": reached}, follow=True))
            assert "stays as it is: its goal is reached." in page
    living.reach_milestone(GoalMilestone.objects.exclude(pk=call.pk).first())
    living.reopen_milestone(call)
    assert {each.pk: each.reached_at for each in GoalMilestone.objects.all()} == before
    client.force_login(school.ines)
    assert "Correct the dates of Earn $3K from" in text_of(client.get(path_of(school.sara)))


def test_the_curve_covers_all_weeks_and_says_what_it_shows():
    from timeline import curve

    monday = datetime.date(2026, 3, 2)
    counts = {monday: 3, monday + 14 * day: 41}
    spans = [(monday + 2 * day, monday + 25 * day)]
    drawn = curve.drawn(counts, spans=spans, week_of=lambda date: queries.week_of(date, 1))
    assert (drawn.weeks, drawn.bars) == (4, {0: 3, 2: 41})
    assert drawn.sentence == "Active in 2 of 4 weeks, most in the week of 16 March 2026 (41 entries)."
    assert drawn.path == "M1 32v-2h8V32zM21 32v-32h8V32z"
    assert curve.drawn({}, spans=[], week_of=None) is None


def test_a_goal_opens_in_place_into_what_its_own_page_shows_by_weeks(client, school):
    for number in range(60):
        at = timezone.now() - 12 * day + number * datetime.timedelta(minutes=1)
        factories.DailyNoteFactory(student=school.sara, content=f"More {number}.", created_at=at)
    client.force_login(school.ines)
    address = reverse("student_goal", args=[school.sara.pk, school.current.pk])
    fresh = htmx.loaded(client.get(address))
    path = htmx.loaded(client.get(path_of(school.sara)))
    place = next(
        each
        for each in htmx.elements(path)
        if each.name == "ol" and htmx.attribute(htmx.parent_of(path, each), "hx-get") == address
    )
    part = client.get(address, headers=HTMX)
    place.children = []
    htmx.swapped(path, part, place, "beforeend")
    own = next(each for each in htmx.elements(fresh) if "weeks" in (htmx.attribute(each, "class") or ""))
    assert [str(child) for child in place.children] == [str(child) for child in own.children]
    (more,) = htmx.by_class(path, "load-more")
    assert htmx.attribute(more.children[0], "href").startswith(address)


def test_a_weeks_sentence_tells_all_of_it_also_where_a_page_ends_within_it(client, school):
    goal = school.current
    start = timezone.now() - 12 * day
    for number in range(60):
        factories.DailyNoteFactory(student=school.sara, created_at=start + number * datetime.timedelta(minutes=1))
    first = queries.goal_timeline(goal=goal, size=50)
    rest = queries.goal_timeline(goal=goal, size=50, after=first.next)
    assert rest.weeks[0].continued
    assert rest.weeks[0].counts == first.weeks[-1].counts
    assert rest.weeks[0].counts["daily_note"] >= 60
    everything = [entry.id for page in (first, rest) for entry in page.entries]
    assert len(everything) == len(set(everything)) == 30 + 60
    for week in (*first.weeks, *rest.weeks):
        assert week.first.isoweekday() == 7
        assert all(week.first <= entry.activity_date <= week.last for entry in week.entries)
    (monday,) = {week.first.isoweekday() for week in queries.goal_timeline(goal=goal, first_weekday=1).weeks}
    assert monday == 1


@pytest.mark.parametrize("first_weekday", range(7))
def test_weeks_are_told_apart_by_the_database_as_by_the_calendar(first_weekday):
    starts = datetime.date(1899, 12, 31), datetime.date(2024, 2, 25), datetime.date(9998, 12, 1)
    days = [start + number * day for start in starts for number in range(10)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT day, {queries.goals.WEEK} FROM unnest(%(days)s::date[]) AS day",
            {"days": days, "shift": queries.goals._shift(first_weekday)},
        )
        assert all(week == queries.week_of(date, first_weekday) for date, week in cursor.fetchall())


def test_fifty_goals_are_paged_and_each_is_met_once(client, school):
    now = timezone.now()
    for number in range(48):
        start = now - (1000 - number) * day
        goal = factories.GoalFactory(student=school.tom, title=f"Goal {number:02}")
        factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(start, start + day))
        if number % 8 == 0:  # come back to
            factories.GoalPeriodFactory(
                goal=goal, period=TimestamptzRange(now - (500 - number) * day, now - (499 - number) * day)
            )
    for number in (48, 49):  # reached, and never the current one
        at = now - (number - 40) * day
        factories.GoalFactory(student=school.tom, title=f"Goal {number:02}", completed_at=at)
    seen, after = [], None
    while True:
        page = queries.goal_path(student=school.tom, after=after)
        seen += [lived.goal.title for lived in page.entries]
        if not (after := page.next):
            break
    assert sorted(seen) == [f"Goal {number:02}" for number in range(50)]
    assert seen[:3] == ["Goal 48", "Goal 49", "Goal 40"]
    client.force_login(school.tom)
    assert "Earlier goals" in text_of(client.get("/goals/"))
    factories.GoalFactory.create_batch(7, student=school.tom, title="Some day")
    path = htmx.loaded(client.get("/goals/"))
    (more, _) = htmx.by_class(path, "load-more")
    rest = client.get("/goals/" + htmx.attribute(more.children[0], "href"), headers=HTMX)
    assert text_of(rest).count("Some day Planned") == 2


# What is said beforehand, and done


def test_a_goal_is_set_and_becomes_the_current_one_at_once_where_there_is_none(client, school):
    client.force_login(school.tom)
    address = reverse("new_goal", args=[school.tom.pk])
    page = client.get(address)
    assert "What you do from now on counts towards the new goal." in text_of(page)
    sent = opened(client, address) | {"title": " Earn   $1K ", "measure": "$1K a month", "begin_now": "on"}
    for _ in range(2):
        response = client.post(address, sent, follow=True)
        assert "“Earn $1K” is on your path." in text_of(response)
    goal = Goal.objects.get(student=school.tom)
    assert (goal.title, goal.measure, goal.state, goal.periods.count()) == ("Earn $1K", "$1K a month", "current", 1)


def test_a_switch_says_what_it_does_and_does_it(client, school):
    client.force_login(school.sara)
    address = to(school, "make_current paused")
    assert (
        f"“Earn $3K” pauses today after {school.days} days; what you do from now on counts towards “A new website”."
        in text_of(client.get(address))
    )
    response = client.post(address, opened(client, address), headers=HTMX)
    assert response["HX-Retarget"] == "#path"
    event = json.loads(response["HX-Trigger-After-Settle"])["said"]
    assert event == {"status": "“A new website” is your current goal.", "entry": f"goal-{school.paused.pk}"}
    assert living.current_period(school.sara).goal == school.paused
    assert school.paused.periods.count() == 2


@pytest.mark.parametrize(
    ("what", "state"),
    [
        ("make_current planned", "current"),
        ("make_current reached", "current"),
        ("reach_goal current", "reached"),
        ("reach_goal paused", "reached"),
        ("pause_goal current", "paused"),
    ],
)
def test_what_htmx_puts_in_place_is_what_a_fresh_page_shows(client, school, what, state):
    client.force_login(school.sara)
    page = htmx.loaded(client.get(path_of(school.sara)))
    address = to(school, what)
    response = client.post(address, opened(client, address), headers=HTMX)
    page = htmx.swapped(page, response, htmx.by_id(page, response["HX-Retarget"].removeprefix("#")))
    assert str(page) == str(htmx.loaded(client.get(path_of(school.sara))))
    goal = getattr(school, what.split()[1])
    assert Goal.objects.get(pk=goal.pk).state == state
    assert_no_drift()


def test_a_milestone_and_proof_change_their_own_goal_alone(client, school):
    client.force_login(school.sara)
    page = htmx.loaded(client.get(path_of(school.sara)))
    mark = to(school, "mark_milestone")
    proof = to(school, "submit_proof paused")
    milestone = to(school, "add_milestone planned")
    assert "What shows it Words, a file or both" in text_of(client.get(proof)), "neither is optional without the other"
    picture = SimpleUploadedFile("a.png", samples.picture(), "image/png")
    for address, sent in (
        (mark, {"reached": "1"}),
        (proof, opened(client, proof) | {"text": "See https://example.org/site", "attachment": picture}),
        (milestone, opened(client, milestone) | {"title": "Tell everybody"}),
    ):
        response = client.post(address, sent, headers=HTMX)
        assert response["HX-Retarget"].startswith("#goal-")
        page = htmx.swapped(page, response, htmx.by_id(page, response["HX-Retarget"].removeprefix("#")))
    fresh = htmx.loaded(client.get(path_of(school.sara)))
    assert str(page).replace(f' data-sent="proof-{school.paused.pk}"', "") == str(fresh)
    assert SuccessProof.objects.get().media_type == "image"
    assert (
        'href="https://example.org/site"'
        in client.get(reverse("student_goal", args=[school.sara.pk, school.paused.pk])).content.decode()
    )
    paper = SimpleUploadedFile("invoice.pdf", samples.pdf(), "application/pdf")
    assert client.post(proof, opened(client, proof) | {"attachment": paper}).status_code == 302
    written = SuccessProof.objects.get(media_type="document")
    said = f"Open the document (PDF, {len(samples.pdf())}\xa0bytes)"
    for address in (
        reverse("student_goal", args=[school.sara.pk, school.paused.pk]),
        reverse("entry", args=[Activity.objects.get(source_id=written.pk).pk]),
    ):
        assert said in client.get(address, follow=True).text
    hide(written)
    assert said in client.get(reverse("hidden_words")).text
    client.post(mark, {"reached": ""})
    assert GoalMilestone.objects.get(pk=school.milestone.pk).reached_at is None


def test_a_proposal_is_made_and_accepted_and_is_the_students_then(client, school):
    client.force_login(school.ines)
    address = reverse("new_goal", args=[school.tom.pk])
    assert "once they accept it" in text_of(client.get(address))
    sent = opened(client, address) | {"title": "Ask ten people", "target_date": "2999-01-01"}
    assert "is proposed to Tom Abara" in text_of(client.post(address, sent, follow=True))
    proposal = GoalProposal.objects.get(student=school.tom)
    assert not Goal.objects.filter(student=school.tom).exists()
    client.force_login(school.tom)
    assert "Ask ten people Proposed By Ines Teixeira" in text_of(client.get("/"))
    assert "Ask ten people Proposed by Ines Teixeira" in text_of(client.get("/goals/"))
    address = reverse("accept_goal", args=[proposal.pk])
    client.post(address, opened(client, address) | {"begin_now": "on"})
    assert Goal.objects.get(student=school.tom).state == "current"
    late = client.post(reverse("decline_goal", args=[proposal.pk]), {"id": str(uuid.uuid4())})
    assert late.status_code == 409
    assert "has been accepted in the meantime" in text_of(late)


def test_what_goals_are_called_is_no_markup_where_one_is_set_or_accepted(client, school):
    """htmx would obey it, with the rights of the student who looks: an instructor names what they propose."""
    for goal in (school.current, school.proposal):
        goal.title = f'<b hx-post="/logout/" hx-trigger="load">{goal.title}</b>'
        goal.save()
    client.force_login(school.sara)
    for address, title in (
        (reverse("new_goal", args=[school.sara.pk]), "Earn $3K"),
        (reverse("accept_goal", args=[school.proposal.pk]), "Speak at the club"),
    ):
        page = client.get(address).text
        assert f"&quot;load&quot;&gt;{title}&lt;/b&gt;" in page
        assert "<b hx-post" not in page


def test_a_declined_proposal_stands_with_its_day_on_the_path_until_it_is_proposed_again(client, school):
    client.force_login(school.sara)
    path, address = path_of(school.sara), to(school, "decline_goal")
    page = htmx.loaded(client.get(path))
    assert "Ines Teixeira sees that." in text_of(client.get(address))
    response = client.post(address, opened(client, address), headers=HTMX)
    page = htmx.swapped(page, response, htmx.by_id(page, "path"))
    (notice,) = htmx.by_class(htmx.by_id(page, "path"), "notice")
    assert "“Speak at the club” is declined." in str(notice)
    htmx.by_id(page, "path").children.remove(notice)
    assert str(page) == str(htmx.loaded(client.get(path))), "but for the word that it is so"
    GoalProposal.objects.update(created_at=timezone.now() - 9 * day, declined_at=timezone.now() - 8 * day)
    said = "Declined proposals Speak at the club Proposed by Ines Teixeira,"
    for person, folded in ((school.sara, True), (school.ines, False), (school.staff, False)):
        client.force_login(person)
        response = client.get(path)
        assert said in text_of(response)
        assert (
            f"Declined {timezone.localdate(GoalProposal.objects.get().declined_at):%-d %b}"
            in text_of(response).split(said)[1]
        )
        assert ("open><summary>Declined" not in response.text) == folded
    client.force_login(school.ines)
    new = to(school, "new_goal")
    client.post(new, opened(client, new) | {"title": "Speak at the club"})
    again = text_of(client.get(path))
    assert again.index("Proposed Speak at the club Proposed by Ines Teixeira") < again.index(said)
    withdrawn = reverse("withdraw_goal", args=[GoalProposal.objects.get(declined_at=None).pk])
    response = client.post(withdrawn, opened(client, withdrawn), headers=HTMX)
    assert "“Speak at the club” is withdrawn." in text_of(response)
    assert text_of(client.get(path)).count("Speak at the club") == 1
    GoalProposal.objects.update(author=None)
    assert said.replace("Ines Teixeira", "an instructor") in text_of(client.get(path))


def test_a_goal_that_is_removed_is_said_to_be_where_it_stood(client, school):
    client.force_login(school.sara)
    address = to(school, "remove_goal planned")
    response = client.post(address, opened(client, address), headers=HTMX)
    assert "“Fridays off” is not on your path any more. My path" in text_of(response)


def test_a_correction_says_what_moves_is_done_once_and_is_written_down(client, school):
    client.force_login(school.ines)
    address = to(school, "correct_period")
    sent = opened(client, address)
    start = datetime.datetime.fromisoformat(sent["start"]) + 5 * day
    sent |= {"start": start.strftime("%Y-%m-%dT%H:%M"), "reason": "She said so."}
    told = client.post(address, sent)
    assert "5 entries move from “A new website” to “Earn $1K”." in text_of(told)
    assert not GoalCorrection.objects.exists()
    sent = form_of(told)
    for _ in range(2):
        assert "5 entries have moved" in text_of(client.post(address, sent, follow=True))
    row = GoalCorrection.objects.get()
    assert (row.author, row.moved, row.reason) == (school.ines, 5, "She said so.")
    assert school.reached.periods.get().period.upper == row.after.lower
    assert_no_drift()


def test_entries_that_name_their_goal_do_not_move_and_are_not_counted(client, school):
    within = school.period.period.lower + day
    factories.SuccessProofFactory(goal=school.paused, created_at=within)
    factories.GoalMilestoneFactory(goal=school.paused, reached_at=within)
    for goal in (school.paused, school.current, None):
        factories.GoalMessageFactory(student=school.sara, goal=goal, created_at=within)
    factories.GoalMessageFactory(student=school.sara, goal=school.paused, created_at=within, hidden_at=within)
    plan = living.plan_correction(school.period, within + day, school.period.period.upper)
    before = dict(Activity.objects.values_list("id", "goal_id"))
    row = living.correct(
        id=uuid.uuid4(),
        period=school.period,
        start=within + day,
        end=school.period.period.upper,
        author=school.ines,
        reason="So.",
        seen=plan.seen,
        count=queries.entries_moved,
    )
    after = dict(Activity.objects.values_list("id", "goal_id"))
    assert row.moved == sum(before[key] != after[key] for key in before) == 3


# What goes wrong


BAD = [
    ("new_goal", {"title": ""}, "Say what the goal is."),
    ("new_goal", {"title": "x" * 301}, "300"),
    ("new_goal", {"title": "x", "measure": "x" * 201}, "200"),
    ("new_goal", {"title": "x\0"}, "Null characters"),
    ("new_goal", {"title": "x", "target_date": "soon"}, "valid date"),
    ("new_goal", {"title": "x", "target_date": "2020-01-01"}, "That day has passed"),
    ("new_goal", {"title": "x", "target_date": "9999-01-01"}, "1900 to 9998"),
    ("new_goal", {"title": "x", "id": "nonsense"}, "incomplete"),
    ("change_goal current", {"title": " "}, "Say what the goal is."),
    ("add_milestone current", {"title": ""}, "Say what the milestone is."),
    ("submit_proof current", {"text": " "}, "Write something, or add a picture, a recording or a document."),
    ("submit_proof current", {"text": "x" * 20_001}, "at most 20,000"),
    ("make_current paused", {"id": ""}, "incomplete"),
    ("remove_goal paused", {}, "stays on your path"),
]


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(("what", "wrong", "words"), BAD)
def test_what_is_wrong_is_said_in_the_form_and_nothing_is_written(client, school, what, wrong, words, alone):
    client.force_login(school.sara)
    address, before = to(school, what), stands()
    sent = opened(client, address) | wrong
    response = client.post(address, sent, headers={} if alone else HTMX)
    assert response.status_code == 422
    assert words in text_of(response)
    again = form_of(response)
    kept = {name: value for name, value in sent.items() if name in ("title", "measure", "text")}
    assert {name: again[name].strip() for name in kept} == {name: value.strip() for name, value in kept.items()}
    assert stands() == before


CORRECTIONS = [
    ({"start": ""}, "required"),
    ({"start": "yesterday"}, "valid date"),
    ({"start": "2026-03-08T02:30"}, "It never was 2:30 a.m. on 8 March 2026: clocks were put forward."),
    ({"start": "2999-01-01T10:00"}, "in the future"),
    ({"start": "1800-01-01T10:00"}, "1900 to 9998"),
    ({"end": ""}, "Say when it ended"),
    ({"end": "2001-01-01T10:00"}, "ends after it has begun"),
    ({"start": "2001-01-01T10:00"}, "nothing would be left"),
    ({"reason": ""}, "Say why"),
    ({"reason": "x" * 1001}, "at most 1,000"),
    ({}, "Nothing would change"),
    ({"seen": "x" * 200}, "incomplete"),
]


@pytest.mark.parametrize(("wrong", "words"), CORRECTIONS)
def test_a_correction_that_cannot_be_is_said_in_the_form(client, school, wrong, words):
    client.force_login(school.ines)
    address, before = to(school, "correct_period"), stands()
    response = client.post(address, opened(client, address) | {"reason": "So."} | wrong)
    assert response.status_code == 422
    assert words in text_of(response)
    assert stands() == before


@pytest.mark.parametrize("hour", [5, 6], ids=["first", "second"])
def test_a_period_that_began_in_the_hour_that_clocks_show_twice_keeps_its_beginning(client, school, hour):
    began = datetime.datetime(2024, 11, 3, hour, 30, 12, 345_678, tzinfo=datetime.UTC)
    GoalPeriod.objects.filter(pk=school.period.pk).update(period=TimestamptzRange(began, began + 9 * day))
    client.force_login(school.ines)
    address = to(school, "correct_period")
    sent = opened(client, address) | {"end": "2024-11-08T10:00", "reason": "So."}
    assert client.post(address, form_of(client.post(address, sent))).status_code == 302
    assert GoalPeriod.objects.get(pk=school.period.pk).period.lower == began
    assert GoalCorrection.objects.get().after.upper == datetime.datetime(2024, 11, 8, 15, tzinfo=datetime.UTC)


def test_a_form_that_saw_other_goals_does_nothing_and_says_what_is_so_now(client, school):
    client.force_login(school.sara)
    new, left = to(school, "new_goal"), to(school, "make_current paused")
    stale = opened(client, new) | {"title": "Another", "begin_now": "on"}
    also = opened(client, left)
    planned = to(school, "make_current planned")
    client.post(planned, opened(client, planned))
    before = stands()
    for headers in ({}, HTMX):
        for address, sent in ((new, stale), (left, also)):
            response = client.post(address, sent, headers=headers)
            assert response.status_code == 409
            assert "“Fridays off” is your current goal now." in text_of(response)
            assert "“Fridays off” pauses today after 1 day" in text_of(response)
            again = form_of(response)
            assert again.get("title") == sent.get("title")
            assert again["seen"] != sent["seen"]
    assert stands() == before
    assert client.post(left, again).status_code == 302
    assert living.current_period(school.sara).goal == school.paused


def test_a_correction_that_was_told_of_other_periods_is_told_anew(client, school):
    client.force_login(school.ines)
    address = to(school, "correct_period")
    start = (school.period.period.lower + 5 * day).astimezone(timezone.get_current_timezone())
    sent = opened(client, address) | {"start": start.strftime("%Y-%m-%dT%H:%M"), "reason": "So."}
    sent = form_of(client.post(address, sent))
    living.pause(school.current, living.standing(living.current_period(school.sara)))
    response = client.post(address, sent)
    assert response.status_code == 409
    assert "nothing was done" in text_of(response)
    assert "5 entries move" in text_of(response)
    assert not GoalCorrection.objects.exists()
    again = form_of(response)
    assert client.post(address, again).status_code == 302
    assert GoalCorrection.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_switch_at_once_are_done_and_told():
    school = people()
    client = Client()
    client.force_login(school.sara)
    addresses = [to(school, f"make_current {state}") for state in ("paused", "planned", "reached")]
    forms = [opened(client, address) for address in addresses]
    tabs = [Client(), Client(), Client()]
    for tab in tabs:
        tab.cookies = client.cookies
    sent = zip(tabs, addresses, forms, strict=True)
    answers = at_once(*(partial(tab.post, address, form) for tab, address, form in sent))
    assert sorted(answer.status_code for answer in answers) == [302, 409, 409]
    assert GoalPeriod.objects.filter(student=school.sara, period__endswith=None).count() == 1
    assert_no_drift()
