#!/usr/bin/env bash
# Compiles dlcore_ext for the Python of set_up.sh, with mingw-w64: build_extension.sh PYTHON
#
# PYTHON has Cython. What has not changed since is not compiled again.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/windows/wine.sh
PYTHON=$1
BUILD=$WINDOWS/extension
EXTENSION=dlcore_ext/_blocks.pyd
source tests/windows/mingw.sh

if [ -e "$EXTENSION" ] && [ -z "$(find dlcore_ext tests/windows "$WINDOWS/ready" -newer "$EXTENSION" \
    \( -name '*.pyx' -o -name '*.pxd' -o -name '*.[ch]' -o -name '*.sh' -o -name ready \))" ]; then
    exit 0
fi
echo "compiling $EXTENSION ..."
mkdir -p "$BUILD"
rm -f dlcore_ext/_blocks.*.pyd  # of one version of Python, which would be found first
# The same directives and macros as in setup.py.
"$PYTHON" -m cython -3 -X auto_pickle=False,binding=True,boundscheck=False,wraparound=False \
    dlcore_ext/_blocks.pyx -o "$BUILD/_blocks.c"
"${MINGW[@]}" -O3 -Wall -Wextra -Wno-unused-parameter -DPy_LIMITED_API=0x030B0000 -shared -s \
    -I"$INCLUDE" -Idlcore_ext/csrc -o "$EXTENSION" \
    "$BUILD/_blocks.c" dlcore_ext/csrc/*.c "$WINDOWS/libpython3.dll.a" -lucrt
needs_no_alignment "$EXTENSION" || { rm "$EXTENSION"; exit 1; }
