"""A stored program's body as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aurora_mysql.catalog.model import ColumnType
from aurora_mysql.sql.fingerprint import Statement


@dataclass(slots=True)
class Parameter:
    """`mode`: IN, OUT or INOUT."""

    name: str
    type: ColumnType
    mode: str = "IN"


@dataclass(slots=True)
class Condition:
    """What a handler catches or SIGNAL raises: an error number, an SQLSTATE, or a class of them.

    `kind`: errno, sqlstate, SQLWARNING, NOT FOUND, SQLEXCEPTION.
    """

    kind: str
    value: str = ""


@dataclass(slots=True)
class Variables:
    names: list[str]
    type: ColumnType
    default: str = "NULL"


@dataclass(slots=True)
class Cursor:
    name: str
    query: Statement


@dataclass(slots=True)
class Handler:
    """`exits`: EXIT, else CONTINUE."""

    exits: bool
    conditions: list[Condition]
    body: Node


@dataclass(slots=True)
class Block:
    body: list[Node]
    label: str = ""
    variables: list[Variables] = field(default_factory=list)
    cursors: list[Cursor] = field(default_factory=list)
    handlers: list[Handler] = field(default_factory=list)


@dataclass(slots=True)
class If:
    """`branches`: (condition's source, body); `otherwise` is ELSE."""

    branches: list[tuple[str, list[Node]]]
    otherwise: list[Node]


@dataclass(slots=True)
class Case:
    """`operand` None: the branches are conditions. `otherwise` None: no ELSE (1339 when nothing fits)."""

    operand: str | None
    branches: list[tuple[str, list[Node]]]
    otherwise: list[Node] | None


@dataclass(slots=True)
class Loop:
    """`kind`: LOOP, WHILE (condition first) or REPEAT (ends when the condition holds)."""

    kind: str
    body: list[Node]
    condition: str = ""
    label: str = ""


@dataclass(slots=True)
class Jump:
    """LEAVE or ITERATE."""

    leave: bool
    label: str


@dataclass(slots=True)
class Return:
    value: str


@dataclass(slots=True)
class Assign:
    """One ``name = value`` of SET for a local variable, or a column of NEW (``row`` is then "NEW")."""

    name: str
    value: str
    row: str = ""


@dataclass(slots=True)
class CursorStep:
    """`verb`: OPEN, FETCH or CLOSE; `into` for FETCH."""

    verb: str
    name: str
    into: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Signal:
    """`condition` None: RESIGNAL of what is being handled. `items`: upper-case name -> value's source."""

    condition: Condition | None
    items: dict[str, str]
    resignal: bool = False


@dataclass(slots=True)
class Diagnostics:
    """GET DIAGNOSTICS: (target, item) pairs; `number` '' for statement information, else the condition's number."""

    items: list[tuple[str, str]]
    number: str = ""


@dataclass(slots=True)
class Sql:
    """Any other statement. `into`: targets of SELECT ... INTO, local variables or @names."""

    statement: Statement
    into: list[str] = field(default_factory=list)


Node = Block | If | Case | Loop | Jump | Return | Assign | CursorStep | Signal | Diagnostics | Sql
Body = Sequence[Node]
