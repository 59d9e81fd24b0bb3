"""CREATE TABLE, and the parts that ALTER TABLE and CREATE INDEX share with it."""

from __future__ import annotations

from aurora_mysql.errors import unsupported
from aurora_mysql.sql.ddl.parse_column import charset_name, parse_check, parse_column, reference_action
from aurora_mysql.sql.ddl.spec import EXPRESSION, CheckSpec, ForeignKeySpec, KeySpec, TableSpec
from aurora_mysql.sql.lexer import TokenCursor

_VALUE_OPTIONS = {
    "ENGINE", "TYPE", "COMMENT", "AUTO_INCREMENT", "ROW_FORMAT", "KEY_BLOCK_SIZE", "AVG_ROW_LENGTH", "MAX_ROWS",
    "MIN_ROWS", "CHECKSUM", "DELAY_KEY_WRITE", "PACK_KEYS", "STATS_AUTO_RECALC", "STATS_PERSISTENT",
    "STATS_SAMPLE_PAGES", "COMPRESSION", "ENCRYPTION", "INSERT_METHOD", "CONNECTION", "PASSWORD", "TABLESPACE",
    "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE", "AUTOEXTEND_SIZE",
}  # fmt: skip


def parse_create_table(cur: TokenCursor) -> TableSpec:
    """From after ``CREATE TABLE``."""
    if_not_exists = cur.accept_word("IF", "NOT", "EXISTS")
    database, name = cur.expect_name()
    spec = TableSpec(database, name, if_not_exists)
    if cur.accept_word("LIKE"):
        spec.like = cur.expect_name()
        return spec
    if cur.peek_op("(") and cur.peek(1) is not None:
        following = cur.peek(1)
        assert following is not None
        if following.kind == "word" and following.upper == "LIKE":
            cur.expect_op("(")
            cur.expect_word("LIKE")
            spec.like = cur.expect_name()
            cur.expect_op(")")
            return spec
        if not (following.kind == "word" and following.upper in ("SELECT", "WITH")):
            _definitions(cur, spec)
    parse_table_options(cur, spec.options)
    if cur.peek_word("PARTITION"):
        raise unsupported("PARTITION BY")
    duplicates = cur.accept_any("IGNORE", "REPLACE")
    spec.ignore_rows, spec.replace_rows = duplicates == "IGNORE", duplicates == "REPLACE"
    cur.accept_word("AS")
    if cur.peek_any("SELECT", "WITH", "TABLE", "VALUES") or cur.peek_op("("):
        spec.select = cur.rest()
    else:
        cur.expect_end()
    return spec


def _definitions(cur: TokenCursor, spec: TableSpec) -> None:
    cur.expect_op("(")
    while True:
        if not parse_key_or_constraint(cur, spec.keys, spec.foreign_keys, spec.checks):
            column = parse_column(cur, cur.expect_ident())
            spec.columns.append(column)
        if cur.accept_op(","):
            continue
        cur.expect_op(")")
        return


def parse_key_or_constraint(
    cur: TokenCursor, keys: list[KeySpec], foreign_keys: list[ForeignKeySpec], checks: list[CheckSpec]
) -> bool:
    """Take one key, foreign key or check definition into the lists; False (nothing taken) when a column is next."""
    start = cur.position
    name = ""
    constrained = cur.accept_word("CONSTRAINT")
    if constrained and not cur.peek_any("PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
        name = cur.expect_ident()
    if cur.accept_word("PRIMARY", "KEY"):
        keys.append(_key(cur, "PRIMARY", ""))
    elif cur.accept_word("UNIQUE"):
        cur.accept_any("KEY", "INDEX")
        keys.append(_key(cur, "UNIQUE", name))
    elif cur.accept_word("FOREIGN", "KEY"):
        foreign_keys.append(_foreign_key(cur, name))
    elif cur.peek_word("CHECK"):
        checks.append(parse_check(cur, name))
    elif constrained:
        raise cur.syntax_error()
    elif kind := cur.accept_any("FULLTEXT", "SPATIAL"):
        cur.accept_any("KEY", "INDEX")
        keys.append(_key(cur, kind, ""))
    elif cur.accept_any("KEY", "INDEX"):
        keys.append(_key(cur, "KEY", ""))
    else:
        cur.position = start
        return False
    return True


def _key(cur: TokenCursor, kind: str, constraint: str) -> KeySpec:
    name = constraint
    if not cur.peek_op("(") and not cur.peek_word("USING"):
        name = cur.expect_ident()
    _using(cur)
    return key_parts_and_options(cur, kind, name)


def _using(cur: TokenCursor) -> None:
    if cur.accept_any("USING", "TYPE") and cur.accept_any("BTREE", "HASH", "RTREE") is None:
        raise cur.syntax_error()


def key_parts_and_options(cur: TokenCursor, kind: str, name: str) -> KeySpec:
    """``(col [(n)] | (expr) [ASC|DESC], ...) options``. An expression is marked."""
    cur.expect_op("(")
    parts: list[tuple[str, int | None, bool]] = []
    while True:
        functional = cur.peek_op("(")
        column = EXPRESSION + cur.skip_parentheses() if functional else cur.expect_ident()
        length = None
        if not functional and cur.accept_op("("):
            length = cur.expect_integer()
            cur.expect_op(")")
        descending = cur.accept_any("ASC", "DESC") == "DESC"
        parts.append((column, length, descending))
        if not cur.accept_op(","):
            break
    cur.expect_op(")")
    key = KeySpec(kind, name, parts)
    while True:
        if cur.peek_any("USING", "TYPE"):
            _using(cur)
        elif cur.accept_word("COMMENT"):
            key.comment = cur.expect_string()
        elif cur.accept_word("KEY_BLOCK_SIZE"):
            cur.accept_op("=")
            cur.expect_integer()
        elif cur.accept_word("WITH", "PARSER"):
            cur.expect_ident()
        elif cur.accept_word("VISIBLE"):
            key.visible = True
        elif cur.accept_word("INVISIBLE"):
            key.visible = False
        else:
            return key


def _names(cur: TokenCursor) -> list[str]:
    cur.expect_op("(")
    names = [cur.expect_ident()]
    while cur.accept_op(","):
        names.append(cur.expect_ident())
    cur.expect_op(")")
    return names


def _foreign_key(cur: TokenCursor, name: str) -> ForeignKeySpec:
    index_name = "" if cur.peek_op("(") else cur.expect_ident()
    columns = _names(cur)
    cur.expect_word("REFERENCES")
    database, table = cur.expect_name()
    spec = ForeignKeySpec(name, index_name, columns, database, table, _names(cur) if cur.peek_op("(") else [])
    if cur.accept_word("MATCH"):
        cur.expect_ident()
    while cur.accept_word("ON"):
        if cur.accept_word("DELETE"):
            spec.on_delete = reference_action(cur)
        else:
            cur.expect_word("UPDATE")
            spec.on_update = reference_action(cur)
    return spec


def parse_table_options(cur: TokenCursor, options: dict[str, str]) -> bool:
    """Take ``[,] OPTION [=] value ...`` into `options` (upper-case name -> value); True when one was taken."""
    taken = False
    while True:
        start = cur.position
        if taken:
            cur.accept_op(",")
        default = cur.accept_word("DEFAULT")
        if cur.accept_word("CHARACTER", "SET") or cur.accept_word("CHARSET"):
            cur.accept_op("=")
            options["CHARSET"] = charset_name(cur)
        elif cur.accept_word("COLLATE"):
            cur.accept_op("=")
            options["COLLATE"] = charset_name(cur)
        elif cur.peek_any("DATA", "INDEX") and (second := cur.peek(1)) is not None and second.upper == "DIRECTORY":
            raise unsupported("DATA DIRECTORY")
        elif cur.peek_word("UNION") and (second := cur.peek(1)) is not None and second.text in ("=", "("):
            raise unsupported("MERGE tables")
        elif not default and (word := cur.accept_any(*_VALUE_OPTIONS)) is not None:
            cur.accept_op("=")
            token = cur.next()
            options["ENGINE" if word == "TYPE" else word] = str(token.value)
        else:
            cur.position = start
            return taken
        taken = True
