#!/usr/bin/env bash
# Builds what is released, into build/wheels: a source distribution, and a wheel for each platform.
#
# build.sh PYTHON: PYTHON is a CPython 3.11 of this machine, with headers and pip. Each platform has
# a compiler of its own; all else is setup.py's. make test-windows has set up what Windows needs.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=$1
WHEELS=$PWD/build/wheels
TOOLS=$PWD/build/wheel-tools
WINDOWS=$PWD/build/windows
source tests/windows/mingw.sh
GLIBC=2.17  # what CPython 3.11 itself asks for: PEP 599

[ -x "$TOOLS/bin/python" ] || "$PYTHON" -m venv "$TOOLS"
"$TOOLS/bin/pip" install -q abi3audit auditwheel build twine ziglang
rm -rf "$WHEELS"

"$TOOLS/bin/python" -m build -q --sdist -o "$WHEELS"
SOURCES=$(mktemp -d)
trap 'rm -rf "$SOURCES"' EXIT
tar -xzf "$WHEELS"/*.tar.gz -C "$SOURCES" --strip-components=1

# wheel PLATFORM SUFFIX COMPILER: of the source distribution, as a user's pip would build it.
wheel() {
    (
        cd "$SOURCES"
        rm -rf build
        CC=$3 LDFLAGS=-s SETUPTOOLS_EXT_SUFFIX=$2 DLCORE_REQUIRE_EXTENSION=1 \
            "$TOOLS/bin/python" -m build -q --wheel -o "$WHEELS" \
            "-C--build-option=--plat-name=$1"
    )
}
for machine in x86_64 aarch64; do
    wheel "manylinux_${GLIBC/./_}_$machine" .abi3.so \
        "$TOOLS/bin/python -m ziglang cc -target $machine-linux-gnu.$GLIBC"
done
# The stack protector is a library there.
cat >"$SOURCES/windows.cfg" <<EOF
[build_ext]
library_dirs = $WINDOWS
libraries = python3 ucrt
EOF
DIST_EXTRA_CONFIG=$SOURCES/windows.cfg CFLAGS=-fno-stack-protector \
    wheel win_amd64 .pyd "${MINGW[*]} -I$WINDOWS/include"
unzip -qjo "$WHEELS"/*win_amd64.whl '*.pyd' -d "$SOURCES"
needs_no_alignment "$SOURCES/_blocks.pyd"

for wheel in "$WHEELS"/*.whl; do
    "$TOOLS/bin/abi3audit" --strict "$wheel"  # nothing but the stable ABI of Python 3.11
done
"$TOOLS/bin/twine" check --strict "$WHEELS"/*
ls -l "$WHEELS"
