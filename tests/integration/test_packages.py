"""The Debian packages: reproducible, complete, hardened units, and the loop after a
real installation, each daemon as its own user (in a copy-on-write root)."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from machine import Machine  # noqa: E402
from workspace import ROOT  # noqa: E402

PACKAGES = ("countersign", "countersign-handler", "libcountersign-handler-dev")


def run(*words, check=True, **options):
    result = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if check and result.returncode != 0:
        raise AssertionError("%r\n%s\n%s" % (words, result.stdout[-3000:], result.stderr[-3000:]))
    return result


class Units(unittest.TestCase):
    """What systemd itself says about them."""

    def test_exposure_is_low(self):
        for path in glob.glob(os.path.join(ROOT, "packaging/systemd/*.service")):
            out = run("systemd-analyze", "security", "--offline=yes", path, check=False).stdout
            level = float(re.search(r"Overall exposure level for .*: ([0-9.]+)", out).group(1))
            self.assertLessEqual(level, 1.5, path)

    def test_nobody_may_reach_what_is_anothers(self):
        """The traps of os-boundary.md §4.3 and §4.6."""
        for path in glob.glob(os.path.join(ROOT, "packaging/systemd/*.service")):
            with open(path) as file:
                text = file.read()
            self.assertNotIn("Environment=", text, path)
            name = os.path.basename(path)
            # Those that must know who connects to them.
            self.assertEqual("PrivateUsers=no" in text, name in ("countersign-ledgerd.service", "countersign-mcpd.service"), name)
            self.assertEqual("credentials/writerd" in text, name == "countersign-writerd@.service", name)
        for path in glob.glob(os.path.join(ROOT, "packaging/systemd/countersign-ledgerd-*.socket")):
            with open(path) as file:
                self.assertIn("SocketMode=0660", file.read(), path)


@unittest.skipIf(os.geteuid() != 0, "installs packages, so it wants root")
class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="countersign-deb-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        env = {**os.environ, "SOURCE_DATE_EPOCH": "1790000000", "PATH": "/usr/lib/ccache:" + os.environ["PATH"]}
        cls.first, cls.second = os.path.join(cls.folder, "a"), os.path.join(cls.folder, "b/elsewhere")
        run(os.path.join(ROOT, "packaging/build-debs.sh"), cls.first, env=env)
        copy = os.path.join(cls.folder, "copy of the source")
        os.makedirs(copy)
        for name in ("CMakeLists.txt", "CMakePresets.json", "LICENSE", "cli", "cmake", "common", "demo", "docs", "examples", "http",
                     "inspect", "jwks", "kit", "ledgerd", "mcpd", "packaging", "proto", "schemas", "writerd"):
            run("cp", "-r", os.path.join(ROOT, name), copy)
        run(os.path.join(copy, "packaging/build-debs.sh"), cls.second, env={**env, "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"})

    def deb(self, name, folder=None):
        path, = glob.glob(os.path.join(folder or self.first, name + "_*.deb"))
        return path

    def test_two_builds_are_the_same_bytes(self):
        for name in PACKAGES:
            with open(self.deb(name), "rb") as one, open(self.deb(name, self.second), "rb") as other:
                self.assertEqual(one.read(), other.read(), name)

    def test_each_linked_library_is_in_the_sbom_with_its_license(self):
        for name in PACKAGES[:2]:
            root = os.path.join(self.folder, "x-" + name)
            run("dpkg-deb", "-x", self.deb(name), root)
            docs = os.path.join(root, "usr/share/doc", name)
            with open(os.path.join(docs, name + ".spdx.json")) as file:
                document = json.load(file)
            self.assertEqual(document["spdxVersion"], "SPDX-2.3")
            listed = {p["name"] for p in document["packages"]} - {name}
            self.assertIn("libsodium23", listed)
            self.assertEqual(set(os.listdir(os.path.join(docs, "licenses"))), listed)
            depends = run("dpkg-deb", "-f", self.deb(name), "Depends").stdout
            for library in listed:
                self.assertIn(library, depends)

    def test_daemons_may_be_run_and_not_read(self):
        listing = run("dpkg-deb", "-c", self.deb("countersign")).stdout
        for name in ("mcpd", "ledgerd", "writerd"):
            self.assertRegex(listing, r"-rwx--x--x root/root .* \./usr/libexec/countersign/%s\n" % name)

    def copy_inside(self):
        """What runs where the packages are installed; of the tree itself nothing is there."""
        inside = os.path.join(self.folder, "inside")
        if not os.path.exists(inside):
            os.mkdir(inside)
            for path in ("tests/support/installed_loop.py", "tests/support/container_loop.py", "tests/support/app.py",
                         "tests/support/issuer.py",
                         "packaging/container/entrypoint", "packaging/container/Containerfile"):
                shutil.copy(os.path.join(ROOT, path), inside)
        return inside

    def in_a_root(self, script):
        """Run a shell script in a copy-on-write copy of this system."""
        script_path = os.path.join(self.folder, "script.sh")
        with open(script_path, "w") as file:
            file.write("set -e\nexport DEBIAN_FRONTEND=noninteractive\n" + script)
        inside = self.copy_inside()
        outer = ("set -e; mount -t tmpfs none /mnt; mkdir /mnt/u /mnt/w /mnt/m;"
                 "mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/m;"
                 "mount -t proc proc /mnt/m/proc; mount --rbind /dev /mnt/m/dev; mount -t tmpfs none /mnt/m/run;"
                 "mount -t tmpfs none /mnt/m/tmp; mount --bind %s /mnt/m/srv; mkdir /mnt/m/srv2;"
                 "mount --bind %s /mnt/m/srv2; mount -t tmpfs none /mnt/m/opt;"
                 "chroot /mnt/m sh /srv/script.sh" % (self.folder, inside))
        return run("unshare", "-mp", "--fork", "sh", "-c", outer, timeout=300).stdout

    def test_without_a_service_manager_four_daemons_run_under_four_users(self):
        out = self.in_a_root("""
dpkg -i /srv/a/%s /srv/a/%s
mount -t tmpfs none /srv
python3 /srv2/container_loop.py
""" % (os.path.basename(self.deb("countersign")), os.path.basename(self.deb("countersign-handler"))))
        self.assertTrue(out.rstrip().endswith("container done"), out[-2000:])

    def newer(self):
        """The package as the next version, which brings another example of how mcpd is reached."""
        root = os.path.join(self.folder, "newer")
        run("dpkg-deb", "-R", self.deb("countersign"), root)
        for path, old, new in (("DEBIAN/control", "Version: ", "Version: 1:"), ("etc/countersign/mcpd.env", "1000", "1001")):
            with open(os.path.join(root, path), "r+") as file:
                text = file.read().replace(old, new)
                file.seek(0)
                file.write(text)
        run("dpkg-deb", "--root-owner-group", "-b", root, self.folder + "/newer.deb")
        return self.folder + "/newer.deb"

    def test_on_a_machine_systemd_runs_the_loop_an_upgrade_goes_on_and_a_purge_keeps_the_record(self):
        inside, newer = self.copy_inside(), self.newer()
        loop = os.path.join(inside, "installed_loop.py")
        m = Machine(self.folder)
        self.addCleanup(m.close)
        m.run("dpkg", "-i", self.deb("countersign"), self.deb("countersign-handler"))
        units = m.run("sh", "-c", "ls /usr/lib/systemd/system/countersign*.*[a-z@]").stdout.split()
        units = [u for u in units if u.startswith("/usr") and not u.endswith(":")]
        self.assertGreater(len(units), 10)
        verified = m.run("systemd-analyze", "verify", *units)
        self.assertEqual((verified.stdout, verified.stderr), ("", ""))
        self.assertEqual(m.run("systemctl", "--failed", "--plain", "--no-legend", "list-units", "countersign*").stdout, "")
        self.assertIn("loop done", m.run("python3", loop).stdout)
        contract = m.run("cat", "/etc/countersign/countersign.json").stdout
        before = m.run("pgrep", "-u", "cs-ledgerd").stdout
        m.run("dpkg", "-i", "--force-confold", "--force-depends", newer)
        self.assertNotEqual(m.run("pgrep", "-u", "cs-ledgerd").stdout, before, "it runs, and the new one")
        self.assertEqual(m.run("cat", "/etc/countersign/countersign.json").stdout, contract)
        self.assertIn("1001", m.run("cat", "/etc/countersign/mcpd.env.dpkg-dist").stdout)
        self.assertIn("again done", m.run("python3", loop, "again").stdout)
        self.assertIn("tokens done", m.run("python3", loop, "tokens").stdout)
        m.run("dpkg", "-r", "countersign-handler", "countersign")
        for user in ("cs-ledgerd", "cs-mcpd", "cs-writerd", "cs-handler"):
            self.assertEqual(m.run("pgrep", "-u", user, check=False).stdout, "", user)
        m.run("test", "-s", "/etc/countersign/mcpd.env")
        m.run("dpkg", "-P", "countersign-handler", "countersign")
        for path in ("/etc/countersign/credentials", "/etc/countersign/mcpd.env", "/usr/libexec/countersign",
                     "/etc/systemd/system/countersign.target.wants", "/run/countersign"):
            m.run("test", "!", "-e", path)
        m.run("test", "-s", "/var/lib/countersign/ledger/ledger.db")


if __name__ == "__main__":
    unittest.main()
