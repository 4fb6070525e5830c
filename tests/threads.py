"""For tests in which several do something at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import connections
from django.test import Client


def at_once(*acts):
    """What these functions return, each called in a thread of its own once all are ready; raises what one of them does.

    Each has a connection of its own to the database: the test must be one of transaction=True.
    """
    ready = threading.Barrier(len(acts), timeout=10)

    def do(act):
        try:
            ready.wait()
            return act()
        finally:
            connections.close_all()

    threads = ThreadPoolExecutor(len(acts))
    try:
        return [done.result(60) for done in [threads.submit(do, act) for act in acts]]
    finally:
        threads.shutdown(wait=False)  # one that hangs has failed the test


def logged_in(person):
    """A browser in which somebody is logged in."""
    client = Client()
    client.force_login(person)
    return client
