"""Where the values of a translated statement's parameters come from at each execution."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aurora_mysql.catalog.zero_date import REAL_DATE, DateRules, ZeroDate
from aurora_mysql.engine.fetched import bindable
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.diagnostics import Diagnostics, conversion_warning
from aurora_mysql.sql.functions.temporal import zone
from aurora_mysql.sql.result import Value

if TYPE_CHECKING:
    from aurora_mysql.engine.transaction import Transaction
    from aurora_mysql.sql.context import SessionContext


@dataclass(frozen=True, slots=True)
class Converted:
    """The lifted literal `index`, through `convert`; `complain` gives the text of a 1292 warning about it, or ''."""

    index: int
    convert: Callable[[Value], Value]
    complain: Callable[[Value], str] | None = None


@dataclass(frozen=True, slots=True)
class Now:
    """The statement's time: one instant for the whole statement. `kind`: local or utc datetime."""

    digits: int
    utc: bool


ParamSource = int | Converted | Now | Callable[["SessionContext", "Transaction | None"], Value]


def diagnostics(ctx: SessionContext) -> Diagnostics:
    """The session's end of the warnings of functions inside DuckDB, made at first use."""
    if ctx.diagnostics is None:
        ctx.diagnostics = Diagnostics(ctx.warn)
    return ctx.diagnostics


def warning_token(ctx: SessionContext, _: Transaction | None) -> Value:
    return diagnostics(ctx).token


def warning(ctx: SessionContext, message: str) -> None:
    """A conversion warning (1292) of the running statement. Raises 1292 when it writes in strict mode."""
    conversion_warning(diagnostics(ctx).token, 1292, message)


def session_zone(ctx: SessionContext) -> str:
    name = str(ctx.variables.get("time_zone", "SYSTEM"))
    return "UTC" if name.upper() in ("SYSTEM", "UTC", "+00:00") else name


def pads_char(ctx: SessionContext) -> bool:
    """PAD_CHAR_TO_FULL_LENGTH: CHAR values are shown with the spaces that are not stored."""
    return "PAD_CHAR_TO_FULL_LENGTH" in str(ctx.variables.get("sql_mode", ""))


def statement_time(ctx: SessionContext) -> dt.datetime:
    """UTC now, or what SET timestamp fixed."""
    fixed: Any = ctx.variables.get("timestamp")
    if fixed:
        return dt.datetime.fromtimestamp(float(fixed), dt.UTC)
    return dt.datetime.now(dt.UTC)


def local(moment: dt.datetime, ctx: SessionContext) -> dt.datetime:
    """`moment` (aware) as naive wall-clock time of the session."""
    return moment.astimezone(zone(session_zone(ctx)) or dt.UTC).replace(tzinfo=None)


def bind_sources(
    sources: Sequence[ParamSource], ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]
) -> list[Value]:
    """The values to bind for one execution. NOW() is taken once.

    Raises:
        MySQLError: a literal does not convert to what it is compared with (1525).
    """
    values: list[Value] = []
    now: dt.datetime | None = None
    for source in sources:
        if isinstance(source, int):
            values.append(params[source])
        elif isinstance(source, Converted):
            value = params[source.index]
            if source.complain is not None and (message := source.complain(value)):
                warning(ctx, message)
            values.append(bindable(source.convert(value)))
        elif isinstance(source, Now):
            if now is None:
                now = statement_time(ctx)
            moment = now.replace(tzinfo=None) if source.utc else local(now, ctx)
            cut = 10 ** (6 - source.digits)
            values.append(moment.replace(microsecond=moment.microsecond // cut * cut))
        else:
            values.append(bindable(source(ctx, tx)))
    return values


def literal_number(value: Value) -> Value:
    """A string literal compared with a number: an int when it is one exactly, else a double."""
    from aurora_mysql.sql.functions.numeric import leading_number

    if isinstance(value, str):
        text = value.strip()
        if text.lstrip("-").isdigit() and len(text) < 19:
            return int(text)
        return leading_number(value)[0]
    return value


def string_double(value: Value) -> float:
    """A string literal as a DOUBLE."""
    from aurora_mysql.sql.functions.numeric import leading_number

    return leading_number(str(value))[0]


def number_complaint(value: Value) -> str:
    """What to say about a string that is no number but compared with one."""
    from aurora_mysql.sql.functions.numeric import leading_number

    if not isinstance(value, str) or leading_number(value)[1]:
        return ""
    return f"Truncated incorrect DOUBLE value: '{value[:128]}'"


def literal_datetime(value: Value, rules: DateRules = REAL_DATE) -> Value:
    """A literal compared with a DATETIME. Raises 1525 when it is no date that `rules` allow."""
    from aurora_mysql.sql.functions.temporal_text import read_moment

    moment, _ = read_moment(str(value), rules)
    if moment is None:
        raise mysql_error(1525, "DATETIME", value)
    return moment


def literal_date(value: Value, rules: DateRules = REAL_DATE) -> Value:
    """A literal compared with a DATE: a datetime, so that a time of day counts. Raises 1525."""
    from aurora_mysql.sql.functions.temporal_text import read_moment

    moment, _ = read_moment(str(value), rules)
    if moment is None:
        raise mysql_error(1525, "DATE", value)
    if isinstance(moment, ZeroDate):
        return moment
    return moment.date() if moment.time() == dt.time(0) else moment


def literal_time(value: Value) -> Value:
    """A literal compared with a TIME. Raises 1525."""
    from aurora_mysql.sql.functions.temporal_text import parse_time

    found = parse_time(str(value))
    if found is None:
        raise mysql_error(1525, "TIME", value)
    return found


def limit_value(value: Value) -> Value:
    """LIMIT 18446744073709551615 means all."""
    return min(int(value), 2**62)
