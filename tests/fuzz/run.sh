#!/bin/sh
# Run every fuzz target for a bounded time over its seeds and what earlier runs
# found: run.sh SECONDS [BUILD FOLDER] [TARGET ...]. Fails on the first crash and
# keeps the input. Writes only below the build folder.
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
for target; do
	name=$(basename "$target")
	mkdir -p "$work/seeds/$name" "$work/corpus/$name" "$work/run/$name"
	cd "$work/run/$name"
	if "$build/fuzzers/$name" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix="$work/run/$name/" \
		"$work/corpus/$name" "$work/seeds/$name" \
		>"$work/run/$name.log" 2>&1; then
		echo "ok - $name $(grep -o 'number_of_executed_units.*' \
			"$work/run/$name.log" | tail -n 1)"
	else
		echo "not ok - $name: see $work/run/$name.log"
		tail -n 30 "$work/run/$name.log"
		exit 1
	fi
	rm -f "$work/run/$name"/ledger-*
done
