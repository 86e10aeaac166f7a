#!/usr/bin/env python3
"""The account credit as a command: one request on standard input, its receipt on
standard output. A command has no environment, so its database is in a file that only
the handler's user reads."""
import os
import sys

import psycopg

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, sys.argv[2] if len(sys.argv) > 2 else "/usr/share/countersign/kit/python")
sys.path.insert(0, os.path.join(HERE, "../handler-python"))
from app import account_credit  # noqa: E402
from countersign_handler import CommandHandler, Postgres  # noqa: E402


def connect():
    with open(sys.argv[1], encoding="utf-8") as file:
        return psycopg.connect(file.read().strip(), connect_timeout=5)


if __name__ == "__main__":
    sys.exit(CommandHandler({"billing.propose_account_credit": account_credit}, Postgres(connect)).main())
