"""Parameters of known types are read as the general way reads them, or not at all."""

from __future__ import annotations

import random
import struct
from types import SimpleNamespace
from typing import Any

from aurora_mysql.session import constants as c
from aurora_mysql.session.binary_encoding import read_parameters
from aurora_mysql.session.short_execution import ShortExecution
from aurora_mysql.session.wire import Reader, lenenc_bytes

INTEGERS = {c.TYPE_TINY: "b", c.TYPE_SHORT: "h", c.TYPE_LONG: "i", c.TYPE_LONGLONG: "q"}
TEXTS = (c.TYPE_VAR_STRING, c.TYPE_STRING)


def short(types: list[int]) -> ShortExecution:
    """For a statement that is found under any kinds of values."""
    table: Any = SimpleNamespace(of_prepared=lambda ctx, prepared, kinds: kinds)
    statement: Any = SimpleNamespace(types=types, prepared=SimpleNamespace(values=list))
    handler: Any = SimpleNamespace(ctx=None)
    made = ShortExecution.of(table, handler, statement, [0] * len(types))
    assert made is not None and made.reply == tuple("s" if t in TEXTS else "i" for t in (t & 0xFF for t in types))
    return made


def packet(types: list[int], values: list[Any], *, with_types: bool, nulls: int = 0) -> bytes:
    head = (
        b"\x17" + struct.pack("<I", 7) + b"\0" + struct.pack("<I", 1) + nulls.to_bytes((len(types) + 7) // 8, "little")
    )
    head += (b"\1" + struct.pack(f"<{len(types)}H", *types)) if with_types else b"\0"
    for code, value in zip(types, values, strict=True):
        if isinstance(value, str):
            head += lenenc_bytes(value.encode())
        else:
            letter = INTEGERS[code & 0xFF]
            head += struct.pack("<" + (letter.upper() if code >> 15 else letter), value)
    return head


def test_random_parameters() -> None:
    rng = random.Random(5)
    read = 0
    for _ in range(500):
        types = [rng.choice((*INTEGERS, *TEXTS, c.TYPE_LONGLONG | 0x8000)) for _ in range(rng.randint(1, 9))]
        values = [
            rng.choice(("", "a", "ü€😀", "x" * 250, "y" * 251, "z" * 70_000 if rng.random() < 0.1 else "z" * 60_000))
            if code in TEXTS
            else rng.choice((0, 1, 99, 127, -1 if rng.random() < 0.2 else 5))
            if code < 0x8000
            else rng.choice((2**60, 2**64 - 1, 10**18 - 1))
            for code in types
        ]
        payload = packet(types, values, with_types=rng.random() < 0.5)
        general, _ = read_parameters(Reader(payload, 10), len(types), types, {}, "utf-8")
        found = short(types).params(payload)
        plain = all(len(v) < 65536 if isinstance(v, str) else 0 <= v < 10**18 for v in values)
        assert (found is not None) == plain
        if found is not None:
            assert found == general == values
            read += 1
        for cut in range(10, len(payload), max(1, len(payload) // 20)):
            assert short(types).params(payload[:cut]) is None
        assert short(types).params(payload + b"x") is None
        assert short(types).params(packet(types, values, with_types=False, nulls=1)) is None
    assert read > 200


def test_a_cursor_or_other_types_are_not_for_it() -> None:
    types = [c.TYPE_LONG, c.TYPE_STRING]
    payload = packet(types, [1, "a"], with_types=True)
    assert short(types).params(payload) == [1, "a"]
    assert short(types).params(payload[:5] + b"\1" + payload[6:]) is None
    assert short([c.TYPE_LONGLONG, c.TYPE_STRING]).params(payload) is None
    table: Any = SimpleNamespace(of_prepared=lambda *_: "found")
    statement: Any = SimpleNamespace(types=[c.TYPE_DOUBLE], prepared=SimpleNamespace(values=list))
    assert ShortExecution.of(table, SimpleNamespace(ctx=None), statement, [1.0]) is None  # type: ignore[arg-type]
