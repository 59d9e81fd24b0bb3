"""JSON documents in the form MySQL prints them: keys by length then bytes, ``", "`` and ``": "`` between."""

from __future__ import annotations

import json
import re
from typing import Any

from aurora_mysql.catalog.value_text import format_double

_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

_MESSAGES = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Illegal trailing comma before end of array": "Invalid value.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Extra data": "The document root must not be followed by other values.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": "Invalid encoding in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
}


class JsonError(ValueError):
    """Not JSON. `reason` is MySQL's wording, `position` the character offset."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


def _refuse_constant(name: str) -> Any:
    raise JsonError("Invalid value.", 0)


def parse_json(text: str) -> Any:
    """The document `text` as Python values.

    Raises:
        JsonError: `text` is not one JSON document.
    """
    if not text.strip(" \t\r\n"):
        raise JsonError("The document is empty.", 0)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise JsonError("The JSON document exceeds the maximum depth.", 0) from error
    except json.JSONDecodeError as error:
        reason = _MESSAGES.get(error.msg)
        if reason is None:
            inside = text.rfind("{", 0, error.pos) > text.rfind("[", 0, error.pos)
            reason = (
                "Missing a comma or } after an object member."
                if inside
                else "Missing a comma or ] after an array element."
            )
        raise JsonError(reason, error.pos) from error


def normalise_json(text: str) -> str:
    """`text` as MySQL stores and prints it."""
    return dump_json(parse_json(text))


def dump_json(value: Any) -> str:
    """Python values as MySQL prints JSON."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return '"' + _ESCAPED.sub(_escape, value) + '"'
    if isinstance(value, int):
        if -(1 << 63) <= value < 1 << 64:
            return str(value)
        return _double(float(value))
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(dump_json, value)) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: (len(raw := k.encode("utf-8", "surrogatepass")), raw))
        return "{" + ", ".join(f"{dump_json(k)}: {dump_json(value[k])}" for k in keys) + "}"
    return dump_json(str(value))


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match.group()) or f"\\u{ord(match.group()):04x}"


def _double(value: float) -> str:
    text = format_double(value)
    return text if "." in text or "e" in text else text + ".0"
