#!/usr/bin/env python3
"""Who may include what.

usage: includes.py SOURCE_ROOT

For each folder: the project headers and the third-party headers it may use.
The longest matching folder counts. Prints `ok` / `not ok`, status 1 on failure.
"""

import pathlib
import re
import sys

# Everybody; only the database folders and proc need more than this.
BASE = ["common/base/"]
PROC = ["common/proc/startup.h", "common/proc/sandbox.h",
        "common/proc/credentials.h", "common/proc/listenfds.h"]

# folder: (project headers by prefix, third-party headers by prefix)
RULES = {
    "common/base": (BASE, []),
    "common/crypto": (BASE + ["common/crypto/"], ["sodium.h"]),
    "common/proc": (BASE + ["common/proc/", "common/crypto/secret.h"],
                    ["sodium.h"]),
    "common/contract": (BASE + ["common/contract/", "common/crypto/digest.h"],
                        ["cjson/", "sodium.h"]),
    # Verifies tokens; makes none.
    "common/token": (BASE + ["common/token/", "common/contract/contract.h",
                             "common/crypto/digest.h"],
                     ["cjose/", "openssl/", "sodium.h"]),
    "common/db": (BASE + ["common/db/", "common/contract/",
                          "common/crypto/secret.h", "common/crypto/digest.h"],
                  ["libpq-fe.h", "mysql.h", "mariadb/", "sqlite3.h",
                   "sodium.h"]),
    # Pure functions: no descriptors, no processes, no databases.
    "proto": (BASE + ["proto/", "common/contract/", "common/crypto/digest.h",
                      "common/crypto/verify.h", "common/crypto/sshsig.h"], ["sodium.h"]),
    # Faces the model: no signing, nothing of the ledger or the writers.
    "mcpd": (BASE + PROC + ["mcpd/", "proto/messages.h", "proto/frame.h",
                            "proto/codec.h", "proto/authority.h",
                            "common/contract/", "common/crypto/digest.h",
                            "common/crypto/secret.h", "common/crypto/verify.h",
                            "common/token/verifier.h"],
             ["event2/", "sodium.h"]),
    "mcpd/read": (BASE + ["mcpd/", "common/contract/", "common/db/",
                          "common/crypto/secret.h", "common/crypto/digest.h"],
                  ["event2/", "libpq-fe.h", "mysql.h", "mariadb/",
                   "sqlite3.h"]),
    "mcpd/transport": (BASE + ["mcpd/", "common/crypto/secret.h",
                               "common/contract/contract.h",
                               "common/proc/listenfds.h"],
                       ["event2/", "openssl/", "sodium.h"]),
    # Holds the ledger and the signing key: no drivers, no HTTP.
    "ledgerd": (BASE + PROC + ["ledgerd/", "proto/", "common/contract/",
                               "common/crypto/", "common/token/"],
                ["event2/event.h", "event2/event_struct.h",
                 "event2/listener.h", "event2/util.h", "sqlite3.h",
                 "sodium.h"]),
    # Holds the write URL: no loop, no listeners, no signing of jobs.
    "writerd": (BASE + PROC + ["writerd/", "proto/", "common/contract/",
                               "common/db/", "common/crypto/digest.h",
                               "common/crypto/secret.h",
                               "common/crypto/signers.h",
                               "common/crypto/verify.h"],
                ["libpq-fe.h", "mysql.h", "mariadb/", "sqlite3.h",
                 "sodium.h"]),
    "writerd/handler": (BASE + PROC + ["writerd/handler/",
                                       "writerd/ledger_link.h", "writerd/stop.h",
                                       "writerd/job_check.h", "proto/",
                                       "http/exchange.h", "http/target.h",
                                       "common/contract/",
                                       "common/crypto/digest.h",
                                       "common/crypto/secret.h",
                                       "common/crypto/verify.h"],
                        ["curl/", "sodium.h"]),
    # The only folder that speaks HTTP outwards: nothing but one exchange.
    "http": (BASE + ["http/"], ["curl/"]),
    # Asks the issuer by way of it: no database, no ledger.
    "jwks": (BASE + PROC + ["jwks/", "http/exchange.h", "http/target.h",
                            "common/contract/contract.h",
                            "common/crypto/digest.h", "common/token/keys.h"],
             ["curl/"]),
    # Holds one URL for as long as it looks at a catalog: drivers, nothing else.
    "inspect": (BASE + ["inspect/", "common/db/", "common/crypto/secret.h",
                        "common/crypto/digest.h", "common/proc/envclean.h",
                        "common/proc/privdrop.h"],
                ["libpq-fe.h", "mysql.h", "mariadb/", "sqlite3.h"]),
    # Linked by applications: what the writer's database layer needs, no more.
    "kit/c": (BASE + ["kit/c/", "common/contract/rules.h", "common/db/my_url.h",
                      "common/db/pg_url.h", "common/crypto/digest.h",
                      "common/crypto/secret.h", "writerd/db.h"], ["sodium.h"]),
    # An application's own file: the public header and its server.
    "kit/templates": ([], ["event2/"]),
    "cli": (BASE + ["cli/", "proto/", "common/contract/", "common/crypto/",
                    "common/proc/"], ["sodium.h"]),
    # The only folder with a terminal library.
    "cli/screen": (BASE + ["cli/screen/", "cli/control_client.h", "cli/render.h",
                           "common/crypto/digest.h"], ["curses.h"]),
    "cli/run": (BASE + ["cli/run/", "common/proc/", "common/contract/contract.h",
                        "common/crypto/secret.h"], ["sodium.h"]),
}

# A few files stand outside their folder's rule, each with its reason.
EXCEPTIONS = {
    # Its macros must be read before the names in them are poisoned.
    "common/base/banned.h": ["mysql.h", "openssl/"],
    # Opens the sources before the sandbox: URLs, hosts and database files.
    "mcpd/sources.c": ["common/db/", "sqlite3.h"],
    "mcpd/sources.h": ["common/db/"],
}

PROJECT = re.compile(r'^(common|proto|mcpd|ledgerd|writerd|http|jwks|inspect|cli|tests|kit/c)/')
THIRD_PARTY = ("event2/", "sodium", "sqlite3", "libpq", "postgresql/", "mysql",
               "mariadb/", "curl/", "openssl/", "cjson/", "cJSON", "ev",
               "jansson", "json", "microhttpd", "seccomp.h", "systemd/")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def rule_for(path):
    best = max((f for f in RULES if path.startswith(f + "/")), key=len,
               default=None)
    return RULES.get(best)


def offences(root, path):
    project, third = rule_for(path)
    extra = EXCEPTIONS.get(path, [])
    text = (root / path).read_text()
    for name in INCLUDE.findall(text):
        if PROJECT.match(name):
            allowed = project + extra
        elif name.startswith(THIRD_PARTY):
            allowed = third + extra
        else:
            continue  # the C library and the kernel
        if not name.startswith(tuple(allowed)):
            yield name


def main():
    root = pathlib.Path(sys.argv[1])
    failed = False
    for folder in sorted({f.split("/")[0] for f in RULES}):
        count = 0
        files = sorted((root / folder).rglob("*.[ch]"))
        for file in files:
            path = file.relative_to(root).as_posix()
            if rule_for(path) is None:
                print(f"not ok - {path}: no rule covers this folder")
                failed = True
                continue
            for name in offences(root, path):
                print(f"not ok - {path} may not include {name}")
                count += 1
        failed = failed or count > 0
        if count == 0:
            print(f"ok - {folder}: {len(files)} files include what they may")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
