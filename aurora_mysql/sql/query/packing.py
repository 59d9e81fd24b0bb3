"""How a query's rows become packets on worker threads, in either protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aurora_mysql.engine.transaction import STREAM_BATCH_ROWS
from aurora_mysql.sql.query.packed_binary import pack_structs, row_struct
from aurora_mysql.sql.query.packed_rows import pack, row_projections
from aurora_mysql.sql.result import PackedRows, ResultColumn

#: Rows packed at once (about a megabyte), where none is very wide.
PACKED_BATCH_ROWS = 8192
#: Protocol types of columns whose values may be very long: TEXT, BLOB, JSON.
_WIDE_TYPES = (252, 245)


@dataclass(frozen=True, slots=True)
class Packing:
    """See :meth:`aurora_mysql.engine.transaction.Transaction.query_projected`."""

    project: Callable[[list[str]], Sequence[str] | None]
    finish: Callable[[Any], PackedRows]
    batch_rows: int


def packing(columns: Sequence[ResultColumn], *, binary: bool) -> Packing:
    """For rows of `columns`, in the binary protocol or the text protocol."""
    wide = any(column.type_code in _WIDE_TYPES for column in columns)
    batch_rows = STREAM_BATCH_ROWS if wide else PACKED_BATCH_ROWS
    if binary:
        return Packing(partial(row_struct, columns), partial(pack_structs, columns=columns), batch_rows)
    return Packing(partial(row_projections, columns), partial(pack, width=len(columns)), batch_rows)
