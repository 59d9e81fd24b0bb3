"""Calls of stored functions inside DuckDB: answered from what is known, noted where it is not.

A stored function runs statements, so it can not run while DuckDB executes the query that calls it. The query therefore
runs in rounds: a call whose result is not known yet is noted and gives NULL, the noted calls are then evaluated, and
the query runs again until every call was known. What such a NULL may have led to is not trusted: from the first miss on
only further calls of the same place are noted, since no value they get can depend on an unknown one.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.registry import udf

_tokens = itertools.count(1)
_open: WeakValueDictionary[int, CallResults] = WeakValueDictionary()

#: Different calls that one statement may make: a bound on what it keeps in memory.
MAX_CALLS = 1_000_000

Arguments = tuple[Any, ...]


class CallResults:
    """What is known of the calls of one running statement. DuckDB's threads ask, the event loop answers.

    Args:
        each_time: by place in the statement, whether every call there is evaluated (the function changes something or
            is not deterministic) or equal arguments have one result.
        one_by_one: the statement is recursive: a call's arguments may depend on a call at the same place.
    """

    def __init__(self, each_time: Sequence[bool], *, one_by_one: bool) -> None:
        self.token = next(_tokens)
        self._each_time = each_time
        self._one_by_one = one_by_one
        self._results: list[dict[Arguments, Any]] = [{} for _ in each_time]
        self._lock = threading.Lock()
        self.begin_round()
        _open[self.token] = self

    def begin_round(self) -> None:
        self._wanted: dict[Arguments, Arguments] = {}
        self._place = -1
        self._noting = True
        self._met: Counter[tuple[int, Arguments]] = Counter()

    @property
    def missed(self) -> bool:
        """Whether a call of this round was not known: the round's result is worth nothing."""
        return self._place >= 0

    def wanted(self) -> tuple[int, list[tuple[Arguments, Arguments]]]:
        """The place that missed first, and (key, arguments) of what is to be evaluated for it, in order."""
        return self._place, list(self._wanted.items())

    def answer(self, place: int, key: Arguments, value: Any) -> None:
        self._results[place][key] = value

    def find(self, place: int, arguments: Arguments) -> Any:
        """The result of a call, or NULL after noting it. Raises 1041 beyond :data:`MAX_CALLS`."""
        key = arguments
        results = self._results[place]
        if self._each_time[place]:
            with self._lock:
                self._met[place, arguments] += 1
                key = (self._met[place, arguments], *arguments)
        if key in results:
            return results[key]
        with self._lock:
            if self._place < 0:
                self._place = place
            elif self._place != place or self._one_by_one:
                self._noting = False
            if self._noting:
                if len(self._wanted) + len(results) >= MAX_CALLS:
                    raise mysql_error(1041)
                self._wanted[key] = arguments
        return None


def _call(token: int, place: int, *arguments: Any) -> Any:
    return _open[token].find(place, arguments)


#: DuckDB's result type -> the function that calls a stored function of that type.
RESULT_TYPES = {
    "BIGINT": "my_call_int", "UBIGINT": "my_call_uint", "DOUBLE": "my_call_double", "VARCHAR": "my_call_text",
    "BLOB": "my_call_blob", "DATE": "my_call_date", "TIMESTAMP": "my_call_datetime", "INTERVAL": "my_call_time",
}  # fmt: skip
for _type, _name in RESULT_TYPES.items():
    udf(_name, None, _type, nulls=True, volatile=True)(_call)
