"""Where a page shows or counts only so much, it says so."""

import datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from courses import inviting
from tests import factories
from timeline import queries, track
from timeline.queries import Landmark, Marker, goals, movement
from timeline.queries import live as live_queries
from timeline.queries import track as track_queries
from timeline.track import story_of_student
from timeline.views import days, home, invitation, quiz
from timeline.views import goals as goal_pages

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def video():
    return factories.VideoFactory(duration_seconds=240)  # slots of ten seconds


@pytest.fixture
def student(video):
    return factories.EnrollmentFactory(course=video.lesson.course).student


@pytest.fixture
def instructor(video):
    return factories.CourseInstructorFactory(course=video.lesson.course).instructor


def page_of(client, person, name, *args, **asked):
    client.force_login(person)
    return client.get(reverse(name, args=args), asked).text


def answered(student, video, number):
    for ago in range(number):
        factories.ReflectionFactory(
            student=student,
            video=video,
            video_timestamp_seconds=ago,
            instructor_response="Well seen.",
            responded_at=timezone.now() - ago * HOUR,
            response_unseen=True,
        )


def test_home_says_that_there_are_more_answers_messages_and_proposals_than_it_shows(client, student, video):
    lines = {
        "These are the newest 5; the others follow as you read them.": home.NEW_ANSWERS,
        "These are the newest 3; the others are in": home.NEW_MESSAGES,
        "These are the newest 3 proposals; the others are with": home.PROPOSALS,
    }
    answered(student, video, home.NEW_ANSWERS)
    factories.GoalMessageFactory.create_batch(home.NEW_MESSAGES, student=student)
    factories.GoalProposalFactory.create_batch(home.PROPOSALS, student=student)
    page = page_of(client, student, "home")
    assert not [line for line in lines if line in page]
    answered(student, video, 1)
    factories.GoalMessageFactory(student=student)
    factories.GoalProposalFactory(student=student)
    page = page_of(client, student, "home")
    assert [line for line in lines if line in page] == [*lines]


def test_home_does_not_number_courses_that_it_does_not_know(client, student, monkeypatch):
    monkeypatch.setattr(home, "CARDS", 1)
    monkeypatch.setattr(home, "COURSES", 3)
    factories.EnrollmentFactory.create_batch(2, student=student)
    assert "<summary>2 more courses</summary>" in page_of(client, student, "home")
    factories.EnrollmentFactory(student=student)
    assert "<summary>2+ more courses</summary>" in page_of(client, student, "home")


def test_the_class_says_that_somebody_reached_more_and_how_far_it_was_looked(client, student, instructor, video):
    goal = factories.GoalFactory(student=student)
    asked = (client, instructor, "class_movement", video.lesson.course_id)
    for _ in range(movement.REACHED_SHOWN):
        factories.GoalMilestoneFactory(goal=goal, reached_at=timezone.now())
    assert "All goals, milestones and proofs" not in page_of(*asked)
    factories.GoalMilestoneFactory(goal=goal, reached_at=timezone.now())
    assert f"All goals, milestones and proofs of {student}" in page_of(*asked)
    page = page_of(*asked, show="reached")
    assert page.count("Milestone reached:") == movement.REACHED_SHOWN
    assert "among the last 1,000 entries of each student in the last 7 days" in page


def test_markers_of_one_student_say_that_not_all_were_counted(client, student, instructor, video, monkeypatch):
    monkeypatch.setattr(track_queries, "ENTRIES_OF_A_SLOT", 3)
    journey = (client, instructor, "video_journey", video.pk)
    words = "In the drawing, only the first 500 entries of each part are counted."

    def counted():
        return [(found.slot, found.count, found.limited) for found in queries.markers(video=video, student=student)]

    for second in (1, 2, 3, 11):
        factories.ReflectionFactory(student=student, video=video, video_timestamp_seconds=second)
    assert counted() == [(0, 3, False), (1, 1, False)]
    assert words not in page_of(*journey, student=student.pk)
    factories.ReflectionFactory(student=student, video=video, video_timestamp_seconds=4)
    assert counted() == [(0, 3, True), (1, 1, False)]
    page = page_of(*journey, student=student.pk)
    assert words in page
    assert "3+ reflections from 0:00 to 0:10" in page
    assert '<td class="number">3+</td>' in page


def test_one_of_more_that_were_not_counted_is_no_single_one():
    drawn = track.draw(
        duration=240,
        audience=queries.Audience(0, 0, 0, 0, [0] * 120, []),
        markers=[Marker(0, "quizzes", 1, 1, 0, limited=True)],
        landmarks=[],
    )
    assert (drawn.wide[0].number, drawn.wide[0].label) == ("1+", "1+ quiz attempts from 0:00 to 0:10")
    totals = {"reflections": 0, "waiting": 0}
    phrases = story_of_student(duration=240, watched=[], markers=[], totals=totals)
    assert "In the drawing" not in "".join(phrase.before for phrase in phrases)


def test_as_many_checkpoints_as_are_looked_for_may_not_be_all(client, student, video, monkeypatch):
    monkeypatch.setattr(track, "LANDMARKS", 2)
    audience = queries.Audience(0, 0, 0, 0, [0] * 120, [])

    def limited(number):
        landmarks = [Landmark(second, "Here", "checkpoint") for second in range(number)]
        return track.draw(duration=240, audience=audience, markers=[], landmarks=landmarks).limited_ticks

    assert [limited(number) for number in (0, 1, 2)] == [None, None, 2]
    factories.CheckpointFactory.create_batch(2, video=video)
    assert "The first 2 checkpoints and quizzes." in page_of(client, student, "video", video.pk)


def test_what_is_new_in_a_journey_says_that_more_may_be(client, student, instructor, video, monkeypatch):
    for second in range(4):
        factories.ReflectionFactory(
            student=student, video=video, video_timestamp_seconds=second, content=f"Word {second}"
        )
    asked = (client, instructor, "video_journey_new", video.pk)
    assert ">4 new</a>" in page_of(*asked)
    monkeypatch.setattr(live_queries, "NEW_LIMIT", 3)
    assert ">3+ new</a>" in page_of(*asked)
    assert ">4 new</a>" not in page_of(*asked)
    monkeypatch.setattr(live_queries, "NEW_SCAN", 3)
    newest = queries.video_journey(queries.JourneyFilter(video, newest=True)).entries[0].content
    assert ">1+ new</a>" in page_of(*asked, q=newest)


def test_answers_that_came_while_a_video_is_open_are_counted_so_far(client, student, video, monkeypatch):
    answered(student, video, 3)
    asked = (client, student, "new_answers", video.pk)
    since = (timezone.now() - 9 * HOUR).isoformat()
    assert "3 new answers, the first at 0:00" in page_of(*asked, since=since)
    monkeypatch.setattr(queries, "NEW_LIMIT", 2)
    assert "2+ new answers, the first at 0:00" in page_of(*asked, since=since)


def test_a_goal_says_that_not_all_of_its_milestones_are_shown(client, student, monkeypatch):
    monkeypatch.setattr(goals, "MARKS", 2)
    goal = factories.GoalFactory(student=student)
    words = "At most 20 milestones and 20 proofs are shown here: planned ones, then the newest."
    factories.GoalMilestoneFactory.create_batch(2, goal=goal, title="A step", reached_at=None)
    factories.SuccessProofFactory.create_batch(2, goal=goal)
    assert words not in page_of(client, student, "my_goals")
    factories.GoalMilestoneFactory(goal=goal, title="A step", reached_at=None)
    page = page_of(client, student, "my_goals")
    assert words in page
    assert page.count("<p>A step") == 2


def test_the_path_says_that_not_all_proposals_are_shown(client, student, monkeypatch):
    monkeypatch.setattr(goal_pages, "PROPOSALS", 2)
    factories.GoalProposalFactory.create_batch(2, student=student)
    assert "Only 2 proposals" not in page_of(client, student, "my_goals")
    factories.GoalProposalFactory(student=student, declined_at=timezone.now())
    page = page_of(client, student, "my_goals")
    assert "Only 2 proposals are shown: first those that are not decided yet, then those declined last." in page
    assert "Declined proposals" not in page


def test_the_filter_of_the_days_says_that_it_may_not_have_all_courses_and_goals(client, student, monkeypatch):
    monkeypatch.setattr(days, "CHOICES", 2)
    factories.DailyNoteFactory(student=student)
    page = page_of(client, student, "my_days")
    assert ("The first 2 by title" in page, "The newest 2" in page) == (False, False)
    factories.EnrollmentFactory(student=student)
    factories.GoalFactory.create_batch(2, student=student)
    page = page_of(client, student, "my_days")
    assert ("The first 2 by title" in page, "The newest 2" in page) == (True, True)


def test_an_invitation_names_so_many_instructors_and_says_that_there_are_others(client, student, monkeypatch):
    monkeypatch.setattr(invitation, "NAMES", 2)
    course = factories.CourseFactory()
    ann, _ = (
        factories.CourseInstructorFactory(course=course, instructor__full_name=name).instructor
        for name in ("Ann Lee", "Ben Ito")
    )
    address = (client, student, "invitation", inviting.token(inviting.invite(course, by=ann)))
    assert "Taught by Ann Lee and Ben Ito</p>" in page_of(*address)
    factories.CourseInstructorFactory(course=course, instructor__full_name="Zoe Bell")
    assert "Taught by Ann Lee, Ben Ito and others</p>" in page_of(*address)


def test_a_quiz_says_that_only_the_newest_attempts_are_listed(client, student, video, monkeypatch):
    monkeypatch.setattr(quiz, "ATTEMPTS_SHOWN", 2)
    asked = factories.QuizFactory(video=video, video_timestamp_seconds=30)
    factories.QuizAttemptFactory.create_batch(2, student=student, quiz=asked, submitted=True)
    assert "<summary>Other attempts</summary>" in page_of(client, student, "quiz", asked.pk)
    factories.QuizAttemptFactory(student=student, quiz=asked, submitted=True)
    assert "<summary>Other attempts (among the newest 2)</summary>" in page_of(client, student, "quiz", asked.pk)
