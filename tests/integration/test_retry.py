"""A deadlock or a serialization failure before COMMIT is tried again, three times in
all; the change is made once."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from versioned import effects, locked, versioned_workspace  # noqa: E402
from workspace import BIN  # noqa: E402

ROW = "INV-3001"


class Retried:
    def setUp(self):
        self.server = self.make()
        self.addCleanup(self.server.close)
        self.w = versioned_workspace(self.engine, self.server)
        self.addCleanup(self.w.close)
        self.identifier = self.w.approved()
        self.w.wait_idle()

    def start_apply(self):
        return subprocess.Popen(
            [os.path.join(BIN, "countersign"), "apply", self.identifier, "--store", self.w.store, "--config",
             self.w.config], cwd=self.w.path, env=self.w.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            text=True)

    def session(self, *statements):
        """Somebody else's transaction, which has done these and said so."""
        session = self.server.session("shop")
        self.addCleanup(session.stdout.close)
        self.addCleanup(session.wait, 20)
        self.addCleanup(session.stdin.close)
        self.say(session, *statements, "SELECT 'done'")
        while "done" not in session.stdout.readline():
            pass
        return session

    def say(self, session, *statements):
        session.stdin.write("".join(s + ";\n" for s in statements))
        session.stdin.flush()

    def test_a_deadlock_is_tried_again(self):
        """We hold the row and wait for what its trigger changes; the other holds that and waits for the row."""
        for statement in self.shared:
            self.w.sql(statement)
        other = self.session(*self.hold)
        asking = self.start_apply()
        wait_for(lambda: self.w.sql(self.waits), 20, "the writer to wait")
        self.say(other, "SELECT 'ours' FROM invoices WHERE id = '%s' FOR UPDATE" % ROW, "COMMIT")
        self.assertIn("Guarded writeback applied.", asking.communicate(timeout=40)[0])
        self.assertEqual((effects(self.w, ROW), self.w.row(ROW)[0]), (1, 0))
        self.assertEqual(self.deadlocks(), 1)

    def test_the_tries_have_an_end(self):
        for statement in self.always:
            self.w.sql(statement)
        receipt = self.w.json("apply", self.identifier, check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("failed", "TRANSACTION_FAILED"))
        self.assertTrue(receipt["details"]["retryable"])
        self.assertEqual((self.w.sql(self.tries), effects(self.w, ROW)), ([("3",)], 0))


class OnPostgres(Retried, unittest.TestCase):
    engine, make = "postgres", Postgres
    shared = ("CREATE TABLE total (n int)", "INSERT INTO total VALUES (0)", "GRANT SELECT, UPDATE ON total TO writer",
              "CREATE FUNCTION add_up() RETURNS trigger LANGUAGE plpgsql AS"
              " $$ BEGIN UPDATE total SET n = n + 1; RETURN NULL; END $$",
              "CREATE TRIGGER add_up AFTER UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION add_up()",
              # The writer is the one that looks for the deadlock.
              "ALTER ROLE writer SET deadlock_timeout = '2500ms'")
    hold = ("SET deadlock_timeout = '60s'", "BEGIN", "UPDATE total SET n = n + 1")
    waits = "SELECT 1 FROM pg_stat_activity WHERE usename = 'writer' AND wait_event_type = 'Lock'"
    always = ("CREATE SEQUENCE tried", "GRANT USAGE ON tried TO writer",
              "CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
              " PERFORM nextval('tried'); RAISE EXCEPTION 'no' USING ERRCODE = 'deadlock_detected'; END $$",
              "CREATE TRIGGER collide AFTER UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION collide()")
    tries = "SELECT last_value FROM tried"

    def logged(self, text):
        with open(os.path.join(self.server.path, "log")) as log:
            return log.read().count(text)

    def deadlocks(self):
        return self.logged("deadlock detected")

    def test_a_serialization_failure_is_tried_again(self):
        self.w.sql("ALTER ROLE writer SET default_transaction_isolation = 'repeatable read'")
        with locked(self.w, ROW, "UPDATE invoices SET status = 'held' WHERE id = '%s'; COMMIT;" % ROW):
            asking = self.start_apply()
            wait_for(lambda: self.w.sql(self.waits), 20, "the writer to wait")
        self.assertIn("Guarded writeback applied.", asking.communicate(timeout=30)[0])
        self.assertEqual(effects(self.w, ROW), 2)  # The other session's and ours.
        self.assertEqual(self.w.row(ROW)[0], 0)
        self.assertTrue(self.logged("could not serialize access"))


class OnMariadb(Retried, unittest.TestCase):
    engine, make = "mysql", Mariadb
    shared = ("CREATE TABLE total (n int)", "INSERT INTO total VALUES (0)", "CREATE TABLE ballast (n int)",
              "CREATE TRIGGER add_up AFTER UPDATE ON invoices FOR EACH ROW UPDATE total SET n = n + 1")
    # Who has changed more rows is not the one that is rolled back.
    hold = ("BEGIN", "UPDATE total SET n = n + 1", "INSERT INTO ballast SELECT seq FROM seq_1_to_500")
    # In a trigger a session goes by the name of its definer.
    waits = "SELECT 1 FROM information_schema.processlist WHERE command = 'Execute' AND info LIKE 'UPDATE total%'"
    always = ("CREATE TABLE tried (n int) ENGINE=MyISAM",
              "CREATE TRIGGER collide AFTER UPDATE ON invoices FOR EACH ROW BEGIN INSERT INTO tried VALUES (1);"
              " SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END")
    tries = "SELECT count(*) FROM tried"

    def setUp(self):
        super().setUp()
        self.always = ("DELIMITER //\n%s//\nDELIMITER " % s if "BEGIN" in s else s for s in self.always)

    def deadlocks(self):
        return int(self.w.sql("SELECT variable_value FROM information_schema.global_status"
                              " WHERE variable_name = 'innodb_deadlocks'")[0][0])


if __name__ == "__main__":
    unittest.main()
