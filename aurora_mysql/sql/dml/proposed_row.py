"""ON DUPLICATE KEY UPDATE: what its expressions may name besides the row that is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sqlglot import exp

from aurora_mysql.catalog.model import HIDDEN_KEY, Column, Table
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.result import ResultColumn
from aurora_mysql.sql.result_types import column_type_of

_VALUES_PREFIX = "values$"
_SELECT_PREFIX = "select$"


class ProposedRow:
    """The row that was to be inserted: ``VALUES(c)`` and ``alias.c``, and for INSERT ... SELECT the columns of what is
    selected from, which become more items of that query.

    `targets` are the statement's columns, which `alias_columns` rename.

    Order of use: :meth:`renamed` for each expression, :meth:`select_more` and :meth:`describe_more` when there is a
    query, then :meth:`both`.
    """

    def __init__(
        self,
        table: Table,
        name: str,
        targets: Sequence[Column],
        alias: str | None,
        alias_columns: Sequence[str] | None,
    ) -> None:
        self._table, self._name, self._alias = table, name, alias
        self._columns = [c for c in table.columns if c.name != HIDDEN_KEY]
        self._alias_columns = {
            given.lower(): column.name for given, column in zip(alias_columns or (), targets, strict=False)
        }
        self._more: dict[str, exp.Expression] = {}
        self._described: list[Column] = []

    @property
    def more(self) -> int:
        """How many items :meth:`select_more` added."""
        return len(self._more)

    def renamed(self, node: exp.Expression) -> exp.Expression:
        """`node` over the columns of :meth:`both`. Raises 1054."""
        return node.copy().transform(self._rename)

    def _rename(self, node: exp.Expression) -> exp.Expression:
        name = None
        if isinstance(node, exp.Anonymous) and str(node.this).upper() == "VALUES" and len(node.expressions) == 1:
            name = node.expressions[0].name
        elif isinstance(node, exp.Values) and len(node.expressions) == 1:
            inner = node.expressions[0]
            name = (inner.expressions[0] if isinstance(inner, exp.Tuple) else inner).name
        elif isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
            if self._alias and node.table.lower() == self._alias.lower():
                name = self._alias_columns.get(node.name.lower(), node.name)
            elif not node.table and self._table.column(node.name) is None:
                name = self._alias_columns.get(node.name.lower())
        if name is None:
            return node
        if self._table.column(name) is None:
            raise mysql_error(1054, name, "field list")
        return exp.column(_VALUES_PREFIX + name, quoted=True)

    def select_more(self, query: exp.Expression, values: Sequence[exp.Expression]) -> exp.Expression:
        """`query` with an item for every column in `values` that is one of its tables'; `values` change in place."""
        if not isinstance(query, exp.Select) or query.args.get("group") or query.args.get("distinct"):
            return query
        made = query.copy()
        for value in values:
            for node in list(value.find_all(exp.Column)):
                if node.find_ancestor(exp.Query) or not isinstance(node.this, exp.Identifier):
                    continue
                if node.name.startswith(_VALUES_PREFIX) or node.name.upper() == "DEFAULT":
                    continue
                own = node.table.lower() == self._name.lower() if node.table else bool(self._table.column(node.name))
                if own:
                    continue
                name = self._more_name(node)
                if name not in self._more:
                    self._more[name] = node.copy()
                    made.append("expressions", exp.alias_(node.copy(), name, quoted=True))
                node.set("this", exp.to_identifier(name, quoted=True))
                node.set("table", None)
        return made

    def _more_name(self, node: exp.Column) -> str:
        same = next((name for name, known in self._more.items() if known == node), None)
        return same or f"{_SELECT_PREFIX}{len(self._more)}"

    def describe_more(self, columns: Sequence[ResultColumn]) -> None:
        """Take the types of the added items from the query's columns."""
        for name, column in zip(self._more, columns[len(columns) - len(self._more) :], strict=True):
            self._described.append(Column(name, column_type_of(column)))

    def both(self) -> Table:
        """A table whose row is: the row that is there, the proposed one, the added items."""
        proposed = (dataclasses.replace(c, name=_VALUES_PREFIX + c.name, auto_increment=False) for c in self._columns)
        columns = (*self._columns, *proposed, *self._described)
        return dataclasses.replace(self._table, columns=columns, indexes=())
