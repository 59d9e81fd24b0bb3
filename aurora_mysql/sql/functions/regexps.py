"""REGEXP and its functions. ICU's syntax (MySQL 8) and Python's agree on what applications use."""

from __future__ import annotations

import re
from functools import lru_cache

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.registry import udf

_POSIX = {
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:space:]": r"\s",
    "[:punct:]": r"!-/:-@\[-`{-~",
    "[:xdigit:]": "0-9a-fA-F",
    "[:blank:]": r" \t",
}


@lru_cache(maxsize=1024)
def _compiled(pattern: str, flags: str) -> re.Pattern[str]:
    for name, members in _POSIX.items():
        pattern = pattern.replace(name, members)
    options = re.RegexFlag(0)
    for flag in flags:
        options = {
            "i": options | re.IGNORECASE,
            "c": options & ~re.IGNORECASE,
            "m": options | re.MULTILINE,
            "n": options | re.DOTALL,
        }.get(flag, options)
    try:
        return re.compile(pattern, options)
    except re.error as error:
        raise mysql_error(1139, str(error)) from None


@udf("my_regexp", ["VARCHAR", "VARCHAR", "VARCHAR"], "BOOLEAN")
def regexp(text: str, pattern: str, flags: str) -> bool:
    return _compiled(pattern, flags).search(text) is not None


@udf("my_regexp_instr", ["VARCHAR", "VARCHAR", "BIGINT", "BIGINT", "BIGINT", "VARCHAR"], "BIGINT")
def regexp_instr(text: str, pattern: str, start: int, occurrence: int, end: int, flags: str) -> int:
    for number, found in enumerate(_compiled(pattern, flags).finditer(text, max(start - 1, 0)), 1):
        if number >= occurrence:
            return (found.end() if end else found.start()) + 1
    return 0


@udf("my_regexp_substr", ["VARCHAR", "VARCHAR", "BIGINT", "BIGINT", "VARCHAR"], "VARCHAR")
def regexp_substr(text: str, pattern: str, start: int, occurrence: int, flags: str) -> str | None:
    for number, found in enumerate(_compiled(pattern, flags).finditer(text, max(start - 1, 0)), 1):
        if number >= occurrence:
            return found.group(0)
    return None


@udf("my_regexp_replace", ["VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "BIGINT", "VARCHAR"], "VARCHAR")
def regexp_replace(text: str, pattern: str, new: str, start: int, occurrence: int, flags: str) -> str:
    replacement = re.sub(r"\$(\d)", r"\\\1", new.replace("\\", "\\\\"))
    head, tail = text[: max(start - 1, 0)], text[max(start - 1, 0) :]
    expression = _compiled(pattern, flags)
    if occurrence <= 0:
        return head + expression.sub(replacement, tail)
    for number, found in enumerate(expression.finditer(tail), 1):
        if number == occurrence:
            return head + tail[: found.start()] + found.expand(replacement) + tail[found.end() :]
    return text
