/* The functions behind this folder's commands. */
#ifndef CS_CLI_LEDGER_COMMANDS_H
#define CS_CLI_LEDGER_COMMANDS_H

#include "cli/command.h"

int cmd_proposals_list(const struct args *a, struct err *e);
int cmd_proposals_show(const struct args *a, struct err *e);
int cmd_proposals_approve(const struct args *a, struct err *e);
int cmd_proposals_reject(const struct args *a, struct err *e);
int cmd_proposals_job(const struct args *a, struct err *e);
int cmd_proposals_export_decisions(const struct args *a, struct err *e);
int cmd_report(const struct args *a, struct err *e);
int cmd_report_verify(const struct args *a, struct err *e);
int cmd_erase(const struct args *a, struct err *e);
int cmd_freeze(const struct args *a, struct err *e);
int cmd_thaw(const struct args *a, struct err *e);
int cmd_freeze_list(const struct args *a, struct err *e);
int cmd_validate_job(const struct args *a, struct err *e);
int cmd_apply(const struct args *a, struct err *e);
int cmd_reconcile_list(const struct args *a, struct err *e);
int cmd_reconcile_inspect(const struct args *a, struct err *e);
int cmd_reconcile_resolve(const struct args *a, struct err *e);
int cmd_replay_list(const struct args *a, struct err *e);
int cmd_replay_show(const struct args *a, struct err *e);
int cmd_replay_export(const struct args *a, struct err *e);
int cmd_store_stats(const struct args *a, struct err *e);
int cmd_store_vacuum(const struct args *a, struct err *e);
int cmd_store_prune(const struct args *a, struct err *e);
int cmd_store_reset(const struct args *a, struct err *e);
int cmd_store_backup(const struct args *a, struct err *e);
int cmd_review(const struct args *a, struct err *e);
int cmd_activity_search(const struct args *a, struct err *e);
int cmd_evidence_export(const struct args *a, struct err *e);
int cmd_audit_show(const struct args *a, struct err *e);
int cmd_audit_export(const struct args *a, struct err *e);
int cmd_evidence_list(const struct args *a, struct err *e);
int cmd_evidence_show(const struct args *a, struct err *e);
int cmd_audit_list(const struct args *a, struct err *e);
int cmd_receipts_list(const struct args *a, struct err *e);
int cmd_receipts_show(const struct args *a, struct err *e);
int cmd_events_tail(const struct args *a, struct err *e);
int cmd_events_webhook(const struct args *a, struct err *e);
int cmd_ledger_verify(const struct args *a, struct err *e);
int cmd_ledger_status(const struct args *a, struct err *e);
int cmd_metrics(const struct args *a, struct err *e);

#endif
