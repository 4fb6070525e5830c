"""A student's way through a course in a browser: enrolled, tested by keyboard, done; and without JavaScript."""

import pytest
from playwright.sync_api import expect

from courses.models import Enrollment, LessonCompletion, QuizAttempt, QuizQuestion
from tests import factories
from tests.test_video_walk import wait_until
from tests.test_walk import log_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def course():
    """A course of one lesson, whose quiz has a question of each kind; Sara is not in it yet, Tom is."""
    question = factories.QuizQuestionFactory(quiz__title="What a customer is", position=1, explanation="They pay.")
    more = [
        {"kind": "multiple_choice", "prompt": "Which are costs?", "choices": ["Rent", "Hope"], "answers": ["Rent"]},
        {"kind": "short_answer", "prompt": "The first word?", "choices": [], "answers": ["Listen"]},
        {"kind": "number", "prompt": "How many?", "choices": [], "answers": ["3.5"], "tolerance": "0.1"},
    ]
    for position, fields in enumerate(more, 2):
        factories.QuizQuestionFactory(quiz=question.quiz, position=position, **fields)
    course = question.quiz.lesson.course
    factories.ProfileFactory(full_name="Sara Lindqvist", email="sara@example.org")
    tom = factories.ProfileFactory(full_name="Tom Abara", email="tom@example.org")
    factories.EnrollmentFactory(student=tom, course=course)
    return course


def given():
    return [QuizAttempt.objects.get().answers[str(question.pk)] for question in QuizQuestion.objects.all()[:3]]


def fits(page):
    return page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_a_student_enrols_takes_a_quiz_by_keyboard_and_completes_the_course(course, page, assert_accessible):
    page.set_viewport_size({"width": 320, "height": 700})
    log_in(page, "sara")
    page.get_by_role("link", name="Find a course").first.click()
    page.get_by_role("searchbox").fill(course.title[:8])
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("link", name=course.title).click()
    page.get_by_role("button", name="Enrol").press("Enter")
    page.get_by_text("0 of 1 lesson complete").wait_for()
    assert_accessible(page)
    assert fits(page)
    page.get_by_role("link", name="Continue with the next step").click()
    page.get_by_role("heading", name="What a customer is").wait_for()
    page.wait_for_load_state()
    page.get_by_role("button", name="Start").press("Enter")
    expect(page.get_by_role("heading", name="Questions")).to_be_focused()
    for key in ("Tab", "Space", "Tab", "Space", "Tab", "Tab"):
        page.keyboard.press(key)
    held = []
    page.route("**/quizzes/*/", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request(lambda request: request.method == "POST"):
        page.keyboard.type("lis")
    page.keyboard.type("ten")  # while what was typed before is on its way
    page.get_by_role("radio", name="The customer").check()
    page.wait_for_timeout(1100)  # longer than it is waited for more
    with page.expect_response(lambda response: "listen" in (response.request.post_data or "")) as answer:
        held[0].continue_()
    assert answer.value.status == 204
    assert given() == [["The customer"], ["Rent"], ["listen"]]
    page.get_by_role("checkbox", name="Hope").check()
    address = page.url
    page.goto("about:blank")  # at once
    wait_until(page, lambda: given() == [["The customer"], ["Rent", "Hope"], ["listen"]])
    page.goto(address)
    page.wait_for_load_state()
    page.unroute("**/quizzes/*/")
    lost = []

    def lose(route):
        """The server keeps the first answers that are sent and is not heard of, nor does it hear of any later ones."""
        if route.request.method == "POST":
            if not lost:
                route.fetch()
            route.abort()
            lost.append(route)
        else:
            route.continue_()

    page.route("**/quizzes/*/", lose)
    page.get_by_role("checkbox", name="Hope").uncheck()
    wait_until(page, lambda: lost)
    assert given()[1] == ["Rent"]
    page.get_by_label("3. The first word?").fill("Listen?")
    page.get_by_role("checkbox", name="Hope").check()  # as it was when the page came, but the server knows otherwise
    page.reload()  # an attempt left open resumes, with what only the browser has
    page.wait_for_load_state()
    page.unroute("**/quizzes/*/")
    expect(page.get_by_role("radio", name="The customer")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Rent")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Hope")).to_be_checked()
    expect(page.get_by_label("3. The first word?")).to_have_value("Listen?")
    page.get_by_role("checkbox", name="Hope").uncheck()
    assert_accessible(page)
    assert fits(page)
    page.get_by_role("button", name="Hand in").press("Enter")
    page.get_by_text("Write a number.").first.wait_for()
    assert_accessible(page)
    page.get_by_label("3. The first word?").fill(" LISTEN ")
    page.get_by_label("4. How many?").fill("3,45")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Passed: 100%")).to_be_focused()
    expect(page.get_by_text("and the course")).to_be_visible()
    expect(page.get_by_text("They pay.")).to_be_visible()
    assert_accessible(page)
    assert fits(page)
    assert QuizAttempt.objects.get().passed
    assert LessonCompletion.objects.count() == 1

    page.get_by_role("link", name="Back to the course").click()
    page.get_by_text("You completed this course on").wait_for()
    page.goto("/days/")
    for done in ("Enrolled in a course", "Quiz passed", "Lesson completed", "Course completed"):
        expect(page.get_by_text(done).first).to_be_visible()


def test_a_quiz_is_taken_without_javascript(course, browser, live_server):
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page, "tom")
    page.get_by_role("link", name=course.title).click()
    page.get_by_role("link", name="Continue with the next step").click()
    page.get_by_role("button", name="Start").click()
    page.get_by_label("4. How many?").fill("3.5 apples")
    page.get_by_role("button", name="Keep for later").click()
    page.get_by_text("Write a number").first.wait_for()
    page.get_by_label("4. How many?").fill("3.5")
    page.get_by_role("button", name="Keep for later").click()
    page.get_by_text("Your answers are kept.").wait_for()
    page.get_by_role("link", name="Continue where I stopped").click()
    page.get_by_role("radio", name="The customer").check()
    page.get_by_role("checkbox", name="Rent").check()
    page.get_by_role("button", name="Hand in").click()
    page.get_by_role("button", name="Hand in with blanks").click()
    page.get_by_role("heading", name="Passed: 75%").wait_for()
    page.get_by_text("You have completed the lesson").wait_for()
    context.close()
    assert Enrollment.objects.get().completed_at
