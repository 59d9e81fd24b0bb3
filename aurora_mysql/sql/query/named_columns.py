"""Columns by the way a statement names them, and where they stand in rows of its tables, one behind the other."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from aurora_mysql.catalog.model import Column, Table
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.derived import Place
from aurora_mysql.sql.query.sources import session_zone


class NamedColumns:
    """Of tables with their names in the statement (lower case)."""

    def __init__(self, tables: Sequence[tuple[str, Table]], pc: PlanContext) -> None:
        self.tables = tables
        #: Where the columns of each table begin.
        self.starts: list[int] = []
        width = 0
        for _, table in tables:
            self.starts.append(width)
            width += len(table.columns)
        self._utc = session_zone(pc.ctx) == "UTC"

    def found(self, node: exp.Expression) -> tuple[int, Column] | None:
        """The number of the table and the column that `node` is, if its value in memory is what a client gets."""
        if not isinstance(node, exp.Column) or node.args.get("db") or isinstance(node.this, exp.Star):
            return None
        wanted = node.table.lower()
        found: list[tuple[int, Column]] = []
        for number, (alias, table) in enumerate(self.tables):
            column = table.column(node.name) if wanted in ("", alias) else None
            if column is not None:
                found.append((number, column))
        return found[0] if len(found) == 1 and self._as_stored(found[0][1]) else None

    def place(self, node: exp.Expression) -> Place | None:
        """As :meth:`found`, with the position in the rows."""
        found = self.found(node)
        return None if found is None else (found[1], self.position(*found))

    def places(self, node: exp.Expression) -> list[Place] | None:
        """The columns of a select item; all of a table, or of all, for a star."""
        if isinstance(node, exp.Star):
            wanted = ""
        elif isinstance(node, exp.Column) and isinstance(node.this, exp.Star) and not node.args.get("db"):
            wanted = node.table.lower()
        else:
            place = self.place(node)
            return None if place is None else [place]
        every = [
            (column, self.position(number, column))
            for number, (alias, table) in enumerate(self.tables)
            if wanted in ("", alias)
            for column in table.visible_columns
        ]
        return every if every and all(self._as_stored(column) for column, _ in every) else None

    def position(self, number: int, column: Column) -> int:
        """Where a column of table `number` stands."""
        return self.starts[number] + self.tables[number][1].position[column.name.lower()]

    def _as_stored(self, column: Column) -> bool:
        return self._utc or column.type.name != "timestamp"
