#!/bin/sh
# usage: hardening.sh BINDIR
# Did cmake/Hardening.cmake arrive in what was linked?
set -u
bindir=${1:?usage: hardening.sh BINDIR}
failed=0

report() { # RESULT NAME
	if [ "$1" -eq 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failed=1
	fi
}

check() {
	file=$1
	name=$(basename "$file")
	dynamic=$(readelf -dW "$file")
	headers=$(readelf -lW "$file")
	symbols=$(nm -D "$file" | sed 's/@.*//')
	readelf -hW "$file" | grep -q 'Type:.*DYN'
	report $? "$name is position-independent"
	echo "$headers" | grep -q GNU_RELRO
	report $? "$name has RELRO"
	echo "$dynamic" | grep -qE 'BIND_NOW|FLAGS.*NOW'
	report $? "$name binds at start"
	echo "$headers" | grep 'GNU_STACK' | grep -q 'RW '
	report $? "$name has no executable stack"
	! echo "$headers" | grep LOAD | grep -q 'RWE'
	report $? "$name has no segment that is writable and executable"
	! echo "$dynamic" | grep -qE 'RPATH|RUNPATH|TEXTREL'
	report $? "$name has no search path and no text relocations"
	echo "$symbols" | grep -q '__stack_chk_fail$'
	report $? "$name has stack protection"
	if echo "$symbols" | grep -qE '__asan_init|__ubsan_handle' ||
	    nm "$file" 2>/dev/null | grep -q __asan_init; then
		echo "ok - $name is fortified # SKIP sanitized"
	else
		echo "$symbols" | grep -q '_chk$'
		report $? "$name is fortified"
	fi
	check_cet "$file" "$name"
}

# The note is the intersection over all objects, and Debian's start files have
# none, so it is missing although our code is ready: look at the code then.
check_cet() {
	if [ "$(uname -m)" != x86_64 ]; then
		echo "ok - $2 has CET # SKIP not x86-64"
	elif readelf -nW "$1" | grep -q 'IBT, SHSTK'; then
		echo "ok - $2 has the CET note"
	else
		objdump -d --no-show-raw-insn "$1" | sed -n '/<main>:$/{n;p;}' |
		    grep -q endbr64
		report $? "$2 has CET landing pads"
	fi
}

for program in mcpd ledgerd writerd countersign countersign-http \
    countersign-inspect countersign-review countersign-run; do
	if [ -e "$bindir/$program" ]; then
		check "$bindir/$program"
	else
		echo "ok - $program # SKIP not built"
	fi
done
exit $failed
