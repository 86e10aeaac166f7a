#!/bin/sh
# usage: demo/demo.sh [--yes] [--help]
#
# Installs what is missing (Debian; asks before it uses sudo), builds, and plays
# one proposal from the agent's request to the replay on a SQLite database in a
# temporary folder. In a terminal it goes step by step; piped, it does not wait.
# Exit status: 0 if every step was as promised, 1 if not, 2 for wrong usage.
#
#   --yes, or CI=true   install without asking, do not wait for Enter
#   CS_BIN=<folder>     play with these programs; install and build nothing
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
packages=$root/packaging/debian-packages.txt
yes=
log=

usage() {
	sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"
}

fail() {
	echo "demo: $*" >&2
	exit 1
}

while [ $# -gt 0 ]; do
	case $1 in
	--yes) yes=1 ;;
	--help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done
if [ "${CI:-}" = true ]; then
	yes=1
fi

# The packages of one section of the list.
section() {
	awk -v want="# $1" '
		/^# (build|test|lint)$/ { inside = ($0 == want); next }
		inside && !/^#/ && NF { print $1 }' "$packages"
}

missing_packages() {
	for package in $(section build); do
		state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) || state=
		case $state in
		*" installed") ;;
		*) printf '%s ' "$package" ;;
		esac
	done
}

ask() {
	[ -z "$yes" ] || return 0
	[ -t 0 ] || fail "run with --yes to install without asking"
	printf '%s [y/N] ' "$1"
	read -r answer || answer=
	case $answer in
	y | Y | yes) ;;
	*) fail "nothing was installed; install them yourself and start again" ;;
	esac
}

install_packages() {
	command -v dpkg-query >/dev/null 2>&1 || return 0 # not Debian: CMake will say
	missing=$(missing_packages)
	[ -n "$missing" ] || return 0
	echo "Missing packages: $missing"
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null 2>&1 ||
			fail "as root: apt-get install $missing"
		ask "Install them with sudo apt-get?"
		sudo=sudo
	fi
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086 # a list of words
	quietly $sudo apt-get update -q
	# shellcheck disable=SC2086
	quietly $sudo apt-get install -y -q --no-install-recommends $missing
}

# What the command says is shown only if it fails.
quietly() {
	if ! "$@" >"$log" 2>&1; then
		tail -n 60 "$log" >&2
		fail "failed: $*"
	fi
}

build() {
	if [ ! -x "$root/build/release/bin/countersign" ]; then
		echo "Building ..."
	fi
	cd "$root"
	quietly cmake --preset release
	quietly ninja -C build/release
}

if [ -z "${CS_BIN:-}" ]; then
	log=$(mktemp "${TMPDIR:-/tmp}/countersign-build-XXXXXX")
	trap 'rm -f "$log"' EXIT
	install_packages
	build
	CS_BIN=$root/build/release/bin
fi
export CS_BIN

# Root goes on as another user, who must get there.
if [ "$(id -u)" -eq 0 ]; then
	TMPDIR=/tmp
fi
workspace=$(mktemp -d "${TMPDIR:-/tmp}/countersign-demo-XXXXXX")
python=/usr/bin/python3
[ -x "$python" ] || python=python3
if [ -n "$yes" ]; then
	set -- --no-wait
fi
"$python" "$root/demo/play.py" "$@" "$workspace"
