#!/usr/bin/env bash
# A CPython 3.11 for Windows under Wine, with what the tests need: set_up.sh PYTHON
#
# PYTHON is a CPython 3.11 of this machine, with headers. All goes to build/windows; a second call finds it there.
set -euo pipefail
cd "$(dirname "$0")/../.."
HERE=tests/windows
source "$HERE/wine.sh"
PYTHON=$1
READY=$WINDOWS/ready
CC=x86_64-w64-mingw32-gcc
# Its wheel is the one on the Python index that brings CPython's own DLLs for Windows along.
RUNTIME=panda3d==1.10.16

missing() {
    echo "make test-windows needs $1; on Debian: apt-get install --no-install-recommends \\" >&2
    echo "    wine wine64 gcc-mingw-w64-x86-64 mingw-w64-tools unzip" >&2
    exit 1
}
for program in wine wineserver "$CC" gendef x86_64-w64-mingw32-dlltool unzip; do
    command -v "$program" >/dev/null || missing "$program"
done
"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || missing "CPython 3.11"

[ "$READY" -nt "$HERE/set_up.sh" ] && [ "$READY" -nt pyproject.toml ] && exit 0
path() { "$PYTHON" -c "import sysconfig; print(sysconfig.get_path('$1'))"; }

echo "setting up $WINDOWS ..."
rm -rf "$WINDOWS"
mkdir -p "$HOME_OF_PYTHON/DLLs" "$INCLUDE" "$WINDOWS/wheels"

# The interpreter: DLLs of the wheel, library and headers of this machine's own CPython 3.11.
"$PYTHON" -m pip download -q --no-deps --only-binary=:all: --platform win_amd64 \
    --python-version 3.11 -d "$WINDOWS/wheels" "$RUNTIME"
unzip -qjo "$WINDOWS"/wheels/panda3d-*.whl 'deploy_libs/*' \
    -x '*api-ms-*' '*t86t.dll' '*_tkinter*' -d "$HOME_OF_PYTHON/DLLs"
mv "$HOME_OF_PYTHON"/DLLs/{python311,VCRUNTIME140}.dll "$HOME_OF_PYTHON"
cp -r "$(path stdlib)" "$HOME_OF_PYTHON/Lib"
rm -rf "$HOME_OF_PYTHON"/Lib/{site-packages,dist-packages,lib-dynload,test,config-*}
find "$HOME_OF_PYTHON/Lib" -name __pycache__ -prune -exec rm -rf {} +
# The DLL is of 3.11.9, and importlib is a part of it: that calls the class, as of 3.11.8.
sed -zi 's/\n\n    def invalidate_caches(cls)/\n\n    @classmethod\n    def invalidate_caches(cls)/' \
    "$HOME_OF_PYTHON/Lib/importlib/metadata/__init__.py"
cp -r "$(path include)"/. "$INCLUDE"
cp "$HERE/pyconfig.h" "$INCLUDE"

# python3.dll, the name of the stable ABI, forwards to python311.dll. Both have an import library.
(
    cd "$WINDOWS"
    gendef - python/python311.dll 2>/dev/null | tr -d '\r' >python311.def
    x86_64-w64-mingw32-dlltool -d python311.def -D python311.dll -l libpython311.dll.a
    {
        printf 'LIBRARY python3.dll\nEXPORTS\n'
        awk '/^EXPORTS/ {on = 1; next}
            on && $1 ~ /^_?Py/ {print $1 " = python311." $1 ($2 == "DATA" ? " DATA" : "")}' \
            python311.def
    } >python3.def
    x86_64-w64-mingw32-dlltool -d python3.def -D python3.dll -l libpython3.dll.a
    echo 'int unused;' >empty.c
    "$CC" -shared -nostdlib -Wl,--entry=0 -o python/python3.dll empty.c python3.def
)
"$CC" -O2 -municode -o "$HOME_OF_PYTHON/python.exe" "$HERE/python.c" "$WINDOWS/libpython311.dll.a"
"$CC" -O2 -shared -o "$HOME_OF_PYTHON/bcryptprimitives.dll" "$HERE/bcryptprimitives.c" -ladvapi32

# What dlcore and its tests depend on, as pyproject.toml has it, and what Windows adds to that.
"$PYTHON" "$HERE/requirements.py" >"$WINDOWS/requirements.txt"
"$PYTHON" -m pip install -q --target "$HOME_OF_PYTHON/Lib/site-packages" --platform win_amd64 \
    --python-version 3.11 --implementation cp --only-binary=:all: --no-compile \
    -r "$WINDOWS/requirements.txt" colorama comtypes pywin32 tzdata
cp "$HERE/sitecustomize.py" "$HOME_OF_PYTHON/Lib/site-packages"

wineboot -i >/dev/null 2>&1
windows reg add 'HKCU\Software\Wine' /v Version /d win10 /f >/dev/null
windows "$HOME_OF_PYTHON/python.exe" --version
touch "$READY"
