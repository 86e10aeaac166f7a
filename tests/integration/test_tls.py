"""TLS to the databases, for the reader and for the writer: who is believed, who is not, and what is never read."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import PASSWORD, Postgres  # noqa: E402
from workspace import Workspace  # noqa: E402

WRONG_CA = "/etc/ssl/certs/ca-certificates.crt"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    """A throw-away CA, and a server's key and certificate that it signed for these names."""

    def __init__(self, folder, names):
        self.ca, self.key, self.cert = (os.path.join(folder, n) for n in ("ca.pem", "key.pem", "cert.pem"))
        ca_key, request, extensions = (os.path.join(folder, n) for n in ("ca-key.pem", "request.pem", "extensions"))
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", ca_key, "-out", self.ca, "-days", "2",
                "-subj", "/CN=throw-away CA")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", request, "-subj", "/CN=db")
        with open(extensions, "w") as file:
            file.write("subjectAltName=%s\n" % names)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
                "-extfile", extensions, "-out", self.cert)
        os.chmod(folder, 0o755)


class Tls(unittest.TestCase):
    engine = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="countersign-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.authority = Authority(cls.folder, "DNS:localhost")
        cls.server = cls.start(cls.authority)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        self.w = Workspace(self.engine, server=self.server)
        self.addCleanup(self.w.close)

    def url(self, role, host, parameters):
        url = self.server.url("shop", role).replace("@127.0.0.1:", "@%s:" % host)
        return url + ("?" + parameters if parameters else "")

    def read(self, host, parameters, **env):
        """Was it read, and what does the log say?"""
        mcp = self.w.serve(env={"SHOP_READ_URL": self.url("reader", host, parameters), **env})
        mcp.initialize()
        answer = mcp.read("INV-3001")
        mcp.close()
        with open(mcp.process.log_path) as log:
            return answer["ok"], log.read()

    def apply(self, host, parameters):
        identifier = self.w.approved()
        self.w.wait_idle()
        result = self.w.run("apply", identifier, "--json", env={"SHOP_WRITE_URL": self.url("writer", host, parameters)})
        self.w.wait_idle()
        return '"applied"' in result.stdout, result.stdout + result.stderr

    def rows(self):
        right = "&sslrootcert=" + self.authority.ca
        wrong = "&sslrootcert=" + WRONG_CA
        return [
            ("localhost", "", True, None),
            ("localhost", "sslmode=disable", True, None),
            ("localhost", "sslmode=prefer", True, None),
            ("localhost", "sslmode=no-verify", True, None),
            ("localhost", "sslmode=require", True, None),
            ("localhost", "sslmode=require" + right, True, None),
            ("127.0.0.1", "sslmode=require" + right, True, None),
            ("localhost", "sslmode=require" + wrong, False, "sslrootcert="),
            ("localhost", "sslmode=verify-ca", False, "sslrootcert="),
            ("localhost", "sslmode=verify-ca" + wrong, False, "sslmode=no-verify"),
            ("127.0.0.1", "sslmode=verify-ca" + right, True, None),
            ("localhost", "sslmode=verify-full", False, "sslrootcert="),
            ("localhost", "sslmode=verify-full" + right, True, None),
            ("127.0.0.1", "sslmode=verify-full" + right, False, self.name_remedy),
            ("localhost", "sslmode=verify-full" + wrong, False, "sslmode=no-verify"),
            ("localhost", "sslmode=verify-full&sslrootcert=/nowhere/ca.pem", False, "sslrootcert")]

    def test_reader_believes_only_whom_it_should(self):
        for host, parameters, wanted, remedy in self.rows():
            with self.subTest(host=host, parameters=parameters):
                ok, log = self.read(host, parameters)
                self.assertEqual(ok, wanted, log)
                if remedy:
                    self.assertIn(remedy, log)
                self.assertNotIn(PASSWORD, log)

    def test_writer_believes_only_whom_it_should(self):
        right = "&sslrootcert=" + self.authority.ca
        for host, parameters, wanted in (
                ("localhost", "sslmode=verify-full", False),
                ("127.0.0.1", "sslmode=verify-full" + right, False),
                ("localhost", "sslmode=verify-full&sslrootcert=" + WRONG_CA, False),
                ("localhost", "sslmode=verify-full&sslrootcert=/nowhere/ca.pem", False),
                ("localhost", "sslmode=verify-full" + right, True)):
            with self.subTest(host=host, parameters=parameters):
                ok, text = self.apply(host, parameters)
                self.assertEqual(ok, wanted, text)
                if not wanted:
                    self.assertEqual(self.w.row("INV-3001")[0], 5500)

    def test_connection_is_encrypted_when_asked_for(self):
        self.require_tls()
        self.assertFalse(self.read("localhost", "sslmode=disable")[0])
        for mode in ("prefer", "no-verify", "require"):
            self.assertTrue(self.read("localhost", "sslmode=" + mode)[0], mode)

    def test_server_without_tls_is_refused_where_it_is_asked_for(self):
        server = self.start(None)
        self.addCleanup(server.close)
        w = Workspace(self.engine, server=server)
        self.addCleanup(w.close)
        for mode, wanted in (("disable", True), ("prefer", True), ("no-verify", False), ("require", False),
                             ("verify-ca", False), ("verify-full", False)):
            with self.subTest(mode=mode):
                mcp = w.serve(env={"SHOP_READ_URL": server.url("shop", "reader") + "?sslmode=" + mode})
                mcp.initialize()
                self.assertEqual(mcp.read("INV-3001")["ok"], wanted)
                mcp.close()
                if not wanted:
                    with open(mcp.process.log_path) as log:
                        self.assertIn("sslmode=disable", log.read())


class TlsOnPostgres(Tls):
    engine = "postgres"
    name_remedy = "a name that the certificate holds"

    @staticmethod
    def start(authority):
        if authority is None:
            return Postgres()
        for name in (authority.key, authority.cert):
            if os.geteuid() == 0:
                shutil.chown(name, "postgres", "postgres")
        os.chmod(authority.key, 0o600)
        return Postgres(["ssl=on", "ssl_cert_file=" + authority.cert, "ssl_key_file=" + authority.key])

    def require_tls(self):
        path = os.path.join(self.server.data, "pg_hba.conf")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("host all all", "hostssl all all"))
        self.server.sql("shop", "SELECT pg_reload_conf()")
        self.addCleanup(self.server.sql, "shop", "SELECT pg_reload_conf()")
        self.addCleanup(lambda: open(path, "w").write(text))

    def test_files_of_the_home_folder_are_never_read(self):
        """A password file, a service file and a CA that would let it connect, or keep it from doing so."""
        home = tempfile.mkdtemp(prefix="countersign-home-")
        self.addCleanup(shutil.rmtree, home)
        os.mkdir(os.path.join(home, ".postgresql"))
        shutil.copy(WRONG_CA, os.path.join(home, ".postgresql", "root.crt"))
        with open(os.path.join(home, ".pgpass"), "w") as file:
            file.write("*:*:*:reader:%s\n" % PASSWORD)
        os.chmod(os.path.join(home, ".pgpass"), 0o600)
        with open(os.path.join(home, ".pg_service.conf"), "w") as file:
            file.write("[shop]\nhost=localhost\npassword=%s\n" % PASSWORD)
        env = {"HOME": home, "PGPASSFILE": os.path.join(home, ".pgpass"), "PGSERVICE": "shop",
               "PGSERVICEFILE": os.path.join(home, ".pg_service.conf"), "PGPASSWORD": PASSWORD}
        self.assertTrue(self.read("localhost", "sslmode=require", **env)[0], "no CA of the home folder")
        url = self.server.url("shop", "reader").replace(":" + PASSWORD.replace(" ", "%20"), "")
        mcp = self.w.serve(env={**env, "SHOP_READ_URL": url})
        mcp.initialize()
        self.assertFalse(mcp.read("INV-3001")["ok"], "no password but that of the URL")
        mcp.close()


class TlsOnMariadb(Tls):
    engine = "mysql"
    name_remedy = "sslmode=no-verify"

    @staticmethod
    def start(authority):
        if authority is None:
            return Mariadb()
        os.chmod(authority.key, 0o644)
        return Mariadb(("ssl-key=" + authority.key, "ssl-cert=" + authority.cert))

    def require_tls(self):
        self.server.sql("mysql", "ALTER USER reader@'%' REQUIRE SSL")
        self.addCleanup(self.server.sql, "mysql", "ALTER USER reader@'%' REQUIRE NONE")

    def test_option_files_are_never_read(self):
        home = tempfile.mkdtemp(prefix="countersign-home-")
        self.addCleanup(shutil.rmtree, home)
        for name in (".my.cnf", ".mylogin.cnf"):
            with open(os.path.join(home, name), "w") as file:
                file.write("[client]\npassword=%s\n[client-server]\npassword=%s\n" % (PASSWORD, PASSWORD))
        env = {"HOME": home, "MYSQL_PWD": PASSWORD, "MARIADB_HOME": home, "MYSQL_HOME": home}
        url = self.server.url("shop", "reader").replace(":" + PASSWORD.replace(" ", "%20"), "")
        mcp = self.w.serve(env={**env, "SHOP_READ_URL": url})
        mcp.initialize()
        self.assertFalse(mcp.read("INV-3001")["ok"], "no password but that of the URL")
        mcp.close()


# Only the classes for an engine run.
del Tls


if __name__ == "__main__":
    unittest.main()
