"""The character sets and collations that exist here, with MySQL's names and protocol numbers."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_mysql.errors import mysql_error


@dataclass(frozen=True, slots=True)
class Charset:
    """`max_bytes` is the most a character takes; `codec` is the Python codec that tells what it can hold."""

    name: str
    description: str
    default_collation: str
    max_bytes: int
    codec: str


@dataclass(frozen=True, slots=True)
class Collation:
    """`sortlen` and `pad` are what SHOW COLLATION prints."""

    name: str
    charset: str
    id: int
    sortlen: int
    pad: str


CHARSETS: dict[str, Charset] = {
    c.name: c
    for c in (
        Charset("ascii", "US ASCII", "ascii_general_ci", 1, "ascii"),
        Charset("binary", "Binary pseudo charset", "binary", 1, "binary"),
        Charset("latin1", "cp1252 West European", "latin1_swedish_ci", 1, "cp1252"),
        Charset("utf8mb3", "UTF-8 Unicode", "utf8mb3_general_ci", 3, "utf8mb3"),
        Charset("utf8mb4", "UTF-8 Unicode", "utf8mb4_0900_ai_ci", 4, "utf8"),
    )
}

COLLATIONS: dict[str, Collation] = {
    c.name: c
    for c in (
        Collation("ascii_bin", "ascii", 65, 1, "PAD SPACE"),
        Collation("ascii_general_ci", "ascii", 11, 1, "PAD SPACE"),
        Collation("binary", "binary", 63, 1, "NO PAD"),
        Collation("latin1_bin", "latin1", 47, 1, "PAD SPACE"),
        Collation("latin1_general_ci", "latin1", 48, 1, "PAD SPACE"),
        Collation("latin1_general_cs", "latin1", 49, 1, "PAD SPACE"),
        Collation("latin1_swedish_ci", "latin1", 8, 1, "PAD SPACE"),
        Collation("utf8mb3_bin", "utf8mb3", 83, 1, "PAD SPACE"),
        Collation("utf8mb3_general_ci", "utf8mb3", 33, 1, "PAD SPACE"),
        Collation("utf8mb3_unicode_ci", "utf8mb3", 192, 8, "PAD SPACE"),
        Collation("utf8mb4_0900_ai_ci", "utf8mb4", 255, 0, "NO PAD"),
        Collation("utf8mb4_0900_as_ci", "utf8mb4", 305, 0, "NO PAD"),
        Collation("utf8mb4_0900_as_cs", "utf8mb4", 278, 0, "NO PAD"),
        Collation("utf8mb4_0900_bin", "utf8mb4", 309, 1, "NO PAD"),
        Collation("utf8mb4_bin", "utf8mb4", 46, 1, "PAD SPACE"),
        Collation("utf8mb4_esperanto_ci", "utf8mb4", 241, 8, "PAD SPACE"),
        Collation("utf8mb4_general_ci", "utf8mb4", 45, 1, "PAD SPACE"),
        Collation("utf8mb4_unicode_520_ci", "utf8mb4", 246, 8, "PAD SPACE"),
        Collation("utf8mb4_unicode_ci", "utf8mb4", 224, 8, "PAD SPACE"),
    )
}


def charset_named(name: str) -> Charset:
    """The character set `name` (``utf8`` is utf8mb3).

    Raises:
        MySQLError: 1115 when unknown.
    """
    lower = name.lower()
    found = CHARSETS.get("utf8mb3" if lower == "utf8" else lower)
    if found is None:
        raise mysql_error(1115, name)
    return found


def collation_named(name: str) -> Collation:
    """The collation `name` (``utf8_*`` is utf8mb3_*).

    Raises:
        MySQLError: 1273 when unknown.
    """
    lower = name.lower()
    if lower.startswith("utf8_"):
        lower = "utf8mb3_" + lower[5:]
    found = COLLATIONS.get(lower)
    if found is None:
        raise mysql_error(1273, name)
    return found


def resolve(charset: str | None, collation: str | None, default: tuple[str, str]) -> tuple[str, str]:
    """(charset, collation) from clauses that may be missing; `default` where both are.

    Raises:
        MySQLError: 1115, 1273, and 1253 for a collation of another character set.
    """
    if charset is None and collation is None:
        return default
    if collation is None:
        assert charset is not None
        found = charset_named(charset)
        return found.name, found.default_collation
    wanted = collation_named(collation)
    if charset is not None and charset_named(charset).name != wanted.charset:
        raise mysql_error(1253, wanted.name, charset_named(charset).name)
    return wanted.charset, wanted.name
