"""Delimited text, as LOAD DATA reads it and SELECT ... INTO OUTFILE writes it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aurora_mysql.catalog.values import to_text
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.result import Value

#: One field: text, or None for NULL.
Field = str | None

_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The FIELDS and LINES clauses. `enclosed` and `escaped` are one character or empty."""

    field_end: str = "\t"
    enclosed: str = ""
    optionally: bool = False
    escaped: str = "\\"
    line_start: str = ""
    line_end: str = "\n"

    @property
    def fixed_width(self) -> bool:
        """Fields have no separators but the widths of their columns."""
        return not self.field_end and not self.enclosed

    @property
    def lines_stand_alone(self) -> bool:
        """Lines can be told apart before their fields are: no field's end reaches into a line's end or holds one."""
        field_end, line_end = self.field_end, self.line_end
        straddles = any(line_end.startswith(field_end[at:]) for at in range(1, len(field_end)))
        return bool(line_end) and not straddles and line_end not in field_end[1:]


def unescaped(text: str, escape: str) -> str:
    """`text` with what follows an `escape` character taken for what it stands for."""
    return re.sub(f"{re.escape(escape)}([\\s\\S])", lambda m: _ESCAPES.get(m.group(1), m.group(1)), text)


class LineReader:
    """Bytes to rows of fields, as they come. What belongs to an unfinished line is kept until the rest of it comes;
    `limit_bytes` bounds that.

    Text that is not valid in `codec` becomes lone surrogates, so that binary columns can have it back.
    """

    def __init__(self, delimiters: Delimiters, codec: str, skip_lines: int, *, limit_bytes: int) -> None:
        self._d = delimiters
        self._decoder = codecs.getincrementaldecoder(codec)(errors="surrogateescape")
        self._rest = ""
        self._skip = skip_lines
        self._limit = limit_bytes
        line_end = delimiters.line_end or delimiters.field_end
        self._line_end = line_end
        self._special = [c for c in (delimiters.escaped, delimiters.enclosed) if c]
        escaped = "" if delimiters.escaped == delimiters.enclosed else delimiters.escaped
        escape, quote = re.escape(escaped), re.escape(delimiters.enclosed)
        # The line's end comes first: it may begin with a field's.
        found = [t for t in dict.fromkeys((line_end, delimiters.field_end)) if t]
        ends = "|".join(re.escape(t) for t in found)
        pair = f"{escape}[\\s\\S]|" if escape else ""
        other = "".join(re.escape(c) for c in dict.fromkeys([*escaped, *(t[0] for t in found)]))
        # Every alternative begins with something the others can't begin with, and runs are atomic (a look-ahead and its
        # repetition), so an unfinished field costs linear time. Possessive quantifiers say the same in fewer words, but
        # are broken in early releases of Python 3.11.
        no_escape = f"(?!{escape})" if escape else ""
        run = f"(?=(?P<run>[^{other}]+))(?P=run)"
        self._plain = re.compile(f"(?P<body>(?:{run}|{pair}(?!{ends}){no_escape}[\\s\\S])*)(?P<end>{ends})")
        self._unescape = re.compile(f"{escape}([\\s\\S])") if escape else None
        # An enclosed field ends at a quote that is followed by an end; a doubled quote is one of its characters.
        self._quoted = None
        if quote:
            run = f"(?=(?P<run>[^{quote}{escape}]+))(?P=run)"
            single = f"(?!{quote}(?:{ends}|{quote})){no_escape}[\\s\\S]"
            body = f"(?P<body>(?:{run}|{pair}{quote}{quote}|{single})*)"
            self._quoted = re.compile(f"{quote}{body}{quote}(?P<end>{ends})")
        self._final = False
        self._splits = not delimiters.line_start and (delimiters.lines_stand_alone or not delimiters.line_end)

    @property
    def between_lines(self) -> bool:
        """Nothing of an unfinished line is kept, and no line is still to be skipped."""
        return not self._rest and not self._skip

    @property
    def lines_to_skip(self) -> int:
        return self._skip

    def feed(self, data: bytes) -> list[list[Field]]:
        """The rows that `data` completes. Raises 1153 for a line beyond the limit."""
        text = self._rest + self._decoder.decode(data)
        plain = not any(c in text for c in self._special) and not (self._d.enclosed and "NULL" in text)
        if plain and self._splits and not self._skip:
            return self._split(text)
        rows = list(self._lines(text))
        if len(self._rest) > self._limit:
            raise mysql_error(1153)
        return rows

    def finish(self) -> list[list[Field]]:
        """The rows of what is left: the last line needs no end."""
        text = self._rest + self._decoder.decode(b"", final=True)
        self._rest, self._final = "", True
        if not text:
            return []
        rows = list(self._lines(text))
        if self._rest:
            rows += self._lines(self._rest + self._line_end)
        return rows

    def _split(self, text: str) -> list[list[Field]]:
        """The common case: nothing is quoted or escaped."""
        lines: list[str] = text.split(self._line_end)
        self._rest = lines.pop()
        if len(self._rest) > self._limit:
            raise mysql_error(1153)
        end = self._d.field_end
        if not end:
            return [[line] for line in lines]
        return [list(line.split(end)) for line in lines]

    def _lines(self, text: str) -> Iterator[list[Field]]:
        at = 0
        while True:
            start = at
            if self._skip:
                end = text.find(self._line_end, at)
                if end < 0:
                    break
                self._skip -= 1
                at = end + len(self._line_end)
                continue
            if self._d.line_start:
                # What stands before the prefix is no part of the line; a line without it is passed over.
                found = text.find(self._d.line_start, at)
                if found < 0:
                    break
                at = found + len(self._d.line_start)
            row, at = self._row(text, at)
            if row is None:
                at = start
                break
            yield row
        self._rest = text[at:]

    def _row(self, text: str, at: int) -> tuple[list[Field] | None, int]:
        """One line from `at`, and where the next begins; None when it is not complete."""
        row: list[Field] = []
        while True:
            opened = self._quoted is not None and text.startswith(self._d.enclosed, at)
            quoted = self._quoted.match(text, at) if self._quoted is not None and opened else None
            if quoted is not None:
                row.append(self._enclosed(quoted["body"]))
                end, at = quoted["end"], quoted.end()
            else:
                if opened and not self._final:
                    return None, at
                plain = self._plain.match(text, at)
                if plain is None:
                    return None, at
                row.append(self._bare(plain["body"]))
                end, at = plain["end"], plain.end()
            if end == self._line_end:
                return row, at

    def _enclosed(self, body: str) -> Field:
        quote = self._d.enclosed
        if quote + quote in body:
            body = body.replace(quote + quote, quote)
        return self._without_escapes(body)

    def _bare(self, body: str) -> Field:
        escape = self._d.escaped
        if escape and body == escape + "N":
            return None
        if self._d.enclosed and body == "NULL":
            return None
        return self._without_escapes(body)

    def _without_escapes(self, body: str) -> str:
        if self._unescape is None or self._d.escaped not in body:
            return body
        return self._unescape.sub(lambda m: _ESCAPES.get(m.group(1), m.group(1)), body)


class LineWriter:
    """Rows to lines. `text_columns` tells which values OPTIONALLY ENCLOSED BY encloses."""

    def __init__(self, delimiters: Delimiters, codec: str, text_columns: Sequence[bool]) -> None:
        self._d, self._codec = delimiters, codec
        self._text_columns = text_columns
        d = delimiters
        self._in_quotes = {c for c in (d.escaped, d.enclosed, "\0") if c}
        self._bare = {c for c in (d.escaped, d.field_end[:1], d.line_end[:1], d.enclosed, "\0") if c}

    def line(self, row: Sequence[Value]) -> bytes:
        """One line, encoded."""
        d = self._d
        parts = []
        for value, is_text in zip(row, self._text_columns, strict=True):
            if value is None:
                parts.append(f"{d.escaped}N" if d.escaped else "NULL")
                continue
            text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else to_text(value)
            if d.enclosed and (is_text or not d.optionally):
                parts.append(d.enclosed + self._escaped(text, self._in_quotes) + d.enclosed)
            else:
                parts.append(self._escaped(text, self._bare))
        line = d.line_start + d.field_end.join(parts) + d.line_end
        return line.encode(self._codec, "surrogateescape")

    def _escaped(self, text: str, special: set[str]) -> str:
        escape = self._d.escaped
        if not escape or not any(c in text for c in special):
            return text
        return "".join(escape + ("0" if c == "\0" else c) if c in special else c for c in text)
