"""Reading and writing delimited text."""

from __future__ import annotations

import pytest

from aurora_mysql.sql.dml.delimited import Delimiters, LineReader, LineWriter

TAB = Delimiters()
CSV = Delimiters(field_end=",", enclosed='"')
PREFIXED = Delimiters(field_end=",", line_start="xxx", line_end="\r\n")
CASES = [
    (TAB, "a\tb\nc\td\n", [["a", "b"], ["c", "d"]]),
    (TAB, "a\tb\nc", [["a", "b"], ["c"]]),
    (TAB, "a\\\tb\t\\N\nx\\\ny\tNULL\n", [["a\tb", None], ["x\ny", "NULL"]]),
    (TAB, "\\0\\b\\n\\t\\Z\\q\t\\\\N\n", [["\0\b\n\t\x1aq", "\\N"]]),
    (TAB, "\t\n\n", [["", ""], [""]]),
    (CSV, '"a,b",c\n"x ""y"" z",NULL\n', [["a,b", "c"], ['x "y" z', None]]),
    (CSV, '"line\none",2\n"",""\n', [["line\none", "2"], ["", ""]]),
    (CSV, "a,NULL\n", [["a", None]]),
    (CSV, '"NULL",\\N\n', [["NULL", None]]),
    (CSV, 'a"b,c\n"open,1\n', [['a"b', "c"], ['"open', "1"]]),
    (PREFIXED, 'xxx"a",1\r\nsome xxxb,2\r\nno\r\n', [['"a"', "1"], ["b", "2"]]),
    (Delimiters(field_end="||", line_end="END"), "a||b|c END||ENDx||y", [["a", "b|c "], ["", ""], ["x", "y"]]),
    (Delimiters(escaped=""), "a\\\tb\n", [["a\\", "b"]]),
    (Delimiters(field_end=",", enclosed="'", escaped="'"), "'it''s',2\n", [["it's", "2"]]),
    # A line's end that begins with a field's, and ends that overlap: as MariaDB reads them.
    (Delimiters(field_end="|", line_end="|\n"), "1|a\\n|\n2|b|\n", [["1", "a\n"], ["2", "b"]]),
    (Delimiters("|", '"', line_end="|\n"), '"1"|"a"|\n2|"b|\nc"|\n', [["1", "a"], ["2", "b|\nc"]]),
    (Delimiters(field_end="ab", escaped="", line_end="bc"), "1abc2abcab3", [["1", "c2", "c", "3"]]),
    (Delimiters(field_end="||", escaped="", line_end="|"), "1||2|3", [["1"], [""], ["2"], ["3"]]),
    (Delimiters(field_end="|", line_end="a|b"), "1|xa|b2|ya|b", [["1", "x"], ["2", "y"]]),
]  # fmt: skip


@pytest.mark.parametrize(("delimiters", "text", "rows"), CASES)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_rows_do_not_depend_on_how_the_bytes_come(delimiters, text, rows, size) -> None:  # type: ignore[no-untyped-def]
    reader = LineReader(delimiters, "utf-8", 0, limit_bytes=1 << 20)
    data = text.encode()
    found = []
    for start in range(0, len(data), size):
        found += reader.feed(data[start : start + size])
    found += reader.finish()
    assert found == rows


def test_lines_are_skipped_and_bytes_survive() -> None:
    reader = LineReader(TAB, "utf-8", 2, limit_bytes=1 << 20)
    rows = reader.feed(b"head\nmore\n\xff\xfe\t\xc3") + reader.feed(b"\xa9\n") + reader.finish()
    assert rows == [["\udcff\udcfe", "é"]]
    assert rows[0][0] is not None and rows[0][0].encode("utf-8", "surrogateescape") == b"\xff\xfe"


def test_an_endless_line_is_refused() -> None:
    reader = LineReader(TAB, "utf-8", 0, limit_bytes=10)
    with pytest.raises(Exception, match="1153"):
        reader.feed(b"x" * 100)


@pytest.mark.parametrize("delimiters", [TAB, CSV, Delimiters(field_end=";", enclosed="'", optionally=True)])
def test_what_is_written_is_read_again(delimiters: Delimiters) -> None:
    writer = LineWriter(delimiters, "utf-8", [True, False, True])
    rows = [("a\tb\\\n,;'\"", 1, None), ("\0", -2.5, b"\xff\x00"), ("", None, "é")]
    reader = LineReader(delimiters, "utf-8", 0, limit_bytes=1 << 20)
    read = reader.feed(b"".join(writer.line(row) for row in rows)) + reader.finish()
    assert read == [["a\tb\\\n,;'\"", "1", None], ["\0", "-2.5", "\udcff\0"], ["", None, "é"]]
