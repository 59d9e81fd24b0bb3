"""Many rows of a table as Arrow columns: what bulk loads write, what their redo and the applier pass on as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, final, overload

from aurora_mysql.redo.record import Row

if TYPE_CHECKING:
    import pyarrow as pa  # elsewhere where it is needed: the command line and the supervisor have no use for it

#: Rows that become Python values at once when somebody goes through them.
_STEP_ROWS = 2048


@final
class ColumnRows(Sequence[Row]):
    """Rows in `table`, one column for each of the catalog's, in its order and in its storage type.

    It reads as a sequence of rows, which are made when they are asked for.
    """

    __slots__ = ("table",)

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        count = len(self)
        if isinstance(at, slice):
            start, stop, step = at.indices(count)
            if step != 1:
                return list(self)[at]
            return ColumnRows(self.table.slice(start, max(stop - start, 0)))
        at = at + count if at < 0 else at
        if not 0 <= at < count:
            raise IndexError("no such row")
        return _rows(self.table.slice(at, 1))[0]

    def __iter__(self) -> Iterator[Row]:
        for start in range(0, len(self), _STEP_ROWS):
            yield from _rows(self.table.slice(start, _STEP_ROWS))

    def column(self, position: int) -> Any:
        """One column as an Arrow array."""
        return self.table.column(position).combine_chunks()


def _rows(table: pa.Table) -> list[Row]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def pack_arrow(rows: ColumnRows) -> bytes:
    """An Arrow IPC stream with the rows, its buffers compressed."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))
    with pa.ipc.new_stream(sink, rows.table.schema, options=options) as writer:
        writer.write_table(rows.table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def unpack_arrow(data: bytes) -> ColumnRows:
    """The rows again. Raises pyarrow.ArrowException for what is no such stream."""
    import pyarrow as pa

    with pa.ipc.open_stream(data) as reader:
        return ColumnRows(reader.read_all())
