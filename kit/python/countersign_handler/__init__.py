"""Writeback handlers for Countersign: the application writes the business function,
the kit checks the request, keeps the receipt, and answers."""
from .handler import Answer, CommandHandler, Handler, Kit, Refuse
from .mysql import Mysql
from .postgres import Postgres
from .request import MAX_BODY, Job, Key, Refusal, Rules, Target, lower_headers, verify, verify_command
from .storage import Existing, OutcomeUnknown, Result, Session, Storage, Tx
from .values import row_hash, version_equal

__all__ = [
    "Answer", "CommandHandler", "Existing", "Handler", "Job", "Key", "Kit", "MAX_BODY", "Mysql", "OutcomeUnknown",
    "Postgres", "Refusal", "Refuse", "Result", "Rules", "Session", "Storage", "Target", "Tx", "lower_headers",
    "row_hash", "verify", "verify_command", "version_equal"]
