#!/bin/sh
# The real programs the tests drive: install what is missing as root, else say it in one line each.
set -eu

missing=""
need() { # need PACKAGE WHAT COMMAND…: one of the commands, or files, must exist
    package=$1
    what=$2
    shift 2
    for candidate in "$@"; do
        if [ -e "$candidate" ] || command -v "$candidate" >/dev/null 2>&1; then return; fi
    done
    missing="$missing $package"
    [ "$(id -u)" = 0 ] || echo "missing: $what; as root run  apt-get install $package" >&2
}

need chromium "Chromium, for the browser tests" chromium
need firefox-esr "Firefox, for the browser tests" firefox-esr firefox
need postgresql "PostgreSQL, for the database tests" /usr/lib/postgresql/*/bin/initdb initdb
need openssl "openssl, for the certificates of tests over https" openssl
need nginx-light "nginx, for the snippets" nginx /usr/sbin/nginx
need apache2 "Apache, for the snippets" apache2 /usr/sbin/apache2
need caddy "Caddy, for the snippets" caddy
need nodejs "Node.js, for the snippets of Workers and Express" node
need npm "npm, for the evaluators that ours are compared with" npm
need strace "strace, for the order of system calls" strace
need gcc "a C compiler, for the clock that steps" cc
need libc6-dev "the headers of the C library, for the clock that steps" /usr/include/time.h

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then exit 3; fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "missing on this system without apt-get:$missing" >&2
    exit 3
fi
echo "installing$missing …"
apt-get update -qq
# shellcheck disable=SC2086  # a list of package names
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
# The tests start them as children on ports of their own; as services they would only take port 80.
for service in nginx apache2 caddy; do
    case " $missing " in
    *" $service "* | *" $service-light "*)
        if command -v systemctl >/dev/null 2>&1; then systemctl disable --now --quiet "$service" || true; fi
        ;;
    esac
done
