/* Example lines for the help: one row a command, or a group. */
#include <string.h>

#include "cli/command.h"

static const struct {
	const char *command; /* "group", or "group verb" */
	const char *lines;
} examples[] = {
    {"inspect",
	"  countersign inspect --from-env DATABASE_URL\n"
	"  countersign inspect --from-env DATABASE_URL --tables invoices "
	"--json\n"},
    {"init", "  countersign init\n"
	     "  countersign init --from-env DATABASE_URL --table invoices "
	     "--mode read_only\n"
	     "  countersign init --answers answers.json\n"},
    {"onboard db",
	"  countersign onboard db --from-env DATABASE_URL\n"
	"  countersign onboard db --from-env DATABASE_URL --table invoices "
	"--mode read_only --smoke-id INV-3001 --yes\n"},
    {"start", "  countersign start --from-env DATABASE_URL\n"},
    {"recipes show", "  countersign recipes show billing.late_fee_waiver\n"},
    {"recipes init", "  countersign recipes init billing.late_fee_waiver "
		     "--schema shop --table bills\n"},
    {"handler template",
	"  countersign handler template --list\n"
	"  countersign handler template node-fastify --action "
	"billing.propose_credit\n"
	"    (requests are the synapsor.handler-writeback.v1 of 0.1.1)\n"
	"  countersign handler template python-http --output handler.py\n"},
    {"mcp serve",
	"  countersign mcp serve --config countersign.json\n"
	"  countersign mcp serve --alias-mode openai\n"
	"  countersign mcp serve --transport unix --socket ./mcp.sock\n"},
    {"mcp serve-streamable-http",
	"  export SYNAPSOR_RUNNER_HTTP_TOKEN=$(openssl rand -hex 32)\n"
	"  countersign mcp serve-streamable-http --port 8766\n"
	"  countersign mcp serve-streamable-http --alias-mode openai\n"
	"    (tools are then named like billing__inspect_invoice)\n"},
    {"mcp serve-http", "  countersign mcp serve-http --port 8765\n"},
    {"mcp connect", "  countersign mcp connect --socket ./mcp.sock\n"},
    {"stdio", "  countersign stdio\n"},
    {"mcp smoke", "  countersign mcp smoke --config countersign.json\n"},
    {"up", "  countersign up\n  countersign up --serve --dry-run\n"
	   "  countersign up --serve --port 8766\n"},
    {"config validate",
	"  countersign config validate --config countersign.json --json\n"},
    {"config explain", "  countersign config explain | less\n"},
    {"config show", "  countersign config show --redacted\n"},
    {"config migrate", "  countersign config migrate --write\n"},
    {"doctor", "  countersign doctor --check-writeback\n"
	       "  countersign doctor --first-run\n"
	       "  countersign doctor --report --redact --output doctor.md\n"},
    {"tools preview", "  countersign tools preview\n"
		      "  countersign tools preview --aliases --json\n"},
    {"smoke call", "  countersign smoke call billing.inspect_invoice --sample\n"
		   "  countersign smoke call billing.inspect_invoice --json "
		   "'{\"invoice_id\":\"INV-3001\"}'\n"},
    {"propose",
	"  countersign propose billing.propose_late_fee_waiver --sample\n"},
    {"writeback migration",
	"  countersign writeback migration --engine postgres --schema synapsor "
	"| psql\n"},
    {"writeback grants",
	"  countersign writeback grants --engine postgres --schema synapsor "
	"--writer-role app_writer\n"},
    {"writeback doctor", "  countersign writeback doctor --check-db\n"},
    {"proposals list",
	"  countersign proposals list --status pending_review --tenant acme\n"
	"  countersign proposals list --object invoice:INV-3001 --json\n"},
    {"proposals show", "  countersign proposals show latest --details\n"},
    {"proposals approve", "  countersign proposals approve latest\n"},
    {"proposals reject",
	"  countersign proposals reject latest --reason \"not agreed\"\n"},
    {"review", "  countersign review\n"},
    {"apply", "  countersign apply latest --dry-run\n"
	      "  countersign apply latest\n"
	      "  countersign apply --all-approved --max 10\n"},
    {"replay show", "  countersign replay show latest --details\n"},
    {"replay export", "  countersign replay export latest --format markdown "
		      "--output replay.md\n"},
    {"evidence list",
	"  countersign evidence list --table public.invoices --limit 5\n"},
    {"query-audit list", "  countersign query-audit list --source shop\n"},
    {"receipts list", "  countersign receipts list --status conflict\n"},
    {"activity search",
	"  countersign activity search --object invoice:INV-3001\n"
	"  countersign activity search --tenant acme --from "
	"2026-07-01T00:00:00Z\n"},
    {"events tail", "  countersign events tail --limit 50 --details\n"
		    "  countersign events tail --follow\n"},
    {"events webhook",
	"  countersign events webhook --url https://ops.example.com/hook "
	"--dry-run\n"
	"  countersign events webhook --url-env HOOK_URL --signing-secret-env "
	"HOOK_SECRET --follow\n"},
    {"audit",
	"  countersign audit manifest.json --format sarif --fail-on high\n"
	"  countersign audit --stdio \"npx -y some-server\"\n"
	"  countersign audit --url https://tools.example.com/mcp --bearer-env "
	"TOOLS_TOKEN\n"},
    {"mcp audit", "  countersign mcp audit --example dangerous-db-mcp\n"},
    {"mcp config", "  countersign mcp config cursor --absolute-paths\n"},
    {"mcp client-config",
	"  countersign mcp client-config --client openai-agents\n"},
    {"mcp configure", "  countersign mcp configure claude-desktop --socket "
		      "/run/shop/mcp.sock\n"
		      "  countersign mcp configure claude-desktop --undo\n"},
    {"demo", "  countersign demo\n  countersign demo --quick\n"
	     "  countersign demo --play\n"},
    {"shadow record-human-action",
	"  countersign shadow record-human-action wrp_1 --patch done.json\n"},
    {"store stats", "  countersign store stats --json\n"},
    {"store prune", "  countersign store prune --older-than 90d\n"
		    "  countersign store prune --older-than 90d --yes\n"},
    {"store backup", "  countersign store backup --output /backup/ledger.db\n"},
    {"ledger verify", "  countersign ledger verify --json\n"},
    {"recipes list", "  countersign recipes list --json\n"},
    {"tools list", "  countersign tools list --json\n"},
    {"smoke boundary", "  countersign smoke boundary --json\n"},
    {"source doctor", "  countersign source doctor\n"},
    {"proposals writeback-job",
	"  countersign proposals writeback-job wrp_1 --output job.json\n"},
    {"validate", "  countersign validate --job job.json\n"},
    {"reconcile list", "  countersign reconcile list --json\n"},
    {"reconcile inspect", "  countersign reconcile inspect latest\n"},
    {"reconcile resolve", "  countersign reconcile resolve latest --outcome "
			  "applied --reason \"seen in the bank's log\"\n"},
    {"replay list", "  countersign replay list --tenant acme\n"},
    {"replay", "  countersign replay latest\n"},
    {"evidence show", "  countersign evidence show ev_1 --details\n"},
    {"evidence export", "  countersign evidence export ev_1 --format markdown "
			"--output evidence.md\n"},
    {"query-audit show", "  countersign query-audit show 2 --details\n"},
    {"query-audit export",
	"  countersign query-audit export 2 --output query.json\n"},
    {"receipts show", "  countersign receipts show 1\n"},
    {"events push",
	"  countersign events push --url https://example.org/hook --dry-run\n"},
    {"ledger status", "  countersign ledger status\n"},
    {"store vacuum", "  countersign store vacuum\n"},
    {"store reset", "  countersign store reset --yes\n"},
    {"metrics", "  countersign metrics --textfile "
		"/var/lib/node_exporter/countersign.prom\n"},
    {"demo inspect", "  countersign demo inspect --json\n"},
    {"shadow list", "  countersign shadow list --json\n"},
    {"shadow compare", "  countersign shadow compare wrp_1\n"},
    {"shadow report", "  countersign shadow report --json\n"},
    {"benchmark mcp-efficiency",
	"  countersign benchmark mcp-efficiency --json\n"},
    {"help", "  countersign help proposals approve\n"},
    {"completion",
	"  countersign completion bash >/etc/bash_completion.d/countersign\n"
	"  countersign completion zsh >\"${fpath[1]}/_countersign\"\n"
	"  countersign completion fish "
	">~/.config/fish/completions/countersign.fish\n"},
};

const char *
command_examples(const struct command *c)
{
	size_t group = strlen(c->group);

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const char *name = examples[i].command;
		if (strncmp(name, c->group, group) == 0 &&
		    (c->verb == NULL
			    ? name[group] == '\0'
			    : name[group] == ' ' &&
				  strcmp(name + group + 1, c->verb) == 0)) {
			return examples[i].lines;
		}
	}
	return NULL;
}
