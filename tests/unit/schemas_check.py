#!/usr/bin/python3
"""Every vector is valid under its published schema, and a vector with one
member missing, one too many or one of another type is not."""

import base64
import copy
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import schemas

VECTORS = ROOT / "tests" / "vectors"

SCHEMA_OF = {
    "change-set.json": "change-set.v1",
    "change-set.row-hash.json": "change-set.v1",
    "writeback-job.json": "writeback-job.v1",
    "writeback-job.row-hash.json": "writeback-job.v1",
    "job.json": "job.v1",
    "job.dsse.json": "envelope",
    "decision.approve.json": "decision.v1",
    "decision.reject.json": "decision.v1",
    "receipt.applied.json": "execution-receipt.v1",
    "receipt.already_applied.json": "execution-receipt.v1",
    "receipt.conflict.json": "execution-receipt.v1",
    "receipt.failed.json": "execution-receipt.v1",
    "receipt.outcome_unknown.json": "execution-receipt.v1",
    "chain-head.json": "chain-head.v1",
    "contract.json": "contract",
    "contract-sqlite.json": "contract",
}

# Not whole documents of a schema.
OTHERS = {"change-set.core.json"}
OPTIONAL = {"required_role", "previous_version", "new_version", "safe_error_code"}
MAPS = {"before", "patch", "after"}

failed = 0


def ok(condition, what):
    global failed
    if not condition:
        failed += 1
    print(f"{'ok' if condition else 'not ok'} - {what}")


def objects(value, path=()):
    """The path of every object whose members are fixed."""
    if isinstance(value, dict):
        if path[-1:] and path[-1] in MAPS:
            return
        yield path
        for key, inner in value.items():
            yield from objects(inner, path + (key,))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from objects(inner, path + (i,))


def at(document, path):
    for step in path:
        document = document[step]
    return document


def broken_copies(document):
    for path in objects(document):
        for key in at(document, path):
            if key not in OPTIONAL:
                other = copy.deepcopy(document)
                del at(other, path)[key]
                yield other, f"without {'.'.join(map(str, path + (key,)))}"
            other = copy.deepcopy(document)
            at(other, path)[key] = [[]]
            yield other, f"another type of {'.'.join(map(str, path + (key,)))}"
        other = copy.deepcopy(document)
        at(other, path)["surplus"] = 1
        yield other, f"surplus member in {'.'.join(map(str, path)) or 'root'}"


def check_vector(name, schema):
    document = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    ok(schemas.is_valid(schema, document), f"{name} is a {schema}")
    if schema == "contract":
        return
    accepted = [w for d, w in broken_copies(document) if schemas.is_valid(schema, d)]
    ok(not accepted, f"{name}: anything missing or surplus is refused {accepted}")


def main():
    known = {p.name for p in VECTORS.glob("*.json")}
    ok(known == set(SCHEMA_OF) | OTHERS, "every vector has a schema")
    for name, schema in SCHEMA_OF.items():
        check_vector(name, schema)
    envelope = json.loads((VECTORS / "job.dsse.json").read_text())
    ok(
        base64.b64decode(envelope["payload"]) == (VECTORS / "job.json").read_bytes(),
        "the envelope holds the job's bytes",
    )
    sig = (VECTORS / "job.signature.hex").read_text().strip()
    ok(
        base64.b64decode(envelope["signatures"][0]["sig"]).hex() == sig,
        "and its signature",
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
