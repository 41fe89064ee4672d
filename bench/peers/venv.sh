#!/bin/sh
# A venv of its own for a Python peer: venv.sh NAME REQUIREMENTS. Made anew when the requirements change.
set -eu
work="$(cd "$(dirname "$0")" && pwd)/.work/$1"
cmp -s "$2" "$work/installed.txt" && exit
rm -rf "$work/venv" "$work/installed.txt"
mkdir -p "$work"
"${PEER_PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" --disable-pip-version-check --quiet install --no-deps -r "$2"
cp "$2" "$work/installed.txt"
