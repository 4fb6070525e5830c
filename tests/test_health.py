"""What is answered while the database is away: /healthz says whether this process can serve, pages that it passes."""

import pytest
from django.db import DatabaseError, OperationalError, connection


@pytest.mark.django_db
def test_healthz_answers_while_the_database_does(client):
    response = client.get("/healthz", headers={"host": "10.0.0.7"})
    assert response.status_code == 200


def test_healthz_reports_a_lost_database(client, monkeypatch):
    def refuse():
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "cursor", refuse)
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (503, b"The database does not answer.\n")


def answer(client, monkeypatch, error):
    """To a log-in that goes wrong so."""

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("profiles.forms.LoginForm.is_valid", fail)
    client.raise_request_exception = False
    return client.post("/login/", {"username": "maya@example.org", "password": "three options"})


@pytest.mark.django_db
def test_a_page_says_that_the_database_takes_no_changes_just_now(client, monkeypatch):
    with connection.cursor() as cursor, pytest.raises(DatabaseError) as refused:
        cursor.execute("SAVEPOINT writable; SET TRANSACTION READ ONLY; DELETE FROM sessions")
    with connection.cursor() as cursor:
        cursor.execute("ROLLBACK TO SAVEPOINT writable")
    response = answer(client, monkeypatch, refused.value)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert "was not saved" in response.text


def test_a_page_says_that_the_database_is_away(client, monkeypatch):
    response = answer(client, monkeypatch, OperationalError("connection refused"))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")


@pytest.mark.parametrize("error", [DatabaseError("no row was changed"), RuntimeError("ours")])
def test_what_is_a_fault_of_ours_is_not_said_to_pass(client, monkeypatch, error):
    assert answer(client, monkeypatch, error).status_code == 500
