#!/usr/bin/env bash
# Installs the wheels of build.sh by themselves, and publishes, fetches and verifies by them.
#
# try.sh PYTHON: as build.sh. The wheel for aarch64 is not tried: there is no Python for it here.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/windows/wine.sh
PYTHON=$(realpath -s "$1")
WHEELS=$PWD/build/wheels
TRIAL=$(mktemp -d)
trap 'rm -rf "$TRIAL"' EXIT

mkdir -p "$TRIAL/source/folder" "$TRIAL/source/hollow"
head -c 5000000 /dev/urandom >"$TRIAL/source/folder/large.bin"
echo small >"$TRIAL/source/small.txt"
cd "$TRIAL"  # outside the sources, which Python would find first

# core NAME COMMAND...: the commands of a client, by the Python that COMMAND starts.
core() {
    local name=$1
    shift
    "$@" -c 'import dlcore_ext._blocks as core; print("compiled core:", *core.backends())'
    "$@" -m dlcore publish source --package-id ABC00001 --to "$name/site"
    "$@" -m dlcore fetch ABC00001 --from "$name/site" -o "$name/out"
    "$@" -m dlcore verify "$name/site"
    "$@" -m dlcore help exit-codes | grep -q 'Exit statuses'
    diff -r source "$name/out"
    echo "$name: every file compared with its source"
}

"$PYTHON" -m venv linux/python
linux/python/bin/pip install -q "$WHEELS"/*manylinux*x86_64.whl
core linux linux/python/bin/python

"$PYTHON" -m pip install -q --target windows/packages --platform win_amd64 --python-version 3.11 \
    --only-binary=:all: "$WHEELS"/*win_amd64.whl colorama
export PYTHONPATH=windows/packages
core windows windows "$HOME_OF_PYTHON/python.exe"
