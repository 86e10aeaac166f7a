#!/bin/sh
# usage: symbols.sh BINDIR
# Functions that a program must neither contain nor import. The build is static
# for our own libraries, so code that is in a program shows in its symbols
# (unstripped) and what it takes from outside in its undefined ones.
set -u
bindir=${1:?usage: symbols.sh BINDIR}
failed=0

# ban PROGRAM WHY REGEX: whole names of functions, not of data.
ban() {
	file=$bindir/$1
	if [ ! -e "$file" ]; then
		echo "ok - $1: $2 # SKIP not built"
		return
	fi
	hits=$( (nm "$file" 2>/dev/null; nm -D "$file") |
	    awk '$(NF - 1) ~ /^[TtUWwi]$/ {print $NF}' | sed 's/@.*//' | grep -xE "$3" | sort -u |
	    tr '\n' ' ')
	if [ -z "$hits" ]; then
		echo "ok - $1: $2"
	else
		echo "not ok - $1: $2: $hits"
		failed=1
	fi
}

exec_calls='exec(v|ve|vp|vpe|l|le|lp|veat)|fexecve|posix_spawnp?|fork|vfork'
shell_calls='system|popen|wordexp'
sign_calls='sign_.*|crypto_sign(_detached|_init|_final_create)?'
sign_calls="$sign_calls|crypto_sign_(ed25519_)?(detached|seed_keypair|keypair)"
driver_calls='PQ[a-z].*|mysql_.*'
http_calls='evhttp_.*|curl_.*|http_.*'

for program in mcpd ledgerd writerd; do
	ban $program 'starts no program' "$exec_calls|$shell_calls"
	ban $program 'loads no code by itself' 'dlopen|dlmopen'
done
ban mcpd 'does not sign' "$sign_calls"
ban mcpd 'has no ledger store' 'store_.*|ledger_store_.*|release_.*|decide_.*'
ban mcpd 'does not apply' 'apply_.*|job_check.*|stmt_plan_.*'
ban ledgerd 'has no database driver' "$driver_calls"
ban ledgerd 'has no HTTP' "$http_calls"
ban ledgerd 'resolves no names' 'getaddrinfo|gethostby.*|res_.*'
ban writerd 'has no listener' 'listen|accept4?|bind'
ban writerd 'has no event loop' 'event_base_.*|bufferevent_.*|evconnlistener_.*'
ban writerd 'has no HTTP' "$http_calls"
ban writerd 'mints no jobs' "sign_dsse|mint_.*|release_.*|decide_.*"
ban writerd-handler 'has no database driver' "$driver_calls|sqlite3_.*"
ban writerd-handler 'has no listener' 'listen|accept4?|bind'
ban writerd-handler 'starts no shell' "$shell_calls"
ban writerd-handler 'mints no jobs' "sign_dsse|mint_.*|release_.*|decide_.*"
ban writerd-handler 'writes no SQL' 'stmt_plan_.*|apply_job|db_run'
ban countersign-inspect 'starts no program' "$exec_calls|$shell_calls"
ban countersign-inspect 'does not sign' "$sign_calls"
ban countersign-inspect 'has no listener' 'listen|accept4?|bind'
ban countersign 'does not apply' 'apply_.*|stmt_plan_.*'
ban countersign 'has no database driver' "$driver_calls|sqlite3_.*"
ban countersign-http 'has no database driver' "$driver_calls|sqlite3_.*"
ban countersign-http 'accepts no connection' 'listen|accept4?'
ban countersign-http 'starts no program' "$shell_calls|fork|vfork|exec.*|posix_spawn.*"
ban countersign-http 'does not sign' "$sign_calls"
ban countersign 'has no HTTP' 'curl_.*|evhttp_.*'
ban countersign-run 'has no database driver' "$driver_calls|sqlite3_.*"
ban countersign-run 'accepts no connection' 'accept4?'
ban countersign-run 'starts no shell' "$shell_calls"
ban countersign-run 'does not sign' "$sign_calls"
exit $failed
