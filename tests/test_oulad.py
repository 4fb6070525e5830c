"""The loader of OULAD modules (benchmarks/oulad.py), with a made-up one of the same columns."""

import datetime
import gzip

import pytest
from django.db import connection

from benchmarks import oulad
from courses.models import Enrollment, QuizAttempt
from profiles.models import Profile
from tests.drift import assert_no_drift
from timeline.models import DAY_ZONE, Activity

pytestmark = pytest.mark.django_db

FILES = {
    "courses": """
        code_module,code_presentation,module_presentation_length
        ZZZ,2013J,268
        ZZZ,2014B,240
    """,
    "assessments": """
        code_module,code_presentation,id_assessment,assessment_type,date,weight
        ZZZ,2013J,1,TMA,19,50
        ZZZ,2014B,2,Exam,,100
    """,
    "studentInfo": """
        code_module,code_presentation,id_student,region,final_result
        ZZZ,2013J,11,"Here, or there",Withdrawn
        ZZZ,2014B,11,Elsewhere,Distinction
        ZZZ,2013J,12,Elsewhere,Fail
        ZZZ,2014B,13,Elsewhere,Pass
    """,
    "studentRegistration": """
        code_module,code_presentation,id_student,date_registration,date_unregistration
        ZZZ,2013J,11,-2,12
        ZZZ,2014B,11,0,
        ZZZ,2013J,12,3,?
        ZZZ,2014B,13,,
    """,
    "studentAssessment": """
        id_assessment,id_student,date_submitted,is_banked,score
        1,11,10,0,39
        1,12,18,0,40
        2,11,30,0,
        2,13,-1,1,90
    """,
}


def noon(*date):
    return datetime.datetime(*date, 12, tzinfo=DAY_ZONE)


@pytest.fixture
def module(tmp_path):
    for name, text in FILES.items():
        content = "\n".join(line.strip() for line in text.strip().splitlines()) + "\n"
        if name == "studentAssessment":
            (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress(content.encode()))
        else:
            (tmp_path / f"{name}.csv").write_text(content)
    return tmp_path


def test_a_module_becomes_learners_enrolments_and_attempts_and_their_timeline(module):
    written = oulad.load(connection, module)
    assert {table: rows for table, (rows, _) in written.items()} == {
        "profiles": 3, "courses": 2, "course_chapters": 2, "quizzes": 2, "enrollments": 3, "quiz_attempts": 3,
    }  # fmt: skip
    assert set(Profile.objects.values_list("full_name", flat=True)) == {"Learner 11", "Learner 12", "Learner 13"}
    fields = ("student__full_name", "course__title", "enrolled_at", "completed_at", "left_at")
    assert set(Enrollment.objects.values_list(*fields)) == {
        ("Learner 11", "ZZZ 2013J", noon(2013, 9, 29), None, noon(2013, 10, 13)),
        ("Learner 11", "ZZZ 2014B", noon(2014, 2, 1), noon(2014, 9, 29), None),
        ("Learner 12", "ZZZ 2013J", noon(2013, 10, 4), None, None),
    }
    fields = ("student__full_name", "quiz__title", "started_at", "submitted_at", "score", "passed")
    assert set(QuizAttempt.objects.values_list(*fields)) == {
        ("Learner 11", "TMA 1", noon(2013, 10, 11), noon(2013, 10, 11), 39, False),
        ("Learner 12", "TMA 1", noon(2013, 10, 19), noon(2013, 10, 19), 40, True),
        ("Learner 11", "Exam 2", noon(2014, 3, 3), None, None, None),
    }
    kinds = list(Activity.objects.values_list("activity_type", flat=True))
    assert {kind: kinds.count(kind) for kind in kinds} == oulad.entries(module)
    assert oulad.entries(module) == {
        "course_enrollment": 3, "course_completion": 1, "quiz_attempt": 3, "quiz_completion": 1,
    }  # fmt: skip
    assert_no_drift()


def test_a_folder_that_is_no_module_is_told_what_it_lacks_and_nothing_is_written(module):
    (module / "courses.csv").write_text("code_module,code_presentation\nZZZ,2013J\n")
    with pytest.raises(oulad.NotOulad, match=r"courses\.csv has no column module_presentation_length"):
        oulad.load(connection, module)
    (module / "courses.csv").unlink()
    with pytest.raises(oulad.NotOulad, match=r"neither courses\.csv nor courses\.csv\.gz"):
        oulad.load(connection, module)
    assert not Profile.objects.exists()
