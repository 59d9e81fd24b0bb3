"""JSON functions."""

from __future__ import annotations

from typing import Any

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.expression import Ex, document, text
from aurora_mysql.sql.query.function_table import function
from aurora_mysql.sql.query.types import T

#: Texts out of JSON compare by their code points.
JSON_TEXT = T("string", collation="utf8mb4_bin")


def _path(a: list[Ex], position: int) -> str:
    return text(a[position]) if len(a) > position else "'$'"


@function("json_extract", low=2, high=-1)
def _json_extract(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_extract({', '.join(text(i) for i in a)})", types.JSON)


@function("json_unquote", low=1)
def _json_unquote(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_unquote({text(a[0])})", JSON_TEXT)


@function("json_value", low=2)
def _json_value(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_unquote(my_json_extract({text(a[0])}, {text(a[1])}))", JSON_TEXT)


@function("json_quote", low=1)
def _json_quote(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_quote({text(a[0])})", types.STRING)


@function("json_valid", low=1)
def _json_valid(_: Any, a: list[Ex]) -> Ex:
    if a[0].t.numeric:
        return Ex("FALSE", types.BOOL)
    return Ex(f"my_json_valid({text(a[0])})", types.BOOL)


@function("json_object", low=0, high=-1)
def _json_object(_: Any, a: list[Ex]) -> Ex:
    if len(a) % 2:
        raise mysql_error(1582, "json_object")
    items = [text(i) if n % 2 == 0 else document(i) for n, i in enumerate(a)]
    return Ex(f"my_json_object({', '.join(items)})" if items else "'{}'", types.JSON)


@function("json_array", low=0, high=-1)
def _json_array(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_array({', '.join(document(i) for i in a)})" if a else "'[]'", types.JSON)


@function("json_length", low=1, high=2)
def _json_length(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_length({text(a[0])}, {_path(a, 1)})", types.INT)


@function("json_depth", low=1)
def _json_depth(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_depth({text(a[0])})", types.INT)


@function("json_keys", low=1, high=2)
def _json_keys(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_keys({text(a[0])}, {_path(a, 1)})", types.JSON)


@function("json_type", low=1)
def _json_type(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_type({text(a[0])})", types.STRING)


@function("json_contains", low=2, high=3)
def _json_contains(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_contains({text(a[0])}, {text(a[1])}, {_path(a, 2)})", types.BOOL)


@function("_member_of", low=2)
def _member_of(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_contains({text(a[1])}, {document(a[0])}, '$')", types.BOOL)


@function("json_contains_path", low=3, high=-1)
def _json_contains_path(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_contains_path({', '.join(text(i) for i in a)})", types.BOOL)


@function("json_overlaps", low=2)
def _json_overlaps(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_overlaps({text(a[0])}, {text(a[1])})", types.BOOL)


@function("json_search", low=3, high=-1)
def _json_search(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_search({', '.join(text(i) for i in a)})", types.JSON)


def _modifier(name: str) -> None:
    @function(name, low=3, high=-1)
    def _one(_: Any, a: list[Ex]) -> Ex:
        items = [text(a[0])] + [text(i) if n % 2 == 0 else document(i) for n, i in enumerate(a[1:])]
        if len(items) % 2 == 0:
            raise mysql_error(1582, name)
        return Ex(f"my_{name}({', '.join(items)})", types.JSON)


for _name in ("json_set", "json_insert", "json_replace", "json_array_append", "json_array_insert"):
    _modifier(_name)


@function("json_remove", low=2, high=-1)
def _json_remove(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_remove({', '.join(text(i) for i in a)})", types.JSON)


@function("json_merge_preserve", "json_merge", low=2, high=-1)
def _json_merge_preserve(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_merge_preserve({', '.join(text(i) for i in a)})", types.JSON)


@function("json_merge_patch", low=2, high=-1)
def _json_merge_patch(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_merge_patch({', '.join(text(i) for i in a)})", types.JSON)


@function("json_pretty", low=1)
def _json_pretty(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_json_pretty({text(a[0])})", types.STRING)
