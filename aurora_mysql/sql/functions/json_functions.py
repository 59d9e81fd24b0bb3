"""JSON functions over JSON kept as normalised text (MySQL's own print form)."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.registry import udf

_STEP = re.compile(
    r"\s*(?:\.\s*(?:\"((?:[^\"\\]|\\.)*)\"|([A-Za-z_$\u0080-\uffff][\w$]*)|(\*))|\[\s*(?:(\*)|(last)?\s*(-?\s*\d+)?(?:\s+to\s+(last)?\s*(-?\s*\d+)?)?)\s*\]|(\*\*))"
)


def dumps(value: Any) -> str:
    """MySQL's JSON text: keys sorted by length then bytes, ', ' and ': '."""
    return json.dumps(_ordered(value), ensure_ascii=False, default=_plain)


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
        return {k: _ordered(v) for k, v in items}
    if isinstance(value, list):
        return [_ordered(v) for v in value]
    return value


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)


def loads(text: str) -> Any:
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _load_argument(text: str, position: int, function: str) -> Any:
    try:
        return loads(text)
    except ValueError as error:
        at = getattr(error, "pos", 0)
        raise mysql_error(3141, position, function, "Invalid value.", at, "") from None


@lru_cache(maxsize=2048)
def parse_path(path: str) -> tuple[Any, ...]:
    """Steps of a JSON path: a str key, an int index (negative from the end), '*', '[*]' or '**' as tuples.

    Raises:
        MySQLError: 3143.
    """
    text = path.strip()
    if not text.startswith("$"):
        raise mysql_error(3143, 1, "")
    steps: list[Any] = []
    position = 1
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None:
            raise mysql_error(3143, position + 1, "")
        quoted, name, any_key, any_item, last, number, last_end, number_end, deep = found.groups()
        if last_end or number_end is not None:
            steps.append(("to", _position(last, number), _position(last_end, number_end)))
            position = found.end()
            continue
        if quoted is not None:
            steps.append(json.loads(f'"{quoted}"'))
        elif name is not None:
            steps.append(name)
        elif any_key:
            steps.append(("*",))
        elif any_item:
            steps.append(("[*]",))
        elif deep:
            steps.append(("**",))
        elif last:
            steps.append(-1 + int((number or "0").replace(" ", "")))
        elif number is not None:
            steps.append(int(number))
        else:
            raise mysql_error(3143, position + 1, "")
        position = found.end()
    return tuple(steps)


def _position(last: str | None, number: str | None) -> int:
    """An array position; from the end (`last`, `last-1`) it is negative."""
    count = int((number or "0").replace(" ", ""))
    return count - 1 if last else count


def _walk(value: Any) -> list[Any]:
    out = [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        out += _walk(child)
    return out


def find(document: Any, path: str) -> list[Any]:
    """All values at `path`."""
    values = [document]
    for step in parse_path(path):
        following: list[Any] = []
        for value in values:
            if isinstance(step, str):
                if isinstance(value, dict) and step in value:
                    following.append(value[step])
            elif isinstance(step, int):
                items = value if isinstance(value, list) else [value]
                index = step if step >= 0 else len(items) + step
                if 0 <= index < len(items):
                    following.append(items[index])
            elif step[0] == "to":
                items = value if isinstance(value, list) else [value]
                first, final = (s if s >= 0 else len(items) + s for s in step[1:])
                following += items[max(first, 0) : final + 1]
            elif step == ("*",):
                following += value.values() if isinstance(value, dict) else ()
            elif step == ("[*]",):
                following += value if isinstance(value, list) else ()
            else:
                following += _walk(value)
        values = following
    return values


def _single(path: str) -> tuple[Any, ...]:
    """The steps of a path to one value. Raises 3149 for one with wildcards or ranges."""
    steps = parse_path(path)
    if any(isinstance(step, tuple) for step in steps):
        raise mysql_error(3149)
    return steps


def _at(document: Any, steps: tuple[Any, ...]) -> list[Any]:
    """The value at the end of `steps` in a list, or an empty list."""
    value = document
    for step in steps:
        if isinstance(value, dict) and isinstance(step, str):
            if step not in value:
                return []
            value = value[step]
        elif isinstance(value, list):
            if not isinstance(step, int) or not -len(value) <= step < len(value):
                return []
            value = value[step]
        elif step not in (0, -1):
            # A value that is no array is the only item of one.
            return []
    return [value]


def _is_multi(path: str) -> bool:
    return any(isinstance(step, tuple) for step in parse_path(path))


@udf("my_json_extract", None, "VARCHAR", nulls=True)
def json_extract(document: str | None, *paths: str | None) -> str | None:
    if document is None or None in paths:
        return None
    value = _load_argument(document, 1, "json_extract")
    found: list[Any] = []
    for path in paths:
        found += find(value, str(path))
    if not found:
        return None
    return dumps(found if len(paths) > 1 or _is_multi(str(paths[0])) else found[0])


@udf("my_json_unquote", ["VARCHAR"], "VARCHAR")
def json_unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        try:
            return str(json.loads(text, strict=False))
        except ValueError:
            return text
    return text


@udf("my_json_quote", ["VARCHAR"], "VARCHAR")
def json_quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@udf("my_json_valid", ["VARCHAR"], "BOOLEAN")
def json_valid(text: str) -> bool:
    try:
        loads(text)
    except ValueError:
        return False
    return True


@udf("my_json_normal", ["VARCHAR"], "VARCHAR")
def json_normal(text: str) -> str:
    return dumps(_load_argument(text, 1, "cast_as_json"))


@udf("my_json_object", None, "VARCHAR", nulls=True)
def json_object(*items: str | None) -> str:
    """Pairs of a key and a JSON text."""
    out: dict[str, Any] = {}
    for key, value in zip(items[::2], items[1::2], strict=True):
        if key is None:
            raise mysql_error(3158)
        out[key] = None if value is None else loads(value)
    return dumps(out)


@udf("my_json_array", None, "VARCHAR", nulls=True)
def json_array(*items: str | None) -> str:
    """JSON texts into an array."""
    return dumps([None if v is None else loads(v) for v in items])


@udf("my_json_length", ["VARCHAR", "VARCHAR"], "BIGINT")
def json_length(document: str, path: str) -> int | None:
    found = find(_load_argument(document, 1, "json_length"), path)
    if not found:
        return None
    return len(found[0]) if isinstance(found[0], dict | list) else 1


@udf("my_json_depth", ["VARCHAR"], "BIGINT")
def json_depth(document: str) -> int:
    return _depth(_load_argument(document, 1, "json_depth"))


def _depth(value: Any) -> int:
    children = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + max((_depth(c) for c in children), default=0)


@udf("my_json_keys", ["VARCHAR", "VARCHAR"], "VARCHAR")
def json_keys(document: str, path: str) -> str | None:
    found = find(_load_argument(document, 1, "json_keys"), path)
    return dumps(list(_ordered(found[0]))) if found and isinstance(found[0], dict) else None


@udf("my_json_type", ["VARCHAR"], "VARCHAR")
def json_type(document: str) -> str:
    value = _load_argument(document, 1, "json_type")
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "INTEGER" if -(2**63) <= value < 2**63 else "UNSIGNED INTEGER"
    return {dict: "OBJECT", list: "ARRAY", str: "STRING", float: "DOUBLE", type(None): "NULL"}[type(value)]


def _contains(target: Any, candidate: Any) -> bool:
    if isinstance(target, list):
        if isinstance(candidate, list):
            return all(_contains(target, c) for c in candidate)
        return any(_contains(t, candidate) for t in target if not isinstance(t, list)) or any(
            isinstance(t, list) and _contains(t, candidate) for t in target
        )
    if isinstance(target, dict):
        return isinstance(candidate, dict) and all(
            k in target and _contains(target[k], v) for k, v in candidate.items()
        )
    return isinstance(target, bool) == isinstance(candidate, bool) and bool(target == candidate)


@udf("my_json_contains", ["VARCHAR", "VARCHAR", "VARCHAR"], "BOOLEAN")
def json_contains(document: str, candidate: str, path: str) -> bool | None:
    found = find(_load_argument(document, 1, "json_contains"), path)
    return _contains(found[0], _load_argument(candidate, 2, "json_contains")) if found else None


@udf("my_json_contains_path", None, "BOOLEAN")
def json_contains_path(document: str, mode: str, *paths: str) -> bool:
    value = _load_argument(document, 1, "json_contains_path")
    if mode.lower() not in ("one", "all"):
        raise mysql_error(3154, "json_contains_path")
    present = [bool(find(value, p)) for p in paths]
    return all(present) if mode.lower() == "all" else any(present)


@udf("my_json_overlaps", ["VARCHAR", "VARCHAR"], "BOOLEAN")
def json_overlaps(left: str, right: str) -> bool:
    first, second = loads(left), loads(right)
    if isinstance(first, dict) and isinstance(second, dict):
        return any(k in second and second[k] == v for k, v in first.items())
    firsts = first if isinstance(first, list) else [first]
    seconds = second if isinstance(second, list) else [second]
    return any(f == s for f in firsts for s in seconds)


@udf("my_json_search", None, "VARCHAR", nulls=True)
def json_search(document: str | None, mode: str | None, pattern: str | None, *rest: str | None) -> str | None:
    if document is None or mode is None or pattern is None:
        return None
    from aurora_mysql.sql.functions.strings import like

    escape = (rest[0] or "\\") if rest else "\\"
    if mode.lower() not in ("one", "all"):
        raise mysql_error(3154, "json_search")
    if None in rest[1:]:
        return None
    below = [p for path in rest[1:] for p in _spelled(loads(document), parse_path(str(path)))]
    found: list[str] = []

    def visit(value: Any, path: str) -> None:
        within = not rest[1:] or any(path == p or path.startswith((p + ".", p + "[")) for p in below)
        if isinstance(value, str) and within and like(value, pattern, escape, True):
            found.append(path)
        elif isinstance(value, dict):
            for key, child in value.items():
                visit(child, f"{path}.{key}" if re.fullmatch(r"[A-Za-z_]\w*", key) else f"{path}.{json.dumps(key)}")
        elif isinstance(value, list):
            for index, child in enumerate(value):
                visit(child, f"{path}[{index}]")

    visit(_load_argument(document, 1, "json_search"), "$")
    if not found:
        return None
    return dumps(found[0] if mode.lower() == "one" or len(found) == 1 else found)


def _spelled(document: Any, steps: tuple[Any, ...], path: str = "$") -> list[str]:
    """The paths that `steps` lead to, written out."""
    if not steps:
        return [path]
    step, rest = steps[0], steps[1:]
    out: list[str] = []
    if isinstance(document, dict):
        for key, child in document.items():
            named = f"{path}.{key}" if re.fullmatch(r"[A-Za-z_]\w*", key) else f"{path}.{json.dumps(key)}"
            if step in (key, ("*",)):
                out += _spelled(child, rest, named)
            elif step == ("**",):
                out += _spelled(child, steps, named) + _spelled(child, rest, named)
    elif isinstance(document, list):
        for index, child in enumerate(document):
            named = f"{path}[{index}]"
            if step == ("[*]",) or (isinstance(step, int) and step % max(len(document), 1) == index):
                out += _spelled(child, rest, named)
            elif step == ("**",):
                out += _spelled(child, steps, named) + _spelled(child, rest, named)
    return out


def _assign(document: Any, path: str, value: Any, *, create: bool, replace: bool) -> Any:
    steps = _single(path)
    if not steps:
        return value if replace else document
    last = steps[-1]
    for parent in _at(document, steps[:-1]):
        if isinstance(last, str) and isinstance(parent, dict):
            if (last in parent and replace) or (last not in parent and create):
                parent[last] = value
        elif isinstance(last, int) and isinstance(parent, list):
            if -len(parent) <= last < len(parent):
                if replace:
                    parent[last] = value
            elif create:
                parent.append(value)
    return document


def _modify(name: str, document: str | None, items: tuple[str | None, ...], create: bool, replace: bool) -> str | None:
    if document is None or None in items[::2]:
        return None
    value = _load_argument(document, 1, name)
    for path, new in zip(items[::2], items[1::2], strict=True):
        value = _assign(value, str(path), None if new is None else loads(new), create=create, replace=replace)
    return dumps(value)


@udf("my_json_set", None, "VARCHAR", nulls=True)
def json_set(document: str | None, *items: str | None) -> str | None:
    return _modify("json_set", document, items, True, True)


@udf("my_json_insert", None, "VARCHAR", nulls=True)
def json_insert(document: str | None, *items: str | None) -> str | None:
    return _modify("json_insert", document, items, True, False)


@udf("my_json_replace", None, "VARCHAR", nulls=True)
def json_replace(document: str | None, *items: str | None) -> str | None:
    return _modify("json_replace", document, items, False, True)


@udf("my_json_remove", None, "VARCHAR", nulls=True)
def json_remove(document: str | None, *paths: str | None) -> str | None:
    if document is None or None in paths:
        return None
    value = _load_argument(document, 1, "json_remove")
    for path in paths:
        steps = _single(str(path))
        if not steps:
            raise mysql_error(3153)
        parent: Any = next(iter(_at(value, steps[:-1])), None)
        if isinstance(parent, dict):
            parent.pop(steps[-1], None)
        elif isinstance(parent, list) and isinstance(steps[-1], int) and -len(parent) <= steps[-1] < len(parent):
            del parent[steps[-1]]
    return dumps(value)


@udf("my_json_array_append", None, "VARCHAR", nulls=True)
def json_array_append(document: str | None, *items: str | None) -> str | None:
    if document is None or None in items[::2]:
        return None
    value = _load_argument(document, 1, "json_array_append")
    for path, new in zip(items[::2], items[1::2], strict=True):
        added = None if new is None else loads(new)
        for target in find(value, str(path))[:1]:
            grown = [*target, added] if isinstance(target, list) else [target, added]
            value = _assign(value, str(path), grown, create=False, replace=True)
    return dumps(value)


def _merge(first: Any, second: Any) -> Any:
    if isinstance(first, dict) and isinstance(second, dict):
        merged = dict(first)
        for key, value in second.items():
            merged[key] = _merge(merged[key], value) if key in merged else value
        return merged
    return [*(first if isinstance(first, list) else [first]), *(second if isinstance(second, list) else [second])]


def _patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = _patch(out.get(key), value)
    return out


@udf("my_json_merge_preserve", None, "VARCHAR")
def json_merge_preserve(*documents: str) -> str:
    value = _load_argument(documents[0], 1, "json_merge_preserve")
    for position, document in enumerate(documents[1:], 2):
        value = _merge(value, _load_argument(document, position, "json_merge_preserve"))
    return dumps(value)


@udf("my_json_merge_patch", None, "VARCHAR")
def json_merge_patch(*documents: str) -> str:
    value = _load_argument(documents[0], 1, "json_merge_patch")
    for position, document in enumerate(documents[1:], 2):
        value = _patch(value, _load_argument(document, position, "json_merge_patch"))
    return dumps(value)


@udf("my_json_pretty", ["VARCHAR"], "VARCHAR")
def json_pretty(document: str) -> str:
    return json.dumps(_ordered(_load_argument(document, 1, "json_pretty")), ensure_ascii=False, indent=2)


#: JSON types from lowest to highest in a comparison.
_RANKS: list[type] = [type(None), int, str, dict, list, bool]


def _rank(value: Any) -> int:
    return _RANKS.index(int if isinstance(value, float) else type(value))


def compare(first: Any, second: Any) -> int:
    """-1, 0 or 1: numbers by value, texts by code points, arrays item by item, objects only equal or not."""
    ranks = _rank(first), _rank(second)
    if ranks[0] != ranks[1]:
        return -1 if ranks[0] < ranks[1] else 1
    if first is None:
        return 0
    if isinstance(first, list):
        for a, b in zip(first, second, strict=False):
            found = compare(a, b)
            if found:
                return found
        return (len(first) > len(second)) - (len(first) < len(second))
    if isinstance(first, dict):
        if len(first) != len(second):
            return -1 if len(first) < len(second) else 1
        a_text, b_text = dumps(first), dumps(second)
        return (a_text > b_text) - (a_text < b_text)
    return int(first > second) - int(first < second)


@udf("my_json_compare", ["VARCHAR", "VARCHAR"], "BIGINT")
def json_compare(first: str, second: str) -> int:
    return compare(loads(first), loads(second))


@udf("my_json_array_insert", None, "VARCHAR", nulls=True)
def json_array_insert(document: str | None, *items: str | None) -> str | None:
    """JSON_ARRAY_INSERT(). Raises 3165 for a path that does not end in an array cell."""
    if document is None or None in items[::2]:
        return None
    value = _load_argument(document, 1, "json_array_insert")
    for path, new in zip(items[::2], items[1::2], strict=True):
        steps = _single(str(path))
        if not steps or not isinstance(steps[-1], int):
            raise mysql_error(3165)
        for parent in _at(value, steps[:-1]):
            if isinstance(parent, list):
                at = steps[-1] if steps[-1] >= 0 else max(0, len(parent) + steps[-1] + 1)
                parent.insert(at, None if new is None else loads(new))
    return dumps(value)


@udf("my_json_objectagg", ["VARCHAR[]", "VARCHAR[]"], "VARCHAR")
def json_objectagg(keys: list[str], values: list[str | None]) -> str:
    return dumps({k: None if v is None else loads(v) for k, v in zip(keys, values, strict=True)})


@udf("my_json_arrayagg", ["VARCHAR[]"], "VARCHAR")
def json_arrayagg(values: list[str | None]) -> str:
    return dumps([None if v is None else loads(v) for v in values])
