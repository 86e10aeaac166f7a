#!/bin/sh
# Run every fuzz target for a bounded time over its seeds and what earlier runs
# found: run.sh SECONDS [BUILD FOLDER] [TARGET ...]. As many at once as there are
# processors. Fails if one crashed and keeps the input. Writes only below the
# build folder.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
seconds=${1:?usage: run.sh SECONDS [BUILD] [TARGET ...]}
build=${2:-$here/../../build/fuzz}
build=$(cd "$build" && pwd)
shift
[ $# -eq 0 ] || shift
work=$build/fuzz-work
mkdir -p "$work"
/usr/bin/python3 -B "$here/seeds.py" "$work/seeds"
if [ $# -eq 0 ]; then
	set -- "$build"/fuzzers/fuzz_*
fi

# $0 seconds, $1 build, $2 work, $3 target: one target, one line.
# shellcheck disable=SC2016 # the inner shell expands it
one='
name=$(basename "$3")
mkdir -p "$2/seeds/$name" "$2/corpus/$name" "$2/run/$name"
cd "$2/run/$name"
if "$1/fuzzers/$name" -max_total_time="$0" -timeout=10 -rss_limit_mb=2048 \
	-print_final_stats=1 -verbosity=0 -artifact_prefix="$2/run/$name/" \
	"$2/corpus/$name" "$2/seeds/$name" >"$2/run/$name.log" 2>&1; then
	echo "ok - $name $(grep -o "number_of_executed_units.*" \
		"$2/run/$name.log" | tail -n 1)"
	rm -f "$2/run/$name"/ledger-*
else
	echo "not ok - $name: see $2/run/$name.log"
	tail -n 30 "$2/run/$name.log"
	exit 1
fi'
printf '%s\n' "$@" |
	xargs -P "$(nproc)" -n 1 sh -c "$one" "$seconds" "$build" "$work"
