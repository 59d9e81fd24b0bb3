"""Warnings of functions that run inside DuckDB: they go to the session that a token stands for.

A translated statement passes the token (a bound parameter) to every function that may warn; the function runs on a
DuckDB thread and knows nothing else of the session.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from weakref import WeakValueDictionary

from aurora_mysql.errors import ERRORS, MySQLError
from aurora_mysql.sql.functions.registry import udf

_tokens = itertools.count(1)
_open: WeakValueDictionary[int, Diagnostics] = WeakValueDictionary()


class Diagnostics:
    """One session's end. `strict`: the statement writes in strict mode, where such warnings are errors.

    `warn` takes level, number and text; it may be called from any thread and must be bounded.
    """

    def __init__(self, warn: Callable[[str, int, str], None]) -> None:
        self.token = next(_tokens)
        self.strict = False
        self.warn = warn
        _open[self.token] = self


def conversion_warning(token: int, errno: int, message: str) -> None:
    """Warn the session of `token` (0: nobody). Raises the error instead when its statement writes in strict mode."""
    session = _open.get(token)
    if session is None:
        return
    if session.strict:
        raise MySQLError(errno, ERRORS[errno][0], message)
    session.warn("Warning", errno, message)


# DuckDB folds calls with constant arguments even in branches that are not taken: the functions below look for
# themselves whether there is something to warn about.


@udf("my_div0", ["BIGINT", "DOUBLE"], "BIGINT", nulls=True)
def division_by_zero(token: int, divisor: float | None) -> None:
    """NULL, with a warning if `divisor` is zero."""
    if divisor == 0:
        conversion_warning(token, 1365, "Division by 0")


@udf("my_no_log", ["BIGINT", "DOUBLE"], "DOUBLE", nulls=True)
def no_logarithm(token: int, argument: float | None) -> None:
    """NULL, with a warning if `argument` has no logarithm."""
    if argument is not None and argument <= 0:
        conversion_warning(token, 3020, "Invalid argument for logarithm")
