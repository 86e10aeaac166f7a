#!/bin/sh
# Needs `countersign` in PATH, PostgreSQL, a C compiler, libcountersign-handler and
# libevent with their headers.
set -e
here=$(cd "$(dirname "$0")" && pwd)
make -s -C "$here"
exec "$here/../handler-credit/run.sh" "$here/credit"
