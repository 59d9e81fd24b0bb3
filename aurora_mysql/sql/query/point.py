"""The hot path: one row by its full key, without DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.model import Column, Table
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.memory_reads import UNKNOWN, row_at_once
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import EncoderOf, PlanContext, Read
from aurora_mysql.sql.query.locking import LockWish
from aurora_mysql.sql.query.sources import pads_char, session_zone
from aurora_mysql.sql.result import Result, ResultColumn, ResultSet, Value
from aurora_mysql.sql.result_types import table_column

_INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint"}
_SELECT_ARGS = {"expressions", "from_", "where", "locks", "kind", "hint", "operation_modifiers"}


@dataclass
class PointSelect:
    """``SELECT columns FROM t WHERE key = literals``: see :class:`aurora_mysql.sql.plan.Plan`."""

    table: Table
    keys: list[int | tuple[Any]]
    positions: Sequence[int]
    columns: list[ResultColumn] | None
    lock: LockWish | None = None
    writes: bool = False
    is_ddl: bool = False
    needs_transaction: bool = True
    cacheable: bool = True

    def reader(self, engine: Engine, encoder: EncoderOf) -> Read | None:
        """See :class:`aurora_mysql.sql.shortcuts.MemoryPlan`."""
        lock = self.lock
        if self.columns is None or (lock is not None and (lock.implied or lock.mode != "X")):
            return None
        table, encode = self.table, encoder(self.positions)
        keys = self.keys
        only = keys[0] if len(keys) == 1 and isinstance(keys[0], int) else None

        def read_locking(ctx: SessionContext, params: Sequence[Value]) -> Sequence[Any] | None:
            transaction = ctx.transaction
            if transaction is None:
                return None
            key = tuple([params[k] if isinstance(k, int) else k[0] for k in keys])
            known, row = transaction.lock_row_now(table, key)
            if row is not None:
                return (encode(row),)
            if known and lock is not None and not lock.skip_locked:
                transaction.unlock_absent(table, key)
            return () if known else None

        def read(ctx: SessionContext, params: Sequence[Value]) -> Sequence[Any] | None:
            if only is not None:
                key: tuple[Any, ...] = (params[only],)
            else:
                key = tuple([params[k] if isinstance(k, int) else k[0] for k in keys])
            row = row_at_once(engine, ctx, table, key)
            if row is None:
                return ()
            return None if row is UNKNOWN else (encode(row),)

        return read if lock is None else read_locking

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        assert tx is not None and self.columns is not None
        key = tuple([params[k] if isinstance(k, int) else k[0] for k in self.keys])
        lock = self.lock
        if lock is not None and lock.implied and not tx.locks_ranges:
            lock = None
        if lock is None:
            row = await tx.get(self.table, key)
        else:
            row = await tx.get_for_update(
                self.table, key, mode=lock.mode, nowait=lock.nowait, skip_locked=lock.skip_locked
            )
        if row is None:
            if lock is not None and not lock.skip_locked:
                tx.unlock_absent(self.table, key)
            ctx.found_rows = 0
            return ResultSet(self.columns, [])
        ctx.found_rows = 1
        return ResultSet(self.columns, [tuple([row[at] for at in self.positions])])


def point_select(ast: exp.Expression, pc: PlanContext, lock: LockWish | None) -> PointSelect | None:
    """The plan when `ast` is a look-up by the full key of one base table, else None. Records the privilege."""
    if pads_char(pc.ctx):
        return None
    if type(ast) is not exp.Select or any(v for k, v in ast.args.items() if k not in _SELECT_ARGS):
        return None
    source, where = ast.args.get("from_"), ast.args.get("where")
    if source is None or where is None or type(source.this) is not exp.Table:
        return None
    node = source.this
    if any(node.args.get(k) for k in node.args if k not in ("this", "alias", "db")) or not isinstance(
        node.this, exp.Identifier
    ):
        return None
    if ast.args.get("operation_modifiers"):
        return None
    table = pc.catalog.tables.get((node.db or pc.database, node.name))
    if table is None or table.key_index is None:
        return None
    alias = node.alias or node.name
    keys = key_sources(where.this, table, alias)
    if keys is None:
        return None
    picked = _items(ast, table, alias, pc)
    if picked is None:
        return None
    positions, columns = picked
    pc.need("SELECT", table.database, table.name)
    read = [node.name for node in ast.find_all(exp.Column) if not isinstance(node.this, exp.Star)]
    if ast.find(exp.Star) is not None:
        read += [c.name for c in table.visible_columns]
    pc.need_columns("SELECT", table.database, table.name, read)
    return PointSelect(table, keys, positions, columns, lock)


def key_sources(condition: exp.Expression, table: Table, alias: str) -> list[int | tuple[Any]] | None:
    """Where the values of the full key come from (a literal's index, or a value in a tuple) when `condition` is nothing
    but equality of every key column with a literal; else None."""
    found: dict[str, int | tuple[Any]] = {}
    parts = [condition]
    while parts:
        part = parts.pop()
        if isinstance(part, exp.And):
            parts += [part.this, part.expression]
            continue
        if isinstance(part, exp.Paren):
            parts.append(part.this)
            continue
        if type(part) is not exp.EQ:
            return None
        name, value = part.this, part.expression
        if isinstance(name, exp.Literal):
            name, value = value, name
        if not isinstance(name, exp.Column) or not isinstance(value, exp.Literal) or name.db:
            return None
        if name.table and name.table.lower() != alias.lower():
            return None
        column = table.column(name.name)
        if column is None or column.name.lower() in found:
            return None
        literal = literal_of(column, value)
        if literal is None:
            return None
        found[column.name.lower()] = literal
    wanted = [c.lower() for c in table.key_columns]
    if set(found) != set(wanted):
        return None
    return [found[c] for c in wanted]


def literal_of(column: Column, value: exp.Literal) -> int | tuple[Any] | None:
    """The lifted literal's index or its value (in a tuple), if the column can take it as it is."""
    index = value.meta.get("param")
    kind = column.type.name
    if kind in _INTEGERS and not value.is_string and str(value.this).isdigit() and len(str(value.this)) <= 18:
        return (int(value.this),) if index is None else int(index)
    if kind in ("varchar", "char") and value.is_string:
        return (str(value.this),) if index is None else int(index)
    return None


def _items(ast: exp.Select, table: Table, alias: str, pc: PlanContext) -> tuple[list[int], list[ResultColumn]] | None:
    positions: list[int] = []
    columns: list[ResultColumn] = []
    for item in ast.expressions:
        name = item.alias if isinstance(item, exp.Alias) else ""
        inner = item.this if isinstance(item, exp.Alias) else item
        star = isinstance(inner, exp.Star)
        if not star:
            if not isinstance(inner, exp.Column) or inner.db:
                return None
            if inner.table and inner.table.lower() != alias.lower():
                return None
            star = isinstance(inner.this, exp.Star)
        if star:
            wanted = [(c, c.name) for c in table.visible_columns]
        else:
            column = table.column(inner.name)
            if column is None:
                return None
            wanted = [(column, name or inner.name)]
        for column, heading in wanted:
            if column.type.name == "timestamp" and session_zone(pc.ctx) != "UTC":
                return None
            positions.append(table.position[column.name.lower()])
            columns.append(table_column(column, table, alias=alias, name=heading))
    return positions, columns
