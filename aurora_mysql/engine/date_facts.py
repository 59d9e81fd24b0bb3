"""Which tables hold dates that DuckDB sorts otherwise than MySQL ('2024-00-15', see `catalog/zero_date.py`).

Plans over such a table order by a key of their own; all others compare dates as they are. It is a fact about data, not
a definition: it is learnt from the rows on their way into DuckDB, kept in its file, and never unlearnt.
"""

from __future__ import annotations

import msgpack


class DateFacts:
    """Used from the loop and from the threads that bring rows to DuckDB. `tables` are table ids, they only grow."""

    def __init__(self, packed: bytes | None) -> None:
        self.tables: set[int] = set() if packed is None else set(msgpack.unpackb(packed))

    @property
    def version(self) -> int:
        """Grows with every table; plans hang on it."""
        return len(self.tables)

    def add(self, table_id: int) -> None:
        self.tables.add(table_id)

    def packed(self, known: set[int]) -> bytes:
        """For the file: of these only the tables that are `known` to its catalog."""
        packed: bytes = msgpack.packb(sorted(self.tables & known))
        return packed
