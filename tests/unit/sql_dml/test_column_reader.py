"""What is read as columns is what is read line by line; what can't be is told."""

from __future__ import annotations

import random

import pytest

from aurora_mysql.sql.dml.column_reader import ColumnReader
from aurora_mysql.sql.dml.delimited import Delimiters, LineReader

TABS = Delimiters()
QUOTED = Delimiters(field_end=",", enclosed='"')
PLAIN = Delimiters(field_end="|", escaped="")
CRLF = Delimiters(field_end=";", line_end="\r\n")
TRAILING = Delimiters(field_end="|", line_end="|\n")
TRAILING_QUOTED = Delimiters(field_end="|", enclosed="'", line_end="|\n")
WORDS = Delimiters(field_end="<f>", line_end="<l>", escaped="!")
WORDS_QUOTED = Delimiters(field_end="<f>", line_end="<l>", enclosed="%", escaped="!")
PREFIXED = Delimiters(field_end=",", line_start=">>", line_end=";")
ACCENTED = Delimiters(field_end="é", line_end="è")
KINDS = {
    "tabs": TABS,
    "quoted": QUOTED,
    "plain": PLAIN,
    "crlf": CRLF,
    "trailing": TRAILING,
    "trailing quoted": TRAILING_QUOTED,
    "words": WORDS,
    "words quoted": WORDS_QUOTED,
    "prefixed": PREFIXED,
    "accented": ACCENTED,
}


def by_line(d: Delimiters, block: bytes) -> list[list[str | None]]:
    reader = LineReader(d, "utf-8", 0, limit_bytes=1 << 20)
    return reader.feed(block) + reader.finish()


def as_columns(d: Delimiters, width: int, block: bytes) -> list[list[str | None]] | None:
    columns = ColumnReader(d, width, ()).columns(block)
    return None if columns is None else [list(row) for row in zip(*(c.to_pylist() for c in columns), strict=True)]


@pytest.mark.parametrize(
    ("delimiters", "text"),
    [
        (TABS, "1\ta\n2\t\\N\n\\N\t\n"),
        (TABS, '1\tback\\\\slash\n2\tline\\nend\\t\\0\\Z\\b\\r\\q\n3\tit\'s "quoted", yes\n'),
        (TABS, "1\tNULL\n2\té 漢 😀\n"),
        (QUOTED, '"1","a,b"\n2,NULL\n\\N,"NULL"\n"",""\n"line\nbreak",x\n'),
        (QUOTED, '"1","a\\\\b\\N"\n2,\\N\n'),
        (PLAIN, "1|\\N\n2|NULL\n"),
        (CRLF, "1;a\r\n2;b\r\n"),
        (TRAILING, "1|a|\n2|\\N|\n"),
        (TRAILING_QUOTED, "'1'|'a|\nb|c'|\n2|'x\\ny'|\n"),
        (WORDS, "1<f>a<l>!N<f>!n<l>"),
        (WORDS_QUOTED, "%1%<f>%a<f>b<l>c%<l>"),
        (PREFIXED, ">>1,a;>>2,>>;"),
        (ACCENTED, "1éaè2ébè"),
    ],
)
def test_simple_files_are_read_as_columns(delimiters: Delimiters, text: str) -> None:
    assert as_columns(delimiters, 2, text.encode()) == by_line(delimiters, text.encode())


@pytest.mark.parametrize(
    ("delimiters", "block"),
    [
        (TABS, b"1\ta\n2\n"),  # too few fields
        (TABS, b"1\ta\tb\n2\tc\n"),  # too many
        (TABS, b"1\ta\\\tb\n"),  # an escaped separator
        (TABS, b"1\ta\\\nb\n"),  # an escaped line end
        (TABS, b"1\ta\rb\n"),  # Arrow would end a line there
        (TABS, b"1\ta\xff\n"),  # no UTF-8
        (CRLF, b"1;a\n2;b\r\n"),
        (QUOTED, b'1,"a""b"\n'),
        (QUOTED, b'1,"a\\"b"\n'),
        (QUOTED, b'1,a"b\n'),
        (QUOTED, b'1,"a"b\n'),
        (QUOTED, b'1,"a,"\n'),
        (TRAILING, b"1|a\n|b|\n"),
        (WORDS, b"1<f>a!<f>b<l>"),
        (WORDS, b"1<f>a\nb<l>"),
        (PREFIXED, b">>1,a;2,b;"),
        (PREFIXED, b">>1,a;junk>>2,b;"),
    ],
)
def test_other_blocks_are_left_to_the_line_reader(delimiters: Delimiters, block: bytes) -> None:
    assert as_columns(delimiters, 2, block) is None


@pytest.mark.parametrize("delimiters", KINDS.values(), ids=KINDS)
def test_random_blocks_agree(delimiters: Delimiters) -> None:
    """Whatever is read as columns has the line reader's rows; and not everything is refused."""
    chosen = random.Random(7)
    d = delimiters
    quote, escape = d.enclosed or '"', d.escaped or "\\"
    pieces = ["a", "1", "NULL", "é", " ", "x", "\n", "\r", quote, quote * 2, escape, escape + "N", escape + "n"]
    weights = [8.0, 8, 1, 2, 1, 8, 0.3, 0.2, 0.7, 0.7, 0.7, 1.5, 1]
    for end in (d.field_end, d.line_end):
        pieces += [end, end[0], end[-1]]
        weights += [1, 0.5, 0.5]
    read = 0
    for _ in range(1500):
        lines = []
        for _ in range(chosen.randint(1, 3)):
            fields = ["".join(chosen.choices(pieces, weights, k=chosen.randint(0, 3))) for _ in range(2)]
            if d.enclosed and chosen.random() < 0.5:
                fields = [f"{quote}{field}{quote}" for field in fields]
            start = d.line_start if chosen.random() < 0.9 else ""
            lines.append(start + d.field_end.join(fields) + d.line_end)
        block = "".join(lines).encode()
        found = as_columns(d, 2, block)
        if found is not None:
            read += 1
            assert found == by_line(d, block), block
    assert read > 200


def test_kinds_of_files() -> None:
    assert all(map(ColumnReader.reads, KINDS.values()))
    for d in (
        Delimiters(field_end=""),
        Delimiters(field_end="\n", line_end=";"),
        Delimiters(line_end=""),
        Delimiters(field_end="ab", line_end="bc"),
        Delimiters(field_end="abc", line_end="b"),
        Delimiters(line_end="aba"),
        Delimiters(escaped="x"),
        Delimiters(escaped="|", line_end="|"),
        Delimiters(field_end=",", enclosed=","),
        Delimiters(enclosed="\\"),
    ):
        assert not ColumnReader.reads(d)
