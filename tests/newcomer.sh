#!/bin/sh
# The newcomer's path, timed: from an empty folder and a database's URL in
# DATABASE_URL to the first successful call, in four commands, the last two
# taken from what the second and the third print.
#
#	tests/newcomer.sh TABLE ID
#
# `countersign` must be in PATH, SYNAPSOR_TENANT_ID and SYNAPSOR_PRINCIPAL set.
set -eu
table=$1
id=$2
started=$(date +%s%N)

# The first line of a text that begins with these words, behind its blanks.
printed() {
	line=$(printf '%s\n' "$1" | sed -n "s/^ *\\(countersign $2.*\\)/\\1/p" |
		head -n 1)
	[ -n "$line" ] || { echo "not printed: countersign $2" >&2; exit 1; }
	printf '%s\n' "$line"
}

[ -z "$(ls -A .)" ] || { echo "the folder is not empty" >&2; exit 1; }
countersign inspect --from-env DATABASE_URL >&2
second=$(countersign onboard db --from-env DATABASE_URL --table "$table" \
	--mode read_only --smoke-id "$id" --yes)
third=$(eval "$(printed "$second" 'smoke call')")
printf '%s\n' "$third" | grep -q '^Countersign smoke call: ok$'
called=$(date +%s%N)
eval "$(printed "$third" 'evidence show')" | grep -qF "$id"
echo "first call after $(((called - started) / 1000000)) ms, three commands"
echo "evidence seen after $((($(date +%s%N) - started) / 1000000)) ms, four"
