"""Reads that another instance answers: the DuckDB query is handed over, ready to run, and packed rows come back.

Names, privileges and types were settled here, under the catalog of `version`; the other side needs the same catalog,
and everything committed up to `lsn` applied.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aurora_mysql.engine.transaction import ProjectedStream
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.result import PackedRows, ResultColumn

#: Values that travel as they are.
_PLAIN = (int, str, float, bytes, type(None))
_INT64 = range(-(1 << 63), 1 << 63)


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A translated SELECT. `tokens` are the positions of `params` that stand for the session that is to be warned;
    `tables` are ids; the rows are packed as `columns`, in the binary protocol or the text protocol."""

    lsn: int
    version: int
    sql: str
    params: Sequence[Any]
    tokens: Sequence[int]
    tables: Sequence[int]
    columns: Sequence[ResultColumn]
    binary: bool

    @property
    def travels(self) -> bool:
        """Whether all parameters can be sent."""
        return all(type(p) in _PLAIN and (type(p) is not int or p in _INT64) for p in self.params)

    def document(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, document: dict[str, Any]) -> ReadRequest:
        """Raises KeyError, TypeError for what is no request."""
        columns = [ResultColumn(**column) for column in document["columns"]]
        return cls(**{**document, "columns": columns})


class Elsewhere(Protocol):
    """Who else may answer."""

    async def read(self, ctx: SessionContext, request: ReadRequest) -> ProjectedStream[PackedRows] | None:
        """The rows; None when nobody can answer now, and nothing has happened.

        Raises:
            MySQLError: 1317 when the session was killed, or what the query raised; duckdb.Error: as DuckDB refused.
        """
        ...
