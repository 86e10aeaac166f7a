"""The published JSON Schemas: validate(name, document) for any test.

`name` is a schema without its ending ("change-set.v1"); `document` is parsed
JSON or its text. Raises jsonschema.ValidationError.
"""

import json
import pathlib

import jsonschema

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "schemas"


def load():
    """Every schema by its short name, itself checked against the draft."""
    schemas = {}
    for path in sorted(FOLDER.glob("*.schema.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        schemas[path.name[: -len(".schema.json")]] = schema
    return schemas


_SCHEMAS = load()


def validate(name, document):
    if isinstance(document, (str, bytes)):
        document = json.loads(document)
    schema = _SCHEMAS[name]
    # Schemas name each other by $id; nothing is ever fetched.
    resolver = jsonschema.RefResolver(
        schema["$id"], schema, {s["$id"]: s for s in _SCHEMAS.values()}
    )
    jsonschema.Draft202012Validator(schema, resolver=resolver).validate(document)


def is_valid(name, document):
    try:
        validate(name, document)
    except jsonschema.ValidationError:
        return False
    return True
