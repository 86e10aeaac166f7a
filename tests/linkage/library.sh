#!/bin/sh
# usage: library.sh LIBDIR SOURCE
# What libcountersign-handler gives to an application: the functions of its
# header and nothing else, whether shared or static, and what it needs.
set -u
lib=${1:?usage: library.sh LIBDIR SOURCE}
header=${2:?usage: library.sh LIBDIR SOURCE}/countersign-handler.h
shared=$lib/libcountersign-handler.so
failed=0

say() { # NAME BAD
	if [ -z "$2" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1: $2"
		failed=1
	fi
}

# Declared in the header: every name before "(" of a CS_HANDLER_API function.
declared=$(tr '\n' ' ' <"$header" | grep -o 'CS_HANDLER_API [^;]*(' |
    grep -o 'cs_handler_[a-z_]*(' | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$shared" | awk '$2 != "A" {print $3}' |
    sed 's/@.*//' | grep -v '^__odr_asan' | sort -u)
archived=$(nm -g --defined-only "$lib/libcountersign-handler.a" 2>/dev/null |
    awk 'NF == 3 {print $3}' | grep -v '^__odr_asan' | sort -u)

[ -n "$declared" ] || declared=none
bad=$(printf '%s\n' "$declared" | tr '\n' ' ')
[ "$exported" = "$declared" ] && bad=
say 'the shared library exports what its header declares' "$bad"
bad=$(printf '%s\n' "$archived" | grep -vx 'cs_handler_[a-z_]*' | tr '\n' ' ')
[ -n "$archived" ] || bad='no symbols'
say 'the archive has no other global names' "$bad"
bad=$(nm -D --defined-only "$shared" |
    awk '$2 != "A" && $3 !~ /@@COUNTERSIGN_HANDLER_1$/ {print $3}' |
    grep -v '^__odr_asan' | tr '\n' ' ')
say 'every exported name has its version' "$bad"
bad=$(readelf -d "$shared" | grep SONAME)
case $bad in
*'[libcountersign-handler.so.1]'*) bad= ;;
esac
say 'its name is libcountersign-handler.so.1' "$bad"

bad=
for needed in $(readelf -d "$shared" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
	case $needed in
	libsodium.* | libpq.* | libmariadb.*) continue ;;
	libc.* | libm.* | ld-linux* | libasan.* | libubsan.* | libgcc_s.*) continue ;;
	esac
	bad="$bad $needed"
done
say 'it needs its drivers and libsodium' "$bad"
bad=$(nm -D "$shared" | awk '{print $NF}' | sed 's/@.*//' |
    grep -xE 'listen|accept4?|fork|vfork|exec.*|posix_spawn.*|system|popen|dlopen' |
    tr '\n' ' ')
say 'it does not listen and starts no program' "$bad"
headers=$(readelf -lW "$shared"; readelf -dW "$shared")
bad=
echo "$headers" | grep -q GNU_RELRO || bad="$bad no-relro"
echo "$headers" | grep -qE 'BIND_NOW|FLAGS.*NOW' || bad="$bad lazy-binding"
echo "$headers" | grep GNU_STACK | grep -q 'RW ' || bad="$bad executable-stack"
echo "$headers" | grep -qE 'RPATH|RUNPATH|TEXTREL' && bad="$bad path-or-textrel"
say 'it is hardened as our programs are' "$bad"
for compiler in cc c++; do
	if ! command -v $compiler >/dev/null; then
		echo "ok - its header stands alone ($compiler) # SKIP not installed"
		continue
	fi
	language=c
	[ $compiler = cc ] || language=c++
	bad=$(printf '#include "%s"\n' "$header" |
	    $compiler -x $language -fsyntax-only -Wall -Wextra -Wpedantic -Werror - 2>&1 | head -3)
	say "its header stands alone ($compiler)" "$bad"
done
exit $failed
