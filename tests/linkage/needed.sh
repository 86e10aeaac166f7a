#!/bin/sh
# usage: needed.sh BINDIR
# The libraries each program may be linked to (design.md section 1). One that
# is not in the list fails: a program that has no HTTP library cannot speak HTTP.
set -u
bindir=${1:?usage: needed.sh BINDIR}
failed=0

# program: allowed library name stems; libc, libm and the loader always are.
allowed() {
	case $1 in
	mcpd) echo 'sodium pq mariadb sqlite3 event_core event_extra
	    event_openssl ssl crypto cjose jansson' ;;
	ledgerd) echo 'sodium sqlite3 event_core cjose jansson crypto' ;;
	writerd-handler) echo 'sodium curl' ;;
	writerd) echo 'sodium pq mariadb sqlite3 ssl crypto' ;;
	countersign-inspect) echo 'sodium pq mariadb sqlite3' ;;
	countersign-jwks) echo 'sodium curl cjose jansson crypto' ;;
	countersign-http) echo 'curl' ;;
	countersign) echo 'sodium' ;;
	countersign-review) echo 'sodium ncursesw tinfo' ;;
	countersign-run) echo 'sodium' ;;
	esac
}

for program in mcpd ledgerd writerd writerd-handler countersign countersign-jwks \
    countersign-http countersign-inspect countersign-review countersign-run; do
	file=$bindir/$program
	if [ ! -e "$file" ]; then
		echo "ok - $program # SKIP not built"
		continue
	fi
	list=" $(allowed $program | tr '\n\t' '  ') "
	bad=
	for lib in $(readelf -d "$file" |
	    sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		stem=$(echo "$lib" | sed -E 's/^lib//; s/(-[0-9.]+)?\.so.*//')
		case $stem in
		c | m | asan | ubsan | gcc_s | ld-linux* | resolv) continue ;;
		esac
		case $list in
		*" $stem "*) ;;
		*) bad="$bad $lib" ;;
		esac
	done
	if [ -z "$bad" ]; then
		echo "ok - $program needs only its libraries"
	else
		echo "not ok - $program is linked to$bad"
		failed=1
	fi
done
exit $failed
