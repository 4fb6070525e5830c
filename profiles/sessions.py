"""Log-ins that know whose they are: they go with their person, and belong to what is held about them."""

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import base, db
from django.db import IntegrityError

from profiles.models import Profile, Session


class SessionStore(db.SessionStore):
    """Django's sessions in the database, in the table `sessions`."""

    @classmethod
    def get_model_class(cls):
        return Session

    def create_model_instance(self, data):
        row = super().create_model_instance(data)
        row.user_id = data.get(SESSION_KEY)
        return row

    def save(self, must_create=False):
        try:
            super().save(must_create)
        except (IntegrityError, base.CreateError):
            person = self.get(SESSION_KEY)
            if person is None or Profile.objects.filter(pk=person).exists():
                raise
            raise base.UpdateError from None  # erased meanwhile: the session is over
