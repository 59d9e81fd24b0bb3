"""EXPLAIN FORMAT=TREE and EXPLAIN ANALYZE: DuckDB's plan in the words of MySQL's trees."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_INDENT = "    "
_JOINS = {
    "INNER": "Inner hash join", "LEFT": "Left hash join", "RIGHT": "Right hash join", "OUTER": "Full hash join",
    "SEMI": "Hash semijoin", "RIGHT_SEMI": "Hash semijoin", "MARK": "Hash semijoin", "ANTI": "Hash antijoin",
    "RIGHT_ANTI": "Hash antijoin", "SINGLE": "Left hash join",
}  # fmt: skip
#: What DuckDB's optimizer puts around a column, and the binder for a collation.
_WRAPPERS = re.compile(r"__internal_\w+\(|lower\(strip_accents\(")
#: A column that the group determines.
_OF_GROUP = re.compile(r"\"?first\"?\(")
#: Operators that say nothing about how rows are found.
_SILENT = frozenset(("PROJECTION", "RESULT_COLLECTOR", "EXPLAIN_ANALYZE"))


@dataclass
class _Operator:
    """`says`: lines of the tree, outermost first. `columns`: what its rows consist of, as far as it is known."""

    says: list[str]
    rows: str
    children: list[_Operator] = field(default_factory=list)
    columns: list[str] | None = None


def was_measured(plan: str) -> bool:
    """Whether `plan` is one: DuckDB measures nothing where statistics gave the answer."""
    return '"operator"' in plan


@dataclass
class Known:
    """What a plan doesn't say.

    Attributes:
        tables: names as the client knows them, by DuckDB's.
        result: names of the result's columns, which sorts call c1, c2, ...
        lookups: how tables (by DuckDB's names) are read that are not scanned.
    """

    tables: Mapping[str, str] = field(default_factory=dict)
    result: Sequence[str] = ()
    lookups: Mapping[str, str] = field(default_factory=dict)


def plan_tree(plan: str, known: Known) -> str:
    """The tree of a plan, which is what DuckDB's EXPLAIN (FORMAT JSON) gives, or EXPLAIN (ANALYZE, FORMAT JSON)."""
    read = json.loads(plan)
    roots = read["operator"] if isinstance(read, dict) else read
    return "\n".join(line for root in roots for line in _lines(_operator(root, known), 0))


def table_name(physical: str, tables: Mapping[str, str]) -> str:
    """The client's name for ``catalog.schema.table`` as DuckDB gives it."""
    name = physical.rpartition(".")[2]
    return tables.get(name, name)


_RESULT_COLUMN = re.compile(r"\bc(\d+)\b")


def _name(number: re.Match[str], names: Sequence[str]) -> str:
    place = int(number[1]) - 1
    return names[place] if 0 <= place < len(names) else number[0]


def _lines(operator: _Operator, depth: int) -> list[str]:
    lines = []
    for says in operator.says:
        lines.append(f"{_INDENT * depth}-> {says}{operator.rows if says is operator.says[0] else ''}")
        depth += 1
    for child in operator.children:
        lines += _lines(child, depth)
    return lines


def _operator(node: Mapping[str, Any], known: Known) -> _Operator:
    children = [_operator(child, known) for child in node.get("children", ())]
    name, info = str(node["name"]).strip(), node.get("extra_info") or {}
    below = children[0].columns if len(children) == 1 else None

    def items(key: str) -> list[str]:
        given = info.get(key, [])
        found = [_readable(str(item), below) for item in ([given] if isinstance(given, str) else given) if item]
        if key == "Order By":
            return [_RESULT_COLUMN.sub(lambda number: _name(number, known.result), item) for item in found]
        return found

    rows = f"  (rows={info['Estimated Cardinality']})" if "Estimated Cardinality" in info else ""
    if "intermediate_rows" in node:
        took_ms = float(node["timing"]) * 1000
        rows += f" (actual time={took_ms:.3f} rows={node['intermediate_rows']} loops=1)"
    if name in _SILENT:
        for child in children:
            child.columns = items("Projections") if name == "PROJECTION" else child.columns
        return children[0] if len(children) == 1 else _Operator([], rows, children)
    columns = below
    if name in ("SEQ_SCAN", "TABLE_SCAN"):
        columns = items("Projections")
    elif name.endswith("GROUP_BY"):
        columns = items("Groups") + items("Aggregates")
    return _Operator(_says(name, items, info, known), rows, children, columns)


def _says(
    name: str,
    items: Callable[[str], list[str]],
    info: Mapping[str, Any],
    known: Known,
) -> list[str]:
    """What the tree says of one operator, outermost line first."""
    conditions = " and ".join(items("Conditions"))
    if name in ("SEQ_SCAN", "TABLE_SCAN"):
        physical = str(info.get("Table", "")).rpartition(".")[2]
        how = known.lookups.get(physical, f"Table scan on {table_name(physical, known.tables) or '<temporary>'}")
        filters = items("Filters")
        condition = filters[0] if len(filters) == 1 else f"({' and '.join(filters)})"
        return ([f"Filter: {condition}"] if filters else []) + [how]
    if name == "HASH_JOIN":
        return [f"{_JOINS.get(str(info.get('Join Type')), 'Hash join')} ({conditions})"]
    if name.endswith("_JOIN"):
        kind = str(info.get("Join Type", "inner")).lower()
        return [f"Nested loop {kind} join ({conditions})" if conditions else f"Nested loop {kind} join"]
    if name.endswith("GROUP_BY"):
        computed = _told([item for item in items("Aggregates") if not _OF_GROUP.match(item)])
        groups = _told(items("Groups"))
        return [f"Group aggregate{': ' + computed if computed else ''}{' by ' + groups if groups else ''}"]
    if name.endswith("AGGREGATE"):
        return [f"Aggregate: {_told(items('Aggregates'))}"]
    if name == "TOP_N":
        return [f"Limit: {info.get('Top')} row(s)", f"Sort: {', '.join(items('Order By'))}"]
    simple = _SIMPLE.get(name)
    if simple is not None:
        title, key = simple
        said = ", ".join(items(key)) if key else ""
        return [f"{title}: {said}" if said else title]
    return [name.replace("_", " ").capitalize()]


#: Operator -> its title, and which of its facts comes behind it.
_SIMPLE = {
    "FILTER": ("Filter", "Expression"),
    "ORDER_BY": ("Sort", "Order By"),
    "LIMIT": ("Limit", ""),
    "STREAMING_LIMIT": ("Limit", ""),
    "WINDOW": ("Window aggregate", "Projections"),
    "STREAMING_WINDOW": ("Window aggregate", "Projections"),
    "UNION": ("Append", ""),
    "CROSS_PRODUCT": ("Nested loop inner join", ""),
    "EMPTY_RESULT": ("Zero rows", ""),
    "DUMMY_SCAN": ("Rows fetched before execution", ""),
    "COLUMN_DATA_SCAN": ("Table scan on <temporary>", ""),
    "PYTHON_ARROW_SCAN": ("Table scan on <rows in memory>", ""),
    "REC_CTE": ("Repeat until convergence", ""),
    "REC_CTE_SCAN": ("Scan new records on <recursive>", ""),
    "CTE_SCAN": ("Table scan on <common table>", ""),
    "CTE": ("Materialize CTE", ""),
}


def _told(items: Sequence[str]) -> str:
    """The items whose columns could be told."""
    return ", ".join(item for item in items if "#" not in item)


def _readable(text: str, below: Sequence[str] | None) -> str:
    """An expression without what planners put around columns; ``#n`` is the n-th column of the rows `below`."""
    if below is not None:
        text = re.sub(r"#(\d+)", lambda m: below[int(m[1])] if int(m[1]) < len(below) else m[0], text)
    while (wrapper := _WRAPPERS.search(text)) is not None:
        brackets = wrapper[0].count("(")
        end = _closing(text, wrapper.end(), brackets)
        if end is None:
            break
        text = text[: wrapper.start()] + text[wrapper.end() : end - brackets + 1] + text[end + 1 :]
    return text.replace("count_star()", "count(*)").strip()


def _closing(text: str, at: int, depth: int) -> int | None:
    """Where the first of the `depth` brackets ends that were opened before `at`."""
    for place in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return None
