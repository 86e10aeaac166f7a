"""JSON as it is defined, and nothing more: RFC 8259 in valid UTF-8, no member
twice, no half surrogate pair, no NUL in a string, at most 64 levels."""
from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

MAX_DEPTH = 64
_MARKS = re.compile(r'["\\\[\]{}]')
_INT64 = range(-(1 << 63), 1 << 63)


class BadJson(ValueError):
    """The text is no JSON of this kind; the message holds nothing of it."""


def _check_depth(text: str) -> None:
    depth, in_string, skip = 0, False, -1
    for found in _MARKS.finditer(text):
        mark, at = found.group(), found.start()
        if at == skip:
            continue
        if in_string:
            if mark == "\\":
                skip = at + 1
            elif mark == '"':
                in_string = False
        elif mark == '"':
            in_string = True
        elif mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise BadJson("too many levels")
        elif mark in "]}":
            depth -= 1


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise BadJson("a member twice")
    return value


def _integer(text: str) -> int | Decimal:
    """Exact: a decimal where 64 bits do not do."""
    value = int(text) if len(text) <= 20 else None
    return value if value is not None and value in _INT64 else Decimal(text)


def _constant(_: str) -> Any:
    raise BadJson("no number")


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        value.encode()  # half a surrogate pair has no bytes
        if "\0" in value:
            raise BadJson("NUL in a string")
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_texts(key)
            _check_texts(member)
    elif isinstance(value, list):
        for member in value:
            _check_texts(member)


def parse(body: bytes) -> Any:
    """`body` is not trusted. Integers of 64 bits become int, all other numbers
    Decimal: nothing is rounded. BadJson for everything else."""
    try:
        text = body.decode("utf-8")
        _check_depth(text)
        value = json.loads(text, object_pairs_hook=_members, parse_int=_integer, parse_float=Decimal,
                           parse_constant=_constant)
        _check_texts(value)
    except BadJson:
        raise
    except (ValueError, ArithmeticError, RecursionError):
        raise BadJson("no JSON") from None
    return value
