"""Random statements over random data, from a seed: expressions as trees, so that a difference can be made small."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

SETUP = (
    "CREATE TABLE t (id INT PRIMARY KEY, i INT, u INT UNSIGNED, b BIGINT, d DECIMAL(10,2), f DOUBLE, "
    "s VARCHAR(20), c CHAR(6), dt DATE, ts DATETIME, tm TIME, "
    "w DECIMAL(50,20), g VARCHAR(10) COLLATE utf8mb4_general_ci, n VARCHAR(10) COLLATE utf8mb4_bin)",
    "CREATE TABLE r (id INT PRIMARY KEY, t_id INT, n SMALLINT, k VARCHAR(10), m DECIMAL(8,3))",
)
COLUMNS = {
    "int": ["i", "u", "b", "id"],
    "dec": ["d"],
    "dbl": ["f"],
    "str": ["s", "c"],
    "date": ["dt"],
    "datetime": ["ts"],
    "time": ["tm"],
    "wide": ["w"],
    "padded": ["g"],
    "binary": ["n"],
}
_VALUES = {
    "int": ["0", "1", "-1", "2", "7", "10", "-13", "100", "255", "32767", "2147483647", "NULL"],
    "dec": ["0.00", "1.50", "-2.25", "0.1", "99.99", "12345678.90", "-0.01", "3.14", "NULL"],
    "dbl": ["0e0", "1.5e0", "-2.5e3", "1e-3", "3e10", "7e0", "NULL"],
    "str": ["''", "'a'", "'Abc'", "'hello world'", "'12'", "'3.5'", "'12abc'", "'b'", "' x '", "'ABC'", "'é'", "NULL"],
    "date": ["DATE'2020-01-01'", "DATE'2020-02-29'", "DATE'1999-12-31'", "DATE'2021-06-15'", "NULL"],
    "datetime": ["TIMESTAMP'2020-01-01 00:00:00'", "TIMESTAMP'2020-02-29 12:34:56'", "TIMESTAMP'2021-12-31 23:59:59'"],
    "time": ["TIME'00:00:00'", "TIME'10:11:12'", "TIME'23:59:59'"],
    "bool": ["TRUE", "FALSE", "NULL"],
    "wide": [
        "1.5",
        "0",
        "-2",
        "123456789012345678901234567890.12345678901234567890",
        "-0.00000000000000000001",
        "NULL",
    ],
    "padded": ["'a'", "'A '", "'b'", "'é'", "''", "' '", "NULL"],
    "binary": ["'a'", "'a '", "'A'", "'b'", "''", "NULL"],
}

#: Result type -> templates; {x:type} is a place for an expression of that type. `num` is any number, `any` any type.
_TEMPLATES: dict[str, list[str]] = {
    "int": [
        "({int} + {int})", "({int} - {int})", "({int} * {small})", "({int} DIV {small})", "({int} % {int})",
        "(- {int})",
        "ABS({int})", "SIGN({num})", "LENGTH({str})", "CHAR_LENGTH({str})", "ASCII({str})", "INSTR({str}, {str})",
        "LOCATE({str}, {str})", "FLOOR({num})", "CEILING({num})", "ROUND({dec})", "YEAR({date})", "MONTH({date})",
        "DAY({datetime})", "DAYOFWEEK({date})", "DAYOFYEAR({date})", "WEEK({date}, 3)", "QUARTER({date})",
        "HOUR({time})", "MINUTE({datetime})", "SECOND({time})", "DATEDIFF({date}, {date})", "TO_DAYS({date})",
        "TIMESTAMPDIFF(DAY, {datetime}, {datetime})", "TIMESTAMPDIFF(MONTH, {date}, {date})",
        "IF({bool}, {int}, {int})",
        "IFNULL({int}, {int})", "NULLIF({int}, {int})", "COALESCE({int}, {int}, {int})", "GREATEST({int}, {int})",
        "LEAST({int}, {int})", "CAST({num} AS SIGNED)", "CAST({str} AS SIGNED)", "STRCMP({str}, {str})",
        "FIELD({str}, {str}, {str})", "FIND_IN_SET({str}, {str})", "({int} & {small})", "({int} | {small})",
        "({int} ^ {small})", "BIT_COUNT({int})", "CASE WHEN {bool} THEN {int} ELSE {int} END",
        "INTERVAL({num}, 1, 10, 100)",
        "CASE {int} WHEN {int} THEN {int} END", "TIME_TO_SEC({time})", "CRC32({str})", "MOD({int}, {small})",
        "EXTRACT(YEAR_MONTH FROM {date})", "WEEKDAY({date})", "ORD({str})", "UNIX_TIMESTAMP({datetime})",
    ],
    "small": ["{smallint}"],
    "dec": [
        "({dec} + {dec})", "({dec} - {int})", "({dec} * {dec})", "({dec} / {int})", "({int} / {int})",
        "ROUND({dec}, 1)",
        "TRUNCATE({dec}, 1)", "ABS({dec})", "(- {dec})", "IFNULL({dec}, {int})", "GREATEST({dec}, {int})",
        "CAST({num} AS DECIMAL(12,3))", "CAST({str} AS DECIMAL(12,2))", "COALESCE({dec}, {dec})", "({dec} % {small})",
        "IF({bool}, {dec}, {int})", "CASE WHEN {bool} THEN {dec} END", "LEAST({dec}, {dec})",
    ],
    "dbl": [
        "({dbl} + {num})", "({dbl} * {num})", "({dbl} / {num})", "SQRT(ABS({num}))", "POW({small}, 2)",
        "ROUND({dbl}, 2)",
        "LN({num})", "EXP({small})", "SIN({num})", "IF({bool}, {dbl}, {num})", "ABS({dbl})", "({str} + {int})",
        "({str} * {dec})", "TRUNCATE({dbl}, 1)", "ATAN({num})", "({dbl} - {num})", "COALESCE({dbl}, {num})",
        "LOG2({num})",
    ],
    "str": [
        "CONCAT({str}, {str})", "CONCAT({str}, {num})", "CONCAT_WS('-', {any}, {str}, {any})", "UPPER({str})",
        "LOWER({str})", "LEFT({str}, {small})", "RIGHT({str}, {small})", "SUBSTRING({str}, {small})",
        "SUBSTRING({str}, {small}, {small})", "TRIM({str})", "REPLACE({str}, {str}, {str})", "REVERSE({str})",
        "REPEAT({str}, {small})", "LPAD({str}, 8, 'xy')", "RPAD({str}, 6, '*')", "INSERT({str}, 2, 1, {str})",
        "IF({bool}, {str}, {str})", "IFNULL({str}, {str})", "COALESCE({str}, {any})", "NULLIF({str}, {str})",
        "CASE WHEN {bool} THEN {str} ELSE {num} END", "HEX({int})", "HEX({str})", "CAST({num} AS CHAR)",
        "CAST({datetime} AS CHAR)", "DATE_FORMAT({datetime}, '%Y/%m/%d %H-%i')", "FORMAT({dec}, 2)", "SPACE({small})",
        "SUBSTRING_INDEX({str}, 'l', 1)", "ELT({small}, {str}, {str})", "GREATEST({str}, {str})", "DAYNAME({date})",
        "MONTHNAME({date})", "QUOTE({str})", "MD5({str})", "CONV({small}, 10, 2)", "LTRIM({str})",
        "MAKE_SET({small}, {str}, {str})",
        "TIME_FORMAT({time}, '%H:%i')", "SOUNDEX({str})", "TO_BASE64({str})", "BIN({small})", "FORMAT({num}, 1)",
    ],
    "date": [
        "DATE({datetime})", "({date} + INTERVAL {small} DAY)", "({date} - INTERVAL {small} MONTH)", "LAST_DAY({date})",
        "DATE_ADD({date}, INTERVAL 1 YEAR)", "IF({bool}, {date}, {date})", "COALESCE({date}, {date})",
        "CAST({datetime} AS DATE)", "IFNULL({date}, {date})", "MAKEDATE(2020, {small} + 1)",
        "FROM_DAYS(737000 + {small})",
    ],
    "datetime": [
        "({datetime} + INTERVAL {small} HOUR)", "({datetime} - INTERVAL {small} MINUTE)", "TIMESTAMP({date})",
        "CAST({date} AS DATETIME)", "IFNULL({datetime}, {datetime})", "({date} + INTERVAL {small} SECOND)",
        "IF({bool}, {datetime}, {date})", "DATE_ADD({datetime}, INTERVAL {small} WEEK)",
        "FROM_UNIXTIME(1600000000 + {small})",
    ],
    "time": ["TIME({datetime})", "SEC_TO_TIME({small} * 100)", "IFNULL({time}, {time})", "MAKETIME({small}, 5, 6)"],
    "bool": [
        "({num} = {num})", "({num} < {num})", "({num} >= {num})", "({num} <> {num})", "({num} <=> {num})",
        "({str} = {str})", "({str} < {str})", "({str} LIKE {pattern})", "({str} IN ({str}, {str}))",
        "({int} IN ({int}, {int}, {int}))", "({num} BETWEEN {num} AND {num})", "({date} < {date})",
        "({datetime} >= {date})", "({any} IS NULL)", "({any} IS NOT NULL)", "(NOT {bool})", "({bool} AND {bool})",
        "({bool} OR {bool})", "({bool} XOR {bool})", "({bool} IS TRUE)", "({str} = {num})",
        "({int} NOT IN ({int}, {int}))",
        "({time} < {time})", "({str} REGEXP '^[a-c]')", "(({int}, {str}) = ({int}, {str}))", "({dec} = {dbl})",
        "({date} BETWEEN {date} AND {datetime})", "({str} NOT LIKE {pattern})", "ISNULL({any})", "({str} <=> {str})",
        "({wide} < {wide})", "({wide} = {dec})", "({wide} BETWEEN {int} AND {wide})", "({padded} = {padded})",
        "({padded} < {padded})", "({padded} IN ('a', 'b '))", "({binary} = {binary})", "({binary} >= 'A')",
    ],
    "wide": [
        "({wide} + {wide})", "({wide} - {dec})", "({wide} * {small})", "ABS({wide})", "(- {wide})", "ROUND({wide}, 3)",
        "TRUNCATE({wide}, 2)", "FLOOR({wide})", "IFNULL({wide}, {int})", "IF({bool}, {wide}, {dec})",
        "GREATEST({wide}, {int})", "CAST({dec} AS DECIMAL(45,10))", "COALESCE({wide}, {dec}, 1)",
        "({wide} % 7)",
    ],
    "padded": ["UPPER({padded})", "IF({bool}, {padded}, {padded})", "COALESCE({padded}, 'a ')",
               "CONCAT({padded}, ' ')"],
    "binary": ["LOWER({binary})", "IF({bool}, {binary}, {binary})", "CONCAT({binary}, ' ')"],
    "pattern": ["'a%'", "'%b%'", "'_b%'", "'%'", "''", "'A__'", "'%o w%'"],
}  # fmt: skip
_NUMBERS = ("int", "int", "dec", "dbl")
_ANY = ("wide", "padded", "int", "dec", "dbl", "str", "str", "date", "datetime", "bool")
_AGGREGATES = [
    "COUNT(*)", "COUNT({any})", "SUM({int})", "SUM({dec})", "SUM({dbl})", "AVG({int})", "AVG({dec})", "MIN({any})",
    "MAX({any})", "COUNT(DISTINCT {any})", "BIT_OR({small})", "BIT_AND({small})", "BIT_XOR({small})", "MIN({str})",
    "MAX({date})", "GROUP_CONCAT({int} ORDER BY id)", "GROUP_CONCAT({str} ORDER BY id SEPARATOR '/')",
    "SUM({wide})", "MIN({wide})", "COUNT(DISTINCT {padded})", "COUNT(DISTINCT {binary})", "MAX({padded})",
    "SUM(DISTINCT {int})", "VAR_POP({int})", "MAX({dec}) - MIN({int})",
]  # fmt: skip
_WINDOWS = [
    "ROW_NUMBER() OVER (ORDER BY {int}, id)", "RANK() OVER (ORDER BY {int})", "DENSE_RANK() OVER (ORDER BY {str})",
    "SUM({int}) OVER (ORDER BY id)", "SUM({dec}) OVER (PARTITION BY i ORDER BY id)", "LAG({any}) OVER (ORDER BY id)",
    "LEAD({int}, 2) OVER (ORDER BY id)", "FIRST_VALUE({str}) OVER (PARTITION BY s ORDER BY id)",
    "COUNT(*) OVER (PARTITION BY {padded})", "SUM({wide}) OVER (ORDER BY id)", "RANK() OVER (ORDER BY {wide})",
    "COUNT({any}) OVER (PARTITION BY {int})", "NTILE(3) OVER (ORDER BY id)", "MAX({num}) OVER ()",
    "AVG({dec}) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
]  # fmt: skip


@dataclass
class Node:
    """A template and what stands in its places; `kind` is the type of its result."""

    kind: str
    template: str
    children: list[Node] = field(default_factory=list)

    def text(self) -> str:
        parts = self.template.split("\0")
        return "".join(p + (self.children[i].text() if i < len(self.children) else "") for i, p in enumerate(parts))

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()


class Generator:
    """Statements of one seed. `mixed`: how often an expression of another type than wanted is taken."""

    def __init__(self, seed: int, *, mixed: float = 0.04) -> None:
        self.random = random.Random(seed)
        self.mixed = mixed

    def setup(self) -> list[str]:
        """Tables with generated rows."""
        pick = self.random.choice
        rows = [
            f"({n}, {pick(_VALUES['int'])}, {pick(['0', '1', '5', '4294967295', 'NULL'])}, "
            f"{pick([*_VALUES['int'], '9007199254740993', '-5000000000'])}, {pick(_VALUES['dec'])}, "
            f"{pick(_VALUES['dbl'])}, {pick(_VALUES['str'])}, {pick([*_VALUES['str'][:3], 'NULL'])}, "
            f"{pick(_VALUES['date'])}, {pick([*_VALUES['datetime'], 'NULL'])}, {pick([*_VALUES['time'], 'NULL'])}, "
            f"{pick(_VALUES['wide'])}, {pick(_VALUES['padded'])}, {pick(_VALUES['binary'])})"
            for n in range(1, 13)
        ]
        other = [
            f"({n}, {pick(['1', '2', '3', '5', '99', 'NULL'])}, {pick(['0', '-3', '12', 'NULL'])}, "
            f"{pick(['NULL', *(repr(x) for x in ('a', 'ABC', 'x'))])}, {pick(['1.125', '-2.500', 'NULL'])})"
            for n in range(1, 8)
        ]
        return [*SETUP, f"INSERT INTO t VALUES {', '.join(rows)}", f"INSERT INTO r VALUES {', '.join(other)}"]

    def expression(self, kind: str, depth: int) -> Node:
        random = self.random
        if kind == "num":
            kind = random.choice(_NUMBERS)
        elif kind == "any" or (kind not in ("pattern", "small", "smallint") and random.random() < self.mixed):
            kind = random.choice(_ANY)
        if kind in ("small", "smallint"):
            return Node("int", random.choice(["0", "1", "2", "3", "5", "i % 4", "id", "LENGTH(s)"]))
        if kind == "pattern":
            return Node("str", random.choice(_TEMPLATES["pattern"]))
        if depth <= 0 or random.random() < 0.2:
            names = COLUMNS.get(kind)
            if names and random.random() < 0.65:
                return Node(kind, random.choice(names))
            return Node(kind, random.choice(_VALUES[kind]))
        return self.fill(kind, random.choice(_TEMPLATES[kind]), depth - 1)

    def fill(self, kind: str, template: str, depth: int) -> Node:
        """A node of `template` with generated children."""
        out, children = "", []
        rest = template
        while "{" in rest:
            before, _, rest = rest.partition("{")
            wanted, _, rest = rest.partition("}")
            children.append(self.expression(wanted, depth))
            out += before + "\0"
        return Node(kind, out + rest, children)

    def statement(self) -> Node:
        """One statement; its children are the expressions in it."""
        form = self.random.random()
        if form < 0.5:
            return self._select(self.random.randint(1, 3))
        if form < 0.62:
            return self.fill("select", "SELECT id, {any} FROM t WHERE {bool} ORDER BY id", 2)
        if form < 0.74:
            return self._grouped()
        if form < 0.8:
            window = self.random.choice(_WINDOWS)
            return self.fill("select", f"SELECT id, {window} FROM t ORDER BY id", 1)
        if form < 0.86:
            join = self.random.choice(["JOIN", "LEFT JOIN"])
            condition = self.random.choice(["r.n > 0", "r.m < t.d", "t.s = r.k", "1", "r.n = t.i"])
            source = f"t {join} r ON t.id = r.t_id AND {condition}"
            return Node("select", f"SELECT t.id, r.id, r.n, CONCAT(t.s, r.k) FROM {source} ORDER BY t.id, r.id")
        if form < 0.92:
            sub = self.random.choice(
                [
                    "id IN (SELECT t_id FROM r)",
                    "EXISTS (SELECT 1 FROM r WHERE r.t_id = t.id AND r.n > {small})",
                    "{num} > (SELECT MIN(n) FROM r)",
                    "{int} NOT IN (SELECT n FROM r WHERE n IS NOT NULL)",
                    "s = ANY (SELECT k FROM r)",
                    "{num} <= ALL (SELECT m FROM r WHERE m IS NOT NULL)",
                ]
            )
            return self.fill("select", f"SELECT id, {{any}} FROM t WHERE {sub} ORDER BY id", 1)
        kind = self.random.choice(["int", "dec", "str", "date"])
        return self.fill("select", f"SELECT {{{kind}}} AS x FROM t UNION ALL SELECT {{{kind}}} FROM t", 1)

    def _select(self, count: int) -> Node:
        return self.fill("select", f"SELECT id, {', '.join(['{any}'] * count)} FROM t ORDER BY id", 3)

    def _grouped(self) -> Node:
        aggregates = ", ".join(self.random.choice(_AGGREGATES) for _ in range(self.random.randint(1, 2)))
        key = self.random.choice(["", "i", "LOWER(s)", "d > 1", "YEAR(dt)", "id % 3", "rollup", "UPPER(g)", "n", "w"])
        if not key:
            return self.fill("select", f"SELECT {aggregates} FROM t WHERE {{bool}}", 1)
        if key == "rollup":
            keys = self.random.choice(["i", "i, id % 3", "YEAR(dt), d > 1"])
            return self.fill("select", f"SELECT {keys}, {aggregates} FROM t GROUP BY {keys} WITH ROLLUP", 1)
        return self.fill("select", f"SELECT {key} AS k, {aggregates} FROM t GROUP BY {key} ORDER BY {key}", 1)
