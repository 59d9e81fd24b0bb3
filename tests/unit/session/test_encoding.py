"""Values as the text and binary protocols show them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aurora_mysql.session import binary_encoding, text_encoding
from aurora_mysql.session import constants as c
from aurora_mysql.session.wire import Reader, frames, lenenc_bytes
from aurora_mysql.sql.result import ResultColumn


def text(value: Any, type_code: int = c.TYPE_VAR_STRING, codec: str = "utf-8", **more: Any) -> bytes:
    column = ResultColumn("c", type_code, **more)
    encoded = text_encoding.column_encoder(column, codec)(value)
    if encoded == b"\xfb":
        return b"NULL"
    return Reader(encoded).lenenc_bytes()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (-0.5, "-0.5"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e14, "100000000000000"),
        (1e15, "1e15"),
        (123456789012345680.0, "1.2345678901234568e17"),
        (1e20, "1e20"),
        (-1.5e300, "-1.5e300"),
        (0.00001, "0.00001"),
        (1e-15, "0.000000000000001"),
        (1e-16, "1e-16"),
        (1.25e-20, "1.25e-20"),
        (3.141592653589793, "3.141592653589793"),
    ],
)
def test_double_text(value: float, expected: str) -> None:
    assert text_encoding.format_double(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.5, "1.5"), (0.1, "0.1"), (16777216.0, "16777200"), (123456.789, "123457"), (1e20, "1e20"), (1e-7, "0.0000001")],
)
def test_float_text(value: float, expected: str) -> None:
    assert text_encoding.format_float(value) == expected


@pytest.mark.parametrize(
    ("value", "type_code", "more", "expected"),
    [
        (None, c.TYPE_LONG, {}, b"NULL"),
        (42, c.TYPE_LONG, {}, b"42"),
        (-1, c.TYPE_LONGLONG, {}, b"-1"),
        (2**64 - 1, c.TYPE_LONGLONG, {}, b"18446744073709551615"),
        (True, c.TYPE_TINY, {}, b"1"),
        (7, c.TYPE_LONG, {"flags": c.FLAG_ZEROFILL, "length_bytes": 5}, b"00007"),
        (99, c.TYPE_YEAR, {}, b"0099"),
        (5, c.TYPE_BIT, {"length_bytes": 10}, b"\0\5"),
        (b"\xff\0", c.TYPE_BIT, {}, b"\xff\0"),
        (2.5, c.TYPE_DOUBLE, {"decimals": 2}, b"2.50"),
        (2.5, c.TYPE_DOUBLE, {"decimals": 31}, b"2.5"),
        (Decimal("0.00"), c.TYPE_NEWDECIMAL, {}, b"0.00"),
        (Decimal("0E-10"), c.TYPE_NEWDECIMAL, {}, b"0.0000000000"),
        (date(2024, 2, 29), c.TYPE_DATE, {}, b"2024-02-29"),
        (date(2024, 2, 29), c.TYPE_DATETIME, {}, b"2024-02-29 00:00:00"),
        (datetime(2024, 1, 2, 3, 4, 5, 6), c.TYPE_DATETIME, {}, b"2024-01-02 03:04:05"),
        (datetime(2024, 1, 2, 3, 4, 5, 60000), c.TYPE_DATETIME, {"decimals": 3}, b"2024-01-02 03:04:05.060"),
        (timedelta(hours=838, minutes=59, seconds=59), c.TYPE_TIME, {}, b"838:59:59"),
        (timedelta(seconds=-1, microseconds=-500000), c.TYPE_TIME, {"decimals": 6}, b"-00:00:01.500000"),
        ("héllo", c.TYPE_VAR_STRING, {}, "héllo".encode()),
        ("x" * 300, c.TYPE_VAR_STRING, {}, b"x" * 300),
        ("raw\udcff", c.TYPE_VAR_STRING, {}, b"raw\xff"),
        (b"bin", c.TYPE_BLOB, {}, b"bin"),
        ("0000-00-00", c.TYPE_DATE, {}, b"0000-00-00"),
    ],
)
def test_text_value(value: Any, type_code: int, more: dict[str, Any], expected: bytes) -> None:
    assert text(value, type_code, **more) == expected


def test_result_charset_replaces_what_it_lacks() -> None:
    assert text("é€漢", codec="cp1252") == "é€".encode("cp1252") + b"?"


@pytest.mark.parametrize(
    ("value", "type_code", "flags", "expected"),
    [
        (-1, c.TYPE_TINY, 0, b"\xff"),
        (255, c.TYPE_TINY, 32, b"\xff"),
        (1, c.TYPE_LONGLONG, 0, b"\1" + bytes(7)),
        (2**64 - 1, c.TYPE_LONGLONG, 32, b"\xff" * 8),
        (2024, c.TYPE_YEAR, 0, b"\xe8\7"),
        (1.5, c.TYPE_FLOAT, 0, b"\0\0\xc0?"),
        (Decimal("1.50"), c.TYPE_NEWDECIMAL, 0, b"\x041.50"),
        (date(2024, 2, 29), c.TYPE_DATE, 0, b"\4\xe8\7\2\x1d"),
        (datetime(2024, 2, 29), c.TYPE_DATETIME, 0, b"\4\xe8\7\2\x1d"),
        (datetime(2024, 2, 29, 1, 2, 3), c.TYPE_DATETIME, 0, b"\7\xe8\7\2\x1d\1\2\3"),
        ("0000-00-00 00:00:00", c.TYPE_DATETIME, 0, b"\0"),
        (timedelta(0), c.TYPE_TIME, 0, b"\0"),
        (timedelta(days=-1, seconds=3661), c.TYPE_TIME, 0, b"\x08\1" + bytes(4) + b"\x16\x3a\x3b"),
        ("ab", c.TYPE_VAR_STRING, 0, b"\2ab"),
    ],
)
def test_binary_value(value: Any, type_code: int, flags: int, expected: bytes) -> None:
    column = ResultColumn("c", type_code, flags=flags)
    encoded = binary_encoding.column_encoder(column, "utf-8")(value)
    if isinstance(value, timedelta) and value:
        assert encoded == b"\x08\1" + bytes(4) + bytes((22, 58, 59))
    else:
        assert encoded == expected


def test_binary_row_null_bitmap_has_an_offset_of_two() -> None:
    columns = [ResultColumn(f"c{i}", c.TYPE_TINY) for i in range(8)]
    encoders = [binary_encoding.column_encoder(column, "utf-8") for column in columns]
    row = [None, 1, 1, 1, 1, 1, 1, None]
    assert binary_encoding.binary_row(row, encoders) == b"\0" + bytes((0b100, 0b10)) + b"\1" * 6


def test_parameter_types_are_remembered() -> None:
    first = b"\0\1" + b"\x03\0" + (7).to_bytes(4, "little")
    values, types = binary_encoding.read_parameters(Reader(first), 1, None, {}, "utf-8")
    assert values == [7]
    second = b"\0\0" + (8).to_bytes(4, "little")
    assert binary_encoding.read_parameters(Reader(second), 1, types, {}, "utf-8")[0] == [8]


def test_payload_of_exactly_one_frame_ends_with_an_empty_frame() -> None:
    data, following = frames(b"x" * c.MAX_FRAME, 3)
    assert data[:4] == b"\xff\xff\xff\3"
    assert data[-4:] == b"\0\0\0\4"
    assert following == 5


def test_lengths() -> None:
    for size in (0, 250, 251, 65535, 65536, 1 << 24):
        assert Reader(lenenc_bytes(b"a" * size)).lenenc_bytes() == b"a" * size
