# For the scripts beside it: where things are, and how a program of Windows is called.
WINDOWS=$PWD/build/windows
HOME_OF_PYTHON=$WINDOWS/python
INCLUDE=$WINDOWS/include
# The dot keeps setuptools out, which looks for packages behind links: drive Z: is one to the root.
export WINEPREFIX=$WINDOWS/wine.prefix
export WINEDEBUG=-all
export WINEDLLOVERRIDES='mscoree,mshtml='  # else Wine asks for Mono and Gecko

# Compiled modules are kept, but not beside the sources: Python for Linux would take them for its own.
# Linux's authorities are not named: every process would read all of them, a byte at a time.
# Through a pipe: Wine 8 cannot write to a regular file that is its standard output.
windows() {
    env -u PYTHONDONTWRITEBYTECODE -u SSL_CERT_FILE -u SSL_CERT_DIR 'PYTHONPYCACHEPREFIX=C:\pycache' \
        wine "$@" </dev/null 2>&1 | cat
}
