"""Django's PostgreSQL backend, connected to the embedded server.

OPTIONS are `directory`, where the server lives, and `server_settings`, a
mapping that counts for the process that starts it.
"""

import shutil

from django.db import OperationalError
from django.db.backends.postgresql import base, client

from config.database.embedded import PORT, SUPERUSER, EmbeddedPostgresError, embedded_postgres


def started_server(options):
    server = embedded_postgres(options["directory"])
    try:
        server.start(options.get("server_settings", {}))
    except EmbeddedPostgresError as error:
        raise OperationalError(str(error)) from error
    return server


class DatabaseClient(client.DatabaseClient):
    @classmethod
    def settings_to_cmd_args_env(cls, settings_dict, parameters):
        server = started_server(settings_dict["OPTIONS"])
        cls.executable_name = shutil.which("psql") or str(server.binaries / "psql")
        address = {"HOST": str(server.socket_directory), "PORT": PORT, "USER": SUPERUSER}
        return super().settings_to_cmd_args_env(settings_dict | address, parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self):
        parameters = super().get_connection_params()
        server = started_server(self.settings_dict["OPTIONS"])
        del parameters["directory"]
        parameters.pop("server_settings", None)
        return parameters | {"host": str(server.socket_directory), "port": PORT, "user": SUPERUSER}
