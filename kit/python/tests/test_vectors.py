"""kit/vectors, against this kit: python3 -m unittest discover -s kit/python/tests"""
import dataclasses
import json
import os
import sys
import unittest
from decimal import Decimal

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from countersign_handler import (CommandHandler, Handler, Job, Refuse, Rules, row_hash, values, verify,  # noqa: E402
                                 verify_command, version_equal)
from countersign_handler.request import EPOCH_US, Refusal, lower_headers  # noqa: E402


def load(name):
    with open(os.path.join(HERE, "../../vectors", name), encoding="utf-8") as file:
        return json.load(file, parse_float=Decimal)


def body_of(body):
    if isinstance(body, str):
        return body.encode()
    if "hex" in body:
        return bytes.fromhex(body["hex"])
    return (body["prefix"] + body["repeat"] * body["times"] + body["suffix"]).encode()


def plain(value):
    """A job as the vectors write one."""
    if dataclasses.is_dataclass(value):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return ("number", values.as_text(value))
    return value


class NoStorage:
    """Reaching the database is a failure of the test."""

    def with_transaction(self, work):
        raise AssertionError("a refused request reached the database")


class Requests(unittest.TestCase):
    def test_every_case(self):
        vectors = load("requests.json")
        rules = Rules(vectors["actions"], vectors["token"].encode(), vectors["secret"].encode(), vectors["skew_ms"])
        now_us = values.moment(vectors["clock"]) - EPOCH_US
        self.assertGreater(len(vectors["cases"]), 200)
        handler = Handler({action: print for action in vectors["actions"]}, NoStorage(), now_us=lambda: now_us,
                          env={"SYNAPSOR_APP_WRITEBACK_TOKEN": vectors["token"],
                               "SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET": vectors["secret"]}, log=lambda *_: None)
        command = CommandHandler({action: print for action in vectors["actions"]}, NoStorage(), log=lambda *_: None)
        for case in vectors["cases"]:
            with self.subTest(case["name"]):
                expect, body = case["expect"], body_of(case["body"])
                headers = {k: v.encode().decode("latin-1") for k, v in case.get("headers", {}).items()}
                if "job" in expect:
                    if case["mode"] == "command":
                        job = verify_command(rules, body)
                    else:
                        job = verify(rules, case["method"], lower_headers(headers), body, now_us)
                    self.assertIsInstance(job, Job)
                    got = plain(job)
                    for name, value in expect["job"].items():
                        self.assertEqual(got[name], plain(value), name)
                elif case["mode"] == "command":
                    self.assertEqual(command.answer(body)["safe_error_code"], expect["safe_error_code"])
                else:
                    self.check_answer(handler.handle(case["method"], headers, body), expect)

    def check_answer(self, answer, expect):
        self.assertEqual(answer.status, expect["http"])
        if "allow" in expect:
            self.assertEqual(answer.headers["Allow"], expect["allow"])
            return
        self.assertEqual(json.loads(answer.body), {
            "status": "failed", "rows_affected": 0, "source_database_mutated": False,
            "safe_error_code": expect["safe_error_code"]})

    def test_a_body_that_was_not_read_is_too_large(self):
        with self.assertRaises(Refusal) as caught:
            verify(Rules([], None, None), "POST", {}, None, 0)
        self.assertEqual(caught.exception.code, "REQUEST_TOO_LARGE")


class Values(unittest.TestCase):
    def test_versions(self):
        cases = load("versions.json")["cases"]
        self.assertGreater(len(cases), 30)
        for case in cases:
            for a, b in ((case["a"], case["b"]), (case["b"], case["a"])):
                with self.subTest(a=a, b=b):
                    self.assertEqual(version_equal(a, b), case["equal"])

    def test_row_hashes(self):
        for case in load("row_hash.json")["cases"]:
            with self.subTest(case["canonical"]):
                self.assertEqual(values.row_text(case["row"], case["row"]), case["canonical"])
                self.assertEqual(row_hash(case["row"], case["row"]), case["hash"])

    def test_values_of_postgres(self):
        for case in load("row_hash.json")["postgres_values"]:
            with self.subTest(case):
                raw = None if case["text"] is None else case["text"].encode()
                got = values.postgres_value(case["oid"], raw)
                self.assertEqual(plain(Decimal(repr(got)) if isinstance(got, float) else got), plain(case["value"]))

    def test_values_of_mysql(self):
        for code, raw, value in (
                (3, "5500", 5500), (8, "9007199254740993", 9007199254740993),
                (8, "18446744073709551615", "18446744073709551615"), (246, "12.50", "12.50"), (5, "0.1", 0.1),
                (4, "0.1", 0.1), (7, "2026-06-20 14:31:08.120000", "2026-06-20T14:31:08.120000Z"),
                (7, "2026-06-20 14:31:08.000000", "2026-06-20T14:31:08Z"), (12, "2026-06-20 14:31:08",
                                                                            "2026-06-20T14:31:08"),
                (10, "2026-06-20", "2026-06-20"), (11, "-34:00:01.5", "-34:00:01.500000"), (253, "ä", "ä"),
                (252, b"\x00\xff", "\\x00ff"), (253, None, None)):
            with self.subTest(code=code, raw=raw):
                self.assertEqual(values.mysql_value(code, raw), value)


class Configuration(unittest.TestCase):
    """What could not be safe is refused when it is made."""

    def make(self, env, **options):
        return Handler(options.pop("capabilities", {"a": print}), options.pop("storage", NoStorage()), env=env, **options)

    def test_what_is_refused(self):
        token, secret = "SYNAPSOR_APP_WRITEBACK_TOKEN", "SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET"
        good = {token: "x" * 16, secret: "y" * 16}
        self.make(good)
        self.make({token: "x" * 16}, signing_secret_env=None)
        self.make({}, token_env=None, signing_secret_env=None, allow_unauthenticated=True)
        for env, options in (
                ({}, {}), ({token: "x" * 16}, {}), ({secret: "x" * 16}, {}), ({**good, token: "x" * 15}, {}),
                ({**good, secret: ""}, {}), ({}, {"token_env": None, "signing_secret_env": None}),
                ({}, {"allow_unauthenticated": True}), (good, {"capabilities": {}}), (good, {"storage": None}),
                (good, {"capabilities": {"a": "b"}}), (good, {"issued_at_skew_ms": 0})):
            with self.subTest(env=env, options=options), self.assertRaises(ValueError) as caught:
                self.make(env, **options)
            self.assertNotIn("x" * 15, str(caught.exception))

    def test_a_code_is_a_word_in_capitals(self):
        for code in ("", "a", "A B", "X" * 65, "A\n"):
            with self.assertRaises(ValueError):
                Refuse(code)


if __name__ == "__main__":
    unittest.main()
