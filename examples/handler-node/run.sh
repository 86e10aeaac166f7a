#!/bin/sh
# Needs `countersign` in PATH, PostgreSQL, Node 18 and npm.
set -e
here=$(cd "$(dirname "$0")" && pwd)
[ -d "$here/node_modules/pg" ] || (cd "$here" && npm ci --no-audit --no-fund --ignore-scripts)
exec "$here/../handler-credit/run.sh" node "$here/app.mjs"
