"""A workspace whose invoices have a version that writerd moves, and a table that
counts effects: a second write shows even if it wrote the same values."""
import contextlib
import sqlite3

from workspace import Workspace, contract

TYPES = {"sqlite": "INTEGER", "postgres": "bigint", "mysql": "bigint"}
COUNTERS = {
    "sqlite": (
        "CREATE TABLE effects (id TEXT)",
        "CREATE TRIGGER count_effects AFTER UPDATE ON invoices BEGIN INSERT INTO effects VALUES (NEW.id); END"),
    "postgres": (
        "CREATE TABLE IF NOT EXISTS effects (id text)", "TRUNCATE effects", "GRANT INSERT ON effects TO writer",
        "CREATE OR REPLACE FUNCTION count_effects() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO effects VALUES (NEW.id); RETURN NULL; END $$",
        "CREATE TRIGGER count_effects AFTER UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION count_effects()"),
    "mysql": (
        "CREATE TABLE effects (id varchar(64)) ENGINE=InnoDB",
        "CREATE TRIGGER count_effects AFTER UPDATE ON invoices FOR EACH ROW INSERT INTO effects VALUES (NEW.id)"),
}


def versioned_contract(engine, **source):
    """`source`: more members of the source, such as receipts="ledger"."""
    value = contract(engine)
    value["sources"]["shop"].update(source)
    value["capabilities"][1]["conflict_guard"] = {"column": "version", "advance": "integer_increment"}
    return value


def count_effects(w):
    for statement in COUNTERS[w.engine]:
        w.sql(statement)


def add_version(w):
    w.sql("ALTER TABLE invoices ADD COLUMN version %s NOT NULL DEFAULT 7" % TYPES[w.engine])
    if w.engine == "postgres":
        w.sql("GRANT UPDATE (version) ON invoices TO writer")
    if w.engine == "mysql":
        w.sql("GRANT UPDATE (version) ON shop.invoices TO writer@'%'")


def versioned_workspace(engine, server=None, **source):
    w = Workspace(engine, config=versioned_contract(engine, **source), server=server)
    add_version(w)
    count_effects(w)
    return w


def add_invoices(w, names):
    w.sql("INSERT INTO invoices (id, tenant_id, status, late_fee_cents, updated_at) VALUES " + ", ".join(
        "('%s', 'acme', 'open', 5500, '2026-06-20T14:31:08Z')" % name for name in names))


def effects(w, invoice):
    return int(w.sql("SELECT count(*) FROM effects WHERE id = '%s'" % invoice)[0][0])


def version(w, invoice):
    return int(w.sql("SELECT version FROM invoices WHERE id = '%s'" % invoice)[0][0])


@contextlib.contextmanager
def locked(w, invoice, at_end=""):
    """Somebody else's transaction holds the row (SQLite: the file); `at_end` it does this."""
    if w.engine == "sqlite":
        with contextlib.closing(sqlite3.connect(w.source, timeout=10, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("ROLLBACK")
        return
    session = w.server.session("shop")
    try:
        session.stdin.write("BEGIN;\nSELECT 'locked' FROM invoices WHERE id = '%s' FOR UPDATE;\n" % invoice)
        session.stdin.flush()
        while "locked" not in session.stdout.readline():
            pass
        yield
        session.stdin.write(at_end + "\n")
    finally:
        session.stdin.close()
        session.wait(20)
        session.stdout.close()
