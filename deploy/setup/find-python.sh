#!/bin/sh
# Prints a Python that Sekisho can be set up with (3.11 or newer, with venv), or says on standard error what is missing.
# PYTHON=/path/to/python names one. The user's own `python3` comes first: the newest one may be too new for some package.
set -u

fits='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
tells='import sys; print("%d.%d.%d" % sys.version_info[:3])'

if [ -n "${PYTHON:-}" ]; then
    candidates=$PYTHON
else
    candidates='python3 python3.13 python3.12 python3.11 python3.14 python'
fi

seen=''
for candidate in $candidates; do
    if "$candidate" -c "$fits" >/dev/null 2>&1; then
        command -v "$candidate"
        exit 0
    fi
    version=$("$candidate" -c "$tells" 2>/dev/null) && seen="$seen $candidate=$version"
done

{
    echo "Sekisho needs Python 3.11 or newer with its venv module. Found:${seen:- none}."
    echo "Install one (on Debian or Ubuntu: python3 and python3-venv), or name one: make PYTHON=/path/to/python3.11 …"
} >&2
exit 1
