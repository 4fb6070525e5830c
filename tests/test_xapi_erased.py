"""Whom no import brings back: by each identifier, under each key, in their own statements and in those of others."""

import hashlib
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from courses.models import Enrollment
from profiles.models import Profile
from tests import factories
from tests.statements import account, lines, mailbox, statement
from tests.test_xapi_import import imported, load
from xapi.erased import KeyMissing, erase_actors, erased_among, statements_naming
from xapi.importing import Summary, import_stream
from xapi.models import Agent, ErasedActor, Statement
from xapi.settling import settle

pytestmark = pytest.mark.django_db
SHA1 = hashlib.sha1(b"mailto:ann@example.org").hexdigest()


def erase(person):
    with transaction.atomic():
        erase_actors(person)
        person.delete()


@pytest.fixture
def ann():
    """A person with an address whom statements name by three identifiers, and who was erased."""
    ann = factories.ProfileFactory(email="ann@example.org", full_name="Ann")
    actors = [mailbox("Ann@example.org"), account("ann", name="Ann"), {"openid": "https://ann.example/"}]
    imported(*(statement(number, actor=actor, length=9, played="0[.]5") for number, actor in enumerate(actors)))
    Agent.objects.update(profile=ann)
    Profile.objects.exclude(pk=ann.pk).delete()
    erase(ann)
    return ann


@pytest.mark.parametrize(
    "actor",
    [
        mailbox("ANN@Example.org"),
        account("ann", name="Somebody"),
        {"openid": "https://ann.example/"},
        {"mbox_sha1sum": SHA1.upper()},
    ],
    ids=lambda actor: next(iter(actor)),
)
def test_an_import_refuses_who_was_erased_and_says_how_many(ann, actor, tmp_path):
    file = tmp_path / "statements.jsonl"
    file.write_bytes(lines([statement(10, actor=actor, length=9), statement(11, actor="bob", length=9)]))
    out = io.StringIO()
    call_command("import_xapi", str(file), stdout=out)
    assert "2 statements read: 1 new, 0 known, 0 with another content, 0 rejected, 1 refused: erased." in out.getvalue()
    assert [kept.actor for kept in Statement.objects.all()] == ["https://lms.example bob"]
    assert [each.identifier for each in Agent.objects.all()] == ["https://lms.example bob"]
    assert [person.full_name for person in Profile.objects.all()] == ["Learner bob"]
    assert Enrollment.objects.count() == 1
    assert [*tmp_path.iterdir()] == [file], "nothing of them is written beside the file either"


def test_their_e_mail_address_is_refused_though_no_statement_had_named_it():
    erase(factories.ProfileFactory(email="ann@example.org"))
    summary, rejects = imported(
        statement(1, actor=mailbox("ann@example.org")), statement(2, actor={"mbox_sha1sum": SHA1})
    )
    assert (summary.refused, summary.new, rejects) == (2, 0, [])
    assert not Profile.objects.exists()


def test_statements_that_still_wait_for_their_person_go_with_who_has_the_address():
    load(statement(1, actor=mailbox("ann@example.org"), length=9), statement(2, actor="bob", length=9))
    erase(factories.ProfileFactory(email="ann@example.org"))
    settle()
    assert [kept.actor for kept in Statement.objects.all()] == ["https://lms.example bob"]
    assert [person.full_name for person in Profile.objects.all()] == ["Learner bob"]


def test_a_running_import_refuses_whom_it_stored_a_moment_ago(monkeypatch):
    ann = factories.ProfileFactory(email="ann@example.org")
    monkeypatch.setattr("xapi.importing.BATCH", 1)
    summary, batches = Summary(), []

    def advance():
        batches.append(summary.new)
        if len(batches) == 1:
            erase(ann)

    watched = [statement(number, actor=mailbox("ann@example.org"), length=9) for number in range(3)]
    stream = io.BufferedReader(io.BytesIO(lines([*watched, statement(3, actor="bob", length=9)])))
    import_stream(stream, "test", rejects=None, summary=summary, advance=advance)
    settle()
    assert (summary.new, summary.refused) == (2, 2)
    assert [kept.actor for kept in Statement.objects.all()] == ["https://lms.example bob"]
    assert [person.full_name for person in Profile.objects.all()] == ["Learner bob"]


def test_nothing_of_an_identifier_can_be_read_in_its_hash(ann):
    rows = json.dumps([*ErasedActor.objects.values("hash", "key")])
    assert ErasedActor.objects.count() == 4
    for text in ("ann", "example", SHA1, hashlib.sha256(b"mailto:ann@example.org").hexdigest()):
        assert text not in rows


def test_a_new_key_serves_beside_the_old_one_and_not_without_it(ann, settings, tmp_path):
    old = settings.ERASURE_KEYS
    settings.ERASURE_KEYS = ["another", *old]
    erase(factories.ProfileFactory(email="eve@example.org"))
    asked = ["mailto:ann@example.org", "mailto:eve@example.org", "mailto:bob@example.org"]
    assert erased_among(asked) == {*asked[:2]}
    settings.ERASURE_KEYS = ["another"]
    with pytest.raises(KeyMissing):
        erased_among(asked)
    file = tmp_path / "statements.jsonl"
    file.write_bytes(lines([statement(1)]))
    with pytest.raises(CommandError, match="ERASURE_KEY_FALLBACKS") as error:
        call_command("import_xapi", str(file))
    assert error.value.returncode == 2
    assert not Statement.objects.exists()


# Others' statements


def naming(number, who, **more):
    """Bob's statement, in which `who` stands in every place that xAPI has for somebody else."""
    value = statement(number, actor="bob", length=9, played="0[.]5")
    value["context"] |= {
        "instructor": who,
        "team": {"objectType": "Group", "member": [who, mailbox("eve@example.org")]},
    }
    value["context"]["extensions"]["https://lms.example/coach"] = {"who": [who]}
    return value | {"authority": who} | more


def test_the_statements_of_others_stay_without_who_was_erased():
    ann = factories.ProfileFactory(email="ann@example.org")
    named = naming(1, mailbox("Ann@Example.org"))
    mentored = statement(2, actor="bob") | {"object": {"objectType": "Agent", **mailbox("ann@example.org")}}
    imported(named, mentored, naming(3, mailbox("joann@example.org")))
    before = {kept.pk: bytes(kept.hash) for kept in Statement.objects.all()}
    erase(ann)
    texts = {kept.pk.int: json.dumps(kept.statement).lower() + kept.object for kept in Statement.objects.all()}
    assert [text.count("ann@") for _, text in sorted(texts.items())] == [0, 0, 4], "and who is only similar stays"
    assert texts[1].count('"about:erased"') == 4
    assert "eve@example.org" in texts[1]
    assert Statement.objects.get(pk=mentored["id"]).object == "about:erased erased"
    # They are still the ones that came: another import knows them, and a new one is kept in the same way.
    assert {kept.pk: bytes(kept.hash) for kept in Statement.objects.all()} == before
    summary, _ = imported(named, mentored, naming(4, {"mbox_sha1sum": SHA1}))
    assert (summary.repeated, summary.new, summary.conflicts, summary.refused) == (2, 1, 0, 0)
    assert SHA1 not in json.dumps(Statement.objects.get(pk=f"{4:032x}").statement)


@pytest.mark.parametrize("name", ["ΟΔΥΣΣΕΥΣ", "İzmir", "Éva", "STRASSE", 'a"\\B', "K\u212a"])
def test_capitals_of_any_alphabet_hide_nobody_in_the_statements_of_others(name):
    imported(statement(1, actor=account(name)), naming(2, account(name)))
    erase(Profile.objects.get(pk=Agent.objects.get(identifier__endswith=name).profile_id))
    (kept,) = Statement.objects.all()
    assert name not in json.dumps(kept.statement, ensure_ascii=False)


def test_the_statements_that_name_somebody_are_found_by_their_index():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = statements_naming({"mailto:ann@example.org", f"sha1:{SHA1}", "https://lms.example ann"}).explain()
    assert plan.count("xapi_statements_naming_others") == 3
