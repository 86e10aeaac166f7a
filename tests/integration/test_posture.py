"""What the writer's role may do beyond the contract: found, printed with the SQL that
mends it, refused where no grant is a limit; what `writeback grants` prints is clean."""
import json
import os
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import PASSWORD, Mariadb  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from versioned import add_version, versioned_contract  # noqa: E402
from workspace import BIN, REDUCED, Workspace  # noqa: E402

NAME = "billing.propose_late_fee_waiver"


class Posture:
    @classmethod
    def setUpClass(cls):
        cls.server = cls.make()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def setUp(self):
        self.w = Workspace(self.engine, config=versioned_contract(self.engine), server=self.server)
        self.addCleanup(self.w.close)
        add_version(self.w)
        self.new_role()
        self.w.env["SHOP_WRITE_URL"] = self.server.url("shop", "plain")

    def writeback(self, *words, check=0):
        result = subprocess.run([os.path.join(BIN, "countersign"), "writeback", *words, "--config", self.w.config],
                                capture_output=True, text=True, cwd=self.w.path, env=self.w.env, check=False)
        self.assertEqual(result.returncode, check, result)
        return result.stdout

    def grant(self):
        """All that is printed, and nothing else."""
        schema = {"postgres": "public", "mysql": "shop"}[self.engine]
        self.w.sql(subprocess.run([os.path.join(BIN, "countersign"), "writeback", "migration", self.engine],
                                  capture_output=True, text=True, check=True).stdout)
        self.w.sql(self.writeback("grants", self.engine, "--role", "plain", "--schema", schema))

    def findings(self, check=1):
        lines = self.writeback("doctor", "--check-db", check=check)
        found = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
        return {f["code"]: f for f in found if not f["ok"]}

    def test_what_is_printed_is_enough_and_clean(self):
        self.grant()
        self.assertEqual(self.findings(check=0), {})
        receipt = self.w.json("apply", self.w.approved())
        self.assertEqual((receipt["status"], str(receipt["new_version"])), ("applied", "8"))

    def test_every_excess_is_found_and_its_remedy_mends_it(self):
        self.grant()
        self.w.sql("CREATE TABLE other (id integer)")
        for grants, code in self.excesses:
            with self.subTest(code):
                for statement in grants:
                    self.w.sql(statement)
                found = self.findings()
                self.assertIn(code, found)
                self.w.sql(found[code]["remedy"].partition(" then ")[0].replace("<another role>", "owner"))
                self.grant()
                self.assertEqual(self.findings(check=0), {})
        self.assertEqual(self.w.json("apply", self.w.approved())["status"], "applied")

    def test_a_role_without_limits_is_refused_unless_the_contract_accepts_it(self):
        self.grant()
        identifier = self.w.approved()
        for grant, code, revoke in self.hard:
            with self.subTest(code):
                self.w.wait_idle()
                self.w.sql(grant)
                refused = self.w.json("apply", identifier, check=1)
                self.assertEqual((refused["status"], refused["safe_error_code"], refused["source_database_mutated"]),
                                 ("failed", code, False))
                self.w.sql(revoke)
        self.assertEqual(self.w.row("INV-3001")[0], 5500)
        self.w.wait_idle()
        value = versioned_contract(self.engine, writer_posture="accept")
        self.w.write_config(value)
        self.w.sql(self.hard[0][0])
        identifier = self.w.approved("INV-3002")
        self.assertEqual(self.w.json("apply", identifier)["status"], "applied")

    def run_writer(self, seconds):
        """A writerd by hand, connected to the ledgerd that runs: (process, path of its log)."""
        folder = os.path.join(self.w.path, "credentials")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "SHOP_WRITE_URL"), "w") as file:
            file.write(self.w.env["SHOP_WRITE_URL"])
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.connect("/proc/self/fd/%d/writer.sock" % os.open(self.w.store + ".run", os.O_RDONLY | os.O_DIRECTORY))
        log = os.path.join(self.w.path, "writerd.log")
        with open(log, "w") as file:
            process = subprocess.Popen(
                [os.path.join(BIN, "writerd"), "--config", self.w.config, "--key", self.w.store + ".key.pub",
                 "--ledger-fd", str(link.fileno()), "--posture-seconds", str(seconds), *REDUCED],
                pass_fds=[link.fileno()], stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                env={**self.w.env, "CREDENTIALS_DIRECTORY": folder})
        link.close()
        return process, log

    def test_at_start_and_on_the_timer(self):
        self.grant()

        def lines(event):
            with open(log) as file:
                return [line for line in file if " %s " % event in line]
        with self.w.client() as mcp:
            self.assertTrue(mcp.read("INV-3001")["ok"])
            process, log = self.run_writer(1)
            try:
                wait_for(lambda: lines("writer_posture_clean"), 20, "the look at start")
                self.w.sql(self.soft[0])
                wait_for(lambda: any(self.soft[1] in line for line in lines("writer_posture")), 20, "the timer")
                self.assertTrue(any("remedy=\"REVOKE" in line for line in lines("writer_posture")))
                self.w.sql(self.hard[0][0])
                wait_for(lambda: any(self.hard[0][1] in line for line in lines("writer_posture")), 20, "the hard one")
                identifier = mcp.propose("INV-3001")["proposal"]["id"]
                self.w.run("proposals", "approve", identifier, "--yes", check=0)
                self.assertEqual(self.w.json("apply", identifier, check=1)["safe_error_code"], self.hard[0][1])
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(20)
                self.w.sql(self.hard[0][2])


class OnPostgres(Posture, unittest.TestCase):
    engine, make = "postgres", Postgres
    excesses = (
        (("GRANT DELETE ON invoices TO plain",), "TABLE_PRIVILEGE_NOT_REVIEWED"),
        (("GRANT UPDATE (status) ON invoices TO plain",), "COLUMN_PRIVILEGE_NOT_REVIEWED"),
        (("GRANT INSERT ON other TO plain",), "OTHER_TABLE_PRIVILEGE"),
        (("GRANT CREATE ON SCHEMA public TO plain",), "SCHEMA_CREATE_NOT_NEEDED"),
        (("ALTER TABLE other OWNER TO plain",), "ROLE_OWNS_TABLE"),
        (("ALTER ROLE plain BYPASSRLS",), "ROLE_BYPASSES_RLS"),
        (("ALTER ROLE plain CREATEROLE",), "ROLE_CAN_ESCALATE"),
        (("GRANT pg_write_all_data TO plain",), "ROLE_CAN_BECOME_MORE"))
    hard = (("ALTER ROLE plain SUPERUSER", "ROLE_IS_SUPERUSER", "ALTER ROLE plain NOSUPERUSER"),
            ("ALTER ROLE plain BYPASSRLS", "ROLE_BYPASSES_RLS", "ALTER ROLE plain NOBYPASSRLS"),
            ("GRANT pg_execute_server_program TO plain", "ROLE_CAN_BECOME_MORE",
             "REVOKE pg_execute_server_program FROM plain"))
    soft = ("GRANT DELETE ON invoices TO plain", "TABLE_PRIVILEGE_NOT_REVIEWED")

    def new_role(self):
        self.w.sql("DROP TABLE IF EXISTS other")
        self.w.sql("DO $$ BEGIN CREATE ROLE plain LOGIN PASSWORD '%s'; EXCEPTION WHEN duplicate_object THEN"
                   " DROP OWNED BY plain; END $$" % PASSWORD)
        self.w.sql("ALTER ROLE plain NOSUPERUSER NOBYPASSRLS NOCREATEROLE")


class OnMariadb(Posture, unittest.TestCase):
    engine, make = "mysql", Mariadb
    excesses = (
        (("GRANT DELETE ON shop.invoices TO plain@'%'",), "TABLE_PRIVILEGE_NOT_REVIEWED"),
        (("GRANT UPDATE (status) ON shop.invoices TO plain@'%'",), "COLUMN_PRIVILEGE_NOT_REVIEWED"),
        (("GRANT INSERT ON shop.other TO plain@'%'",), "OTHER_TABLE_PRIVILEGE"),
        (("GRANT CREATE ON shop.synapsor_writeback_receipts TO plain@'%'",), "SCHEMA_CREATE_NOT_NEEDED"),
        (("GRANT PROCESS ON *.* TO plain@'%'",), "GLOBAL_PRIVILEGE_NOT_REVIEWED"),
        (("GRANT FILE ON *.* TO plain@'%'",), "ROLE_IS_SUPERUSER"))
    hard = (("GRANT SUPER ON *.* TO plain@'%'", "ROLE_IS_SUPERUSER", "REVOKE SUPER ON *.* FROM plain@'%'"),
            ("GRANT FILE ON *.* TO plain@'%'", "ROLE_IS_SUPERUSER", "REVOKE FILE ON *.* FROM plain@'%'"),
            ("GRANT SELECT ON shop.invoices TO plain@'%' WITH GRANT OPTION", "ROLE_CAN_GRANT",
             "REVOKE GRANT OPTION ON shop.invoices FROM plain@'%'"))
    soft = ("GRANT DELETE ON shop.invoices TO plain@'%'", "TABLE_PRIVILEGE_NOT_REVIEWED")

    def new_role(self):
        self.w.sql("DROP USER IF EXISTS plain@'%'")
        self.w.sql("CREATE USER plain@'%%' IDENTIFIED BY '%s'" % PASSWORD)


if __name__ == "__main__":
    unittest.main()
