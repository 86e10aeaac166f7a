"""What is the C handler kit's own: whole numbers as keys, commands, an adapter around the
ready one, functions that do what they must not. What all languages share is in test_kit.py."""
import concurrent.futures
import contextlib
import datetime
import hashlib
import hmac
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import PASSWORD, Postgres, free_port  # noqa: E402
from workspace import BIN, ROOT  # noqa: E402

PROGRAM = os.path.join(os.path.dirname(BIN), "tests", "handler_c")
WITH_FAULTS = os.path.join(os.path.dirname(BIN), "tests", "kit_app_c")
TOKEN, SECRET = "t0ken-of-the-handler", "s1gning-secret-of-the-handler"
VERSION = "2026-06-20T14:31:08.000123Z"
SCHEMA = """
CREATE TABLE customers (id varchar(64) PRIMARY KEY, tenant_id varchar(64) NOT NULL, balance_cents integer NOT NULL);
CREATE TABLE invoices (id {key} PRIMARY KEY, tenant_id varchar(64) NOT NULL, customer_id varchar(64) NOT NULL,
    status varchar(16) NOT NULL, price numeric(12,2), credited_cents integer NOT NULL DEFAULT 0,
    credit_reason varchar(200), updated_at {moment});
CREATE TABLE account_credits (idempotency_key varchar(255) PRIMARY KEY, tenant_id varchar(64) NOT NULL,
    invoice_id varchar(64) NOT NULL, customer_id varchar(64) NOT NULL, amount_cents integer NOT NULL,
    reason varchar(200) NOT NULL, proposed_by varchar(64));
INSERT INTO customers VALUES ('c1', 'acme', 1000), ('c2', 'other', 1000);
INSERT INTO invoices VALUES (1, 'acme', 'c1', 'open', 250.00, 0, NULL, '{version}'),
    (9, 'other', 'c2', 'open', 9.00, 0, NULL, '{version}')
"""


def request(number=1, hash_of="1", cents=2500, version=VERSION, key=None, before=None):
    key_of = {"column": "id", "value": number}
    column = {"column": "updated_at", "value": version} if before is None else {"column": "__row_hash",
                                                                              "value": version}
    guards = {"tenant": {"column": "tenant_id", "value": "acme"}, "allowed_columns": ["credited_cents", "credit_reason"],
              "expected_version": column}
    patch = {"credited_cents": cents, "credit_reason": "late delivery"}
    target = {"schema": "SCHEMA", "table": "invoices", "primary_key": key_of}
    action = "billing.propose_account_credit"
    return {"protocol_version": "1.0", "schema_version": "synapsor.handler-writeback.v1", "proposal_id": "wrp_1",
            "proposal_hash": "sha256:" + hash_of * 64, "action": action, "idempotency_key": key or "wrp_1:%s" % number,
            "target": target, "tenant_guard": guards["tenant"], "allowed_columns": guards["allowed_columns"],
            "before": before, "patch": patch, "guards": guards, "dry_run": False,
            "change_set": {"action": action, "scope": {"tenant_id": "acme", "object_id": str(number)},
                           "principal": {"id": "agent_7"}, "target": target, "patch": patch, "guards": guards}}


class App:
    """The program with its faults; `port` once it listens."""

    def __init__(self, url, fault="", **env):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [WITH_FAULTS if fault else PROGRAM], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True,
            env={"DATABASE_URL": url, "PORT": "0", "FAULT": fault, "SYNAPSOR_APP_WRITEBACK_TOKEN": TOKEN,
                 "SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET": SECRET, "PATH": "/usr/bin:/bin", **env})
        self.line = self.process.stdout.readline().strip()
        self.port = int(self.line.split(":")[2].split("/")[0]) if self.line else None

    def errors(self):
        self.log.seek(0)
        return self.log.read()

    def send(self, value, method="POST", issued_at=None, body=None, **headers):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = body or json.dumps({**value, "issued_at": issued_at or now})
        sent = {"Authorization": "Bearer " + TOKEN, "X-Synapsor-Issued-At": json.loads(body).get("issued_at"),
                "X-Synapsor-Signature": "sha256=" + hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest(),
                **headers}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as c:
            c.request(method, "/synapsor/writeback", body, sent)
            answer = c.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if text else None

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Base:
    """What has to hold on each database."""

    def setUp(self):
        self.reset()
        ddl = subprocess.run([PROGRAM, "--print-ddl", self.dialect], capture_output=True, text=True, check=True).stdout
        self.sql(*[s for s in (SCHEMA.format(version=self.literal, **self.types) + ";" + ddl).split(";") if s.strip()])
        self.grant()
        self.app = self.start()

    def start(self, fault="", **env):
        app = App(self.url, fault, **env)
        self.addCleanup(app.close)
        return app

    def request(self, **changes):
        return json.loads(json.dumps(request(**changes)).replace("SCHEMA", self.schema))

    def effects(self):
        """(credits, what the invoice says, what the balance says)"""
        return (int(self.sql("SELECT count(*) FROM account_credits")[0][0]),
                int(self.sql("SELECT credited_cents FROM invoices WHERE id = 1")[0][0]),
                int(self.sql("SELECT balance_cents FROM customers WHERE id = 'c1'")[0][0]))

    def receipts(self):
        return self.sql("SELECT idempotency_key, status FROM synapsor_handler_receipts")

    NOTHING, ONCE = (0, 0, 1000), (1, 2500, 3500)

    def test_it_is_applied_once(self):
        status, receipt = self.app.send(self.request())
        self.assertEqual((status, receipt["status"], receipt["rows_affected"], receipt["source_database_mutated"],
                          receipt["safe_error_code"]), (200, "applied", 3, True, None), self.app.errors())
        self.assertEqual(receipt["previous_version"], self.version)
        self.assertNotEqual(receipt["new_version"], self.version)
        again = self.app.send(self.request())[1]
        self.assertEqual((again["status"], again["rows_affected"], again["source_database_mutated"]),
                         ("already_applied", 0, False))
        self.assertEqual([again[k] for k in ("previous_version", "new_version")],
                         [receipt[k] for k in ("previous_version", "new_version")])
        self.assertEqual(self.effects(), self.ONCE)
        self.assertEqual(self.receipts(), [("wrp_1:1", "applied")])
        status, receipt = self.app.send(self.request(hash_of="2"))
        self.assertEqual((status, receipt["safe_error_code"]), (409, "IDEMPOTENCY_KEY_REUSED"))
        self.assertIn("IDEMPOTENCY_KEY_REUSED key=wrp_1:1", self.app.errors())

    def test_many_at_once_have_one_effect(self):
        app = self.start("pause-before-claim")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda a: a.send(self.request())[1]["status"], [self.app, app] * 3))
        self.assertEqual(sorted(answers), ["already_applied"] * 5 + ["applied"])
        self.assertEqual(self.effects(), self.ONCE)

    def test_a_deadlock_before_the_function_is_tried_again_and_not_for_ever(self):
        status, receipt = self.start("claim-never").send(self.request())
        self.assertEqual((status, receipt["safe_error_code"]), (503, "HANDLER_DATABASE_UNAVAILABLE"))
        self.assertEqual((self.effects(), self.receipts()), (self.NOTHING, []))
        self.assertEqual(self.start("claim-again").send(self.request())[1]["status"], "applied")
        self.assertEqual(self.effects(), self.ONCE)

    def test_a_function_cannot_commit_what_failed_nor_by_itself(self):
        app = self.start("none")
        for action in ("ignores_an_error", "commits", "hides_a_commit", "says_two_things"):
            with self.subTest(action):
                value = json.loads(json.dumps(self.request()).replace("billing.propose_account_credit",
                                                                      "test." + action))
                status, receipt = app.send(value)
                self.assertEqual((status, receipt["safe_error_code"]), (422, "HANDLER_BUSINESS_ERROR"))
                self.assertEqual((self.effects(), self.receipts()), (self.NOTHING, []))
        value = json.loads(json.dumps(self.request()).replace("billing.propose_account_credit", "test.reads"))
        self.assertEqual(app.send(value)[1]["rows_affected"], 3)

    def test_a_commit_whose_answer_is_lost(self):
        app = self.start("die-after-commit")
        with self.assertRaises((OSError, http.client.HTTPException)):
            app.send(self.request())
        self.assertEqual(app.process.wait(10), 9)
        self.assertEqual(self.app.send(self.request())[1]["status"], "already_applied")
        self.assertEqual(self.effects(), self.ONCE)

    def test_the_row_hash(self):
        row = {"id": self.one, "tenant_id": "acme", "price": "250.00", "updated_at": self.version}
        text = json.dumps(row, separators=(",", ":"))
        right = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        wrong = self.app.send(self.request(version="sha256:" + "0" * 64, before=row, key="k1"))[1]
        self.assertEqual((wrong["safe_error_code"], wrong["previous_version"]), ("ROW_CHANGED_AFTER_PROPOSAL", right))
        receipt = self.app.send(self.request(version=right, before=row, key="k2"))[1]
        self.assertEqual((receipt["status"], receipt["previous_version"]), ("applied", right))

    def test_a_command(self):
        value = self.request()
        del value["protocol_version"]
        env = {"DATABASE_URL": self.url, "PATH": "/usr/bin:/bin"}
        for wanted in ("applied", "already_applied"):
            done = subprocess.run([PROGRAM, "--command"], input=json.dumps(value) + "\n", capture_output=True, text=True,
                                  env=env, check=True)
            self.assertEqual(json.loads(done.stdout)["status"], wanted)
        done = subprocess.run([PROGRAM, "--command"], input="{", capture_output=True, text=True, env=env, check=True)
        self.assertEqual(json.loads(done.stdout)["safe_error_code"], "BAD_JSON")
        self.assertEqual(self.effects(), self.ONCE)

    def test_a_database_that_is_not_there_when_it_starts(self):
        app = App(self.url.replace(str(self.server.port), str(free_port())))
        self.addCleanup(app.close)
        self.assertIsNone(app.port)
        self.assertIn("cannot be reached", app.errors())
        self.assertNotIn(PASSWORD, app.errors())

    def test_the_receipt_table_is_that_of_the_other_languages(self):
        printed = [subprocess.run([*words, "--print-ddl", self.dialect], capture_output=True, text=True, check=True,
                                  env={"PYTHONPATH": os.path.join(ROOT, "kit/python")}).stdout.split(";")[0]
                   for words in ([PROGRAM], ["/usr/bin/python3", "-m", "countersign_handler"])]
        self.assertEqual(*(re.sub(r'["`]', "", text) for text in printed))

    def test_a_table_of_0_1_1_is_refused_with_what_to_run(self):
        self.sql("ALTER TABLE synapsor_handler_receipts DROP COLUMN proposal_hash")
        app = self.start()
        self.assertIsNone(app.port)
        alter = app.errors().split("needs: ")[1].strip().rstrip(";")
        self.sql(alter, "INSERT INTO synapsor_handler_receipts (idempotency_key, proposal_id, action, status,"
                 " receipt_json) VALUES ('wrp_1:1', 'wrp_1', 'x', 'applied', '{\"new_version\": 7}')")
        receipt = self.start().send(self.request())[1]
        self.assertEqual((receipt["status"], receipt["new_version"]), ("already_applied", 7))

    def test_a_receipt_that_was_left_claimed_is_not_known(self):
        self.sql("INSERT INTO synapsor_handler_receipts (idempotency_key, proposal_id, action, status,"
                 " receipt_json) VALUES ('wrp_1:1', 'wrp_1', 'x', 'claimed', '{}')")
        status, receipt = self.app.send(self.request())
        self.assertEqual((status, receipt), (500, {"status": "unknown", "safe_error_code": "HANDLER_OUTCOME_UNKNOWN"}))
        self.assertEqual(self.effects(), self.NOTHING)


class OnPostgres(Base, unittest.TestCase):
    dialect, schema, version, one = "postgres", "public", VERSION, 1
    literal, other = "2026-06-20 14:31:08.000123+00", "2026-06-20 14:31:08.000124+00"
    types = {"key": "integer", "moment": "timestamptz NOT NULL"}

    @classmethod
    def setUpClass(cls):
        cls.server = Postgres()
        cls.addClassCleanup(cls.server.close)
        cls.server.sql("postgres", "CREATE ROLE writer LOGIN PASSWORD '%s'" % PASSWORD)

    def reset(self):
        self.url = self.server.url("shop") + "?sslmode=disable"
        self.sql("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "GRANT USAGE ON SCHEMA public TO writer")

    def grant(self):
        self.sql("CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at ="
                 " clock_timestamp(); RETURN NEW; END $$",
                 "CREATE TRIGGER touch BEFORE UPDATE OF credited_cents ON invoices FOR EACH ROW EXECUTE FUNCTION touch()",
                 "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO writer")

    def sql(self, *statements):
        return self.server.sql("shop", *statements)


class OnMariadb(Base, unittest.TestCase):
    dialect, schema, version, one = "mysql", "shop", VERSION, 1
    literal, other = "2026-06-20 14:31:08.000123", "2026-06-20 14:31:08.000124"
    types = {"key": "integer", "moment": "timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)"
             " ON UPDATE CURRENT_TIMESTAMP(6)"}

    @classmethod
    def setUpClass(cls):
        cls.server = Mariadb()
        cls.addClassCleanup(cls.server.close)
        cls.server.sql("mysql", "GRANT SELECT, INSERT, UPDATE ON shop.* TO writer@'%'")

    def reset(self):
        self.url = self.server.url("shop") + "?sslmode=disable"
        self.server.sql("mysql", "DROP DATABASE shop", "CREATE DATABASE shop CHARACTER SET utf8mb4")

    def grant(self):
        pass

    def sql(self, *statements):
        return self.server.sql("shop", *statements)


if __name__ == "__main__":
    unittest.main()
