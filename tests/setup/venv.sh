#!/bin/sh
# Create the virtual environment: venv.sh PYTHON DIRECTORY
# Debian ships Python without the part of venv that puts pip inside, so a bare machine needs one package more.
set -eu
python=$1
directory=$2

if ! command -v "$python" >/dev/null 2>&1; then
    echo "no $python on this machine: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)" >&2
    exit 3
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$python" --version) is too old: Python 3.11 or newer is needed; name one with make PYTHON=python3.12 …" >&2
    exit 3
fi
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing python$version-venv …"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv" >/dev/null
    else
        echo "Python lacks its venv module: run  apt-get install python$version-venv  as root, then repeat" >&2
        exit 3
    fi
fi
echo "creating $directory with $("$python" --version) …"
"$python" -m venv "$directory"
