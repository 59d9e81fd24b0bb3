"""Python functions that DuckDB calls for MySQL functions it does not have: collected here, installed at start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import duckdb

_F = TypeVar("_F", bound=Callable[..., Any])

#: (DuckDB name, function, parameter types or None for any number of any type, result type, gets NULLs itself, volatile)
FUNCTIONS: list[tuple[str, Callable[..., Any], list[str] | None, str, bool, bool]] = []


def udf(
    name: str, parameters: list[str] | None, result: str, *, nulls: bool = False, volatile: bool = False
) -> Callable[[_F], _F]:
    """Offer the decorated function to SQL as `name`. Without `nulls`, a NULL argument makes the result NULL. A
    `volatile` one is called for every row that needs it and for no other, even when its arguments are constants."""

    def keep(function: _F) -> _F:
        FUNCTIONS.append((name, function, parameters, result, nulls, volatile))
        return function

    return keep


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Register every function on a new DuckDB instance."""
    for name, function, parameters, result, nulls, volatile in FUNCTIONS:
        # DuckDB's own NULL handling refuses functions that give NULL for other arguments.
        called = function if nulls else _strict(function, len(parameters or ()))
        if parameters is None:
            called = _variadic(function if nulls else _all_present(function))
        connection.create_function(name, called, parameters, result, null_handling="special", side_effects=volatile)


def _strict(function: Callable[..., Any], arity: int) -> Callable[..., Any]:
    """NULL when an argument is NULL. DuckDB counts declared parameters, hence one wrapper for each arity."""

    def call(*arguments: Any) -> Any:
        for argument in arguments:
            if argument is None:
                return None
        return function(*arguments)

    wrappers: dict[int, Callable[..., Any]] = {
        0: lambda: function(),
        1: lambda a: None if a is None else function(a),
        2: lambda a, b: None if a is None or b is None else function(a, b),
        3: lambda a, b, c: call(a, b, c),
        4: lambda a, b, c, d: call(a, b, c, d),
        5: lambda a, b, c, d, e: call(a, b, c, d, e),
        6: lambda a, b, c, d, e, f: call(a, b, c, d, e, f),
    }
    return wrappers[arity]


def _variadic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without annotations, which DuckDB would take for the parameter list."""
    return lambda *arguments: function(*arguments)


def _all_present(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: None if any(a is None for a in arguments) else function(*arguments)
