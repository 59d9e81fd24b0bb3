"""What one statement answered, in a form that can be kept in a file and compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import pymysql

#: The column flags that come from the server (NUM, 32768, is the client library's own).
SERVER_FLAGS = 0x7FFF


@dataclass(slots=True)
class Observation:
    """One statement's answer.

    Attributes:
        columns: name, type code, length in bytes, flags, decimals, collation id, base table of each; None without rows.
        rows: the values as the text protocol shows them; bytes that are not UTF-8 as ``0x...``.
        warnings: level and number of each, in the order of SHOW WARNINGS.
        messages: the warnings' texts.
        error: the number, 0 when it succeeded; then everything else is empty.
    """

    columns: list[list[Any]] | None = None
    rows: list[list[str | None]] = field(default_factory=list)
    affected: int = 0
    insert_id: int = 0
    warnings: list[list[Any]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    error: int = 0

    def kept(self) -> dict[str, Any]:
        """What a file of expected answers keeps: only what is not empty."""
        return {k: v for k, v in asdict(self).items() if v not in (0, [], None)}

    @staticmethod
    def of(kept: dict[str, Any]) -> Observation:
        return Observation(**kept)


class LostConnection(Exception):
    """The server ended the connection instead of answering."""


def observe(connection: Any, sql: str) -> Observation:
    """Run `sql` and look at everything it answers.

    Raises:
        LostConnection: the connection did not survive the statement.
    """
    with connection.cursor() as cursor:
        try:
            cursor.execute(sql)
        except (pymysql.err.InterfaceError, ConnectionError) as error:
            raise LostConnection(sql) from error
        except pymysql.MySQLError as error:
            number = error.args[0]
            if number in (2006, 2013):
                raise LostConnection(sql) from error
            return Observation(error=number)
        result = cursor._result
        found = Observation()
        if result is not None and cursor.description is not None:
            found.columns = [
                [f.name, f.type_code, f.length, f.flags & SERVER_FLAGS, f.scale, f.charsetnr, f.org_table]
                for f in result.fields
            ]
            found.rows = [[_text(v) for v in row] for row in cursor.fetchall()]
        else:
            found.affected, found.insert_id = cursor.rowcount, cursor.lastrowid or 0
        if result is not None and result.warning_count:
            cursor.execute("SHOW WARNINGS")
            shown = cursor.fetchall()
            found.warnings = [[level, int(number)] for level, number, _ in shown]
            found.messages = [message for _, _, message in shown]
        return found


def _text(value: Any) -> str | None:
    if not isinstance(value, bytes):
        return None if value is None else str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "0x" + value.hex()
