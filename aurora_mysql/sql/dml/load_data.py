"""LOAD DATA: delimited text from the client or from a file of the server into a table."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.model import HIDDEN_KEY, Column, ColumnType, Table
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, mysql_error, unsupported
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml.column_reader import ColumnReader
from aurora_mysql.sql.dml.delimited import Delimiters, LineReader
from aurora_mysql.sql.dml.delimiters_clause import parse_charset, parse_delimiters
from aurora_mysql.sql.dml.insert import is_default
from aurora_mysql.sql.dml.row_inserter import BATCH_ROWS, DEFAULT, InsertRules, RowInserter
from aurora_mysql.sql.dml.row_value import RowExpression
from aurora_mysql.sql.dml.server_files import existing_file
from aurora_mysql.sql.dml.table_writer import TableWriter, implicit, is_strict
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.parse import parse_one_mysql
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.query import resolve_table
from aurora_mysql.sql.result import LocalInfile, Ok, Result, ResultColumn, Value

#: Bytes of a server's file that are read at once.
_CHUNK_BYTES = 1 << 20
#: Bytes of a file whose lines are inserted together, as columns.
_BLOCK_BYTES = 4 << 20
#: The longest line, in characters.
_LINE_LIMIT = 64 << 20
_BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit"}
_VARIABLE = "@"


@dataclasses.dataclass(slots=True)
class _Load:
    """The parsed statement. `fields`: what each field goes to, a column or ``@variable``."""

    table: Table
    filename: str
    local: bool
    replace: bool
    ignore: bool
    codec: str
    delimiters: Delimiters
    skip_lines: int
    fields: list[Column | str]
    assignments: list[tuple[Column, exp.Expression]]


def plan_load_data(text: str, pc: PlanContext) -> Plan:
    """Plan LOAD DATA [LOCAL] INFILE.

    Raises:
        MySQLError: 1064, 1146, 1054, 1083, 1115; 1235 for fixed-width fields, PARTITION and LOAD XML.
    """
    load = _parse(text, pc)
    pc.need("INSERT", load.table.database, load.table.name)
    if load.replace:
        pc.need("DELETE", load.table.database, load.table.name)
    if not load.local:
        pc.need("FILE")
    return LoadPlan(load, pc)


def _parse(text: str, pc: PlanContext) -> _Load:
    mode = str(pc.ctx.variables.get("sql_mode", ""))
    cursor = TokenCursor.of(text, backslash_escapes="NO_BACKSLASH_ESCAPES" not in mode)
    cursor.expect_word("LOAD")
    if cursor.peek_word("XML"):
        raise unsupported("LOAD XML")
    cursor.expect_word("DATA")
    cursor.accept_any("LOW_PRIORITY", "CONCURRENT")
    local = bool(cursor.accept_any("LOCAL"))
    cursor.expect_word("INFILE")
    filename = cursor.expect_string()
    handling = cursor.accept_any("REPLACE", "IGNORE")
    cursor.expect_word("INTO", "TABLE")
    database, name = cursor.expect_name()
    node = exp.Table(
        this=exp.to_identifier(name, quoted=True), db=exp.to_identifier(database, quoted=True) if database else None
    )
    table = resolve_table(node, pc)
    if cursor.peek_word("PARTITION"):
        raise unsupported("LOAD DATA with PARTITION")
    codec = parse_charset(cursor) or "utf-8"
    delimiters = parse_delimiters(cursor)
    if delimiters.fixed_width:
        raise unsupported("LOAD DATA of fixed-width fields")
    skip_lines = 0
    if cursor.accept_word("IGNORE"):
        skip_lines = cursor.expect_integer()
        if not cursor.accept_any("LINES", "ROWS"):
            raise cursor.syntax_error()
    fields = _fields(cursor, table)
    assignments = _assignments(cursor, table)
    cursor.expect_end()
    # A client's file can't be stopped, so what is wrong with a line never ends the statement.
    ignore = handling == "IGNORE" or (local and handling is None)
    return _Load(
        table, filename, local, handling == "REPLACE", ignore, codec, delimiters, skip_lines, fields, assignments
    )


def _fields(cursor: TokenCursor, table: Table) -> list[Column | str]:
    if not cursor.accept_op("("):
        return list(table.visible_columns)
    fields: list[Column | str] = []
    while not cursor.accept_op(")"):
        token = cursor.peek()
        if token is not None and token.kind == "uservar":
            fields.append(_VARIABLE + str(cursor.next().value).strip("`").lower())
        else:
            fields.append(_column(table, cursor.expect_ident()))
        if not cursor.accept_op(","):
            cursor.expect_op(")")
            break
    return fields or list(table.visible_columns)


def _column(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None or column.name == HIDDEN_KEY:
        raise mysql_error(1054, name, "field list")
    return column


def _assignments(cursor: TokenCursor, table: Table) -> list[tuple[Column, exp.Expression]]:
    if not cursor.accept_word("SET"):
        return []
    found: list[tuple[Column, exp.Expression]] = []
    while True:
        name = cursor.expect_ident()
        while cursor.accept_op("."):
            name = cursor.expect_ident()
        if cursor.accept_op("=", ":=") is None:
            raise cursor.syntax_error()
        start, depth = cursor.position, 0
        while not cursor.at_end:
            token = cursor.peek()
            assert token is not None
            if token.kind == "op":
                if depth == 0 and token.text in (",", ";"):
                    break
                depth += (token.text == "(") - (token.text == ")")
            cursor.position += 1
        source = cursor.text_between(start, cursor.position)
        tree: Any = parse_one_mysql(f"SELECT {source}", ())
        found.append((_column(table, name), tree.expressions[0].pop()))
        if not cursor.accept_op(","):
            return found


class LoadPlan:
    """See :class:`aurora_mysql.sql.plan.Plan`."""

    writes = True
    is_ddl = False
    needs_transaction = True
    cacheable = False

    def __init__(self, load: _Load, pc: PlanContext) -> None:
        self.load, self.pc = load, pc
        self.writer = TableWriter(load.table, pc)
        self.columns: list[ResultColumn] | None = None

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        assert tx is not None
        load = self.load
        if load.local and not self.pc.services.variables.get("local_infile", ctx):
            raise mysql_error(3948)
        await tx.use_table(load.table)
        loading = _Loading(self, ctx, tx)
        if load.local:
            return LocalInfile(load.filename, loading.consume)
        path = existing_file(load.filename, self.pc, ctx)
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                await loading.consume(chunk)
        done = await loading.consume(None)
        assert done is not None
        return done


class _Loading:
    """One execution: bytes in, rows inserted in batches."""

    def __init__(self, plan: LoadPlan, ctx: SessionContext, tx: Transaction) -> None:
        load = plan.load
        self.load, self.ctx, self.tx = load, ctx, tx
        self.table = load.table
        self.strict = is_strict(ctx) and not load.ignore
        fields = load.fields
        self.width = len(fields)
        self.assigned = [column for column, _ in load.assignments]
        columns = [f for f in fields if isinstance(f, Column) and f not in self.assigned]
        rules = InsertRules([*columns, *self.assigned], load.replace, load.ignore)
        self.inserter = RowInserter(plan.pc, plan.writer, rules, ctx, tx, (), several=True)
        self.places = [i for i, f in enumerate(fields) if isinstance(f, Column) and f not in self.assigned]
        self.kept = columns
        #: The fields are the row: nothing to pick, nothing to compute.
        self.straight = self.places == list(range(self.width)) and not load.assignments
        self.binary = [i for i, f in enumerate(fields) if isinstance(f, Column) and f.type.name in _BINARY]
        self.not_null = [(i, f) for i, f in enumerate(fields) if isinstance(f, Column) and _needs_value(f)]
        self.expressions = _expressions(load, plan.pc)
        self.reader = LineReader(load.delimiters, load.codec, load.skip_lines, limit_bytes=_LINE_LIMIT)
        self.line_end = load.delimiters.line_end.encode()
        self.waiting: list[list[Any]] = []
        self.read = 0
        simple = self.straight and load.codec == "utf-8" and ColumnReader.reads(load.delimiters)
        self.columns = (
            ColumnReader(load.delimiters, self.width, self.binary) if simple and self.inserter.takes_columns else None
        )
        self.block = bytearray()

    async def consume(self, data: bytes | None) -> Ok | None:
        """Take a piece of the file; None ends it and gives the answer.

        Raises:
            MySQLError: what is wrong with a line, in strict mode without IGNORE.
        """
        if self.columns is None:
            await self._take_rows(data)
        else:
            self.block += data or b""
            if len(self.block) >= _BLOCK_BYTES or data is None:
                await self._take_block(self.columns)
            if data is None:
                await self._take_rows(None)
        if data is not None:
            return None
        run = self.inserter
        warnings = len(self.ctx.warnings)
        skipped = run.duplicates - run.deleted
        info = f"Records: {self.read}  Deleted: {run.deleted}  Skipped: {skipped}  Warnings: {warnings}"
        if run.first_id:
            self.ctx.last_insert_id = run.first_id
        self.ctx.row_count = run.affected
        return Ok(run.affected, run.first_id or run.last_id, info, min(warnings, 65535))

    async def _take_block(self, columns: ColumnReader) -> None:
        """Insert the whole lines of what has come, as columns if they are simple; the rest stays for the next time."""
        end = self.line_end
        last = self.block.rfind(end)
        cut = last + len(end) if last >= 0 else 0
        block = bytes(memoryview(self.block)[:cut])
        del self.block[:cut]
        if len(self.block) > _LINE_LIMIT:
            raise mysql_error(1153)
        at = 0
        for _ in range(self.reader.lines_to_skip):
            found = block.find(end, at)
            at = len(block) if found < 0 else found + len(end)
        if at:
            self.waiting += self.reader.feed(block[:at])
            block = block[at:]
        if block and self.reader.between_lines:
            if self.waiting:
                await self._insert_waiting()
            texts = await asyncio.get_running_loop().run_in_executor(None, columns.columns, block)
            if texts is not None and await self.inserter.columns(texts):
                self.read += len(texts[0])
                return
        await self._take_rows(block)

    async def _take_rows(self, data: bytes | None) -> None:
        """The same, row by row; None: nothing more comes."""
        if data is None:
            if self.block:
                self.waiting += self.reader.feed(bytes(self.block))
                self.block.clear()
            self.waiting += self.reader.finish()
        else:
            self.waiting += self.reader.feed(data)
        if len(self.waiting) >= BATCH_ROWS or data is None:
            await self._insert_waiting()

    async def _insert_waiting(self) -> None:
        rows, self.waiting = self.waiting, []
        for start in range(0, len(rows), BATCH_ROWS):
            batch = rows[start : start + BATCH_ROWS]
            await self.inserter.rows([await self._values(row) for row in batch])

    async def _values(self, row: list[Any]) -> Sequence[Value]:
        """The values of one line, for the inserter's columns."""
        self.read += 1
        if len(row) != self.width:
            row = self._fitted(row)
        for place in self.binary:
            if isinstance(row[place], str):
                row[place] = row[place].encode(self.load.codec, "surrogateescape")
        for place, column in self.not_null:
            if row[place] is None:
                row[place] = self._instead_of_null(column)
        for place, value in enumerate(row):
            if type(value) is str and not value.isascii():
                row[place] = _checked(value)
        if self.straight:
            return row
        for field, value in zip(self.load.fields, row, strict=True):
            if isinstance(field, str):
                self.ctx.user_variables[field[1:]] = value
        if self.expressions:
            return await self._computed(row)
        return [row[place] for place in self.places]

    async def _computed(self, row: list[Any]) -> list[Value]:
        """The line's own values, as stored, and those of the SET clause, which sees them."""
        run, position = self.inserter, self.table.position
        seen: list[Value] = [None] * len(run.writer.columns)
        for field, value in zip(self.load.fields, row, strict=True):
            if isinstance(field, Column) and value is not None:
                at = position[field.name.lower()]
                seen[at] = value if field in self.assigned else run.converters[at](value, self.read, self.ctx.warn)
        variables = [value for field, value in zip(self.load.fields, row, strict=True) if isinstance(field, str)]
        values: list[Value] = [seen[position[column.name.lower()]] for column in self.kept]
        for expression in self.expressions:
            if expression is None:
                values.append(DEFAULT)
            else:
                values.append(await expression.value((*seen, *variables), (), self.ctx, self.tx))
        return values

    def _fitted(self, row: list[Any]) -> list[Any]:
        """Too few fields: the others are empty. Too many: the rest is dropped. Both are worth a warning."""
        if len(row) > self.width:
            self._report(mysql_error(1262, self.read))
            return row[: self.width]
        full = list(row)
        for field in self.load.fields[len(row) :]:
            if isinstance(field, str):
                full.append(None)
                continue
            self._report(mysql_error(1261, self.read))
            empty = field.nullable and field.default is None
            full.append(None if empty or field.auto_increment else implicit(field))
        return full

    def _instead_of_null(self, column: Column) -> Value:
        self._report(mysql_error(1263, column.name, self.read))
        return implicit(column)

    def _report(self, error: MySQLError) -> None:
        if self.strict:
            raise error
        self.ctx.warn("Warning", error.errno, error.message)


def _needs_value(column: Column) -> bool:
    return not column.nullable and not column.auto_increment


def _checked(text: str) -> str | bytes:
    """`text`, or its bytes when they are not valid text: the column's conversion then says what is wrong."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
    return text


def _expressions(load: _Load, pc: PlanContext) -> list[RowExpression | None]:
    """The SET clause over a row of the table's columns and then the variables, in the order of the fields."""
    variables = [
        Column(field, ColumnType("longtext", charset="utf8mb4", collation="utf8mb4_0900_ai_ci"))
        for field in load.fields
        if isinstance(field, str)
    ]
    names = {column.name for column in variables}
    own = tuple(c for c in load.table.columns if c.name != HIDDEN_KEY)
    seen = dataclasses.replace(load.table, columns=(*own, *variables), indexes=())

    def variable(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Parameter) and (name := _VARIABLE + node.name.lower()) in names:
            return exp.column(exp.to_identifier(name, quoted=True))
        return node

    return [
        None if is_default(value) else RowExpression(value.transform(variable), seen, pc)
        for _, value in load.assignments
    ]
