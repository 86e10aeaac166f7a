"""A serialization failure before COMMIT is tried again; the change is made once."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from postgres import Postgres, wait_for  # noqa: E402
from versioned import effects, locked, versioned_workspace  # noqa: E402
from workspace import BIN  # noqa: E402


class OnPostgres(unittest.TestCase):
    def test_a_serialization_failure_is_tried_again(self):
        server = Postgres()
        self.addCleanup(server.close)
        w = versioned_workspace("postgres", server)
        self.addCleanup(w.close)
        w.sql("ALTER ROLE writer SET default_transaction_isolation = 'repeatable read'")
        identifier = w.approved()
        w.wait_idle()
        with locked(w, "INV-3001", "UPDATE invoices SET status = 'held' WHERE id = 'INV-3001'; COMMIT;"):
            asking = subprocess.Popen(
                [os.path.join(BIN, "countersign"), "apply", identifier, "--store", w.store, "--config", w.config],
                cwd=w.path, env=w.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            wait_for(lambda: w.sql("SELECT 1 FROM pg_stat_activity WHERE usename = 'writer'"
                                   " AND wait_event_type = 'Lock'"), 20, "the writer to wait")
        self.assertIn("Guarded writeback applied.", asking.communicate(timeout=30)[0])
        self.assertEqual(effects(w, "INV-3001"), 2)  # The other session's and ours.
        self.assertEqual(w.row("INV-3001")[0], 0)
        with open(os.path.join(server.path, "log")) as log:
            self.assertIn("could not serialize access", log.read())


if __name__ == "__main__":
    unittest.main()
