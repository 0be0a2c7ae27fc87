# For the scripts beside it: where things are, and how a program of Windows is called.
WINDOWS=$PWD/build/windows
HOME_OF_PYTHON=$WINDOWS/python
INCLUDE=$WINDOWS/include
# The dot keeps setuptools out, which looks for packages behind links: drive Z: is one to the root.
export WINEPREFIX=$WINDOWS/wine.prefix
export WINEDEBUG=-all
export WINEDLLOVERRIDES='mscoree,mshtml='  # else Wine asks for Mono and Gecko
# Not beside the sources: Python for Linux would take them for its own, with paths of Windows in them.
export PYTHONPYCACHEPREFIX='C:\pycache'

# Compiled modules are kept, and Linux's authorities are not read byte by byte by every process.
unset PYTHONDONTWRITEBYTECODE SSL_CERT_FILE SSL_CERT_DIR

# Through a pipe: Wine 8 cannot write to a regular file that is its standard output.
windows() {
    wine "$@" </dev/null 2>&1 | cat
}
