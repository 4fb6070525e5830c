"""The rows of the demo class as of one moment: a pure function of that moment and of demo/content.

Chance comes from generators seeded with names, ids from names: the same moment
gives the same rows, and a later moment of the same day adds to them.
"""

import datetime
import hashlib
import random
import uuid
from collections import defaultdict
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.hashers import make_password

from courses.models import (
    Checkpoint,
    CheckpointReached,
    Course,
    CourseInstructor,
    Enrollment,
    Lesson,
    LessonCompletion,
    Quiz,
    QuizAttempt,
    QuizQuestion,
    Video,
    VideoProgress,
)
from courses.quizzes import as_asked
from demo import content
from demo.rhythm import at_time, clock, day_of, office_hour, sitting_down, writing
from demo.watching import path, watch
from goals.models import (
    Congratulation,
    DailyNote,
    Goal,
    GoalMessage,
    GoalMilestone,
    GoalPeriod,
    GoalProposal,
    SharedStory,
    SuccessProof,
)
from profiles.models import MediaType, Profile
from reflections.models import Reflection

PASSWORD = "timeline-demo"
NAMES = uuid.uuid5(uuid.NAMESPACE_DNS, "demo.student-activity-timeline.example")
INSTRUCTORS = {"naomi": "Naomi Adeyemi", "henrik": "Henrik Solberg"}
ADMIN, VETERAN, TYPICAL, EMPTY = "admin", "ruth", "maya", "nia"
MEDIA_TYPES = {
    "voice": MediaType.AUDIO,
    "loom": MediaType.VIDEO,
    "screenshot": MediaType.IMAGE,
    "document": MediaType.DOCUMENT,
}
SUFFIXES = {"voice": "ogg", "screenshot": "svg", "document": "pdf"}

second, minute, day = (datetime.timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "days"))


def demo_id(*names):
    """The id of what is called so, the same for every load."""
    return uuid.uuid5(NAMES, "/".join(map(str, names)))


def chance(*names):
    return random.Random("/".join(map(str, names)))


def people():
    """(key, name) of everybody in the class."""
    students = [(key, student["name"]) for key, student in content.read("students").items()]
    others = [(ADMIN, "Demo Admin"), *INSTRUCTORS.items(), (VETERAN, "Ruth Amsel"), (EMPTY, "Nia Prescott")]
    return others + students


def email(key):
    return f"{key}@example.com"


def courses():
    return {course["key"]: course for course in content.read("catalogue")["course"]}


def build(now):
    """(rows, reports): a list of objects by model, in the order to insert them; lists of VideoProgress, one a round."""
    builder = Builder(now)
    builder.build_people()
    builder.build_catalogue()
    for key, student in content.read("students").items():
        builder.build_student(key, student)
    builder.build_veteran()
    builder.build_shared()
    return builder.rows, builder.rounds()


class Builder:
    def __init__(self, now):
        self.now = now
        self.today = day_of(now)
        self.rows = {
            model: []
            # Periods first of what students do, so that entries meet their goal when they are written.
            for model in (
                *(Profile, Course, CourseInstructor, Lesson, Video, Checkpoint, Quiz, QuizQuestion),
                *(Goal, GoalPeriod, Enrollment, CheckpointReached, QuizAttempt, LessonCompletion),
                *(Reflection, DailyNote, GoalMilestone, SuccessProof, GoalMessage, GoalProposal),
                *(SharedStory, Congratulation),
            )
        }
        self.reports = defaultdict(list)
        self.sittings = defaultdict(list)

    def add(self, model, *names, at=None, **fields):
        """Keep a row, unless it lies in the future."""
        if at is None or at <= self.now:
            self.rows[model].append(model(id=demo_id(model._meta.db_table, *names), **fields))

    def past(self, moment):
        """The moment, if it is not in the future."""
        return moment if moment is not None and moment <= self.now else None

    def ago(self, days):
        return self.today - days * day

    # Who and what

    def build_people(self):
        # One hash for all: with a salt each, the slowness that guards real passwords would cost half a minute.
        password = make_password(PASSWORD, salt="theDemoSaltIsKnownToAll")
        joined = {key: max(days for days, _, _ in student["courses"].values()) + 1 for key, student in self.students()}
        joined |= dict.fromkeys((ADMIN, *INSTRUCTORS), 400) | {VETERAN: 365, EMPTY: 1}
        for key, name in people():
            self.add(
                Profile,
                key,
                email=email(key),
                full_name=name,
                password=password,
                is_staff=key == ADMIN,
                is_superuser=key == ADMIN,
                created_at=clock(self.ago(joined[key]), chance(key, "joined").randint(8 * 60, 20 * 60)),
            )

    @staticmethod
    def students():
        return content.read("students").items()

    def build_catalogue(self):
        created_at = clock(self.ago(398), 9 * 60)
        for key, course in courses().items():
            course_id = demo_id("courses", key)
            self.add(Course, key, title=course["title"], description=course["description"], created_at=created_at)
            for instructor in (course["teacher"], *course["assistants"]):
                self.add(
                    CourseInstructor,
                    key,
                    instructor,
                    course_id=course_id,
                    instructor_id=demo_id("profiles", instructor),
                    created_at=created_at,
                )
            for position, lesson in enumerate(course["lesson"], 1):
                lesson_id = demo_id("course_chapters", lesson["key"])
                self.add(
                    Lesson,
                    lesson["key"],
                    course_id=course_id,
                    title=lesson["title"],
                    position=position,
                    created_at=created_at,
                )
                for number, video in enumerate(lesson["video"], 1):
                    self.build_video(video, number, lesson_id, created_at)
                for quiz in lesson.get("quiz", []):
                    self.build_quiz(quiz, created_at, lesson_id=lesson_id)

    def build_video(self, video, position, lesson_id, created_at):
        video_id = demo_id("media_files", video["key"])
        self.add(
            Video,
            video["key"],
            lesson_id=lesson_id,
            title=video["title"],
            description=video["description"],
            position=position,
            duration_seconds=video["seconds"],
            completion_threshold=Decimal("0.95"),
            created_at=created_at,
        )
        for at, title in video["checkpoints"]:
            self.add(Checkpoint, video["key"], at, video_id=video_id, video_timestamp_seconds=at, title=title)
        for quiz in video.get("quiz", []):
            self.build_quiz(
                quiz,
                created_at,
                lesson_id=lesson_id,
                video_id=video_id,
                video_timestamp_seconds=quiz["at"],
                required=False,
            )

    def build_quiz(self, quiz, created_at, **place):
        self.add(
            Quiz,
            quiz["key"],
            title=quiz["title"],
            passing_score=Decimal(quiz["passing"]),
            created_at=created_at,
            **place,
        )
        for position, question in enumerate(quiz["question"], 1):
            self.rows[QuizQuestion].append(written_question(quiz, position, question))

    # A student

    def build_student(self, key, student):
        for course, (first, last, count) in student["courses"].items():
            step = (first - last) / max(1, count - 1)
            days = [round(first - number * step) for number in range(count)]
            self.build_studies(key, student, course, first, days)
        self.build_goals(key, student["rhythm"], student.get("goals", []))
        self.build_proposals(key, student.get("proposals", []))
        for entry in content.read("notes").get(key, []):
            days, *time, text = entry
            if time:
                at = at_time(self.ago(days), time[0])
            else:
                at = writing(student["rhythm"], self.ago(days), chance(key, "note", days))
            self.add_note(key, at, text)
        self.build_messages(key, student["rhythm"], content.read("messages").get(key, []))

    def build_studies(self, key, student, course_key, enrolled, days):
        """Enrolment, and what follows from watching one video on each of `days` (counted back from today)."""
        course = courses()[course_key]
        starts = []
        for number, ago in enumerate(days):
            start = sitting_down(student["rhythm"], self.ago(ago), chance(key, course_key, "sits", number))
            if number == len(days) - 1 and "last_at" in student:
                start = at_time(self.ago(ago), student["last_at"])
            if starts:
                start = max(start, starts[-1] + 70 * minute)
            while any(abs(start - other) < 60 * minute for other in self.sittings[key]):
                start += 65 * minute
            starts.append(start)
            self.sittings[key].append(start)
        first = starts[0] if starts else sitting_down(student["rhythm"], self.ago(enrolled), chance(key, course_key))
        enrolled_at = first - chance(key, course_key, "enrols").randint(90, 600) * second

        left = list(zip(all_videos(course), starts, strict=False))
        passed_lessons = []
        for lesson in course["lesson"]:
            completions = []
            for video in lesson["video"]:
                if not left:
                    break
                _, start = left.pop(0)
                stops_early = not left and len(starts) < len(all_videos(course))
                share = student.get("stops", 1) if stops_early else 1
                viewing = self.build_viewing(key, student, course, video, start, share)
                completions.append(viewing.completed_at)
            if len(completions) == len(lesson["video"]):
                passed_at = self.build_lesson_quizzes(key, student, lesson, viewing.ended_at)
                if passed_at and all(completions):
                    completed_at = passed_at + second
                    passed_lessons.append(completed_at)
                    self.add(
                        LessonCompletion,
                        key,
                        lesson["key"],
                        at=completed_at,
                        student_id=demo_id("profiles", key),
                        lesson_id=demo_id("course_chapters", lesson["key"]),
                        completed_at=completed_at,
                    )
        course_completed_at = max(passed_lessons) + second if len(passed_lessons) == len(course["lesson"]) else None
        self.add(
            Enrollment,
            key,
            course_key,
            at=enrolled_at,
            student_id=demo_id("profiles", key),
            course_id=demo_id("courses", course_key),
            enrolled_at=enrolled_at,
            completed_at=self.past(course_completed_at),
            left_at=clock(self.ago(student["left"]), 12 * 60) if "left" in student else None,
        )

    def build_viewing(self, key, student, course, video, start, share):
        dice = chance(key, video["key"], "watches")
        said = student.get("said", {}).get(video["key"])
        if said is None:
            said = [one for one in content.read("reflections").get(video["key"], []) if one["by"] == key]
        stops = defaultdict(int, dict.fromkeys((at for at, _ in video["checkpoints"]), 0))
        for quiz in video.get("quiz", []):
            stops[quiz["at"]] += dice.randint(60, 150)
        for one in said:
            stops[one["at"]] += 25 + len(one["text"]) // 4 + 2 * one.get("seconds", 0) + dice.randint(0, 40)
        parts = path(dice, video["seconds"], share, video["hard"], student["again"], [one["at"] for one in said])
        viewing = watch(dice, start, video["seconds"], parts, stops, dice.choice([1.0, 1.0, 1.0, 1.25, 1.5]))
        self.reports[key, video["key"]] += viewing.reports

        for at, _ in video["checkpoints"]:
            if at in viewing.passed:
                self.add(
                    CheckpointReached,
                    key,
                    video["key"],
                    at,
                    at=viewing.passed[at],
                    student_id=demo_id("profiles", key),
                    checkpoint_id=demo_id("checkpoints", video["key"], at),
                    video_id=demo_id("media_files", video["key"]),
                    video_timestamp_seconds=at,
                    reached_at=viewing.passed[at],
                )
        for quiz in video.get("quiz", []):
            if quiz["at"] in viewing.passed and dice.random() < 0.85:
                self.add_attempt(key, quiz, 1, viewing.passed[quiz["at"]] + 2 * second, ability(key))
        for one in said:
            self.add_reflection(key, course, video, one, viewing.passed[one["at"]] + (stops[one["at"]] - 3) * second)
        return viewing

    def build_lesson_quizzes(self, key, student, lesson, ended_at):
        """When the lesson's quizzes were passed; None for who never passed, or never tried."""
        dice = chance(key, lesson["key"], "quizzes")
        if dice.random() < 0.06:
            return None
        start = ended_at + dice.randint(1, 6) * minute
        passed_at = None
        for quiz in lesson["quiz"]:
            for number in (1, 2, 3):
                passed_at = self.add_attempt(key, quiz, number, start, ability(key) + 0.08 * number)
                if passed_at:
                    break
                start += dice.randint(5, 20) * minute
        return passed_at

    def add_attempt(self, key, quiz, number, start, ability):
        """Take a quiz; when it was passed, or None. It may still be open when the present comes."""
        dice = chance(key, quiz["key"], number)
        answers, right = {}, 0
        for position, question in enumerate(quiz["question"], 1):
            knows = dice.random() < ability
            right += knows
            given = right_answer(question, dice) if knows else wrong_answer(question, dice)
            answers[str(demo_id("quiz_questions", quiz["key"], position))] = given
        submitted_at = start + len(quiz["question"]) * dice.randint(14, 45) * second
        score = round(Decimal(100 * right) / len(quiz["question"]), 2)
        passed = score >= quiz["passing"]
        is_submitted = submitted_at <= self.now
        self.add(
            QuizAttempt,
            key,
            quiz["key"],
            number,
            at=start,
            student_id=demo_id("profiles", key),
            quiz_id=demo_id("quizzes", quiz["key"]),
            started_at=start,
            submitted_at=submitted_at if is_submitted else None,
            score=score if is_submitted else None,
            passed=passed if is_submitted else None,
            questions=[
                as_asked(written_question(quiz, position, question))
                for position, question in enumerate(quiz["question"], 1)
            ],
            answers=answers if is_submitted else {},
        )
        return submitted_at if passed else None

    def add_reflection(self, key, course, video, one, at):
        names = (key, video["key"], one.get("number", one["at"]))
        instructor = one.get("from", course["teacher"])
        responded_at = self.past(answering(instructor, at, chance(*names))) if one.get("answer") else None
        self.add(
            Reflection,
            *names,
            at=at,
            student_id=demo_id("profiles", key),
            video_id=demo_id("media_files", video["key"]),
            video_timestamp_seconds=one["at"],
            content=one["text"],
            sentiment=one.get("feels"),
            created_at=at,
            instructor_response=one["answer"] if responded_at else None,
            responded_at=responded_at,
            responded_by_id=demo_id("profiles", instructor) if responded_at else None,
            **media(one.get("media"), one.get("image") or f"{key}-{video['key']}", one.get("seconds")),
        )

    # Goals, and what is written about them

    def build_goals(self, key, rhythm, goals):
        student_id = demo_id("profiles", key)

        def boundary(days):
            return writing(rhythm, self.ago(days), chance(key, "boundary", days))

        for number, goal in enumerate(goals, 1):
            goal_id = demo_id("goals", key, number)
            done = goal.get("done")
            dated = [days for _, *reached in goal["steps"] for days in reached]
            begun = goal.get("set") or max([start for start, *_ in goal["periods"]] or dated)

            def moment(days, names, done=done):
                """Some time of a day; on the day when the goal is reached, before that."""
                if days == done:
                    return boundary(days) - chance(*names).randint(15, 90) * minute
                return writing(rhythm, self.ago(days), chance(*names))

            self.add(
                Goal,
                key,
                number,
                student_id=student_id,
                title=goal["title"],
                description=goal.get("about", ""),
                measure=goal.get("measure", ""),
                target_date=self.ago(-goal["by"]) if "by" in goal else None,
                created_at=boundary(begun) if goal["periods"] else clock(self.ago(begun), 8 * 60),
                completed_at=boundary(done) - 30 * second if done is not None else None,
            )
            for start, *end in goal["periods"]:
                self.add(
                    GoalPeriod,
                    key,
                    number,
                    start,
                    student_id=student_id,
                    goal_id=goal_id,
                    period=(boundary(start), boundary(*end) if end else None),
                )
            for step, (title, *reached) in enumerate(goal["steps"], 1):
                names = (key, number, "step", step)
                at = moment(reached[0], names) if reached else None
                self.add(
                    GoalMilestone,
                    *names,
                    student_id=student_id,
                    goal_id=goal_id,
                    title=title,
                    reached_at=self.past(at),
                )
            for order, (days, text, *attachments) in enumerate(goal.get("proofs", []), 1):
                names = (key, number, "proof", order)
                at = moment(days, names)
                self.add(
                    SuccessProof,
                    *names,
                    at=at,
                    student_id=student_id,
                    goal_id=goal_id,
                    content=text,
                    created_at=at,
                    **proof_media(key, number, *attachments),
                )

    def build_proposals(self, key, proposals):
        for days, instructor, title, measure, by in proposals:
            at = office_hour(instructor, self.ago(days), chance(key, "proposal", days))
            self.add(
                GoalProposal,
                key,
                days,
                at=at,
                student_id=demo_id("profiles", key),
                author_id=demo_id("profiles", instructor),
                title=title,
                measure=measure,
                target_date=self.ago(-by),
                created_at=at,
            )

    def add_note(self, key, at, text):
        self.add(DailyNote, key, at, at=at, student_id=demo_id("profiles", key), content=text, created_at=at)

    def build_messages(self, key, rhythm, messages):
        for days, instructor, goal, text in messages:
            dice = chance(key, "message", days)
            at = office_hour(instructor, self.ago(days), dice)
            # An instructor answers what the student has already written that day.
            if at < writing(rhythm, self.ago(days), dice) + 25 * minute:
                at = office_hour(instructor, self.ago(days - 1), dice)
            self.add(
                GoalMessage,
                key,
                days,
                instructor,
                at=at,
                student_id=demo_id("profiles", key),
                author_id=demo_id("profiles", instructor),
                goal_id=demo_id("goals", key, goal) if goal else None,
                content=text,
                created_at=at,
            )

    # The one with thousands of entries

    def build_veteran(self):
        veteran = content.read("veteran")
        said = defaultdict(list)
        for video, at, text, *answer in veteran["seen"]:
            number = len(said[video])
            said[video].append({"at": at, "text": text, "answer": "".join(answer), "number": number})
        student = {"rhythm": "morning", "again": 0.8, "said": {video: ones[:1] for video, ones in said.items()}}
        known = []  # (days ago, quiz)
        for course_key, days in veteran["first_viewings"].items():
            course = courses()[course_key]
            self.build_studies(VETERAN, student, course_key, veteran["enrolled"][course_key], days)
            for video, first in zip(all_videos(course), days, strict=True):
                self.build_later_viewings(course, video, first, said[video["key"]])
                known += [(first, quiz) for quiz in video.get("quiz", [])]
            for lesson in course["lesson"]:
                last = all_videos(course).index(lesson["video"][-1])
                known += [(days[last], quiz) for quiz in lesson["quiz"]]
        self.build_goals(VETERAN, "late", veteran["goals"])
        self.build_proposals(VETERAN, veteran["proposals"])
        self.build_messages(VETERAN, "late", veteran["messages"])
        self.build_veteran_days(veteran, known)

    def build_shared(self):
        for story in content.read("sharing")["story"]:
            key, number = story["by"], story["goal"]
            at = clock(self.ago(story["days"]), 18 * 60 + 10)
            self.add(
                SharedStory,
                key,
                number,
                at=at,
                student_id=demo_id("profiles", key),
                goal_id=demo_id("goals", key, number),
                parts=story["parts"],
                with_media=story["media"],
                course_id=demo_id("courses", story["course"]),
                community_at=at,
                created_at=at,
            )
            for fan, days in story["fans"]:
                since = max(at, clock(self.ago(days), 0))
                said_at = since + chance(fan, key, number, "congratulates").randint(30, 300) * minute
                self.add(
                    Congratulation,
                    key,
                    number,
                    fan,
                    at=said_at,
                    story_id=demo_id("shared_stories", key, number),
                    person_id=demo_id("profiles", fan),
                    created_at=said_at,
                )

    def build_later_viewings(self, course, video, first, said):
        """What was said after the first viewing, over the time since; more of it lately."""
        for one in said[1:]:
            ago = first - round((first - 1) * (one["number"] / (len(said) - 0.5)) ** 0.65)
            at = sitting_down("morning", self.ago(ago), chance(VETERAN, video["key"], one["number"]))
            self.reports[VETERAN, video["key"]].append((at, max(0, one["at"] - 60), one["at"] + 1))
            self.add_reflection(VETERAN, course, video, one, at + 80 * second)

    def build_veteran_days(self, veteran, known):
        did, thought, end, client = (
            Deck(veteran[name], chance(VETERAN, name)) for name in ("did", "thought", "end", "clients")
        )
        dice = chance(VETERAN, "days")
        total = veteran["enrolled"]["clients"]
        alone = {
            round(total - (total - 5) * number / (len(veteran["alone"]) - 1)): text
            for number, text in enumerate(veteran["alone"])
        }
        for ago in range(total, -1, -1):
            date = self.ago(ago)
            quizzes = [quiz for first, quiz in known if first > ago]
            for number, quiz in enumerate(dice.sample(quizzes, min(2, len(quizzes)))):
                start = clock(date, 6 * 60 + 10 + 9 * number + dice.randint(0, 6), dice.randrange(60))
                if dice.random() < 0.97:
                    self.add_attempt(VETERAN, quiz, f"{ago} days ago", start, 0.87)
            evening = clock(date, 19 * 60 + dice.randint(0, 90), dice.randrange(60))
            if ago in alone:
                self.add_note(VETERAN, evening, alone[ago])
                continue
            if dice.random() < 0.55:
                noon = clock(date, 12 * 60 + 20 + dice.randint(0, 70), dice.randrange(60))
                text = did.draw().format(client=client.draw(), pages=dice.randint(12, 96))
                self.add_note(VETERAN, noon, sentence_case(text))
            if dice.random() < 0.94:
                parts = [thought.draw()]
                if dice.random() < 0.45:
                    text = did.draw().format(client=client.draw(), pages=dice.randint(12, 96))
                    parts.insert(0, sentence_case(text))
                if dice.random() < 0.4:
                    parts.append(end.draw())
                self.add_note(VETERAN, evening, " ".join(parts))

    def rounds(self):
        """The reports of watching as rows: a list a round, in which nobody appears twice with one video."""
        rounds = []
        for (key, video), reports in self.reports.items():
            past = [report for report in reports if report[0] <= self.now]
            for number, (at, first, last) in enumerate(past):
                if number == len(rounds):
                    rounds.append([])
                rounds[number].append(
                    VideoProgress(
                        id=demo_id("video_progress", key, video),
                        student_id=demo_id("profiles", key),
                        video_id=demo_id("media_files", video),
                        watched=[(first, last)],
                        watched_at=at,
                        position_seconds=last,
                    )
                )
        return rounds


class Deck:
    """Cards drawn in chance's order, all of them before any comes again, and none again soon."""

    def __init__(self, cards, dice):
        self.cards, self.dice, self.drawn = list(cards), dice, []

    def draw(self):
        if not self.cards:
            recent = len(self.drawn) // 2
            self.cards = self.dice.sample(self.drawn[:recent], recent)
            self.drawn = self.drawn[recent:]
        card = self.cards.pop(self.dice.randrange(len(self.cards)))
        self.drawn.append(card)
        return card


def written_question(quiz, position, question):
    return QuizQuestion(
        id=demo_id("quiz_questions", quiz["key"], position),
        quiz_id=demo_id("quizzes", quiz["key"]),
        position=position,
        kind=question["kind"],
        prompt=question["prompt"],
        choices=question.get("choices", []),
        answers=question["right"],
        tolerance=Decimal(str(question.get("tolerance", 0))),
        explanation=question["explanation"],
    )


def all_videos(course):
    return [video for lesson in course["lesson"] for video in lesson["video"]]


def ability(key):
    """The share of the questions to which a student knows the answer."""
    return chance(key, "ability").uniform(0.68, 0.95)


def right_answer(question, dice):
    if question["kind"] == "multiple_choice":
        return question["right"]
    return [question["right"][0] if dice.random() < 0.7 else dice.choice(question["right"])]


def wrong_answer(question, dice):
    """What somebody answers who does not know: another choice, one too many or too few, another word or number."""
    others = [choice for choice in question.get("choices", []) if choice not in question["right"]]
    if question["kind"] == "multiple_choice":
        if others and dice.random() < 0.5:
            given = [*question["right"], dice.choice(others)]
        else:
            given = dice.sample(question["right"], len(question["right"]) - 1)
        return sorted(given, key=question["choices"].index)
    return [dice.choice(others or question["wrong"])]


def answering(instructor, asked_at, dice):
    """When an instructor answers: at the office hour of the same day or of one of the next."""
    date = day_of(asked_at) + dice.choices([0, 1, 2, 3, 5], [4, 5, 3, 2, 1])[0] * day
    answered_at = office_hour(instructor, date, dice)
    if answered_at < asked_at + 20 * minute:
        answered_at = office_hour(instructor, date + day, dice)
    return answered_at


def media(kind, name, seconds):
    """The media fields of a reflection; files lie in static/demo."""
    if kind is None:
        return {}
    if kind == "loom":
        url = f"https://www.loom.com/share/{hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()}"
    else:
        url = f"{settings.STATIC_URL}demo/{name}.{SUFFIXES[kind]}"
    return {"media_url": url, "media_type": MEDIA_TYPES[kind], "media_duration_seconds": seconds}


def proof_media(key, number, name=None):
    if name is None:
        return {}
    if name == "voice":
        return media("voice", f"{key}-proof", content.read("students")[key]["proof_seconds"])
    if name == "loom":
        return media("loom", f"{key}-proof-{number}", 60 + chance(key, number).randrange(120))
    document = name.removesuffix(".pdf")
    return media("screenshot" if document == name else "document", document, None)


def sentence_case(text):
    return text[0].upper() + text[1:]
