"""A generated statement written for MariaDB so that it computes what MySQL 8.0 documents.

Where the two differ in the meaning of an operator or a function, a difference between us and MariaDB says nothing.
Asked in these words, MariaDB must answer as we do, value by value; nothing else can hide behind such a difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.rig.generator import Node

NUMERIC = frozenset({"int", "dec", "dbl", "wide", "bool"})
TEMPORAL = frozenset({"date", "datetime", "time"})
#: "dated" is the text of a date that something else was mixed with.
TEXTUAL = frozenset({"str", "padded", "binary", "dated"})
#: What the servers know as a date or a moment among numbers: from 2000-01-01 as 101 to the last second of 9999.
_DATES = "101 AND 99991231235959"


@dataclass(slots=True)
class Written:
    """A statement's text for MariaDB, and why it is another than ours; no reasons if it is the same."""

    text: str
    reasons: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Call:
    """A node's template with what stands in its places: the texts (already written for MariaDB) and types of them."""

    template: str
    texts: tuple[str, ...]
    kinds: tuple[str, ...]

    def having(self, kinds: frozenset[str]) -> list[int]:
        return [i for i, k in enumerate(self.kinds) if k in kinds]

    def wrapped(self, places: list[int], form: str) -> _Call:
        """The texts of `places` put into `form` in the place of ``{}``."""
        texts = tuple(form.replace("{}", t) if i in places else t for i, t in enumerate(self.texts))
        return replace(self, texts=texts)

    def written(self) -> str:
        parts = self.template.split("\0")
        return "".join(p + (self.texts[i] if i < len(self.texts) else "") for i, p in enumerate(parts))


def kind_of(node: Node) -> str:
    """The type of what `node` computes, as MySQL finds it: a mixture of unlike types is a text."""
    if node.template == "NULL":
        return "null"
    if not node.template.startswith(("IF(", "IFNULL(", "COALESCE(", "CASE ", "GREATEST(", "LEAST(")):
        return node.kind
    # The first place of IF and CASE is the condition, or what is compared.
    skipped = {"IF(": 1, "CASE WHEN": 1, "CASE \0 WHEN": 2}
    first = next((n for start, n in skipped.items() if node.template.startswith(start)), 0)
    kinds = {kind_of(child) for child in node.children[first:]} - {"null"}
    if not kinds:
        return "null"
    if len(kinds) == 1:
        return kinds.pop()
    if kinds <= NUMERIC:
        return "dbl" if "dbl" in kinds else "dec"
    if kinds <= {"date", "datetime"}:
        return "datetime"
    return "dated" if node.template.startswith(("GREATEST(", "LEAST(")) and kinds & {"date", "datetime"} else "str"


def as_mysql(node: Node, *, compared: bool = False) -> Written:
    """`node` for MariaDB; `compared` if it is part of what is compared."""
    call = _Call(node.template, (), tuple(kind_of(c) for c in node.children))
    compared = compared or _compares(call) or "PARTITION BY" in call.template or " (SELECT " in call.template
    children = [as_mysql(child, compared=compared) for child in node.children]
    reasons = set().union(*(c.reasons for c in children))
    call = replace(call, texts=tuple(c.text for c in children))
    if compared and call.template == "(\0 / \0)" and not call.having(frozenset({"dbl"}) | TEXTUAL):
        call = replace(call, template="(CAST(\0 AS DECIMAL(60,20)) / \0)")
        reasons.add("A quotient is compared with all its digits; MariaDB rounds it before.")
    for reason, rewrite in _REWRITES:
        other = rewrite(call)
        if other is not None and other != call:
            call = other
            reasons.add(reason)
    return Written(call.written(), reasons)


def _compares(call: _Call) -> bool:
    operators = ("(\0 = ", "(\0 < ", "(\0 >= ", "(\0 <> ", "(\0 <=> ", "(\0 BETWEEN ", "(\0 IN (", "(\0 NOT IN (")
    return call.template.startswith(operators)


def _dates_and_numbers(call: _Call) -> _Call | None:
    if not _compares(call) or not call.having(NUMERIC):
        return None
    call = call.wrapped(call.having(_DATED), _AS_NUMBER)
    return call.wrapped(call.having(TEMPORAL), "({} + 0)")


def _texts_and_numbers(call: _Call) -> _Call | None:
    if not _compares(call) or not (call.having(NUMERIC) and call.having(TEXTUAL)):
        return None
    return call.wrapped(call.having(TEXTUAL - _DATED), "CAST({} AS DOUBLE)").wrapped(call.having(NUMERIC), "({} + 0e0)")


def _text_operand(call: _Call) -> _Call | None:
    if not call.template.startswith(("(\0 + ", "(\0 - ", "(\0 * ", "(\0 / ", "(\0 % ", "MOD(")):
        return None
    return call.wrapped(call.having(_DATED), _AS_NUMBER).wrapped(call.having(TEXTUAL - _DATED), "CAST({} AS DOUBLE)")


def _less_unsigned(call: _Call) -> _Call | None:
    if call.template not in ("(\0 - \0)", "(\0 + \0)", "(\0 * \0)"):
        return None
    return call.wrapped(call.having(TEMPORAL), "CAST({} AS SIGNED)")


def _absolute_moment(call: _Call) -> _Call | None:
    if not call.template.startswith(("ABS(", "(- ")):
        return None
    return call.wrapped(call.having(TEMPORAL), "CAST({} AS SIGNED)")


def _rounded_moment(call: _Call) -> _Call | None:
    if not call.template.startswith(("ROUND(", "TRUNCATE(", "FLOOR(", "CEILING(")):
        return None
    call = call.wrapped([i for i in call.having(_DATED) if i == 0], _AS_NUMBER)
    return call.wrapped([i for i in call.having(TEMPORAL) if i == 0], "({} + 0)")


_DATED = frozenset({"dated"})
_AS_NUMBER = (
    "CASE WHEN CAST({} AS DATETIME) IS NULL THEN {} + 0e0 WHEN LENGTH({}) <= 10 THEN CAST({} AS DATE) + 0e0 "
    "ELSE CAST({} AS DATETIME) + 0e0 END"
)
_OF_DATES = (
    "DATE(", "TIMESTAMP(", "YEAR(", "MONTH(", "DAY(", "DAYOFWEEK(", "DAYOFYEAR(", "WEEK(", "QUARTER(", "WEEKDAY(",
    "TO_DAYS(", "DATEDIFF(", "LAST_DAY(", "MONTHNAME(", "DAYNAME(", "TIMESTAMPDIFF(", "UNIX_TIMESTAMP(",
    "EXTRACT(YEAR_MONTH", "DATE_ADD(", "DATE_FORMAT(", "(\0 + INTERVAL", "(\0 - INTERVAL",
)  # fmt: skip
_OF_TIMES = ("HOUR(", "MINUTE(", "SECOND(", "TIME_TO_SEC(", "TIME_FORMAT(", "TIME(")


def _number_as_date(call: _Call) -> _Call | None:
    if not call.template.startswith(_OF_DATES) and call.template not in ("CAST(\0 AS DATE)", "CAST(\0 AS DATETIME)"):
        return None
    places = call.having(NUMERIC)
    if "INTERVAL" in call.template:
        places = [i for i in places if i == 0]
    return call.wrapped(places, f"IF({{}} >= 0 AND ({{}} < 1 OR {{}} BETWEEN {_DATES}), {{}}, NULL)")


def _number_as_time(call: _Call) -> _Call | None:
    if not call.template.startswith(_OF_TIMES):
        return None
    moment = "{} BETWEEN 10000000000 AND 99991231235959"
    call = call.wrapped(call.having(frozenset({"dec", "wide"})), "TRUNCATE({}, 9)")
    return call.wrapped(call.having(NUMERIC), f"IF(ABS({{}}) < 8385960 OR {moment}, {{}}, NULL)")


def _whole_seconds(call: _Call) -> _Call | None:
    if not call.template.startswith("TIME_TO_SEC(") or call.kinds[0] in TEMPORAL:
        return None
    return replace(call, template="TRUNCATE(" + call.template + ", 0)")


def _search(call: _Call) -> _Call | None:
    # é is the one letter with an accent that the generator knows.
    if not call.template.startswith(("INSTR(", "LOCATE(")):
        return None
    return call.wrapped([0, 1], "REPLACE({}, 'é', 'e')")


def _bits(call: _Call) -> _Call | None:
    if not call.template.startswith(("(\0 & ", "(\0 | ", "(\0 ^ ", "BIT_COUNT(")):
        return None
    return call.wrapped(call.having(TEXTUAL), "CAST({} AS SIGNED)")


def _date_of_text(call: _Call) -> _Call | None:
    kinds = {"DATE(\0)": "DATE", "CAST(\0 AS DATE)": "DATE", "CAST(\0 AS DATETIME)": "DATETIME"}
    if call.template not in kinds or not call.having(TEXTUAL | NUMERIC):
        return None
    return replace(call, template=f"CAST(CONCAT({call.template}) AS {kinds[call.template]})")


def _null_among_others(call: _Call) -> _Call | None:
    if not call.template.startswith(("GREATEST(", "LEAST(")) or "null" not in call.kinds:
        return None
    other = next((t for t, k in zip(call.texts, call.kinds, strict=True) if k != "null"), "NULL")
    return call.wrapped(call.having(frozenset({"null"})), f"NULLIF({other}, {other})")


def _set_of_texts(call: _Call) -> _Call | None:
    if not call.template.startswith("MAKE_SET("):
        return None
    bits, *texts = call.texts
    parts = ", ".join(f"IF({bits} & {1 << i}, {text}, NULL)" for i, text in enumerate(texts))
    return _Call(f"IF({bits} IS NULL, NULL, CONCAT_WS(',', {parts}))", (), ())


def _greatest_text(call: _Call) -> _Call | None:
    if not call.template.startswith(("GREATEST(", "LEAST(")) or not set(call.kinds) <= TEXTUAL | NUMERIC | {"null"}:
        return None
    if not call.having(TEXTUAL):
        return None
    return replace(call.wrapped(call.having(NUMERIC), "CONCAT({})"), template=f"CONCAT({call.template})")


def _greatest_date(call: _Call) -> _Call | None:
    if not call.template.startswith(("GREATEST(", "LEAST(")) or len(call.texts) != 2:
        return None
    dates, others = call.having(frozenset({"date", "datetime"})), call.having(NUMERIC | TEXTUAL)
    if len(dates) != 1 or len(others) != 1:
        return None
    date, text = call.texts[dates[0]], f"CONCAT({call.texts[others[0]]})"
    moment = f"CAST({text} AS {'DATE' if call.kinds[dates[0]] == 'date' else 'DATETIME'})"
    # What is no date is the zero date, so the other is the greatest; the least of them is that of their texts.
    without = f"CONCAT({date})" if call.template.startswith("GREATEST(") else f"LEAST(CONCAT({date}), {text})"
    function = call.template.partition("(")[0]
    dated = f"CONCAT({function}({date}, {moment}))"
    return _Call(f"IF({text} IS NULL, NULL, IF({moment} IS NULL, {without}, {dated}))", (), ())


def _changed_number(call: _Call) -> _Call | None:
    if not call.template.startswith(("INSERT(", "REPLACE(", "LPAD(", "RPAD(", "CONCAT(", "CONCAT_WS(")):
        return None
    return call.wrapped([i for i in call.having(NUMERIC) if i in (0, len(call.texts) - 1)], "CAST({} AS CHAR)")


Rewrite = Callable[[_Call], _Call | None]
_REWRITES: tuple[tuple[str, Rewrite], ...] = (
    ("Numbers and dates are compared as numbers; MariaDB compares dates.", _dates_and_numbers),
    ("A text and a number are compared as DOUBLE.", _texts_and_numbers),
    ("A text operand is a DOUBLE without fixed decimals.", _text_operand),
    ("A date in arithmetic is an integer.", _less_unsigned),
    ("A date in ABS and with a sign is an integer.", _absolute_moment),
    ("A moment is a number in ROUND and its kin; MariaDB gives a moment.", _rounded_moment),
    ("A number that is no date where a date is wanted: MariaDB has dates with zero parts.", _number_as_date),
    ("A number that is no time is NULL; MariaDB takes the longest time.", _number_as_time),
    ("Seconds are an integer; MariaDB gives a text's six decimals.", _whole_seconds),
    ("Accents don't count in a search under utf8mb4_0900_ai_ci; MariaDB searches bytes.", _search),
    ("A text in a bit operation is the integer it starts with; MariaDB rounds.", _bits),
    ("A text or number that is no date is NULL as one; MariaDB compares it as the zero date.", _date_of_text),
    ("A NULL among the texts of MAKE_SET is left out; MariaDB takes the next one.", _set_of_texts),
    ("A number among texts is text of the connection; MariaDB mixes up the others' bytes.", _changed_number),
    ("A NULL has the type of the others; MariaDB makes DOUBLEs of them.", _null_among_others),
    ("GREATEST and LEAST of texts compare texts also where a number is wanted.", _greatest_text),
    ("GREATEST and LEAST of a date and something else: what is no date counts as its text.", _greatest_date),
)  # fmt: skip
