"""Python functions that DuckDB calls for MySQL functions it does not have: collected here, installed at start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import duckdb

_F = TypeVar("_F", bound=Callable[..., Any])

#: (DuckDB name, function, parameter types or None for any number of any type, result type, gets NULLs itself)
FUNCTIONS: list[tuple[str, Callable[..., Any], list[str] | None, str, bool]] = []


def udf(name: str, parameters: list[str] | None, result: str, *, nulls: bool = False) -> Callable[[_F], _F]:
    """Offer the decorated function to SQL as `name`. Without `nulls`, a NULL argument makes the result NULL."""

    def keep(function: _F) -> _F:
        FUNCTIONS.append((name, function, parameters, result, nulls))
        return function

    return keep


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Register every function on a new DuckDB instance."""
    for name, function, parameters, result, nulls in FUNCTIONS:
        handling = "special" if nulls else "default"
        if parameters is None:
            function = _variadic(function)
        connection.create_function(name, function, parameters, result, null_handling=handling)  # type: ignore[arg-type]


def _variadic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without annotations, which DuckDB would take for the parameter list."""
    return lambda *arguments: function(*arguments)
