"""COM_STMT_EXECUTE of a statement that has a shortcut: its parameters, read without looking at each one's type."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aurora_mysql.session import constants as c
from aurora_mysql.session.binary_encoding import TEXT_PARAMS
from aurora_mysql.sql.result import Value
from aurora_mysql.sql.shortcuts import Shortcuts

if TYPE_CHECKING:
    from aurora_mysql.session.commands import CommandHandler
    from aurora_mysql.session.statements import Statement

#: Binary sizes of integer parameters, and what reads them.
_INTEGERS = {c.TYPE_TINY: "bB", c.TYPE_SHORT: "hH", c.TYPE_LONG: "iI", c.TYPE_INT24: "iI", c.TYPE_LONGLONG: "qQ"}
#: Command, statement, flags, iterations.
_HEAD_BYTES = 10
_LEAST_LONG = 10**18
#: Texts of up to this many bytes have one byte for their length; others take the long way from 64 KiB on.
_SHORT_TEXT_BYTES = 250
_LENGTH_OF_2 = 0xFC


class ShortExecution:
    """A prepared statement's shortcut for parameters of known types, all of them integers and texts. The client's
    character set is UTF-8."""

    __slots__ = ("_bare", "_full", "_merge", "_parts", "_types", "reply", "table")

    def __init__(self, table: Shortcuts, reply: Any, types: Sequence[int], merge: Any) -> None:
        self.table, self.reply = table, reply
        self._merge: Callable[[Sequence[Value]], Sequence[Value]] = merge
        count = len(types)
        self._types = struct.pack(f"<{count}H", *types)
        #: Texts (None), and runs of integers in between.
        self._parts: list[struct.Struct | None] = []
        run = ""
        for code in types:
            if code & 0xFF in _INTEGERS:
                run += _INTEGERS[code & 0xFF][code >> 15]
                continue
            self._parts += [struct.Struct("<" + run), None] if run else [None]
            run = ""
        if run:
            self._parts.append(struct.Struct("<" + run))
        bitmap = bytes((count + 7) // 8)
        #: What stands before the values, when the types come along and when they don't.
        self._full = b"\0\1\0\0\0" + bitmap + b"\1" + self._types if types else b""
        self._bare = b"\0\1\0\0\0" + bitmap + b"\0" if types else b""

    @classmethod
    def of(
        cls, table: Shortcuts, handler: CommandHandler, statement: Statement, params: Sequence[Value]
    ) -> ShortExecution | None:
        """None when the statement has no shortcut, or one of its parameters is neither an integer nor a text."""
        types = statement.types or ()
        codes = [code & 0xFF for code in types]
        if len(types) != len(params) or not all(code in _INTEGERS or code in TEXT_PARAMS for code in codes):
            return None
        kinds = tuple("i" if code in _INTEGERS else "s" for code in codes)
        reply = table.of_prepared(handler.ctx, statement.prepared, kinds)
        return None if reply is None else cls(table, reply, types, statement.prepared.values)

    def params(self, payload: bytes) -> Sequence[Value] | None:
        """All literals of the statement, in order; None when a value needs the long way."""
        parts = self._parts
        if not parts:
            return self._merge(()) if len(payload) == _HEAD_BYTES and payload[5] == 0 else None
        at = 5 + len(self._bare)
        if payload[5:at] != self._bare:
            at = 5 + len(self._full)
            if payload[5:at] != self._full:
                return None
        values: list[Value] = []
        try:
            for part in parts:
                if part is None:
                    length = payload[at]
                    at += 1
                    if length > _SHORT_TEXT_BYTES:
                        if length != _LENGTH_OF_2:
                            return None
                        length = payload[at] | payload[at + 1] << 8
                        at += 2
                    values.append(payload[at : at + length].decode("utf-8", "surrogateescape"))
                    at += length
                else:
                    numbers = part.unpack_from(payload, at)
                    if not 0 <= min(numbers) <= max(numbers) < _LEAST_LONG:
                        return None
                    values += numbers
                    at += part.size
        except (IndexError, struct.error):
            return None  # the long way says what is wrong with it
        return self._merge(values) if at == len(payload) else None
