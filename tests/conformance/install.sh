#!/usr/bin/env bash
# Bring the pinned packages of package-lock.json to build/conformance, and the
# clients beside them, where their imports are resolved. Does nothing when they
# are there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${1:-$here/../../build/conformance}
mkdir -p "$to"
if ! cmp -s "$here/package-lock.json" "$to/installed.json"; then
	cp "$here/package.json" "$here/package-lock.json" "$to/"
	(cd "$to" && npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1) || {
		tail -20 "$to/npm.log"
		exit 1
	}
	cp "$here/package-lock.json" "$to/installed.json"
fi
rm -rf "$to/clients"
cp -r "$here/clients" "$to/clients"
