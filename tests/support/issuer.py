"""An issuer of tokens: keys of the three kinds, a JWK set, signatures; and a
loopback server that publishes keys, well or badly."""
import base64
import contextlib
import http.server
import json
import os
import threading
import time

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

ISSUER = "https://idp.example"
AUDIENCE = "https://mcp.example/mcp"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Issuer:
    def __init__(self, suffix=""):
        self.keys = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1()),
                     "EdDSA": ed25519.Ed25519PrivateKey.generate()}
        self.suffix = suffix

    def jwks(self):
        rsa_numbers = self.keys["RS256"].public_key().public_numbers()
        ec_numbers = self.keys["ES256"].public_key().public_numbers()
        raw = self.keys["EdDSA"].public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        keys = [{"kty": "RSA", "n": number(rsa_numbers.n), "e": number(rsa_numbers.e)},
                {"kty": "EC", "crv": "P-256", "x": number(ec_numbers.x, 32), "y": number(ec_numbers.y, 32)},
                {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}]
        for key, alg in zip(keys, ("RS256", "ES256", "EdDSA")):
            key.update(kid=alg + self.suffix, alg=alg, use="sig")
        return {"keys": keys}

    def pem(self, alg):
        return self.keys[alg].public_key().public_bytes(serialization.Encoding.PEM,
                                                        serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, alg, data):
        key = self.keys[alg]
        if alg == "RS256":
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if alg == "EdDSA":
            return key.sign(data)
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, alg="ES256", header=None, **claims):
        """None as a claim leaves it out."""
        now = int(time.time())
        body = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 300, "nbf": now, "sub": "agent_1", "tenant_id": "acme",
                **claims}
        head = {"alg": alg, "kid": alg + self.suffix, "typ": "at+jwt", **(header or {})}
        text = ".".join(b64(json.dumps(part).encode())
                        for part in (head, {k: v for k, v in body.items() if v is not None}))
        return text + "." + b64(self.sign(alg, text.encode()))

    def confused(self):
        """HS256 with a public key as the secret: the classic confusion."""
        head, body, _ = self.token("RS256", header={"alg": "HS256"}).split(".")
        mac = hmac.HMAC(self.pem("RS256"), hashes.SHA256())
        mac.update((head + "." + body).encode())
        return ".".join((head, body, b64(mac.finalize())))


def write_keys(path, value):
    """As an operator or countersign-jwks does it: whole or not at all."""
    with open(path + ".new", "wb") as file:
        file.write(value if isinstance(value, bytes) else json.dumps(value).encode())
    os.chmod(path + ".new", 0o644)
    os.replace(path + ".new", path)


class KeyServer:
    """Answers every GET with what `answer` returns: (status, headers, body)."""

    def __init__(self, answer):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests.append((self.path, dict(self.headers)))
                status, headers, body = answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.requests = []
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/keys" % self.httpd.server_address[1]
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()
