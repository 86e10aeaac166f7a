"""The handler kit in every language: the account credit of examples/, driven by the real
loop and by requests made by hand, on real PostgreSQL and MariaDB.

A kit is one class: how its application is started. What an application does wrong (a
redirect, no answer, its death) a front does in its place, so each kit is tested as it ships."""
import json
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import credit  # noqa: E402
import node_packages  # noqa: E402
from credit import App, CreditWorkspace, Front, credit_request, post, send  # noqa: E402
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres  # noqa: E402
from workspace import BIN, ROOT  # noqa: E402

MARKER = "marker_7f3a"
OLD_TABLE = ("CREATE TABLE synapsor_handler_receipts (idempotency_key text PRIMARY KEY, proposal_id text NOT NULL,"
             " action text NOT NULL, status text NOT NULL, receipt_json jsonb NOT NULL,"
             " created_at timestamptz NOT NULL DEFAULT now(), completed_at timestamptz)")
# At COMMIT the connection ends: the application sends COMMIT and gets no answer.
CUT_AT_COMMIT = (
    "CREATE OR REPLACE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
    " BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$",
    "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON account_credits DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION cut()")


class Base:
    """One application and its database; what both engines show."""
    server = None
    schema = None
    start_command = None  # of the application, in a folder of its own

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="countersign-kit-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.make_database()
        cls.command = cls.prepare(cls.folder)
        cls.app = cls.started()
        cls.addClassCleanup(lambda: cls.app.kill())

    @classmethod
    def started(cls, **env):
        return App(cls.command, cls.folder, **{"DATABASE_URL": cls.url(), **env})

    def setUp(self):
        self.make_database()
        if self.app.process.poll() is not None:
            type(self).app = self.started()

    def send(self, **members):
        return send(self.app.url, credit_request(self.schema, **members))

    def effects(self):
        """(credits, invoice's credited cents, customer's balance, receipts by status)"""
        count, = self.sql("SELECT count(*) FROM account_credits")[0]
        credited, = self.sql("SELECT credited_cents FROM invoices WHERE id = 'INV-1'")[0]
        balance, = self.sql("SELECT balance_cents FROM customers WHERE id = 'CUS-1'")[0]
        receipts = self.sql("SELECT status FROM synapsor_handler_receipts")
        return int(count), int(credited), int(balance), sorted(status for status, in receipts)

    NOTHING = (0, 0, 0, [])
    ONE = (1, 2500, 2500, ["applied"])

    def refused(self, got, http, code):
        self.assertEqual(got, (http, {"status": "failed", "rows_affected": 0, "source_database_mutated": False,
                                      "safe_error_code": code}))

    def conflict(self, got, code):
        status, receipt = got
        self.assertEqual((status, receipt["status"], receipt["rows_affected"], receipt["source_database_mutated"],
                          receipt["safe_error_code"]), (200, "conflict", 0, False, code))
        return receipt

    def test_applied_once(self):
        request = credit_request(self.schema)
        status, receipt = send(self.app.url, request)
        self.assertEqual((status, receipt["status"], receipt["rows_affected"], receipt["source_database_mutated"],
                          receipt["safe_error_code"], receipt["previous_version"]),
                         (200, "applied", 3, True, None, "2026-06-20T14:31:08.123456Z"))
        self.assertNotEqual(receipt["new_version"], receipt["previous_version"])
        self.assertEqual(self.effects(), self.ONE)
        again = send(self.app.url, {**request, "issued_at": credit.now()})
        self.assertEqual(again, (200, {**receipt, "status": "already_applied", "rows_affected": 0,
                                       "source_database_mutated": False}))
        self.assertEqual(self.effects(), self.ONE)
        self.assertEqual(self.sql("SELECT proposed_by, amount_cents, reason FROM account_credits")[0],
                         ("support_agent_17", "2500", "late delivery"))

    def test_two_requests_with_one_key_at_the_same_time(self):
        request = credit_request(self.schema)
        with self.held():
            threads, results = credit.together(*[lambda: send(self.app.url, request)] * 2)
            credit.wait_until(lambda: self.waiting() == 2, "two requests that wait for one another")
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(receipt["status"] for _, receipt in results), ["already_applied", "applied"])
        self.assertEqual(self.effects(), self.ONE)

    def test_a_row_of_another_tenant(self):
        request = credit_request(self.schema, invoice="INV-9")
        self.conflict(send(self.app.url, request), "ROW_NOT_FOUND_OR_WRONG_TENANT")
        self.conflict(send(self.app.url, {**request, "issued_at": credit.now()}), "ROW_NOT_FOUND_OR_WRONG_TENANT")
        self.conflict(self.send(invoice="INV-1", tenant="other"), "ROW_NOT_FOUND_OR_WRONG_TENANT")
        self.conflict(self.send(invoice="INV-1", tenant="ACME"), "ROW_NOT_FOUND_OR_WRONG_TENANT")
        self.conflict(self.send(invoice="inv-1"), "ROW_NOT_FOUND_OR_WRONG_TENANT")
        self.assertEqual(self.effects(), (0, 0, 0, ["conflict"] * 4))

    def test_a_row_that_changed_by_a_microsecond(self):
        request = credit_request(self.schema, version="2026-06-20T14:31:08.123455Z")
        receipt = self.conflict(send(self.app.url, request), "ROW_CHANGED_AFTER_PROPOSAL")
        self.assertEqual(receipt["previous_version"], "2026-06-20T14:31:08.123456Z")
        self.assertEqual(send(self.app.url, {**request, "issued_at": credit.now()}), (200, receipt))
        self.assertEqual(self.effects(), (0, 0, 0, ["conflict"]))

    def test_a_version_in_other_words(self):
        self.assertEqual(self.send(version="2026-06-20 16:31:08.123456+02")[1]["status"], "applied")

    def test_the_row_hash(self):
        before = {"id": "INV-1", "tenant_id": "acme", "status": "open", "total_cents": 12000, "credited_cents": 0,
                  "credit_reason": None, "updated_at": "2026-06-20T14:31:08.123456Z"}
        guard = {"column": "__row_hash", "value": "sha256:" + credit.hashlib.sha256(
            json.dumps(before, separators=(",", ":")).encode()).hexdigest()}
        request = credit_request(self.schema, version=guard, before=before)
        status, receipt = send(self.app.url, request)
        self.assertEqual((status, receipt["status"], receipt["previous_version"]), (200, "applied", guard["value"]))
        self.conflict(self.send(version=guard, before=before), "ROW_CHANGED_AFTER_PROPOSAL")

    def test_texts_are_values_whatever_they_say(self):
        """Also in a server whose sessions begin without backslash escapes."""
        for reason in ("x', credited_cents = -777 -- ", "x\\', credited_cents = -777 -- ", '"; DROP TABLE invoices; --',
                       "%s $1 ? \\ ä 日本 😀"):
            with self.subTest(reason):
                self.make_database()
                self.assertEqual(self.send(reason=reason)[1]["status"], "applied")
                self.assertEqual(self.sql("SELECT credited_cents, credit_reason FROM invoices WHERE id = 'INV-1'"),
                                 [("2500", reason)])

    def test_a_peer_that_sends_too_much_reads_why(self):
        for size in (1 << 20) + 1, 4 << 20:
            for _ in range(5):
                self.assertEqual(post(self.app.url, b"x" * size, {})[0], 413)

    def test_a_dry_run(self):
        status, receipt = self.send(dry_run=True)
        self.assertEqual((status, receipt["status"], receipt["rows_affected"], receipt["source_database_mutated"]),
                         (200, "applied", 0, False))
        self.assertEqual(self.effects(), self.NOTHING)
        self.conflict(self.send(dry_run=True, version="v1"), "ROW_CHANGED_AFTER_PROPOSAL")
        self.assertEqual(self.effects(), self.NOTHING)

    def test_a_key_with_another_proposal(self):
        request = credit_request(self.schema)
        send(self.app.url, request)
        other = credit_request(self.schema, key=request["idempotency_key"], invoice="INV-1", cents=1)
        self.refused(send(self.app.url, other), 409, "IDEMPOTENCY_KEY_REUSED")
        self.assertEqual(self.effects(), self.ONE)

    def test_an_error_of_the_business_is_rolled_back_and_says_nothing(self):
        self.sql("ALTER TABLE account_credits ADD CONSTRAINT %s CHECK (amount_cents <> 666)" % MARKER)
        request = credit_request(self.schema, cents=666)
        body = json.dumps(request).encode()
        status, answer = post(self.app.url, body, credit.headers_of(body, request))
        self.refused((status, json.loads(answer)), 422, "HANDLER_BUSINESS_ERROR")
        self.assertNotIn(MARKER.encode(), answer)
        self.assertEqual(self.effects(), self.NOTHING)
        self.assertEqual(send(self.app.url, {**request, "issued_at": credit.now(), "patch": None})[0], 400)
        self.sql("ALTER TABLE account_credits DROP CONSTRAINT " + MARKER)
        self.assertEqual(send(self.app.url, {**request, "issued_at": credit.now()})[1]["status"], "applied")

    def test_an_error_in_the_middle_takes_the_first_statements_back(self):
        self.sql("ALTER TABLE customers ADD CONSTRAINT %s CHECK (balance_cents < 1)" % MARKER)
        self.refused(self.send(), 422, "HANDLER_BUSINESS_ERROR")
        self.assertEqual(self.effects(), self.NOTHING)

    def test_the_business_refuses_in_its_own_word(self):
        self.refused(self.send(invoice="INV-3"), 422, "INVOICE_NOT_OPEN")
        self.assertEqual(self.effects(), self.NOTHING)

    def test_a_flat_request_of_0_1_1(self):
        status, receipt = self.send(change_set=None)
        self.assertEqual((status, receipt["status"]), (200, "applied"))
        self.assertEqual(self.sql("SELECT proposed_by FROM account_credits")[0], ("local_runner",))

    def test_a_database_that_cannot_be_reached(self):
        request = credit_request(self.schema)
        with self.unreachable():
            self.refused(send(self.app.url, request), 503, "HANDLER_DATABASE_UNAVAILABLE")
        self.assertEqual(self.effects(), self.NOTHING)
        self.assertEqual(send(self.app.url, request)[1]["status"], "applied")

    def test_a_receipt_table_that_is_gone(self):
        self.sql("DROP TABLE synapsor_handler_receipts")
        self.refused(self.send(), 503, "HANDLER_DATABASE_UNAVAILABLE")
        self.assertEqual(self.sql("SELECT count(*) FROM account_credits")[0], ("0",))
        with self.assertRaises(RuntimeError) as caught:
            self.started()
        self.assertIn("CREATE TABLE", str(caught.exception))


class OnPostgres(Base):
    schema = "public"

    @classmethod
    def make_database(cls):
        with open(os.path.join(credit.EXAMPLE, "schema.sql")) as file:
            cls.server.sql("shop", "DROP TABLE IF EXISTS synapsor_handler_receipts", file.read(),
                           credit.receipt_table(),
                           "GRANT SELECT, INSERT, UPDATE ON synapsor_handler_receipts TO credit_app")

    @classmethod
    def url(cls, role="credit_app", password="app_password"):
        return "postgres://%s:%s@127.0.0.1:%d/shop" % (role, password, cls.server.port)

    def sql(self, *statements):
        return self.server.sql("shop", *statements)

    def held(self):
        return Held(self.server.session("shop"), "BEGIN; LOCK TABLE account_credits IN ACCESS EXCLUSIVE MODE;",
                    lambda: self.sql("SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
                                     " AND relation = 'account_credits'::regclass"))

    def waiting(self):
        return int(self.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'credit_app'"
                            " AND wait_event_type = 'Lock'")[0][0])

    def unreachable(self):
        return Unreachable(
            lambda: self.sql("ALTER ROLE credit_app NOLOGIN",
                             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'credit_app'"),
            lambda: self.sql("ALTER ROLE credit_app LOGIN"))

    def loop(self, **capability):
        w = CreditWorkspace(config=credit.contract(**capability), server=self.server)
        self.addCleanup(w.close)
        front = Front(self.app)
        self.addCleanup(front.close)
        w.env.update(SHOP_READ_URL=self.url("credit_reader", "reader_password"), CREDIT_APP_URL=front.url,
                     SYNAPSOR_APP_WRITEBACK_TOKEN=credit.TOKEN, SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET=credit.SECRET)
        del w.env["SHOP_WRITE_URL"]
        return w, front

    def applied(self, w, identifier, *flags, check=0):
        return json.loads(w.run("apply", identifier, "--json", *flags, check=check).stdout)

    def test_the_loop(self):
        """Proposed, looked at without effect, approved, applied; and then the handler is not asked again."""
        w, front = self.loop()
        checks = json.loads(w.run("doctor", "--json", "--check-handlers").stdout)["checks"]
        reached = {c["name"]: c for c in checks}["executor:credit_app:handler-reachability"]
        self.assertIn("pass", (reached.get("level"), reached.get("status")))
        identifier = w.approved()
        receipt = self.applied(w, identifier, "--dry-run")
        self.assertEqual((receipt["status"], receipt["rows_affected"], receipt["source_database_mutated"]),
                         ("applied", 0, False))
        self.assertEqual(self.effects(), self.NOTHING)
        receipt = self.applied(w, identifier)
        self.assertEqual((receipt["status"], receipt["rows_affected"], receipt["source_database_mutated"],
                          receipt["previous_version"]), ("applied", 3, True, "2026-06-20T14:31:08.123456Z"))
        self.assertEqual(self.effects(), self.ONE)
        count = len(front.requests)
        self.assertEqual(self.applied(w, identifier)["status"], "already_applied")
        self.assertEqual(len(front.requests), count)

    def test_the_loop_with_a_row_hash(self):
        w, front = self.loop(conflict_guard={"weak_guard_ack": True},
                             visible_columns=["id", "tenant_id", "status", "total_cents", "credited_cents",
                                              "credit_reason", "updated_at"])
        first, second = w.approved(), w.approved(reason="twice")
        self.assertEqual(self.applied(w, first)["status"], "applied", front.answers)
        self.assertIn(b"__row_hash", front.requests[-1][2])
        receipt = self.applied(w, second)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("conflict", "ROW_CHANGED_AFTER_PROPOSAL"))
        self.assertEqual(self.effects()[:3], self.ONE[:3])

    def test_a_row_that_changed_after_the_proposal(self):
        w, _ = self.loop()
        identifier = w.approved()
        self.sql("UPDATE invoices SET status = 'paid' WHERE id = 'INV-1'")
        receipt = self.applied(w, identifier)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("conflict", "ROW_CHANGED_AFTER_PROPOSAL"))
        self.assertEqual(self.effects(), (0, 0, 0, ["conflict"]))

    def test_a_redirect_and_then_an_old_body_under_a_fresh_header(self):
        w, front = self.loop()
        identifier = w.approved()
        front.mode = "redirect"
        receipt = self.applied(w, identifier, check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("failed", "HANDLER_HTTP_307"))
        (_, headers, body), = front.requests
        fresh = {**headers, "x-synapsor-issued-at": credit.now()}
        status, answer = post(self.app.url, body, {k: v for k, v in fresh.items() if k != "X-Synapsor-Issued-At"})
        self.refused((status, json.loads(answer)), 401, "INVALID_ISSUED_AT")
        self.assertEqual(self.effects(), self.NOTHING)
        w.wait_idle()
        self.assertEqual(self.applied(w, identifier)["status"], "applied")

    def settled(self, mode, code):
        """Not known at first; asked again under the same key; one effect."""
        w, front = self.loop()
        identifier = w.approved()
        front.mode = mode
        receipt = self.applied(w, identifier, check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("outcome_unknown", code))
        self.assertEqual(self.effects(), self.ONE)
        if self.app.process.poll() is not None:
            type(self).app = front.app = self.started()
        w.wait_idle()  # it was asked once more by itself
        again = self.applied(w, identifier)
        self.assertEqual(again["status"], "already_applied")
        self.assertEqual(json.loads(front.answers[-1][1])["status"], "already_applied")
        self.assertEqual(self.effects(), self.ONE)

    def test_an_answer_of_ten_megabytes(self):
        self.settled("big", "HANDLER_RESPONSE_TOO_LARGE")

    def test_no_answer(self):
        self.settled("hang", "HANDLER_TIMEOUT")

    def test_an_application_that_commits_and_dies(self):
        self.settled("die", "HANDLER_REQUEST_FAILED")

    def test_a_commit_without_an_answer_is_not_called_failed(self):
        w, front = self.loop()
        identifier = w.approved()
        self.sql(*CUT_AT_COMMIT)
        receipt = self.applied(w, identifier, check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("outcome_unknown", "HANDLER_HTTP_500"))
        status, answer = front.answers[0]
        self.assertEqual((status, json.loads(answer)["safe_error_code"]), (500, "HANDLER_OUTCOME_UNKNOWN"))
        self.assertNotEqual(json.loads(answer)["status"], "failed")
        self.sql("DROP TRIGGER cut ON account_credits")
        self.assertEqual(self.applied(w, identifier)["status"], "applied")
        self.assertEqual(self.effects(), self.ONE)

    def test_a_connection_that_is_lost_under_the_function(self):
        request = credit_request(self.schema)
        with self.held():
            threads, results = credit.together(lambda: send(self.app.url, request))
            credit.wait_until(lambda: self.waiting() == 1, "a function at work")
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'credit_app'"
                     " AND wait_event_type = 'Lock'")
            for thread in threads:
                thread.join()
        self.refused(results[0], 503, "HANDLER_DATABASE_UNAVAILABLE")
        self.assertEqual(self.effects(), self.NOTHING)
        self.assertEqual(send(self.app.url, request)[1]["status"], "applied")

    def test_a_table_of_0_1_1_is_refused_with_what_to_run(self):
        self.sql("DROP TABLE synapsor_handler_receipts", OLD_TABLE,
                 "GRANT SELECT, INSERT, UPDATE ON synapsor_handler_receipts TO credit_app")
        with self.assertRaises(RuntimeError) as caught:
            self.started()
        self.assertIn("ADD COLUMN", str(caught.exception))
        self.sql(credit.receipt_table())
        self.started().kill()

    def test_it_does_not_start_without_token_and_secret(self):
        for env in ({"SYNAPSOR_APP_WRITEBACK_TOKEN": ""}, {"SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET": "short"}):
            with self.assertRaises(RuntimeError) as caught:
                self.started(**env)
            self.assertIn(list(env)[0], str(caught.exception))


class Held:
    """A lock in the way of every business function, until the end of the block."""

    def __init__(self, session, sql, is_held):
        self.session, self.text, self.is_held = session, sql, is_held

    def __enter__(self):
        self.session.stdin.write(self.text + "\n")
        self.session.stdin.flush()
        try:
            credit.wait_until(self.is_held, "the lock")
        except BaseException:
            self.__exit__()  # else the next test waits for it for ever
            raise

    def __exit__(self, *_):
        self.session.stdin.write("COMMIT;\n")
        self.session.stdin.close()
        self.session.wait(20)
        self.session.stdout.close()


class Unreachable:
    def __init__(self, end, begin):
        self.end, self.begin = end, begin

    def __enter__(self):
        self.end()

    def __exit__(self, *_):
        self.begin()


MYSQL_SCHEMA = (
    "DROP TABLE IF EXISTS account_credits, invoices, customers, synapsor_handler_receipts",
    "CREATE TABLE customers (id varchar(64) PRIMARY KEY, tenant_id varchar(64) NOT NULL,"
    " balance_cents bigint NOT NULL DEFAULT 0)",
    "CREATE TABLE invoices (id varchar(64) PRIMARY KEY, tenant_id varchar(64) NOT NULL, customer_id varchar(64) NOT NULL,"
    " status varchar(20) NOT NULL, total_cents integer NOT NULL, credited_cents integer NOT NULL DEFAULT 0,"
    " credit_reason text, updated_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))",
    "CREATE TABLE account_credits (idempotency_key varchar(255) PRIMARY KEY, tenant_id varchar(64) NOT NULL,"
    " invoice_id varchar(64) NOT NULL, customer_id varchar(64) NOT NULL, amount_cents integer NOT NULL,"
    " reason text NOT NULL, proposed_by text)",
    "INSERT INTO customers VALUES ('CUS-1', 'acme', 0), ('CUS-9', 'other', 0)",
    "INSERT INTO invoices VALUES"
    " ('INV-1', 'acme', 'CUS-1', 'open', 12000, 0, NULL, '2026-06-20 14:31:08.123456'),"
    " ('INV-3', 'acme', 'CUS-1', 'paid', 8000, 0, NULL, '2026-06-20 14:31:08.123456'),"
    " ('INV-9', 'other', 'CUS-9', 'open', 5000, 0, NULL, '2026-06-20 14:31:08.123456')")


class OnMariadb(Base):
    """Requests made by hand: what differs between the engines is below the loop."""
    schema = "shop"

    @classmethod
    def make_database(cls):
        cls.server.note_death()
        cls.server.sql("shop", "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'", *MYSQL_SCHEMA, credit.receipt_table("mysql"),
                       "GRANT SELECT, INSERT, UPDATE ON shop.* TO writer@'%'")

    @classmethod
    def url(cls):
        return cls.server.url("shop")

    def sql(self, *statements):
        return self.server.sql("shop", *statements)

    def held(self):
        return Held(self.server.session("shop"), "BEGIN; SELECT * FROM invoices WHERE id = 'INV-1' FOR UPDATE;",
                    lambda: self.sql("SELECT 1 FROM information_schema.innodb_trx"))

    def waiting(self):
        return int(self.sql("SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")[0][0])

    def unreachable(self):
        def end():
            self.sql("ALTER USER writer@'%' ACCOUNT LOCK")
            for pid, in self.sql("SELECT id FROM information_schema.processlist WHERE user = 'writer'"):
                self.sql("KILL CONNECTION " + pid)
        return Unreachable(end, lambda: self.sql("ALTER USER writer@'%' ACCOUNT UNLOCK"))


def python_app(name):
    def prepare(_):
        return ["/usr/bin/python3", os.path.join(ROOT, name)]
    return staticmethod(prepare)


def node_app(name):
    def prepare(folder):
        """Beside the packages that it imports."""
        node_packages.link(folder)
        shutil.copy(os.path.join(ROOT, name), folder)
        return [node_packages.NODE, os.path.join(folder, os.path.basename(name))]
    return staticmethod(prepare)


def c_app():
    """The example and the shared library, as the test build made them."""
    def prepare(_):
        return [os.path.join(os.path.dirname(BIN), "tests", "handler_c")]
    return staticmethod(prepare)


def setUpModule():
    OnPostgres.server = Postgres()
    unittest.addModuleCleanup(OnPostgres.server.close)
    OnMariadb.server = Mariadb()
    unittest.addModuleCleanup(OnMariadb.server.close)


class Python(OnPostgres, unittest.TestCase):
    prepare = python_app("examples/handler-python/app.py")


class PythonOnMariadb(OnMariadb, unittest.TestCase):
    prepare = python_app("tests/kit/credit_mysql.py")


if node_packages.AVAILABLE:
    class Node(OnPostgres, unittest.TestCase):
        prepare = node_app("examples/handler-node/app.mjs")

    class NodeOnMariadb(OnMariadb, unittest.TestCase):
        prepare = node_app("tests/kit/credit_mysql.mjs")


class C(OnPostgres, unittest.TestCase):
    prepare = c_app()


class COnMariadb(OnMariadb, unittest.TestCase):
    prepare = c_app()


if __name__ == "__main__":
    unittest.main()
