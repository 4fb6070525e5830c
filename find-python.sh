#!/bin/sh
# Print the path of a Python that can make our .venv: 3.12 or later, 3.13 (see .python-version) if there is a choice.
# pyenv and uv keep more of them than PATH shows.
fits='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))'
for python in \
    python3.13 python3 python python3.14 python3.12 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3 \
    "$(uv python find --no-project '>=3.12' 2>/dev/null)"
do
    if path=$(command -v "$python") && "$path" -c "$fits" 2>/dev/null; then
        echo "$path"
        exit
    fi
done
echo "This needs Python 3.12 or later with its venv module: install one (Debian: apt-get install python3-venv)." >&2
exit 1
