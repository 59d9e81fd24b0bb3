"""Statements to shapes: literals are lifted out, so that a repeated shape finds its plan without being parsed.

One regular expression walks the text once. It also drops comments, opens version comments and splits statements, so
nobody reads the text twice.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.lexer import unescape
from aurora_mysql.sql.result import Value

#: Version comments up to this server version are code.
SERVER_VERSION = 80_099

_PIECE = re.compile(
    r"""
    (?P<space>(?:\s+|--(?=[\s\x00-\x1f]|\Z)[^\n]*|\#[^\n]*)+)
  | (?P<open>/\*!(?P<version>\d{5,6})?)
  | (?P<comment>/\*.*?\*/)
  | (?P<close>\*/)
  | (?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
  | (?P<ident>`(?:[^`]|``)*`)
  | (?P<raw>[xXbB]'[0-9A-Fa-f]*'|0x[0-9A-Fa-f]+(?![\w$])|0b[01]+(?![\w$]))
  | (?P<number>(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w$])|\d+[eE][+-]?\d+(?![\w$])|\d+(?![\w$.]))
  | (?P<word>[\w$]+|@`[^`]*`|@@?[\w$.]*)
  | (?P<param>\?)
  | (?P<end>;)
  | (?P<op><=>|->>|->|:=|<<|>>|<=|>=|<>|!=|\|\||&&|.)
    """,
    re.VERBOSE | re.DOTALL,
)

_ANSI_STRING = re.compile(r'"(?:[^"]|"")*"')

#: s string, i integer (I: of 19 digits or more), d decimal (D: of many digits), f floating point.
LITERAL_KINDS = frozenset("siIdDf")
#: A decimal of kind d has no more digits than this on either side of its point.
FEW_DIGITS = 10


@dataclass(slots=True)
class Statement:
    """One statement as pieces. A piece is text, or a one-letter kind at a position in `literals`.

    Attributes:
        text: the source (for headings, messages, and statements parsed by hand).
        pieces: source pieces; a literal's is its text.
        literals: piece index -> (kind, value). Kinds: s string, i integer below 19 digits, I longer, d decimal,
            f double, p a ``?`` not bound yet.
        verb: the first word, upper case.
    """

    text: str
    pieces: list[str] = field(default_factory=list)
    literals: dict[int, tuple[str, Value]] = field(default_factory=dict)
    verb: str = ""
    param_count: int = 0
    flags: list[str] = field(default_factory=list)
    row_alias: str = ""
    row_columns: list[str] = field(default_factory=list)


def split(sql: str, *, ansi_quotes: bool = False, backslash: bool = True) -> list[Statement]:
    """The statements of a text, without empty ones.

    Raises:
        MySQLError: 1064 for a string, identifier or comment without an end.
    """
    found: list[Statement] = []
    current = Statement("")
    begin = 0
    depth = 0
    at, length = 0, len(sql)
    match = _PIECE.match

    blanked: list[tuple[int, int]] = []

    def finish(end: int) -> None:
        nonlocal current, begin
        if current.pieces:
            current.text = (_blank(sql, begin, end, blanked) if blanked else sql[begin:end]).strip()
            found.append(current)
        current, begin = Statement(""), end + 1

    while at < length:
        m = match(sql, at)
        assert m is not None
        kind = m.lastgroup
        if kind == "version":
            kind = "open"
        text = m.group()
        start, at = at, m.end()
        if kind == "space" or kind == "comment":
            continue
        pieces = current.pieces
        if kind == "word":
            if text in ("N", "n") and sql.startswith("'", at):
                # N'...' is a text in utf8mb3: Unicode like every other.
                continue
            if not pieces:
                current.verb = text.partition(".")[0].upper()
            pieces.append(text)
        elif kind == "string":
            if ansi_quotes and text[0] == '"':
                ansi = _ANSI_STRING.match(sql, start)
                assert ansi is not None
                at = ansi.end()
                pieces.append("`" + ansi.group()[1:-1].replace('""', '"').replace("`", "``") + "`")
                continue
            if not backslash and "\\" in text:
                plain = re.compile(rf"{text[0]}(?:[^{text[0]}]|{text[0]}{text[0]})*{text[0]}").match(sql, start)
                if plain is None:
                    raise mysql_error(1064, sql[start : start + 80], sql.count("\n", 0, start) + 1)
                text, at = plain.group(), plain.end()
            value = unescape(text[1:-1], text[0], backslash=backslash)
            raw = None if value.isascii() else _raw_bytes(value)
            if raw is None:
                current.literals[len(pieces)] = ("s", value)
                pieces.append(text)
                continue
            if pieces and pieces[-1].lower() == "_binary":
                pieces.pop()
            pieces.append(f"x'{raw.hex()}'")
        elif kind == "number":
            current.literals[len(pieces)] = _number(text)
            pieces.append(text)
        elif kind == "param":
            current.literals[len(pieces)] = ("p", None)
            current.param_count += 1
            pieces.append(text)
        elif kind == "end":
            if current.verb == "CREATE" and _inside_program(pieces):
                pieces.append(text)
            else:
                finish(start)
        elif kind == "open":
            version = m.group("version")
            if version is not None and int(version) > SERVER_VERSION:
                end = sql.find("*/", at)
                at = length if end < 0 else end + 2
            else:
                depth += 1
            blanked.append((start, at))
        elif kind == "close" and depth:
            depth -= 1
            blanked.append((start, at))
        else:
            if text in "'\"`" or (text == "/" and sql.startswith("/*", start)):
                raise mysql_error(1064, sql[start : start + 80], sql.count("\n", 0, start) + 1)
            if text == "(" and not pieces:
                current.verb = "("
            pieces.append(text)
    finish(length)
    return found


_PROGRAMS = frozenset(("PROCEDURE", "FUNCTION", "TRIGGER", "EVENT"))
_OBJECTS = _PROGRAMS | {"TABLE", "VIEW", "USER", "DATABASE", "SCHEMA", "INDEX", "ROLE"}
#: What may stand before the first word of a statement in a body.
_STARTS = frozenset(
    (";", "BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", ":", "ROW", ")", "SQL", "DETERMINISTIC", "DATA")
) | {"INVOKER", "DEFINER"}


def _inside_program(pieces: list[str]) -> bool:
    """Whether a semicolon behind these pieces ends a statement of a stored program's body, not the program."""
    upper = [piece.upper() for piece in pieces]
    kind = next((word for word in upper[1:14] if word in _OBJECTS), "")
    if kind not in _PROGRAMS:
        return False
    depth, at = 0, 1
    while at < len(upper):
        word = upper[at]
        before = upper[at - 1]
        if word in ("BEGIN", "CASE") or (
            word in ("IF", "LOOP", "WHILE", "REPEAT") and before in _STARTS and not _is_call(upper, at)
        ):
            depth += 1
        elif word == "END":
            depth -= 1
            if upper[at + 1 : at + 2] and upper[at + 1] in ("IF", "CASE", "LOOP", "WHILE", "REPEAT"):
                at += 1
        at += 1
    return depth > 0


def _is_call(pieces: list[str], at: int) -> bool:
    """Whether IF or REPEAT at `at` is the function: it has several arguments, a condition in parentheses does not."""
    if pieces[at + 1 : at + 2] != ["("]:
        return False
    depth = 0
    for piece in pieces[at + 1 :]:
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth == 1:
            return True
        if not depth:
            break
    return False


def _blank(sql: str, begin: int, end: int, spans: list[tuple[int, int]]) -> str:
    """`sql` from `begin` to `end`, with spaces for the marks of version comments and for those that don't count."""
    parts = []
    for first, last in spans:
        if begin <= first < end:
            parts += [sql[begin:first], " " * (last - first)]
            begin = last
    return "".join((*parts, sql[begin:end]))


def _raw_bytes(value: str) -> bytes | None:
    """The bytes of a string literal that is no valid text (they came as lone surrogates); None for text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")
    return None


def _number(text: str) -> tuple[str, Value]:
    if text.isdigit():
        return ("i" if len(text) < 19 else "I", int(text))
    if "e" in text or "E" in text:
        return ("f", float(text))
    return (_decimal_kind(text), Decimal(text))


def _decimal_kind(text: str) -> str:
    """Whether a plan that fits one such decimal fits another one is told by the kind."""
    whole, _, fraction = text.partition(".")
    return "d" if len(whole) <= FEW_DIGITS and len(fraction) <= FEW_DIGITS else "D"


def bound(value: Value) -> tuple[str, Value, str]:
    """(kind, value, text) of a value bound to a ``?``; kind '' for one that stays text (NULL, bytes)."""
    if value is None:
        return ("", None, "NULL")
    if isinstance(value, bool):
        return ("i", int(value), str(int(value)))
    if isinstance(value, int):
        small = -(10**18) < value < 10**18
        return ("i" if small and value >= 0 else "", value, str(value))
    if isinstance(value, float):
        return ("f" if value >= 0 else "", value, repr(value) if "e" in repr(value) else f"{value!r}e0")
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return (_decimal_kind(text) if value >= 0 else "", value, text)
    if isinstance(value, bytes | bytearray | memoryview):
        return ("", value, f"x'{bytes(value).hex()}'")
    if isinstance(value, dt.datetime):
        text = value.isoformat(" ")
    elif isinstance(value, dt.timedelta):
        text = _time_text(value)
    else:
        text = str(value)
    return ("s", text, "'" + text.replace("\\", "\\\\").replace("'", "''") + "'")


def literal_kinds(values: Sequence[Value]) -> tuple[str, ...] | None:
    """The kinds that :func:`bind` gives `values`, None when one of them stays in the text."""
    kinds = []
    for value in values:
        if value.__class__ is int:
            if not 0 <= value < 10**18:
                return None
            kinds.append("i")
        elif value.__class__ is str:
            kinds.append("s")
        elif value.__class__ is float and value >= 0:
            kinds.append("f")
        elif value.__class__ is Decimal and value >= 0:
            kinds.append(_decimal_kind(f"{value:f}"))
        else:
            return None
    return tuple(kinds)


def _time_text(value: dt.timedelta) -> str:
    micros = value // dt.timedelta(microseconds=1)
    sign = "-" if micros < 0 else ""
    seconds, fraction = divmod(abs(micros), 1_000_000)
    text = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{fraction:06d}" if fraction else text


#: Statements whose literals are lifted and whose plans are cached.
SHAPED = frozenset(("SELECT", "WITH", "(", "VALUES", "TABLE", "INSERT", "REPLACE", "UPDATE", "DELETE"))


def bind(statement: Statement, values: Sequence[Value]) -> Statement:
    """A statement with its ``?`` replaced by values. Raises 1210 for a wrong number."""
    if len(values) != statement.param_count:
        raise mysql_error(1210, "EXECUTE")
    given = iter(values)
    pieces, literals = list(statement.pieces), {}
    for at, (kind, value) in statement.literals.items():
        if kind != "p":
            literals[at] = (kind, value)
            continue
        bound_kind, bound_value, pieces[at] = bound(next(given))
        if bound_kind:
            literals[at] = (bound_kind, bound_value)
    # Statements that are parsed by hand are parsed from their text.
    text = statement.text if statement.verb in SHAPED else " ".join(pieces)
    return Statement(text, pieces, literals, statement.verb)


@dataclass(slots=True)
class Shape:
    """A statement without its literals: `key` for the plan cache, `sql` for the parser (literals are sentinels).

    For an INSERT whose rows all look alike, `sql` has the first row only; `rows` of `row_params` literals each
    stand in `params`, after `row_start` others.
    """

    key: str
    params: list[Value]
    kinds: list[str]
    pieces: list[str]
    places: list[int]
    rows: int = 1
    row_params: int = 0
    flags: list[str] = field(default_factory=list)
    row_alias: str = ""
    row_columns: list[str] = field(default_factory=list)


_INSERT_MODIFIERS = ("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "INTO", "IGNORE")


def plain_insert(statement: Statement) -> Statement:
    """INSERT and REPLACE in the one form the parser knows: ``INSERT INTO t (columns) VALUES ...``.

    What that loses is in `flags` (REPLACE, IGNORE) and becomes part of the shape's key.
    """
    pieces = statement.pieces
    at = 1
    while at < len(pieces) and pieces[at].upper() in _INSERT_MODIFIERS:
        at += 1
    words = [piece.upper() for piece in pieces[:at]]
    flags: list[str] = [word for word in ("REPLACE", "IGNORE") if word in words]
    name = pieces[at : at + 1]
    rest = at + 1
    if pieces[rest : rest + 1] == ["."]:
        name, rest = pieces[at : at + 3], at + 3
    head = ["INSERT", "INTO", *name]
    shift: dict[int, int] = {}
    if rest < len(pieces) and pieces[rest].upper() == "SET" and rest not in statement.literals:
        columns: list[str] = []
        values: list[tuple[int, int]] = []
        place = rest + 1
        while place < len(pieces):
            begin = place
            while place < len(pieces) and pieces[place] not in ("=", ":="):
                place += 1
            columns += [*pieces[begin:place], ","]
            start = place = place + 1
            depth = 0
            while place < len(pieces) and not (depth == 0 and (pieces[place] == "," or _on_duplicate(pieces, place))):
                depth += (pieces[place] == "(") - (pieces[place] == ")")
                place += 1
            values.append((start, place))
            if place < len(pieces) and pieces[place] == ",":
                place += 1
                continue
            break
        made = [*head, "(", *columns[:-1], ")", "VALUES", "("]
        for number, (start, end) in enumerate(values):
            if number:
                made.append(",")
            for i in range(start, end):
                shift[i] = len(made)
                made.append(pieces[i])
        made.append(")")
        tail = place
    else:
        made = head
        tail = rest
    for i in range(tail, len(pieces)):
        shift[i] = len(made)
        made.append(pieces[i])
    literals = {shift[i]: found for i, found in statement.literals.items() if i in shift}
    return Statement(statement.text, made, literals, "INSERT", statement.param_count, flags, statement.row_alias)


_CHANGE_MODIFIERS = {"UPDATE": ("LOW_PRIORITY", "IGNORE"), "DELETE": ("LOW_PRIORITY", "QUICK", "IGNORE")}


def plain_change(statement: Statement) -> Statement:
    """UPDATE and DELETE without their modifiers, which the parser doesn't know; IGNORE becomes a flag."""
    pieces, verb = statement.pieces, statement.verb
    start = 1
    if verb == "WITH":
        start = _main_verb(pieces)
        verb = pieces[start - 1].upper() if start else ""
    modifiers = _CHANGE_MODIFIERS.get(verb, ())
    end = start
    while end < len(pieces) and pieces[end].upper() in modifiers:
        end += 1
    dropped = {*range(start, end), *(_stars(pieces, end) if verb == "DELETE" else ())}
    if not dropped:
        return statement
    flags = ["IGNORE"] if "IGNORE" in (piece.upper() for piece in pieces[start:end]) else []
    kept = [i for i in range(len(pieces)) if i not in dropped]
    literals = {new: statement.literals[old] for new, old in enumerate(kept) if old in statement.literals}
    texts = [pieces[i] for i in kept]
    return Statement(statement.text, texts, literals, statement.verb, statement.param_count, flags)


def _stars(pieces: list[str], start: int) -> list[int]:
    """Where ``.*`` stands behind the targets of a DELETE of several tables."""
    found: list[int] = []
    depth = 0
    for at in range(start, len(pieces) - 1):
        depth += (pieces[at] == "(") - (pieces[at] == ")")
        if depth == 0 and pieces[at] == "." and pieces[at + 1] == "*":
            found += [at, at + 1]
        elif pieces[at].upper() == "WHERE":
            break
    return found


def _main_verb(pieces: list[str]) -> int:
    """Where the statement after a WITH clause goes on behind its UPDATE or DELETE; 0 for another statement."""
    depth = 0
    for at, piece in enumerate(pieces):
        depth += (piece == "(") - (piece == ")")
        if depth == 0 and pieces[at - 1] == ")" and piece.upper() in _CHANGE_MODIFIERS:
            return at + 1
    return 0


def _on_duplicate(pieces: list[str], at: int) -> bool:
    return pieces[at].upper() == "ON" and at + 1 < len(pieces) and pieces[at + 1].upper() == "DUPLICATE"


def _take_row_alias(statement: Statement) -> None:
    """``VALUES (...) AS new [(columns)] ON DUPLICATE KEY UPDATE``: the aliases leave the text."""
    pieces = statement.pieces
    for at in range(3, len(pieces) - 3):
        if pieces[at].upper() == "AS" and pieces[at - 1] == ")" and at not in statement.literals:
            end = at + 2
            names: list[str] = []
            if pieces[end] == "(" and ")" in pieces[end:]:
                close = pieces.index(")", end)
                names, end = [p.strip("`") for p in pieces[end + 1 : close] if p != ","], close + 1
            if not _on_duplicate(pieces, end):
                return
            statement.row_alias, statement.row_columns = pieces[at + 1].strip("`"), names
            del pieces[at:end]
            gone = end - at
            statement.literals = {i if i < at else i - gone: v for i, v in statement.literals.items()}
            return


def lift(statement: Statement) -> Shape:
    """Separate a statement from its literals."""
    if statement.verb in ("INSERT", "REPLACE"):
        statement = plain_insert(statement)
        _take_row_alias(statement)
        shape = _lift_insert(statement)
        shape.flags, shape.row_alias = statement.flags, statement.row_alias
        shape.row_columns = statement.row_columns
        shape.key = " ".join((*statement.flags, statement.row_alias, *statement.row_columns, shape.key))
        return shape
    if statement.verb in ("UPDATE", "DELETE", "WITH"):
        statement = plain_change(statement)
        shape = _lift(statement)
        if statement.flags:
            shape.flags = statement.flags
            shape.key = " ".join((*statement.flags, shape.key))
        return shape
    return _lift(statement)


def _lift_insert(statement: Statement) -> Shape:
    return _collapse(statement) or _lift(statement)


def _lift(statement: Statement) -> Shape:
    pieces = list(statement.pieces)
    params: list[Value] = []
    kinds: list[str] = []
    places: list[int] = []
    for at, (kind, value) in statement.literals.items():
        if kind == "p":
            kind, value = "s", ""
        pieces[at] = "?" + kind
        kinds.append(kind)
        params.append(value)
        places.append(at)
    return Shape(" ".join(pieces), params, kinds, pieces, places)


def _collapse(statement: Statement) -> Shape | None:
    """INSERT ... VALUES (..), (..): one shape for any number of rows; literals and NULL count alike."""
    pieces, literals = statement.pieces, statement.literals
    start = next((i for i, p in enumerate(pieces) if p.upper() in ("VALUES", "VALUE") and i > 1), 0)
    if not start or start + 1 >= len(pieces) or pieces[start + 1] != "(" or any(i < start for i in literals):
        return None
    first: list[str] | None = None
    params: list[Value] = []
    at, rows, row_params = start + 1, 0, 0
    while at < len(pieces) and pieces[at] == "(":
        signature: list[str] = []
        depth, count = 0, len(params)
        while at < len(pieces):
            piece = pieces[at]
            literal = literals.get(at)
            if literal is not None:
                if literal[0] == "p":
                    return None
                signature.append("?v")
                params.append(literal[1])
            elif piece == "-" and at + 1 in literals and signature[-1] in ("(", ","):
                kind, value = literals[at + 1]
                if kind not in "iIdDf":
                    return None
                signature.append("?v")
                # A Decimal's minus sign would round it to the 28 digits of the default context.
                params.append(value.copy_negate() if isinstance(value, Decimal) and value else -value)
                at += 1
            elif piece in ("NULL", "null"):
                if depth != 1 or signature[-1] not in ("(", ",") or pieces[at + 1] not in (")", ","):
                    return None
                signature.append("?v")
                params.append(None)
            else:
                depth += (piece == "(") - (piece == ")")
                signature.append(piece)
            at += 1
            if depth == 0:
                break
        if first is None:
            first, row_params = signature, len(params)
        elif signature != first or len(params) - count != row_params:
            return None
        rows += 1
        if at < len(pieces) and pieces[at] == ",":
            at += 1
        else:
            break
    if first is None or (at < len(pieces) and any(i >= at for i in literals)):
        return None
    shaped = [*pieces[: start + 1], *first, *pieces[at:]]
    places = [i for i, piece in enumerate(shaped) if piece == "?v"]
    return Shape(" ".join(shaped), params, ["v"] * row_params, shaped, places, rows, row_params)
