"""Values as Countersign reads them (docs/values.md), their texts, versions and
row hashes. A value is None, bool, int, float (of a float column), Decimal (of a
request) or str."""
from __future__ import annotations

import hashlib
import json
import re
import struct
from decimal import Decimal
from typing import Any, Iterable, Mapping

ROW_HASH = "__row_hash"
_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
                   r"(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?")
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_scalar(value: Any) -> bool:
    """None, bool, text, or a number that a double has a place for."""
    if isinstance(value, Decimal):
        return abs(float(value)) != float("inf")
    return value is None or isinstance(value, (bool, int, str))


def number_text(value: float | Decimal) -> str:
    """The shortest text that reads back as the same double, as JavaScript writes it."""
    value = float(value)
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    point = len(digits) + exponent  # digits in front of the point
    if len(text) <= point <= 21:
        text += "0" * (point - len(text))
    elif 0 < point <= 21:
        text = text[:point] + "." + text[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + text
    else:
        text = text[0] + ("." + text[1:] if len(text) > 1 else "") + "e%+d" % (point - 1)
    return "-" + text if sign else text


def as_text(value: Any) -> str:
    """The exact text of a scalar."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int) else number_text(value)


def same(a: Any, b: Any) -> bool:
    """Same kind and same value: 1 and "1" differ, 1 and 1.0 do not."""
    def kind(x: Any) -> str:
        return "bool" if isinstance(x, bool) else "null" if x is None else "text" if isinstance(x, str) else "number"
    return kind(a) == kind(b) and as_text(a) == as_text(b)


def moment(text: str) -> int | None:
    """Microseconds since year 0; None if the text is no timestamp that exists. Without offset: UTC."""
    found = _TIME.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not (1 <= month <= 12 and hour < 24 and minute < 60 and second < 60):
        return None
    if not 1 <= day <= _DAYS[month - 1] + (month == 2 and leap):
        return None
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += sum(_DAYS[:month - 1]) + (month > 2 and leap) + day
    offset = 0
    zone = (found[8] or "Z").replace(":", "")
    if zone not in "Zz":
        offset = (int(zone[1:3]) * 3600 + int(zone[3:5] or "0") * 60) * (-1 if zone[0] == "-" else 1)
    seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset
    return seconds * 1000000 + int((found[7] or "").ljust(6, "0")[:6])


def version_equal(a: Any, b: Any) -> bool:
    """Do two values name one version of a row? Never through doubles or dates of the language."""
    if a is None or b is None:
        return a is b
    x, y = as_text(a).strip(), as_text(b).strip()
    first, second = moment(x), moment(y)
    return x == y if first is None or second is None else first == second


def row_text(row: Mapping[str, Any], columns: Iterable[str]) -> str:
    """The text that is hashed. KeyError if the row lacks a column."""
    def value(x: Any) -> str:
        return json.dumps(x, ensure_ascii=False) if isinstance(x, str) else as_text(x)
    return "{%s}" % ",".join("%s:%s" % (value(name), value(row[name])) for name in columns)


def row_hash(row: Mapping[str, Any], columns: Iterable[str]) -> str:
    return "sha256:" + hashlib.sha256(row_text(row, columns).encode()).hexdigest()


def _iso(text: str, zone: str, suffix: str) -> str:
    """"2026-06-20 14:31:08[.12]ZONE" with a T, six fraction digits or none; all else stays."""
    found = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6}))?"
                         + re.escape(zone), text)
    if not found:
        return text
    fraction = "." + found[3].ljust(6, "0") if found[3] else ""
    return "%sT%s%s%s" % (found[1], found[2], fraction, suffix)


def _number(text: str) -> Any:
    try:
        value = float(text)
    except ValueError:
        return text
    if value != value or value in (float("inf"), float("-inf")):
        return text
    return int(text) if re.fullmatch(r"-?[0-9]{1,15}", text) else value


_POSTGRES = {16: lambda text: text == "t", 21: int, 23: int, 26: int, 700: _number, 701: _number,
             1114: lambda text: _iso(text, "", ""), 1184: lambda text: _iso(text, "+00", "Z")}


def postgres_value(oid: int, raw: bytes | None) -> Any:
    """From the text format of a session in UTC with ISO dates. ValueError for bytes that are no UTF-8."""
    if raw is None:
        return None
    text = bytes(raw).decode("utf-8")
    return _POSTGRES.get(oid, str)(text)


def _mysql_integer(text: str) -> int | str:
    value = int(text)
    return value if value < 1 << 63 else str(value)


def _mysql_float(text: str) -> Any:
    """As far as the text protocol tells: six digits. One that has more is another version."""
    value = struct.unpack("f", struct.pack("f", float(text)))[0]
    short = next((s for s in ("%.*g" % (p, value) for p in range(6, 10))
                  if struct.pack("f", float(s)) == struct.pack("f", value)), text)
    return _number(short)


def _mysql_time(text: str) -> str:
    whole, _, fraction = text.partition(".")
    return whole if not fraction.strip("0") else whole + "." + fraction.ljust(6, "0")


def _mysql_moment(suffix: str):
    def convert(text: str) -> str:
        return _mysql_time(text).replace(" ", "T", 1) + suffix
    return convert


# Numbers of the protocol's types.
_MYSQL = {1: _mysql_integer, 2: _mysql_integer, 3: _mysql_integer, 8: _mysql_integer, 9: _mysql_integer,
          13: _mysql_integer, 4: _mysql_float, 5: _number, 7: _mysql_moment("Z"), 11: _mysql_time,
          12: _mysql_moment("")}


def mysql_value(type_code: int, raw: str | bytes | None) -> Any:
    """From the text protocol in a session with time_zone '+00:00'; bytes for binary columns."""
    if raw is None:
        return None
    if isinstance(raw, (bytes, bytearray)):
        return "\\x" + bytes(raw).hex()
    if "\0" in raw:
        raise ValueError("NUL in a text")
    return _MYSQL.get(type_code, str)(raw)
