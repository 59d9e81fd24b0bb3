"""The small type lattice of expressions: which MySQL type a translated expression has."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aurora_mysql.catalog.model import ColumnType

#: Kinds: null bool int uint decimal double float string binary date datetime time json bit, and wide: a decimal of more
#: than 38 digits.
NUMERIC = frozenset({"bool", "int", "uint", "bit", "decimal", "double", "float", "wide"})
INTEGRAL = frozenset({"bool", "int", "uint", "bit"})
TEMPORAL = frozenset({"date", "datetime", "time"})
MAX_DIGITS = 38
#: Decimals that stay when a result has more than 38 digits (MySQL has 65, so it keeps them all).
MIN_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class T:
    """A type. `precision`/`scale` are a decimal's; `scale` is also the fractional digits of a temporal type.
    `collation` is a string's, None for the connection's. `declared` is the column's type when it is a bare column.
    `shown` is the scale that a decimal is announced and shown with when it has more digits: a quotient is kept with
    whole words of nine digits, as in MySQL, until it is shown. `zero`: a date or datetime may be a zero date (1), and
    may be one that DuckDB sorts otherwise than MySQL (2, see :mod:`aurora_mysql.sql.query.calendar`). `conflict`: a
    string made of strings whose collations don't agree."""

    kind: str
    precision: int = 0
    scale: int = 0
    collation: str | None = None
    declared: ColumnType | None = None
    shown: int | None = None
    zero: int = 0
    conflict: bool = False

    @property
    def decimals(self) -> int:
        """The scale a client sees."""
        return self.scale if self.shown is None else self.shown

    @property
    def numeric(self) -> bool:
        return self.kind in NUMERIC

    @property
    def integral(self) -> bool:
        return self.kind in INTEGRAL

    @property
    def temporal(self) -> bool:
        return self.kind in TEMPORAL

    @property
    def textual(self) -> bool:
        return self.kind in ("string", "binary", "json")

    def plain(self) -> T:
        """Without what only a bare column has."""
        return replace(self, declared=None)


NULL = T("null")
BOOL = T("bool")
INT = T("int")
UINT = T("uint")
DOUBLE = T("double")
STRING = T("string")
BINARY = T("binary")
DATE = T("date")
JSON = T("json")


def decimal(precision: int, scale: int) -> T:
    """A DECIMAL within DuckDB's 38 digits; decimals beyond the sixth give way to integer digits if it does not fit."""
    scale = min(scale, 30)
    if precision > MAX_DIGITS:
        scale = min(scale, max(MAX_DIGITS - (precision - scale), MIN_DECIMALS))
        precision = MAX_DIGITS
    return T("decimal", max(precision, scale, 1), scale)


def datetime(digits: int = 0) -> T:
    return T("datetime", scale=digits)


def time(digits: int = 0) -> T:
    return T("time", scale=digits)


def of_column(column_type: ColumnType) -> T:
    """The expression type of a column."""
    name = column_type.name
    if name in ("tinyint", "smallint", "mediumint", "int", "bigint"):
        return T("uint" if column_type.unsigned else "int", declared=column_type)
    if name == "year":
        return T("int", declared=column_type)
    if name == "bit":
        return T("bit", declared=column_type)
    if name == "decimal":
        precision = column_type.length if column_type.length is not None else 10
        kind = "wide" if precision > MAX_DIGITS else "decimal"
        return T(kind, precision, column_type.scale or 0, declared=column_type)
    if name in ("double", "float"):
        return T(name, declared=column_type)
    if name == "date":
        return T("date", declared=column_type, zero=1)
    if name in ("datetime", "timestamp"):
        return T("datetime", scale=column_type.scale or 0, declared=column_type, zero=1)
    if name == "time":
        return T("time", scale=column_type.scale or 0, declared=column_type)
    if name == "json":
        return T("json", declared=column_type)
    if "blob" in name or "binary" in name:
        return T("binary", declared=column_type)
    return T("string", collation=column_type.collation, declared=column_type)


def as_decimal(t: T) -> tuple[int, int]:
    """(integer digits, scale) of an exact number."""
    if t.kind in ("decimal", "wide"):
        return t.precision - t.scale, t.scale
    if t.kind == "bool":
        return 1, 0
    if t.declared is not None:
        digits = {"tinyint": 3, "smallint": 5, "mediumint": 8, "int": 10, "year": 4}.get(t.declared.name)
        if digits is not None:
            return digits, 0
    if t.precision:
        return t.precision, 0
    return 20 if t.kind in ("uint", "bit") else 19, 0


def unify(types: list[T]) -> T:
    """The type of CASE/COALESCE/UNION branches with these types."""
    known = [t for t in types if t.kind != "null"]
    if not known:
        return NULL
    kinds = {t.kind for t in known}
    if len(kinds) == 1:
        first = known[0]
        if first.kind == "wide":
            return _wide(known)
        if first.kind == "decimal":
            return _decimals(known)
        if first.kind == "string":
            return _strings(known)
        if first.temporal:
            return T(first.kind, scale=max(t.scale for t in known), zero=max(t.zero for t in known))
        if first.kind in ("double", "float") and any(t.scale != first.scale for t in known):
            return _doubles(known)
        if all(t.declared == first.declared for t in known):
            return first
        return first.plain()
    if kinds <= NUMERIC:
        if kinds & {"double", "float"}:
            return _doubles(known)
        if "wide" in kinds:
            return _wide(known)
        if "decimal" in kinds or kinds >= {"int", "uint"}:
            return _decimals(known)
        if kinds & {"uint", "bit"}:
            return UINT if "int" not in kinds else INT
        return INT
    if kinds <= {"date", "datetime"} or kinds <= {"datetime", "time"} or kinds <= {"date", "time"}:
        return T("datetime", scale=max(t.scale for t in known), zero=max(t.zero for t in known))
    if kinds <= {"binary", "string"} or "binary" in kinds:
        return BINARY
    return _strings([t for t in known if t.kind == "string"])


def _strings(known: list[T]) -> T:
    """Branches without a collation are literals, which have nothing to say."""
    found: tuple[str, int] | None = None
    for t in known:
        if t.collation:
            own = (t.collation, 1 if t.conflict else 2)
            found = own if found is None else mixed(found, own)
    return STRING if found is None else T("string", collation=found[0], conflict=found[1] == 1)


_REPERTOIRE = {"ascii": 0, "latin1": 1, "utf8mb3": 2, "utf8mb4": 3}


def mixed(one: tuple[str, int], other: tuple[str, int]) -> tuple[str, int]:
    """Two strings' collations and strengths (the lower, the stronger) as one; strength 1 where they don't agree."""
    (first, mine), (second, yours) = one, other
    if mine != yours or first == second:
        return one if mine <= yours else other
    charset, others = first.split("_")[0], second.split("_")[0]
    if mine and charset != others and "binary" not in (first, second):
        # The smaller repertoire is converted to the larger one.
        return one if _REPERTOIRE.get(charset, 0) > _REPERTOIRE.get(others, 0) else other
    if mine and first.endswith("_bin") != second.endswith("_bin"):
        return one if first.endswith("_bin") else other
    return f"{charset}_bin", 1


def _decimals(known: list[T]) -> T:
    """The digits that a quotient has behind those it shows stay, if there is room for them."""
    whole = max(as_decimal(t)[0] for t in known)
    shown = max(t.decimals if t.kind == "decimal" else as_decimal(t)[1] for t in known)
    kept = max(as_decimal(t)[1] for t in known)
    if kept > shown and whole + kept <= MAX_DIGITS:
        return T("decimal", whole + kept, kept, shown=shown)
    return decimal(whole + shown, shown)


def _doubles(known: list[T]) -> T:
    """The most decimals of all, unless one of them has no fixed number."""
    if any(t.kind in ("double", "float") and not t.scale for t in known):
        return DOUBLE
    return T("double", scale=max(t.decimals for t in known if t.kind in ("double", "float", "decimal", "wide")))


def computed_double(operands: list[T], more: int = 0) -> T:
    """The type of a DOUBLE computed of numbers: the most decimals of all and `more`, if each has a fixed number."""
    t = _doubles([o.plain() for o in operands])
    return T("double", scale=t.scale + more) if t.scale else DOUBLE


def _wide(known: list[T]) -> T:
    whole = max(as_decimal(t)[0] for t in known)
    scale = max(t.decimals if t.kind == "decimal" else as_decimal(t)[1] for t in known)
    return T("wide", min(whole + scale, 65), scale)


def duckdb_type(t: T) -> str:
    """The DuckDB type that expressions of this type have."""
    match t.kind:
        case "bool":
            return "BOOLEAN"
        case "int":
            return "BIGINT"
        case "uint" | "bit":
            return "UBIGINT"
        case "decimal":
            return f"DECIMAL({t.precision},{t.scale})"
        case "wide":
            return "BIGNUM"
        case "double":
            return "DOUBLE"
        case "float":
            return "FLOAT"
        case "binary":
            return "BLOB"
        case "date":
            return "DATE"
        case "datetime":
            return "TIMESTAMP"
        case "time":
            return "INTERVAL"
    return "VARCHAR"


def result_type(t: T) -> ColumnType:
    """The ColumnType that describes a result column of this type."""
    if t.declared is not None:
        return t.declared
    match t.kind:
        case "null" | "string":
            return ColumnType("varchar", length=255, charset="utf8mb4", collation=t.collation or "utf8mb4_0900_ai_ci")
        case "bool":
            return ColumnType("int")
        case "int":
            return ColumnType("bigint")
        case "uint":
            return ColumnType("bigint", unsigned=True)
        case "bit":
            return ColumnType("bit", length=64)
        case "decimal" | "wide":
            return ColumnType("decimal", length=t.precision, scale=t.scale)
        case "double" | "float":
            return ColumnType(t.kind, scale=t.scale or None)
        case "binary":
            return ColumnType("varbinary", length=255)
        case "datetime" | "time":
            return ColumnType(t.kind, scale=t.scale or None)
    return ColumnType(t.kind)
