#!/usr/bin/env bash
# What the tests of Kerberos need of the Python index, in build/kerberos: set_up.sh PYTHON
#
# gssapi and krb5 come as sources only. They are compiled without optimisation, in a minute; with it,
# they take several. A second call finds them there.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=$1
FOLDER=build/kerberos

missing() {
    echo "the tests of Kerberos need $1; on Debian: apt-get install --no-install-recommends \\" >&2
    echo "    gcc krb5-admin-server krb5-kdc krb5-user libkrb5-dev python3-dev" >&2
    exit 1
}
for program in gcc krb5-config kinit; do
    command -v "$program" >/dev/null || missing "$program"
done
PATH=$PATH:/usr/sbin command -v krb5kdc >/dev/null || missing krb5kdc

[ "$FOLDER/ready" -nt "$0" ] && [ "$FOLDER/ready" -nt pyproject.toml ] && exit 0
echo "setting up $FOLDER ..."
rm -rf "$FOLDER" "$FOLDER.new"
# With the Cython and setuptools of the environment: pip would fetch and begin others for each.
CFLAGS="-O0 -g0" "$PYTHON" -m pip install -q --no-build-isolation --target "$FOLDER.new" \
    decorator gssapi krb5 k5test
mv "$FOLDER.new" "$FOLDER"
touch "$FOLDER/ready"
