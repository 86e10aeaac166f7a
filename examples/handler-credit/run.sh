#!/usr/bin/env bash
# usage: run.sh [--command] PROGRAM...
#
# Plays the account credit with an application, from the proposal to the receipt,
# on a PostgreSQL of its own in a temporary folder. `countersign` must be in PATH.
# With --command the program is a command_handler: the file with the database's
# URL, and the kit's folder, are added to its words.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kit=${COUNTERSIGN_KIT:-$(cd "$here/../../kit" 2>/dev/null && pwd || echo /usr/share/countersign/kit)}
is_command=no
if [ "${1:-}" = --command ]; then
	is_command=yes
	shift
fi
[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 1; }

work=$(mktemp -d)
app=
as_owner=()
ended() {
	[ -z "$app" ] || kill "$app" 2>/dev/null || true
	"${as_owner[@]}" "$pg/pg_ctl" -D "$work/db/data" -m immediate stop >/dev/null 2>&1 || true
	rm -rf "$work"
}
pg=$(dirname "$(find /usr/lib/postgresql -name initdb | sort | tail -n 1)")
trap ended EXIT
mkdir "$work/db"
if [ "$(id -u)" -eq 0 ]; then
	chmod 755 "$work"
	chown postgres: "$work/db"
	as_owner=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
cd "$work/db"
"${as_owner[@]}" "$pg/initdb" -D "$work/db/data" -U owner --auth=trust -E UTF8 --locale=C --no-sync >/dev/null
# A free port: the server refuses one that is taken, and then the next is tried.
port=$((20000 + RANDOM % 10000))
last=$((port + 20))
until "${as_owner[@]}" "$pg/pg_ctl" -D "$work/db/data" -l "$work/db/log" -w start \
	-o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=" >/dev/null; do
	port=$((port + 1))
	[ "$port" -lt "$last" ] || { cat "$work/db/log" >&2; exit 1; }
done
run_sql() { psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U owner -d postgres "$@"; }
run_sql -f "$here/schema.sql" 2>/dev/null
PYTHONPATH=$kit/python /usr/bin/python3 -m countersign_handler --print-ddl postgres | run_sql
run_sql -c "GRANT SELECT, INSERT, UPDATE ON synapsor_handler_receipts TO credit_app"

# Both sides know the token and the secret; nobody else does, and only this once.
SYNAPSOR_APP_WRITEBACK_TOKEN=$(openssl rand -hex 32)
SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET=$(openssl rand -hex 32)
export SYNAPSOR_APP_WRITEBACK_TOKEN SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET
export SYNAPSOR_TENANT_ID=acme SYNAPSOR_PRINCIPAL=support_agent_17
export SHOP_READ_URL="postgres://credit_reader:reader_password@127.0.0.1:$port/postgres"
url="postgres://credit_app:app_password@127.0.0.1:$port/postgres"
cp "$here/countersign.json" "$work/countersign.json"
if [ $is_command = yes ]; then
	(umask 077 && printf '%s\n' "$url" >"$work/database-url")
	export CREDIT_COMMAND="$* $work/database-url $kit/python"
	/usr/bin/python3 - "$work/countersign.json" <<'PYTHON'
import json
import sys
contract = json.load(open(sys.argv[1]))
contract["executors"]["credit_app"] = {
    "type": "command_handler", "command_env": "CREDIT_COMMAND", "timeout_ms": 10000, "honours_dry_run": True}
json.dump(contract, open(sys.argv[1], "w"), indent=2)
PYTHON
else
	(cd "$here" && exec env PORT=0 DATABASE_URL="$url" COUNTERSIGN_KIT="$kit" "$@") >"$work/address" 2>"$work/errors" &
	app=$!
	until [ -s "$work/address" ]; do
		kill -0 "$app" 2>/dev/null || { cat "$work/errors" >&2; exit 1; }
		sleep 0.1
	done
	CREDIT_APP_URL=$(awk '{ print $NF; exit }' "$work/address")
	export CREDIT_APP_URL
fi

cd "$work"
call() { echo "\$ countersign $*"; countersign "$@"; }
balance() { run_sql -A -t -c "SELECT 'balance of CUS-1: ' || balance_cents || ' cents' FROM customers WHERE id = 'CUS-1'"; }
balance
call propose billing.propose_account_credit --json \
	'{"invoice_id":"INV-1","credit_cents":2500,"reason":"late delivery"}' >/dev/null
call proposals approve latest --yes
balance
call apply latest --dry-run
balance
call apply latest
balance
call apply latest
balance
