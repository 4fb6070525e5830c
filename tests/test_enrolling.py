"""The catalogue, and a course as a student sees it: found, joined, gone through, left; completions set by hand."""

import datetime
import re
import uuid
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from courses import progress
from courses.models import Course, Enrollment, LessonCompletion, Quiz
from courses.progress import outline, stopped_in
from profiles.models import Profile
from tests import factories
from tests.plans import nodes, plans_of
from tests.test_pages import squeezed, text_of
from timeline import queries
from timeline.models import DAY_ZONE, Activity

pytestmark = pytest.mark.django_db


@pytest.fixture
def school():
    """A course of two lessons with a video and a quiz each, and five kinds of people."""
    course = factories.CourseFactory(title="Selling what you make", description="From the first talk on.")
    lessons = [
        factories.LessonFactory(course=course, title=title, position=n) for n, title in enumerate(("One", "Two"))
    ]
    videos = [factories.VideoFactory(lesson=lesson, title=f"Video of {lesson}") for lesson in lessons]
    quizzes = [
        factories.QuizQuestionFactory(quiz__lesson=lesson, quiz__title=f"Quiz of {lesson}").quiz for lesson in lessons
    ]
    return SimpleNamespace(
        course=course,
        lessons=lessons,
        videos=videos,
        quizzes=quizzes,
        student=factories.EnrollmentFactory(course=course, student__full_name="Sara Lindqvist").student,
        left=factories.EnrollmentFactory(course=course, left_at=timezone.now()).student,
        instructor=factories.CourseInstructorFactory(course=course).instructor,
        stranger=factories.ProfileFactory(),
        staff=factories.StaffFactory(),
    )


PEOPLE = ("student", "left", "instructor", "stranger", "staff")


def page_of(course):
    return reverse("course", args=[course.pk])


def completions_of(school, student=None):
    return reverse("completions", args=[school.course.pk, (student or school.student).pk])


# Who sees and does what


@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_sees_an_open_course_and_those_of_a_closed_one_see_it(client, school, person):
    client.force_login(getattr(school, person))
    assert client.get(page_of(school.course)).status_code == 200
    assert school.course.title in client.get(reverse("catalogue")).text
    Course.objects.update(open_for_enrolment=False)
    assert client.get(page_of(school.course)).status_code == (404 if person == "stranger" else 200)
    assert school.course.title not in client.get(reverse("catalogue")).text


@pytest.mark.parametrize("person", PEOPLE)
def test_each_person_may_do_what_is_theirs(client, school, person):
    client.force_login(getattr(school, person))
    teaches = person in ("instructor", "staff")
    expected = {
        "leave": 200 if person == "student" else 404,
        "completions": 200 if teaches else 404,
        "rule": 302 if teaches else 404,
        "enrol": 404 if teaches else 302,
    }
    course = school.course.pk
    found = {
        "leave": client.get(reverse("leave", args=[course])).status_code,
        "completions": client.get(completions_of(school)).status_code,
        "rule": client.post(reverse("apply_rule", args=[course])).status_code,
        "enrol": client.post(reverse("enrol", args=[course])).status_code,
    }
    assert found == expected


def test_nobody_does_anything_without_logging_in(client, school):
    for address in ("/courses/", page_of(school.course), reverse("leave", args=[school.course.pk])):
        assert client.get(address).url.startswith("/login/")
    assert client.post(reverse("enrol", args=[school.course.pk])).url.startswith("/login/")
    assert not Enrollment.objects.filter(student=school.stranger).exists()


def test_who_presses_twice_is_told_once_that_they_have_left(client, school):
    client.force_login(school.student)
    for _ in range(2):
        client.post(reverse("leave", args=[school.course.pk]))
    assert client.get(page_of(school.course)).text.count("You have left Selling what you make") == 1


def test_a_stranger_enrols_once_leaves_and_comes_back_to_what_they_did(client, school):
    client.force_login(school.stranger)
    page = text_of(client.get(page_of(school.course)))
    assert "Enrol Its instructors see all your days and goals" in page  # so whoever enrols has agreed
    for _ in range(2):
        assert "You are enrolled in" in text_of(client.post(reverse("enrol", args=[school.course.pk]), follow=True))
    enrollment = Enrollment.objects.get(student=school.stranger)
    factories.LessonCompletionFactory(student=school.stranger, lesson=school.lessons[0])
    asked = text_of(client.get(reverse("leave", args=[school.course.pk])))
    assert "stays in your days and goals" in asked
    for _ in range(2):  # a double click, another tab
        sent = client.post(reverse("leave", args=[school.course.pk]), follow=True)
        assert "What you did there is kept" in text_of(sent)
    assert client.get(reverse("leave", args=[school.course.pk])).status_code == 404
    assert "You left this course" in text_of(client.get(page_of(school.course)))
    client.post(reverse("enrol", args=[school.course.pk]))
    again = Enrollment.objects.get(student=school.stranger)
    assert (again.pk, again.enrolled_at, again.left_at) == (enrollment.pk, enrollment.enrolled_at, None)
    assert "1 of 2 lessons complete" in text_of(client.get(page_of(school.course)))
    entries = Activity.objects.filter(student=school.stranger, activity_type="course_enrollment")
    assert entries.count() == 1


def test_a_closed_course_takes_nobody_in_nor_back(client, school):
    Course.objects.update(open_for_enrolment=False)
    for person in (school.stranger, school.left):
        client.force_login(person)
        assert client.post(reverse("enrol", args=[school.course.pk])).status_code == 404
    assert "Enrolment is closed now" in text_of(client.get(page_of(school.course)))
    client.force_login(school.student)
    assert "only its instructors can bring you back" in text_of(client.get(reverse("leave", args=[school.course.pk])))


# What is done and what is next


def next_of(school):
    step = outline(school.course, school.student).next
    return step and step.row


def test_what_comes_next_is_the_video_one_stopped_in_else_the_first_step_that_is_left(school):
    assert next_of(school) == school.videos[0]
    factories.VideoProgressFactory(student=school.student, video=school.videos[1])
    assert next_of(school) == stopped_in(school.student).video == school.videos[1]
    progress = factories.VideoProgressFactory(student=school.student, video=school.videos[0])
    assert next_of(school) == stopped_in(school.student).video == school.videos[0]
    progress.watched = [(0, 600)]
    progress.save()
    assert next_of(school) == school.videos[1]
    factories.LessonCompletionFactory(student=school.student, lesson=school.lessons[1])
    assert next_of(school) == school.quizzes[0]
    assert stopped_in(school.student) is None
    Quiz.objects.update(required=False)
    assert next_of(school) is None


def test_a_course_tells_what_is_watched_passed_begun_and_complete(client, school):
    student, (one, two) = school.student, school.quizzes
    factories.VideoProgressFactory(student=student, video=school.videos[0], watched=[(0, 600)])
    factories.VideoProgressFactory(student=student, video=school.videos[1], watched=[(0, 150)])
    factories.QuizAttemptFactory(student=student, quiz=one, submitted=True)
    factories.QuizAttemptFactory(student=student, quiz=two)
    factories.LessonCompletionFactory(
        student=student, lesson=school.lessons[0], note="Done by letter.", set_by=school.instructor
    )
    factories.QuizFactory(lesson=school.lessons[1], title="Not written yet")
    client.force_login(student)
    page = text_of(client.get(page_of(school.course)))
    assert "1 of 2 lessons complete Continue where I stopped Video of Two · 25% watched" in page
    assert f"One Complete {school.instructor} marked it as complete: “Done by letter.”" in page
    assert "Video of One Watched" in page
    assert "Quiz of One Passed Quiz Last score 80%" in page
    assert "Two 0 of 2 required steps done Video of Two" in page
    assert "Video of Two Next Video, 10:00 25% watched" in page
    assert "Quiz of Two Started" in page
    assert "Not written yet" not in page


def test_of_a_video_that_was_cut_the_share_is_of_what_is_left_as_in_its_journey(client, school):
    video = school.videos[0]
    factories.VideoProgressFactory(student=school.student, video=video, watched=[(0, 60), (300, 450)])
    video.duration_seconds = 240
    video.save()
    assert outline(school.course, school.student).next.share == stopped_in(school.student).share == 25
    client.force_login(school.staff)
    journey = client.get(reverse("video_journey", args=[video.pk]), {"student": school.student.pk})
    assert journey.context["percent"] == 25
    assert ">25%<" in client.get(reverse("admin:courses_videoprogress_changelist")).text


def test_a_quiz_stands_under_its_video_and_the_others_after_them(school):
    inside = factories.QuizQuestionFactory(quiz__video=school.videos[0], quiz__video_timestamp_seconds=60).quiz
    last = factories.VideoFactory(lesson=school.lessons[0])
    steps = outline(school.course, school.student).chapters[0].steps
    assert [step.row for step in steps] == [school.videos[0], inside, last, school.quizzes[0]]


def test_home_leads_a_student_on_and_to_the_catalogue(client, school):
    client.force_login(school.stranger)
    assert f'href="{reverse("catalogue")}">Find a course' in client.get("/").text
    client.force_login(school.student)
    home = client.get("/").text
    first = reverse("video", args=[school.videos[0].pk])
    assert f'<a class="button primary" href="{first}">Start watching</a>' in home
    assert home.count(f'href="{first}"') == 1
    assert "Continue with the next step" not in home, "one way to begin"
    factories.LessonCompletionFactory(student=school.student, lesson=school.lessons[0])
    home = client.get("/").text
    assert "What to do first" not in home
    second = reverse("video", args=[school.videos[1].pk])
    assert f'<a class="button primary" href="{second}">Continue with the next step</a>' in home
    assert f'href="{page_of(school.course)}"' in home
    assert "1 of 2 lessons complete" in home


def test_home_leads_to_every_course_that_one_is_in_also_to_many(client, school):
    factories.LessonCompletionFactory(student=school.student, lesson=school.lessons[0])
    Course.objects.update(open_for_enrolment=False)
    courses = [factories.EnrollmentFactory(student=school.student).course for _ in range(14)]
    client.force_login(school.student)
    home = client.get("/")
    for course in (school.course, *courses):
        assert home.text.count(f'<a href="{page_of(course)}">') == 1
    assert home.text.count('class="card"') == 12
    assert "3 more courses" in text_of(home)


def test_who_teaches_may_look_at_the_course_as_a_student(client, school):
    client.force_login(school.instructor)
    assert "Progress of" in text_of(client.get(page_of(school.course)))
    page = client.get(f"{page_of(school.course)}?as=student")
    assert "nothing of yours is recorded" in text_of(page)
    assert reverse("enrol", args=[school.course.pk]) not in page.text
    assert client.get(f"{page_of(school.course)}?as=nobody").status_code == 400


def test_a_course_without_lessons_and_a_catalogue_without_courses_say_so(client, school):
    empty = factories.EnrollmentFactory(student=school.student).course
    client.force_login(school.student)
    assert "No lessons yet" in text_of(client.get(page_of(empty)))
    assert "No such course" in text_of(client.get("/courses/?q=xyz"))
    Course.objects.update(open_for_enrolment=False)
    assert "No open courses" in text_of(client.get("/courses/"))


# By hand


def post(client, school, **fields):
    what = fields.get("what")
    if "note" in fields:
        fields[f"{what}-note"] = fields.pop("note")
    return client.post(completions_of(school), fields)


def test_an_instructor_sets_and_takes_back_a_lesson_and_a_course(client, school):
    client.force_login(school.instructor)
    lesson, course = school.lessons[0].pk, school.course.pk
    assert post(client, school, do="complete", what=lesson, note="On paper.").status_code == 302
    assert post(client, school, do="complete", what=course, note="Knew it all.").status_code == 302
    page = text_of(client.get(completions_of(school)))
    assert f"Marked as complete by hand by {school.instructor}: On paper." in page
    assert f"Marked as complete by hand by {school.instructor}: Knew it all." in page
    post(client, school, do="complete", what=course, note="Again.")
    assert "was already so" in text_of(client.get(completions_of(school)))
    for what in (lesson, course):
        assert post(client, school, do="take back", what=what).status_code == 302
    assert not LessonCompletion.objects.exists()
    assert Enrollment.objects.get(student=school.student).completed_at is None


def test_a_completion_without_a_note_is_refused_and_what_was_typed_stays(client, school):
    client.force_login(school.instructor)
    for what, note in ((school.lessons[0].pk, " "), (school.course.pk, ""), (school.lessons[1].pk, "a\0b" * 9)):
        response = post(client, school, do="complete", what=what, note=note)
        assert response.status_code == 422
        assert response.text.count('class="errorlist"') == 1
    too_long = "word " * 400
    assert too_long in post(client, school, do="complete", what=school.course.pk, note=too_long).text
    assert not LessonCompletion.objects.exists()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 404),
        ({"do": "complete", "what": "everything"}, 404),
        ({"do": "complete", "what": str(uuid.UUID(int=5)), "note": "x"}, 404),
        ({"do": "vanish", "what": "course"}, 400),
        ({"do": "take back\0", "what": "course"}, 400),
    ],
)
def test_a_form_that_makes_no_sense_changes_nothing(client, school, fields, status):
    client.force_login(school.instructor)
    fields = {name: str(school.course.pk) if value == "course" else value for name, value in fields.items()}
    assert post(client, school, **fields).status_code == status
    assert not LessonCompletion.objects.exists()


def test_a_lesson_of_another_course_and_a_student_of_another_course_are_not_found(client, school):
    client.force_login(school.instructor)
    other = factories.LessonFactory()
    assert post(client, school, do="complete", what=other.pk, note="x").status_code == 404
    assert client.get(completions_of(school, school.stranger)).status_code == 404


def test_the_rule_is_applied_to_everybody_when_an_author_asks(client, school):
    for video in school.videos:
        factories.VideoProgressFactory(student=school.student, video=video, watched=[(0, 600)])
    Quiz.objects.update(required=False)
    client.force_login(school.instructor)
    address = reverse("apply_rule", args=[school.course.pk])
    assert "Completed: 2 lessons and the course for 1 student." in text_of(client.post(address, follow=True))
    assert "Every completion was already recorded" in text_of(client.post(address, follow=True))
    assert client.get(address).status_code == 405


# However much there is


def count(client, address):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    print(*(query["sql"][:200] for query in captured), sep="\n")  # which one it was, where there is one too many
    return len(captured)


def test_the_number_of_queries_does_not_grow(client, school):
    client.force_login(school.student)
    factories.VideoProgressFactory(student=school.student, video=school.videos[0])
    factories.QuizAttemptFactory(student=school.student, quiz=school.quizzes[0], submitted=True)
    factories.LessonCompletionFactory(student=school.student, lesson=school.lessons[1])
    mine = ["/", "/courses/", page_of(school.course)]
    few = {address: count(client, address) for address in mine}
    for number in range(15):
        lesson = factories.LessonFactory(course=school.course)
        factories.VideoFactory(lesson=lesson)
        quiz = factories.QuizQuestionFactory(quiz__lesson=lesson).quiz
        factories.QuizAttemptFactory(student=school.student, quiz=quiz, submitted=True)
        factories.LessonCompletionFactory(
            student=school.student, lesson=lesson, note="x", set_by=factories.ProfileFactory()
        )
        factories.EnrollmentFactory(student=school.student)
        factories.CourseFactory(title=f"Course {number}")
    assert {address: count(client, address) for address in mine} == few
    assert max(few.values()) <= 24
    client.force_login(school.instructor)
    assert count(client, completions_of(school)) <= 14


def test_a_card_of_the_catalogue_says_that_one_teaches_the_course_and_whether_one_is_in_it(client, school):
    told = {"instructor": "You teach it", "student": "Enrolled", "left": "You left on", "stranger": "", "staff": ""}
    for person, words in told.items():
        client.force_login(getattr(school, person))
        card = text_of(client.get(reverse("catalogue")))
        assert {each for each in told.values() if each and each in card} == {words} - {""}, person
    factories.EnrollmentFactory(course=school.course, student=school.instructor)
    client.force_login(school.instructor)
    assert "You teach it Enrolled" in text_of(client.get(reverse("catalogue")))


def test_paging_through_the_catalogue_meets_every_course_once(client, school):
    for number in range(60):
        factories.CourseFactory(title=f"Pricing {number % 20:02} ~ now")
    Course.objects.filter(title__endswith="00 ~ now").update(title="Pricing " + "anything " * 1_000)
    client.force_login(school.stranger)
    address, seen = "/courses/?q=PRICING", []
    whole, part = client.get(address), client.get(address, headers={"HX-Request": "true", "HX-Target": "entries"})
    assert squeezed(part) in squeezed(whole)
    while address:
        page = client.get(address).text
        seen += re.findall(r'<h2><a href="/courses/([\w-]{36})/">', page)
        more = re.search(r'class="load-more"><a class="button" href="([^"]+)"', page)
        address = more and "/courses/" + more[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 60


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?q=%00%25_%5C", 200),
        (f"?q={'x' * 5000}", 200),
        ("?after=x", 400),
        ("?after=a~nobody", 400),
        ("?q=&after=", 200),
    ],
)
def test_bad_input_to_the_catalogue_gets_a_sentence(client, school, query, status):
    client.force_login(school.stranger)
    assert client.get(f"/courses/{query}").status_code == status


def test_the_catalogue_is_read_in_the_order_of_its_index(school):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO courses (title) SELECT 'Course ' || n FROM generate_series(1, 3000) n")
        cursor.execute("ANALYZE courses")
    (plan,) = plans_of(lambda: queries.open_courses(after=f"Course 2~{uuid.UUID(int=0)}"))
    assert {node.get("Index Name") for node in nodes(plan)} - {None} == {"courses_in_order"}


def test_an_outline_is_five_queries_that_look_up_one_student_by_index(school):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO profiles (full_name) SELECT 'Student ' || n FROM generate_series(1, 2000) AS n")
        for table, column, row in (
            ("video_progress", "video_id", school.videos[0].pk),
            ("quiz_attempts", "quiz_id", school.quizzes[0].pk),
            ("lesson_completions", "lesson_id", school.lessons[0].pk),
        ):
            cursor.execute(f"INSERT INTO {table} (student_id, {column}) SELECT id, %s FROM profiles", [row])
        cursor.execute("ANALYZE video_progress, quiz_attempts, lesson_completions")
    for ask, number in ((lambda: outline(school.course, school.student), 5), (lambda: stopped_in(school.student), 1)):
        plans = plans_of(ask)
        assert len(plans) == number
        found = [node for plan in plans for node in nodes(plan)]
        scanned = {node.get("Relation Name") for node in found if node["Node Type"] == "Seq Scan"}
        assert scanned & {"video_progress", "quiz_attempts", "lesson_completions"} == set()
        assert "courses_videoprogress_once" in {node.get("Index Name") for node in found}


def test_who_left_stands_last_in_the_class_with_the_day_and_is_not_counted(client, school):
    left_at = datetime.datetime(2026, 10, 21, 16, tzinfo=datetime.UTC)
    for name, left in (("Ada", left_at), ("Bo", None), ("Cy", left_at), ("Zoe", None)):
        factories.EnrollmentFactory(
            student__full_name=name, course=school.course, enrolled_at="2026-10-01T12:00Z", left_at=left
        )
    Enrollment.objects.filter(student=school.left).delete()
    met, after = [], None
    while after or not met:
        page = queries.students_of_course(course=school.course, after=after, size=1)
        met += [(student.full_name, student.left_at) for student in page.entries]
        after = page.next
    assert met == [("Bo", None), ("Sara Lindqvist", None), ("Zoe", None), ("Ada", left_at), ("Cy", left_at)]
    client.force_login(school.instructor)
    page = text_of(client.get(page_of(school.course)))
    assert "Students 3 " in page
    page = page[page.index("Students 3 ") :]  # the instructor's name, above, may have a Cy in it
    assert page.count("Left on 21 October 2026") == 2
    assert page.index("Zoe") < page.index("Ada") < page.index("Left on") < page.index("Cy") < page.rindex("Left on")
    assert client.get(f"{page_of(school.course)}?after=-1~A~{uuid.uuid4()}").status_code == 200


# How far a class is


def test_a_class_is_told_how_far_each_is_and_when_they_did_something_last(client, school):
    Enrollment.objects.filter(student=school.left).delete()
    noon = datetime.datetime.now(DAY_ZONE).replace(hour=12, minute=0, second=0, microsecond=0)
    days = datetime.timedelta(days=1)
    for name, last, done in (("Ada", 0, 2), ("Bo", 1, 1), ("Cy", 9, 0)):
        enrollment = factories.EnrollmentFactory(
            student__full_name=name, course=school.course, enrolled_at=noon - 30 * days
        )
        factories.DailyNoteFactory(student=enrollment.student, created_at=noon - last * days)
        for lesson in school.lessons[:done]:
            factories.LessonCompletionFactory(
                student=enrollment.student, lesson=lesson, completed_at=noon - (last + 1) * days
            )
        factories.LessonCompletionFactory(student=enrollment.student, completed_at=noon - 30 * days)  # elsewhere
        factories.GoalMessageFactory(student=enrollment.student)  # received, not done
    ada = Profile.objects.get(full_name="Ada")
    Enrollment.objects.filter(student=ada).update(completed_at=noon - days)
    client.force_login(school.instructor)
    page = client.get(page_of(school.course))
    words = text_of(page)
    for said in (
        f"Ada Completed {date_format(noon - days, 'j F Y')} Progress of Ada: 2 of 2 lessons complete Goals of Ada"
        " Active today",
        "Bo Progress of Bo: 1 of 2 lessons complete Goals of Bo Active yesterday",
        "Cy Progress of Cy: 0 of 2 lessons complete Goals of Cy Nothing for 9 days",
    ):
        assert said in words
    assert f'href="{completions_of(school, ada)}"' in page.text
    assert f'href="{reverse("student_days", args=[ada.pk])}"' in page.text


def test_a_class_is_told_of_each_what_their_own_page_says_whatever_became_of_the_course(client, school, monkeypatch):
    done = re.compile(r"(\d+ of (?:the first )?\d+ lessons? complete)")
    enrollment = Enrollment.objects.get(student=school.student)
    Enrollment.objects.filter(student=school.left).delete()

    def both():
        client.force_login(school.student)
        own = done.search(text_of(client.get(page_of(school.course))))[1]
        client.force_login(school.instructor)
        return own, done.search(text_of(client.get(page_of(school.course))))[1]

    for video in school.videos:
        factories.VideoProgressFactory(student=school.student, video=video, watched=[(0, 600)])
    assert both() == ("0 of 2 lessons complete",) * 2
    school.quizzes[0].delete()
    client.post(reverse("apply_rule", args=[school.course.pk]))
    assert both() == ("1 of 2 lessons complete",) * 2
    school.videos[0].delete()
    assert both() == ("1 of 2 lessons complete",) * 2
    factories.LessonFactory(course=school.course, position=-1)
    assert both() == ("1 of 3 lessons complete",) * 2
    Enrollment.objects.filter(pk=enrollment.pk).update(completed_at=timezone.now())
    school.lessons[1].delete()
    assert both() == ("1 of 2 lessons complete",) * 2
    monkeypatch.setattr(progress, "LESSONS", 1)  # no more are shown: the lesson added before the others
    assert both() == ("0 of the first 1 lesson complete",) * 2


def test_a_course_of_more_lessons_than_are_shown_says_so_on_each_of_its_pages(client, school, monkeypatch):
    pages = {
        school.student: [page_of(school.course)],
        school.stranger: [page_of(school.course)],
        school.instructor: [page_of(school.course), f"{page_of(school.course)}?as=student", completions_of(school)],
    }
    everything = "You have done everything there is to do here"
    factories.LessonCompletionFactory(student=school.student, lesson=school.lessons[0])
    monkeypatch.setattr("courses.progress._next", lambda *args: None)
    for number, is_said in ((2, False), (1, True)):
        monkeypatch.setattr(progress, "LESSONS", number)
        words = f"Only the first {number} lessons"
        for person, addresses in pages.items():
            client.force_login(person)
            for address in addresses:
                page = text_of(client.get(address))
                assert (words in page) == is_said
                assert (school.lessons[1].title in page) == (not is_said)
        client.force_login(school.student)
        assert (everything in text_of(client.get(page_of(school.course)))) == (not is_said)


def test_a_course_without_lessons_or_students_says_so(client, school):
    course = factories.CourseInstructorFactory(instructor=school.instructor).course
    client.force_login(school.instructor)
    empty = text_of(client.get(page_of(course)))
    assert "No students yet" in empty
    assert "Search by name" not in empty
    assert "Nobody found" in text_of(client.get(f"{page_of(course)}?name=Ada"))
    factories.EnrollmentFactory(course=course, student__full_name="Ada")
    assert "Ada Progress of Ada Goals of Ada Enrolled" in text_of(client.get(page_of(course)))


def test_telling_a_class_how_far_it_is_takes_two_queries_however_many_students(client, school):
    client.force_login(school.instructor)
    few = count(client, page_of(school.course))
    for number in range(20):
        student = factories.EnrollmentFactory(course=school.course).student
        factories.LessonCompletionFactory(student=student, lesson=school.lessons[number % 2])
    assert count(client, page_of(school.course)) == few <= 15
