"""/healthz says whether this process can serve."""

import pytest
from django.db import OperationalError, connection


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
