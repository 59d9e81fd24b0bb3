"""What a statement answers: a result set or an OK, ready for the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Value = Any


@dataclass(slots=True)
class ResultColumn:
    """Column definition of the wire protocol.

    `type_code` is the protocol's field type (MYSQL_TYPE_*), `collation_id` 63 for binary and numbers,
    `length_bytes` the display length, `flags` the protocol's column flags (NOT_NULL 1, PRI_KEY 2, ...).
    """

    name: str
    type_code: int
    collation_id: int = 255
    length_bytes: int = 1024
    flags: int = 0
    decimals: int = 0
    org_name: str = ""
    table: str = ""
    org_table: str = ""
    schema: str = ""


#: Room in front of each packed row, for its packet's header.
HEADER_BYTES = 4


@dataclass(slots=True)
class PackedRows:
    """Rows as they go over the wire in the text protocol, in UTF-8, but for the packets' headers.

    `data` has the rows one after the other, each with HEADER_BYTES spare bytes in front; row i is
    ``data[bounds[i]:bounds[i + 1]]`` (`bounds` is a numpy array of int64).
    """

    data: bytearray
    bounds: Any

    def __len__(self) -> int:
        return len(self.bounds) - 1


@dataclass(slots=True)
class ResultSet:
    """Rows of Python values (None int float str bytes Decimal date datetime timedelta bool).

    `rows` is a list, or an async iterator of batches (lists of rows) for large results; the consumer must
    exhaust or `aclose()` it, and the connection runs nothing else meanwhile.
    """

    columns: list[ResultColumn]
    rows: Sequence[Sequence[Value]] | AsyncIterator[Sequence[Sequence[Value]]]
    warnings: int = 0


@dataclass(slots=True)
class PackedResult:
    """As :class:`ResultSet`, for who asked for packed rows (see :attr:`SessionContext.takes_packed`)."""

    columns: list[ResultColumn]
    rows: PackedRows | AsyncIterator[PackedRows]
    warnings: int = 0


@dataclass(slots=True)
class Ok:
    """A statement without rows."""

    affected_rows: int = 0
    insert_id: int = 0
    info: str = ""
    warnings: int = 0


#: Takes a piece of a client's file; None ends it and gives the statement's answer.
Consume = Callable[[bytes | None], Awaitable[Ok | None]]


@dataclass(slots=True)
class LocalInfile:
    """LOAD DATA LOCAL: the session asks the client for `filename` and feeds the bytes to `consume`."""

    filename: str
    consume: Consume = field(repr=False)


Result = ResultSet | PackedResult | Ok | LocalInfile
