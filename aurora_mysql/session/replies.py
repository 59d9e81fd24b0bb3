"""Whole answers in the turn in which the command arrives: shortcuts of the SQL layer, as packets.

What does not depend on the rows is made once: the packets that announce the columns, and those that end the rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from aurora_mysql.session import binary_encoding, packets, text_encoding
from aurora_mysql.session.charsets import codec_of
from aurora_mysql.session.results import ColumnsPlan
from aurora_mysql.session.short_execution import ShortExecution
from aurora_mysql.session.wire import frame
from aurora_mysql.sql import shortcuts
from aurora_mysql.sql.known_statements import Cut
from aurora_mysql.sql.plan import LATER, EncoderOf
from aurora_mysql.sql.result import Ok, ResultColumn, Value
from aurora_mysql.sql.shortcuts import Action, Shortcut, Shortcuts
from aurora_mysql.sql.transaction_verbs import transaction_flags

if TYPE_CHECKING:
    from aurora_mysql.session.commands import CommandHandler
    from aurora_mysql.session.statements import Statement

#: An answer beyond this is written piece by piece, at the client's pace.
_MOST_BYTES = 256 * 1024
#: Sequence numbers of packets: a run of any start, as bytes.
_NUMBERS = bytes(range(256)) * 10
_MOST_ROWS = len(_NUMBERS) - 256


class Reply:
    """What answers one statement for one kind of session."""

    __slots__ = ("_announcement", "_deprecate_eof", "_ends", "_first", "shortcut")

    def __init__(self, shortcut: Shortcut, announcement: bytes, first: int, *, deprecate_eof: bool) -> None:
        self.shortcut = shortcut
        self._announcement = announcement
        self._first = first
        self._deprecate_eof = deprecate_eof
        self._ends: dict[int, tuple[bytes, bytes, bytes]] = {}

    def answer(self, rows: Sequence[bytes], status: int) -> bytes | None:
        """The packets of the answer; None when it is too large to be written at once. `rows` are packets numbered as if
        each was the first."""
        ends = self._ends.get(status)
        if ends is None:
            ends = self._ends[status] = (self._begin(status), self._end(status, 0), self._end(status, 1))
        count = len(rows)
        if not count:
            return ends[0] + ends[1]
        if count == 1:
            only = rows[0]
            return b"".join((ends[0], only, ends[2])) if len(only) <= _MOST_BYTES else None
        if count > _MOST_ROWS:
            return None
        sizes = list(map(len, rows))
        total = sum(sizes)
        if total > _MOST_BYTES:
            return None
        data = bytearray().join(rows)
        numbers = _NUMBERS[self._first : self._first + count]
        size = sizes[0]
        if total == size * count and sizes.count(size) == count:
            data[3::size] = numbers
        else:
            for place, number in zip(accumulate(sizes, initial=3), numbers, strict=False):
                data[place] = number
        return b"".join((ends[0], data, self._end(status, count)))

    def _begin(self, status: int) -> bytes:
        if self._deprecate_eof:
            return self._announcement
        return self._announcement + frame(packets.eof(status), self._first - 1)

    def _end(self, status: int, rows: int) -> bytes:
        return frame(packets.end_of_rows(status, 0, deprecate_eof=self._deprecate_eof), self._first + rows)


class WireEncoding:
    """Rows as packets for sessions with one character set, end of rows and protocol (text or binary)."""

    def __init__(self, charset: object, *, deprecate_eof: bool, binary: bool) -> None:
        self._charset, self._deprecate_eof, self._binary = charset, deprecate_eof, binary

    @staticmethod
    @lru_cache(256)
    def of(charset: object, deprecate_eof: bool, binary: bool) -> WireEncoding:
        """The one of its kind."""
        return WireEncoding(charset, deprecate_eof=deprecate_eof, binary=binary)

    def _first(self, columns: Sequence[ResultColumn]) -> int:
        """The sequence number of the first row."""
        return len(columns) + 2 + (not self._deprecate_eof) & 0xFF

    def encoder_of(self, columns: Sequence[ResultColumn]) -> EncoderOf:
        codec = codec_of(self._charset)
        kinds = tuple((x.type_code, x.flags, x.length_bytes, x.decimals) for x in columns)
        first, make = self._first(columns), _binary_encoder if self._binary else _text_encoder
        return lambda positions: make(tuple(zip(positions, kinds, strict=True)), codec, first)

    def finish(self, shortcut: Shortcut) -> Reply:
        announcement, _ = ColumnsPlan(shortcut.columns, self._charset).announce(1)
        return Reply(shortcut, announcement, self._first(shortcut.columns), deprecate_eof=self._deprecate_eof)


#: Of each value: its position in the row, and its column's type code, flags, length and decimals.
_Kinds = tuple[tuple[int, tuple[int, int, int, int]], ...]
_Encode = Callable[[Sequence[Any]], bytes]


def _column(kind: tuple[int, int, int, int]) -> ResultColumn:
    type_code, flags, length_bytes, decimals = kind
    return ResultColumn("", type_code, 0, length_bytes, flags, decimals)


@lru_cache(4096)  # equal encoders are one: what they make is kept in pages under their identity
def _text_encoder(kinds: _Kinds, codec: str, first: int) -> _Encode:
    number = first << 24
    parts = [(at, text_encoding.column_encoder(_column(kind), codec)) for at, kind in kinds]
    if len(parts) == 1:
        at, encode = parts[0]

        def only(row: Sequence[Any]) -> bytes:
            payload = encode(row[at])
            return (len(payload) & 0xFFFFFF | number).to_bytes(4, "little") + payload

        return only

    def several(row: Sequence[Any]) -> bytes:
        payload = b"".join([encode(row[at]) for at, encode in parts])
        return (len(payload) & 0xFFFFFF | number).to_bytes(4, "little") + payload

    return several


@lru_cache(4096)
def _binary_encoder(kinds: _Kinds, codec: str, first: int) -> _Encode:
    number = first << 24
    positions = [at for at, _ in kinds]
    encoders = [binary_encoding.column_encoder(_column(kind), codec) for _, kind in kinds]

    head = bytes(1 + (len(positions) + 9) // 8)

    def encode(row: Sequence[Any]) -> bytes:
        values = [row[at] for at in positions]
        if None in values:
            payload = binary_encoding.binary_row(values, encoders)
        else:
            payload = head + b"".join([encode(value) for encode, value in zip(encoders, values, strict=True)])
        return (len(payload) & 0xFFFFFF | number).to_bytes(4, "little") + payload

    return encode


#: What stands for an answer that is written when its commit is durable.
PENDING: Final = b""


@lru_cache(1024)
def _ok(status: int, affected_rows: int, info: str) -> bytes:
    return frame(packets.ok(status, affected_rows=affected_rows, info=info.encode()), 1)


class Replies:
    """One session's answers at once. Each method gives the packets of the answer, None for the long way: nothing has
    happened then; :data:`PENDING` when the answer is written later, and the connection is busy until then.
    :meth:`forget` must be called whenever a command takes the long way."""

    __slots__ = ("_binary", "_handler", "_settings_flags", "_state_told", "_status", "_text")

    def __init__(self, handler: CommandHandler) -> None:
        self._handler = handler
        self._status = handler.server.services.status
        self._text: Shortcuts | None = None
        self._binary: Shortcuts | None = None
        self._settings_flags = 0
        self._state_told = False

    def forget(self) -> None:
        """A command may have changed the session's settings."""
        self._text = self._binary = None
        self._state_told = False

    def to_text(self, sql: str, found: Cut) -> bytes | None:
        """The answer to a text (COM_QUERY), of which `found` was cut."""
        table = self._text
        if table is None or not table.hold():
            table = self._text = self._table(binary=False)
            if table is None:
                return None
        ctx = self._handler.ctx
        reply = table.of_text(ctx, found[0])
        return None if reply is None else self._answer(table, reply, found[1], sql)

    def to_execution(self, statement: Statement, payload: bytes) -> bytes | None:
        """The answer to COM_STMT_EXECUTE."""
        table = self._binary
        if table is None or not table.hold():
            table = self._binary = self._table(binary=True)
            if table is None:
                return None
        short = statement.short
        if short is None or short.table is not table:
            return None
        params = short.params(payload)
        return None if params is None else self._answer(table, short.reply, params, statement.sql)

    def learn(self, statement: Statement, params: Sequence[Value]) -> None:
        """A prepared statement has been executed the long way: next time it may be shorter."""
        handler = self._handler
        if handler.password_expired or statement.types is None:
            return
        table = self._table(binary=True)
        made = None if table is None else ShortExecution.of(table, handler, statement, params)
        statement.short = made

    def _table(self, *, binary: bool) -> Shortcuts | None:
        handler = self._handler
        ctx = handler.ctx
        if handler.password_expired or codec_of(ctx.variables.get("character_set_client")) != "utf-8":
            return None
        encoding = WireEncoding.of(ctx.variables.get("character_set_results"), handler.deprecate_eof, binary)
        return handler.executor.shortcuts(ctx, encoding)

    def _answer(self, table: Shortcuts, reply: Reply | Action, params: Sequence[Value], sql: str) -> bytes | None:
        ctx = self._handler.ctx
        if isinstance(reply, Action):
            return self._act(table, reply, params, sql)
        rows = reply.shortcut.run(ctx, params)
        if rows is None:
            return None
        status = table.status_flags
        if ctx.transaction is not None:
            status |= transaction_flags(ctx.transaction)
        data = reply.answer(rows, status)
        if data is not None:
            shortcuts.done(reply.shortcut, ctx, len(rows), self._status)
        return data

    def _act(self, table: Shortcuts, action: Action, params: Sequence[Value], sql: str) -> bytes | None:
        handler = self._handler
        ctx = handler.ctx
        done = action.run(ctx, params, self._ended)
        if done is None:
            return None
        shortcuts.begun(action, ctx, self._status)
        self._settings_flags = table.status_flags
        if done is not LATER:
            ctx.row_count = done.affected_rows
            return self._of_ok(done)
        ctx.command, ctx.state, ctx.info = "Query", "executing", sql
        ctx.command_started_s = time.time()
        handler.connection.answer_later()
        return PENDING

    def _ended(self, ok: Ok, error: Exception | None) -> None:
        """A commit is durable, or has failed."""
        handler = self._handler
        error = shortcuts.ended(handler.ctx, ok, error)
        handler.connection.answer(self._of_ok(ok) if error is None else error)

    def _of_ok(self, ok: Ok) -> bytes:
        handler = self._handler
        status, transaction = self._settings_flags, handler.ctx.transaction
        if transaction is not None:
            status |= transaction_flags(transaction)
        state = b""
        if not self._state_told:
            # What may change it takes the long way: see :meth:`forget`.
            self._state_told = True
            if handler.tracker is not None:
                state = handler.tracker.changes()
        if not state and not ok.insert_id:
            return _ok(status, ok.affected_rows, ok.info)
        payload = packets.ok(
            status, affected_rows=ok.affected_rows, insert_id=ok.insert_id, info=ok.info.encode(), state=state
        )
        return frame(payload, 1)
