"""A process of its own for code that reads the files people send: such a file may crash or hang it."""

import json
import subprocess
import sys


class Failed(Exception):
    """It failed; the text says why, for the log."""


def run(script, *arguments, patience):
    """What a script of ours prints, read as JSON.

    Args:
        script: its path; run with `python -I`, so it imports nothing of the project.
        arguments: strings and paths.
        patience: how many seconds it may take.

    Raises:
        Failed: it took longer, or ended with an error.
    """
    command = [sys.executable, "-I", script, *arguments]
    try:
        # Without our environment: it has passwords in it.
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env={}, timeout=patience)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"it took longer than {patience} s") from error
    if done.returncode:
        raise Failed(
            (done.stderr.decode(errors="replace").strip() or f"status {done.returncode}").splitlines()[-1][:200]
        )
    return json.loads(done.stdout)
