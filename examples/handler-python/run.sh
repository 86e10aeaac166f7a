#!/bin/sh
# Needs `countersign` in PATH, PostgreSQL and python3-psycopg.
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/../handler-credit/run.sh" /usr/bin/python3 "$here/app.py"
