"""JSON_TABLE in a FROM clause."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from aurora_mysql.catalog.model import ColumnType
from aurora_mysql.catalog.values import INTEGER_RANGES
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.expression import WARN, text, text_literal
from aurora_mysql.sql.query.scope import Relation, RelationColumn, Scope
from aurora_mysql.sql.query.types import T

if TYPE_CHECKING:
    from aurora_mysql.sql.query.select import SelectTranslator

_TEXTS = {"VARCHAR": "varchar", "CHAR": "char", "NCHAR": "char", "NVARCHAR": "varchar", "TEXT": "text"}
_TEXTS |= {"MEDIUMTEXT": "mediumtext", "LONGTEXT": "longtext", "TINYTEXT": "tinytext"}
_INTEGERS = {"TINYINT": "tinyint", "SMALLINT": "smallint", "MEDIUMINT": "mediumint", "INT": "int", "BIGINT": "bigint"}


def json_table(selects: SelectTranslator, node: exp.JSONTable, alias: str, scope: Scope) -> tuple[str, Relation]:
    """The text of the table and its relation. `scope`: the tables before it, whose columns the document may use.

    Raises:
        MySQLError: 3667 without an alias, 1060 for a column named twice, 1235 for a type it can't make.
    """
    if not alias:
        raise mysql_error(3667)
    b = selects.b
    b.bake(node.args["path"])
    b.bake(node.args["schema"])
    columns: list[tuple[str, T]] = []
    specification = [node.args["path"].name, _columns(node.args["schema"], columns)]
    seen: set[str] = set()
    for name, _ in columns:
        if name.lower() in seen:
            raise mysql_error(1060, name)
        seen.add(name.lower())
    document = text(selects.tr.expr(node.this, scope))
    sql_alias, rows = b.alias(), b.alias("j")
    items = [f"{_value(f'{rows}.v[{i}]', t)} AS c{i}" for i, (_, t) in enumerate(columns, 1)]
    call = f"my_json_table({document}, {text_literal(json.dumps(specification))})"
    lateral = "LATERAL " if scope.relations else ""
    sql = f"{lateral}(SELECT {', '.join(items)} FROM (SELECT unnest({call}) AS v) AS {rows}) AS {sql_alias}"
    found = [RelationColumn(n, f"{sql_alias}.c{i}", t) for i, (n, t) in enumerate(columns, 1)]
    return sql, Relation(alias, "", sql_alias, found)


def _columns(schema: exp.Expression, out: list[tuple[str, T]]) -> list[dict[str, Any]]:
    """The specification for the function that makes the rows; `out` gets the visible columns in order."""
    items: list[dict[str, Any]] = []
    for column in schema.expressions:
        nested = column.args.get("nested_schema")
        path = column.args.get("path")
        if nested:
            items.append({"name": "", "kind": "nested", "path": path.name, "columns": _columns(nested, out)})
            continue
        name = column.this.name
        if column.args.get("ordinality"):
            items.append({"name": name, "kind": "ordinality"})
            out.append((name, T("int")))
            continue
        t, item = _type(column.args["kind"])
        item |= {"name": name, "path": path.name}
        if column.args.get("exists"):
            item["kind"] = "exists"
        for key in ("on_empty", "on_error"):
            action = column.args.get(key)
            if action is not None:
                item[key] = action.name.lower() if isinstance(action, exp.Var) else ["default", action.name]
        items.append(item)
        out.append((name, t))
    return items


def _type(kind: exp.DataType) -> tuple[T, dict[str, Any]]:
    name = kind.this.value if isinstance(kind.this, exp.DataType.Type) else str(kind.this)
    arguments = [int(p.name) for p in kind.expressions]
    unsigned = name.startswith("U") and name[1:] in _INTEGERS
    base = name[1:] if unsigned else name
    if base in _INTEGERS:
        declared = ColumnType(_INTEGERS[base], unsigned=unsigned)
        low, high = INTEGER_RANGES[declared.name, unsigned]
        t = types.of_column(declared)
        return t, {"kind": t.kind, "low": low, "high": high}
    if base == "BOOLEAN":
        return T("int"), {"kind": "int", "low": -128, "high": 127}
    if base == "DECIMAL":
        precision = arguments[0] if arguments else 10
        scale = arguments[1] if len(arguments) > 1 else 0
        if precision > types.MAX_DIGITS:
            raise unsupported(f"DECIMAL with more than {types.MAX_DIGITS} digits")
        return T("decimal", precision, scale), {"kind": "decimal", "length": precision, "scale": scale}
    if base in ("DOUBLE", "FLOAT"):
        return types.DOUBLE, {"kind": "double"}
    if base in _TEXTS:
        return T("string"), {"kind": "string", "length": arguments[0] if arguments else 0}
    if base == "JSON":
        return types.JSON, {"kind": "json"}
    if base == "DATE":
        return types.DATE, {"kind": "date"}
    if base in ("DATETIME", "TIMESTAMP", "TIMESTAMPTZ"):
        return types.datetime(arguments[0] if arguments else 0), {"kind": "datetime"}
    if base == "TIME":
        return types.time(arguments[0] if arguments else 0), {"kind": "time"}
    raise unsupported(f"JSON_TABLE column of type {base}")


def _value(sql: str, t: T) -> str:
    if t.kind in ("string", "json"):
        return sql
    if t.kind == "time":
        return f"my_time({sql}, {WARN})"
    return f"CAST({sql} AS {types.duckdb_type(t)})"


__all__ = ["json_table"]
