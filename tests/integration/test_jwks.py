"""countersign-jwks: only whole, sound sets of public keys replace the file."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from issuer import AUDIENCE, ISSUER, Issuer, KeyServer  # noqa: E402
from workspace import BIN, REDUCED, contract  # noqa: E402


class Jwks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="countersign-jwks-")
        self.addCleanup(self.folder.cleanup)
        self.file = os.path.join(self.folder.name, "keys", "jwks.json")
        os.mkdir(os.path.dirname(self.file))
        self.issuer = Issuer()
        self.answer = (200, {}, json.dumps(self.issuer.jwks()).encode())
        self.server = KeyServer(lambda path: self.answer)
        self.addCleanup(self.server.close)
        self.config = os.path.join(self.folder.name, "countersign.json")
        self.write_config(self.server.url)

    def write_config(self, url, **more):
        value = contract("sqlite", http_auth={"issuer": ISSUER, "audience": AUDIENCE, "algorithms": ["ES256"],
                                              "jwks_file": self.file, "jwks_url": url, **more})
        with open(self.config, "w") as file:
            json.dump(value, file)

    def command(self, *flags):
        return [os.path.join(BIN, "countersign-jwks"), "--config", self.config, *REDUCED, *flags]

    def once(self):
        return subprocess.run(self.command("--once"), capture_output=True, text=True, timeout=60)

    def keys(self):
        with open(self.file, "rb") as file:
            return file.read()

    def test_a_sound_set_is_written_for_everybody_to_read(self):
        result = self.once()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.keys(), self.answer[2])
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o644)
        self.assertEqual(self.server.requests[0][0], "/keys")

    def test_what_is_not_sound_leaves_the_old_keys(self):
        self.assertEqual(self.once().returncode, 0)
        before = self.keys()
        secret = {"keys": [{"kty": "oct", "k": "AAAA"}, *self.issuer.jwks()["keys"]]}
        private = self.issuer.jwks()
        private["keys"][0]["d"] = "AQAB"
        for name, answer in {
            "not JSON": (200, {}, b"<html>"), "no keys": (200, {}, b'{"keys":[]}'),
            "symmetric": (200, {}, json.dumps(secret).encode()), "private": (200, {}, json.dumps(private).encode()),
            "too large": (200, {}, b'{"keys":[' + b" " * (300 << 10) + b"]}"),
            "error": (500, {}, self.answer[2]), "not found": (404, {}, b""),
            "redirect": (302, {"Location": self.server.url + "/other"}, b""),
            "too many": (200, {}, json.dumps({"keys": self.issuer.jwks()["keys"] * 50}).encode()),
        }.items():
            with self.subTest(answer=name):
                self.answer = answer
                result = self.once()
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn("keys_kept", result.stderr)
                self.assertEqual(self.keys(), before)
        self.assertFalse([r for r in self.server.requests if r[0] != "/keys"], "a redirect was followed")

    def test_an_issuer_that_is_away_leaves_the_old_keys(self):
        self.assertEqual(self.once().returncode, 0)
        before = self.keys()
        self.write_config("http://127.0.0.1:1/keys")
        result = self.once()
        self.assertEqual((result.returncode, self.keys()), (1, before))
        self.assertIn("JWKS_UNAVAILABLE", result.stderr)

    def test_https_is_verified(self):
        """A server that speaks no TLS, or one whose certificate nobody vouches for."""
        self.write_config(self.server.url.replace("http://", "https://"))
        result = self.once()
        self.assertEqual(result.returncode, 1)
        self.assertFalse(os.path.exists(self.file))

    def test_proxies_of_the_environment_are_not_asked(self):
        env = {**os.environ, "http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1",
               "ALL_PROXY": "http://127.0.0.1:1"}
        result = subprocess.run(self.command("--once"), capture_output=True, text=True, timeout=60, env=env)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_it_keeps_running_and_ends_when_told(self):
        process = subprocess.Popen(self.command(), stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20
        while not os.path.exists(self.file) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(os.path.exists(self.file))
        # Asked again at once it waits: nobody can make it hammer the issuer.
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        self.assertEqual(len(self.server.requests), 1)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 0)
        process.stderr.close()

    def test_a_contract_without_a_url_is_refused(self):
        with open(self.config, "w") as file:
            json.dump(contract("sqlite"), file)
        result = self.once()
        self.assertEqual(result.returncode, 111)
        self.assertIn("JWKS_URL_MISSING", result.stderr)


if __name__ == "__main__":
    unittest.main()
