"""The demo class's own texts, as data: what the course teaches, who is in it, what they say."""

import tomllib
from functools import cache
from importlib.resources import files


@cache
def read(name):
    """The contents of `<name>.toml` beside this file; the comments at its top say what its fields mean."""
    return tomllib.loads((files(__name__) / f"{name}.toml").read_text(encoding="utf-8"))
