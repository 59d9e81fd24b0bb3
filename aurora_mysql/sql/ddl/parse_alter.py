"""ALTER TABLE as a list of actions."""

from __future__ import annotations

from dataclasses import dataclass, field

from aurora_mysql.errors import unsupported
from aurora_mysql.sql.ddl.parse_column import charset_name, parse_column, parse_default_literal
from aurora_mysql.sql.ddl.parse_table import parse_key_or_constraint, parse_table_options
from aurora_mysql.sql.ddl.spec import CheckSpec, ColumnSpec, ForeignKeySpec, KeySpec
from aurora_mysql.sql.lexer import TokenCursor


@dataclass
class AlterAction:
    """`kind` says which of the other fields count."""

    kind: str
    name: str = ""
    new_name: str = ""
    column: ColumnSpec | None = None
    key: KeySpec | None = None
    foreign_key: ForeignKeySpec | None = None
    check: CheckSpec | None = None
    target: tuple[str, str] = ("", "")
    default: str = ""
    default_kind: str = ""
    flag: bool = True
    charset: str | None = None
    collation: str | None = None


@dataclass
class AlterSpec:
    database: str
    name: str
    actions: list[AlterAction] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    keys_switched: bool = False

    def add(
        self,
        kind: str,
        *,
        name: str = "",
        new_name: str = "",
        column: ColumnSpec | None = None,
        key: KeySpec | None = None,
    ) -> AlterAction:
        action = AlterAction(kind, name, new_name, column, key)
        self.actions.append(action)
        return action


def parse_alter_table(cur: TokenCursor) -> AlterSpec:
    """From after ``ALTER TABLE``."""
    spec = AlterSpec(*cur.expect_name())
    while not cur.at_end and not cur.peek_op(";"):
        _action(cur, spec)
        if not cur.accept_op(",") and not cur.at_end and not cur.peek_op(";"):
            raise cur.syntax_error()
    cur.expect_end()
    return spec


def _action(cur: TokenCursor, spec: AlterSpec) -> None:
    if cur.accept_word("ADD"):
        _add(cur, spec)
    elif cur.accept_word("DROP"):
        _drop(cur, spec)
    elif cur.accept_word("MODIFY"):
        cur.accept_word("COLUMN")
        name = cur.expect_ident()
        spec.add("change column", name=name, column=parse_column(cur, name))
    elif cur.accept_word("CHANGE"):
        cur.accept_word("COLUMN")
        name = cur.expect_ident()
        spec.add("change column", name=name, column=parse_column(cur, cur.expect_ident()))
    elif cur.accept_word("RENAME"):
        _rename(cur, spec)
    elif cur.accept_word("ALTER"):
        _alter(cur, spec)
    elif cur.accept_word("CONVERT", "TO"):
        action = spec.add("convert")
        if not (cur.accept_word("CHARACTER", "SET") or cur.accept_word("CHARSET")):
            raise cur.syntax_error()
        action.charset = charset_name(cur)
        if cur.accept_word("COLLATE"):
            cur.accept_op("=")
            action.collation = charset_name(cur)
    elif cur.accept_word("ORDER", "BY"):
        cur.expect_ident()
        while cur.accept_op(","):
            cur.expect_ident()
    elif cur.accept_any("ENABLE", "DISABLE"):
        cur.expect_word("KEYS")
        spec.keys_switched = True
    elif cur.accept_word("FORCE"):
        pass
    elif cur.accept_any("ALGORITHM", "LOCK"):
        cur.accept_op("=")
        cur.expect_ident()
    elif cur.accept_any("WITH", "WITHOUT"):
        cur.expect_word("VALIDATION")
    elif cur.peek_any(
        "PARTITION", "COALESCE", "REORGANIZE", "EXCHANGE", "TRUNCATE", "REMOVE", "DISCARD", "IMPORT", "REBUILD",
        "ANALYZE", "CHECK", "OPTIMIZE", "REPAIR", "SECONDARY_LOAD", "SECONDARY_UNLOAD",
    ):  # fmt: skip
        raise unsupported(f"ALTER TABLE ... {cur.next().upper}")
    elif not parse_table_options(cur, spec.options):
        raise cur.syntax_error()


def _add(cur: TokenCursor, spec: AlterSpec) -> None:
    keys: list[KeySpec] = []
    foreign_keys: list[ForeignKeySpec] = []
    checks: list[CheckSpec] = []
    if cur.peek_word("PARTITION"):
        raise unsupported("ALTER TABLE ... PARTITION")
    if not cur.peek_word("COLUMN") and parse_key_or_constraint(cur, keys, foreign_keys, checks):
        for key in keys:
            spec.add("add key", key=key)
        for foreign_key in foreign_keys:
            spec.add("add foreign key").foreign_key = foreign_key
        for check in checks:
            spec.add("add check").check = check
        return
    cur.accept_word("COLUMN")
    if cur.accept_op("("):
        while True:
            spec.add("add column", column=parse_column(cur, cur.expect_ident()))
            if not cur.accept_op(","):
                break
        cur.expect_op(")")
        return
    spec.add("add column", column=parse_column(cur, cur.expect_ident()))


def _drop(cur: TokenCursor, spec: AlterSpec) -> None:
    if cur.accept_word("PRIMARY", "KEY"):
        spec.add("drop key", name="PRIMARY")
    elif cur.accept_any("INDEX", "KEY"):
        spec.add("drop key", name=cur.expect_ident())
    elif cur.accept_word("FOREIGN", "KEY"):
        spec.add("drop foreign key", name=cur.expect_ident())
    elif cur.accept_word("CHECK"):
        spec.add("drop check", name=cur.expect_ident())
    elif cur.accept_word("CONSTRAINT"):
        spec.add("drop constraint", name=cur.expect_ident())
    elif cur.peek_word("PARTITION"):
        raise unsupported("ALTER TABLE ... PARTITION")
    else:
        cur.accept_word("COLUMN")
        spec.add("drop column", name=cur.expect_ident())
        cur.accept_any("RESTRICT", "CASCADE")


def _rename(cur: TokenCursor, spec: AlterSpec) -> None:
    if cur.accept_word("COLUMN"):
        name = cur.expect_ident()
        cur.expect_word("TO")
        spec.add("rename column", name=name, new_name=cur.expect_ident())
    elif cur.accept_any("INDEX", "KEY"):
        name = cur.expect_ident()
        cur.expect_word("TO")
        spec.add("rename key", name=name, new_name=cur.expect_ident())
    else:
        cur.accept_any("TO", "AS")
        cur.accept_op("=")
        spec.add("rename table").target = cur.expect_name()


def _alter(cur: TokenCursor, spec: AlterSpec) -> None:
    if cur.accept_word("INDEX"):
        action = spec.add("key visibility", name=cur.expect_ident())
        action.flag = cur.accept_any("VISIBLE", "INVISIBLE") == "VISIBLE"
        return
    if cur.accept_any("CHECK", "CONSTRAINT"):
        action = spec.add("check enforcement", name=cur.expect_ident())
        action.flag = not cur.accept_word("NOT")
        cur.expect_word("ENFORCED")
        return
    cur.accept_word("COLUMN")
    action = spec.add("column default", name=cur.expect_ident())
    if cur.accept_word("DROP", "DEFAULT"):
        return
    cur.expect_word("SET")
    if cur.accept_word("VISIBLE"):
        action.kind = "column visibility"
    elif cur.accept_word("INVISIBLE"):
        action.kind, action.flag = "column visibility", False
    else:
        cur.expect_word("DEFAULT")
        if cur.accept_word("NULL"):
            action.default_kind = "null"
        elif cur.peek_op("("):
            action.default, action.default_kind = cur.skip_parentheses(), "expression"
        else:
            action.default, action.default_kind = parse_default_literal(cur), "literal"
