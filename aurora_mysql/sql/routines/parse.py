"""From source text to the tree of a stored program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.ddl.parse_column import parse_type
from aurora_mysql.sql.fingerprint import Statement, split
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.routines.tree import (
    Assign,
    Block,
    Case,
    Condition,
    Cursor,
    CursorStep,
    Diagnostics,
    Handler,
    If,
    Jump,
    Loop,
    Node,
    Parameter,
    Return,
    Signal,
    Sql,
    Variables,
)

_INFORMATION = {
    "CLASS_ORIGIN", "SUBCLASS_ORIGIN", "CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "CATALOG_NAME",
    "SCHEMA_NAME", "TABLE_NAME", "COLUMN_NAME", "CURSOR_NAME", "MESSAGE_TEXT", "MYSQL_ERRNO",
}  # fmt: skip
#: Statements that MySQL does not take inside a stored program.
_REFUSED = {"LOAD", "LOCK", "UNLOCK", "USE", "HANDLER"}
_DYNAMIC = {"PREPARE", "EXECUTE", "DEALLOCATE"}
#: Verbs that commit, explicitly or not.
_COMMITS = {
    "COMMIT", "ROLLBACK", "START", "BEGIN", "CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "GRANT", "REVOKE", "FLUSH",
    "ANALYZE", "OPTIMIZE", "REPAIR", "XA",
}  # fmt: skip
#: Verbs whose result is rows.
_RESULTS = {"SELECT", "WITH", "(", "TABLE", "VALUES", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "CHECK"}


def parse_parameters(source: str, kind: str) -> list[Parameter]:
    """The text between the parentheses of a procedure's or function's definition. Raises 1064, 1331."""
    cur = TokenCursor.of(source)
    found: list[Parameter] = []
    while not cur.at_end:
        mode = (cur.accept_any("IN", "OUT", "INOUT") or "IN") if kind == "PROCEDURE" else "IN"
        name = cur.expect_ident().lower()
        if any(p.name == name for p in found):
            raise mysql_error(1331, name)
        found.append(Parameter(name, parse_type(cur), mode))
        if not cur.accept_op(","):
            cur.expect_end()
    return found


def _is_event_definition(pieces: Sequence[str]) -> bool:
    """CREATE or ALTER of an event with a body."""
    words = [piece.upper() for piece in pieces]
    return words[0] in ("CREATE", "ALTER") and "EVENT" in words[1:12] and "DO" in words


class BodyParser:
    """One use per body. `kind`: PROCEDURE, FUNCTION, TRIGGER or EVENT; what of other kinds it contains is an error."""

    def __init__(self, source: str, kind: str, parameters: list[str], *, ansi_quotes: bool = False) -> None:
        self._kind = kind
        self._ansi = ansi_quotes
        self.cur = TokenCursor.of(source, ansi_quotes=ansi_quotes)
        self._labels: list[tuple[str, bool]] = []
        self._names: list[set[str]] = [set(parameters)]
        self._cursors: list[set[str]] = []
        self._conditions: list[dict[str, Condition]] = []
        self.returns = False

    def parse(self) -> Node:
        """The whole body, to the end of the source.

        Raises:
            MySQLError: 1064, 1308, 1309, 1313, 1314, 1319, 1324, 1327, 1331 to 1333, 1337, 1338.
        """
        body = self._node()
        self.cur.expect_end()
        if self._kind == "FUNCTION" and not self.returns:
            raise mysql_error(1320, "")
        return body

    # --- statements ------------------------------------------------------------------------------------------

    def _list(self, *ends: str) -> list[Node]:
        """Statements with their semicolons, up to one of these keywords."""
        found: list[Node] = []
        while not self.cur.peek_any(*ends):
            if self.cur.at_end:
                raise self.cur.syntax_error()
            found.append(self._node())
            self.cur.expect_op(";")
        return found

    def _node(self) -> Node:
        cur = self.cur
        label = self._label()
        if cur.peek_word("BEGIN") and not cur.peek_word("BEGIN", "WORK"):
            return self._block(label)
        kind = cur.accept_any("LOOP", "WHILE") or ("REPEAT" if self._accept_repeat() else None)
        if kind is not None:
            return self._loop(kind, label)
        if label:
            raise cur.syntax_error()
        token = cur.peek()
        word = token.upper if token is not None and token.kind == "word" else ""
        kinds: dict[str, Callable[[], Node]] = {
            "IF": self._if,
            "CASE": self._case,
            "LEAVE": self._jump,
            "ITERATE": self._jump,
            "RETURN": self._return,
            "OPEN": self._cursor_step,
            "FETCH": self._cursor_step,
            "CLOSE": self._cursor_step,
            "SIGNAL": self._signal,
            "RESIGNAL": self._signal,
            "GET": self._diagnostics,
            "SET": self._set,
        }
        return kinds.get(word, self._sql)()

    def _label(self) -> str:
        token, following = self.cur.peek(), self.cur.peek(1)
        if token is None or following is None or token.kind not in ("word", "ident") or following.text != ":":
            return ""
        self.cur.position += 2
        name = str(token.value).lower()
        if any(name == known for known, _ in self._labels):
            raise mysql_error(1309, name)
        return name

    def _accept_repeat(self) -> bool:
        return self.cur.accept_word("REPEAT")

    def _end_label(self, label: str) -> None:
        token = self.cur.peek()
        if token is not None and token.kind in ("word", "ident") and token.upper != "UNTIL":
            self.cur.next()
            if str(token.value).lower() != label:
                raise mysql_error(1308, "END", token.value)

    def _block(self, label: str) -> Block:
        cur = self.cur
        cur.expect_word("BEGIN")
        if cur.accept_word("NOT"):
            cur.expect_word("ATOMIC")
        block = Block([], label)
        self._labels.append((label, False))
        self._names.append(set())
        self._cursors.append(set())
        self._conditions.append({})
        while cur.accept_word("DECLARE"):
            self._declare(block)
            cur.expect_op(";")
        block.body = self._list("END")
        cur.expect_word("END")
        self._end_label(label)
        self._labels.pop()
        self._names.pop()
        self._cursors.pop()
        self._conditions.pop()
        return block

    def _declare(self, block: Block) -> None:
        cur = self.cur
        handler = cur.peek_word("EXIT", "HANDLER") or cur.peek_word("CONTINUE", "HANDLER")
        exits = cur.accept_any("EXIT", "CONTINUE") if handler else None
        if exits is not None:
            cur.expect_word("HANDLER", "FOR")
            conditions = [self._condition(named=True)]
            while cur.accept_op(","):
                conditions.append(self._condition(named=True))
            block.handlers.append(Handler(exits == "EXIT", conditions, self._node()))
            return
        name = cur.expect_ident().lower()
        if cur.accept_word("CONDITION"):
            cur.expect_word("FOR")
            if block.cursors or block.handlers:
                raise mysql_error(1337)
            if name in self._conditions[-1]:
                raise mysql_error(1332, name)
            self._conditions[-1][name] = self._condition(named=False)
            return
        if cur.accept_word("CURSOR"):
            cur.expect_word("FOR")
            if block.handlers:
                raise mysql_error(1338)
            if name in self._cursors[-1]:
                raise mysql_error(1333, name)
            statement, _ = self._statement()
            if statement.verb not in ("SELECT", "WITH", "(", "VALUES", "TABLE"):
                raise mysql_error(1322)
            self._cursors[-1].add(name)
            block.cursors.append(Cursor(name, statement))
            return
        if block.cursors or block.handlers:
            raise mysql_error(1337)
        names = [name]
        while cur.accept_op(","):
            names.append(cur.expect_ident().lower())
        for each in names:
            if each in self._names[-1]:
                raise mysql_error(1331, each)
            self._names[-1].add(each)
        kind = parse_type(cur)
        default = self._expression() if cur.accept_word("DEFAULT") else "NULL"
        block.variables.append(Variables(names, kind, default))

    def _condition(self, *, named: bool) -> Condition:
        cur = self.cur
        token = cur.peek()
        if token is not None and token.kind == "number":
            return Condition("errno", str(cur.expect_integer()))
        if cur.accept_word("SQLSTATE"):
            cur.accept_word("VALUE")
            state = cur.expect_string()
            if len(state) != 5 or state.startswith("00"):
                raise mysql_error(1407, state)
            return Condition("sqlstate", state.upper())
        if named:
            if cur.accept_word("NOT", "FOUND"):
                return Condition("NOT FOUND")
            word = cur.accept_any("SQLWARNING", "SQLEXCEPTION")
            if word is not None:
                return Condition(word)
            return self._named_condition()
        raise cur.syntax_error()

    def _named_condition(self) -> Condition:
        name = self.cur.expect_ident()
        for scope in reversed(self._conditions):
            if name.lower() in scope:
                return scope[name.lower()]
        raise mysql_error(1319, name)

    def _if(self) -> If:
        cur = self.cur
        cur.expect_word("IF")
        branches = []
        while True:
            condition = self._expression("THEN")
            cur.expect_word("THEN")
            branches.append((condition, self._list("ELSEIF", "ELSE", "END")))
            if not cur.accept_word("ELSEIF"):
                break
        otherwise = self._list("END") if cur.accept_word("ELSE") else []
        cur.expect_word("END", "IF")
        return If(branches, otherwise)

    def _case(self) -> Case:
        cur = self.cur
        cur.expect_word("CASE")
        operand = None if cur.peek_word("WHEN") else self._expression("WHEN")
        branches = []
        while cur.accept_word("WHEN"):
            condition = self._expression("THEN")
            cur.expect_word("THEN")
            branches.append((condition, self._list("WHEN", "ELSE", "END")))
        if not branches:
            raise cur.syntax_error()
        otherwise = self._list("END") if cur.accept_word("ELSE") else None
        cur.expect_word("END", "CASE")
        return Case(operand, branches, otherwise)

    def _loop(self, kind: str, label: str) -> Loop:
        cur = self.cur
        loop = Loop(kind, [], label=label)
        self._labels.append((label, True))
        if kind == "WHILE":
            loop.condition = self._expression("DO")
            cur.expect_word("DO")
        loop.body = self._list("UNTIL" if kind == "REPEAT" else "END")
        if kind == "REPEAT":
            cur.expect_word("UNTIL")
            loop.condition = self._expression("END")
        cur.expect_word("END", kind)
        self._end_label(label)
        self._labels.pop()
        return loop

    def _jump(self) -> Jump:
        leave = self.cur.next().upper == "LEAVE"
        label = self.cur.expect_ident().lower()
        if not any(label == known and (leave or is_loop) for known, is_loop in self._labels):
            raise mysql_error(1308, "LEAVE" if leave else "ITERATE", label)
        return Jump(leave, label)

    def _return(self) -> Return:
        if self._kind != "FUNCTION":
            raise mysql_error(1313)
        self.cur.expect_word("RETURN")
        self.returns = True
        return Return(self._expression())

    def _cursor_step(self) -> CursorStep:
        cur = self.cur
        verb = cur.next().upper
        if verb == "FETCH":
            if cur.accept_word("NEXT"):
                cur.expect_word("FROM")
            else:
                cur.accept_word("FROM")
        name = cur.expect_ident().lower()
        if not any(name in scope for scope in self._cursors):
            raise mysql_error(1324, name)
        into: list[str] = []
        if verb == "FETCH":
            cur.expect_word("INTO")
            into.append(self._local(cur.expect_ident()))
            while cur.accept_op(","):
                into.append(self._local(cur.expect_ident()))
        return CursorStep(verb, name, into)

    def _signal(self) -> Signal:
        cur = self.cur
        resignal = cur.next().upper == "RESIGNAL"
        condition = None
        if not resignal or not (cur.peek_word("SET") or cur.peek_op(";") or cur.at_end):
            condition = self._condition(named=False) if cur.peek_word("SQLSTATE") else self._named_condition()
            if condition.kind != "sqlstate":
                raise mysql_error(1646)
        items: dict[str, str] = {}
        if cur.accept_word("SET"):
            while True:
                name = cur.expect_ident().upper()
                if name not in _INFORMATION:
                    raise cur.syntax_error()
                cur.expect_op("=")
                items[name] = self._expression(",")
                if not cur.accept_op(","):
                    break
        return Signal(condition, items, resignal)

    def _diagnostics(self) -> Diagnostics:
        cur = self.cur
        cur.expect_word("GET")
        cur.accept_any("CURRENT", "STACKED")
        cur.expect_word("DIAGNOSTICS")
        number = ""
        if cur.accept_word("CONDITION"):
            token = cur.next()
            number = token.text
        items = []
        while True:
            token = cur.next()
            target = "@" + str(token.value).lower() if token.kind == "uservar" else self._local(str(token.value))
            cur.expect_op("=")
            items.append((target, cur.expect_ident().upper()))
            if not cur.accept_op(","):
                return Diagnostics(items, number)

    def _local(self, name: str) -> str:
        if not any(name.lower() in scope for scope in self._names):
            raise mysql_error(1327, name)
        return name.lower()

    def _set(self) -> Node:
        """SET of local variables and columns of NEW; anything else in it goes to the server's SET."""
        cur = self.cur
        cur.next()
        found: list[Node] = []
        while True:
            token, dot, column = cur.peek(), cur.peek(1), cur.peek(2)
            if token is None:
                raise cur.syntax_error()
            name = str(token.value).lower() if token.kind in ("word", "ident") else ""
            row: str | None = None
            if self._kind == "TRIGGER" and name in ("new", "old") and dot is not None and dot.text == "." and column:
                if name == "old":
                    raise mysql_error(1362, "OLD", "")
                cur.position += 3
                row, name = "NEW", str(column.value)
            elif any(name in scope for scope in self._names) and dot is not None and dot.text in ("=", ":="):
                cur.position += 1
                row = ""
            if row is not None:
                cur.expect_op("=", ":=")
                found.append(Assign(name, self._expression(","), row))
            else:
                (statement,) = split(f"SET {self._expression(',')}", ansi_quotes=self._ansi)
                found.append(Sql(statement))
            if not cur.accept_op(","):
                return found[0] if len(found) == 1 else Block(found)

    # --- source text -----------------------------------------------------------------------------------------

    def _expression(self, *ends: str) -> str:
        """Source of an expression up to a keyword or operator of `ends`, or the semicolon, at its own level."""
        cur = self.cur
        start, depth, cases = cur.position, 0, 0
        while not cur.at_end:
            token = cur.peek()
            assert token is not None
            if (
                depth == 0
                and cases == 0
                and cur.position > start
                and token.upper in ends
                and token.kind in ("word", "op")
            ):
                break
            if token.kind == "op":
                if depth == 0 and (token.text in (";", ")") or (token.text == "," and "," in ends)):
                    break
                depth += (token.text == "(") - (token.text == ")")
            elif token.kind == "word":
                cases += (token.upper == "CASE") - (token.upper == "END" and cases > 0)
            cur.position += 1
        text = cur.text_between(start, cur.position)
        if not text:
            raise cur.syntax_error()
        return text

    def _source_to_semicolon(self) -> str:
        cur = self.cur
        start = cur.position
        while not cur.at_end and not cur.peek_op(";"):
            cur.position += 1
        return cur.text_between(start, cur.position)

    def _statement(self) -> tuple[Statement, list[str]]:
        """An SQL statement, and the targets of its INTO."""
        source = self._source_to_semicolon()
        statements = split(source, ansi_quotes=self._ansi)
        if len(statements) != 1:
            raise self.cur.syntax_error()
        statement = statements[0]
        if statement.verb in _REFUSED:
            raise mysql_error(1314, statement.verb)
        if self._kind == "EVENT" and _is_event_definition(statement.pieces):
            raise mysql_error(1576)
        if self._kind in ("FUNCTION", "TRIGGER"):
            self._check_within(statement)
        into: list[str] = []
        if statement.verb in ("SELECT", "WITH", "(", "TABLE", "VALUES"):
            statement, into = self._without_into(statement)
        return statement, into

    def _check_within(self, statement: Statement) -> None:
        """Refuse what would end the transaction of the statement that a function or trigger belongs to."""
        words = [piece.upper() for piece in statement.pieces[:3]]
        if words[0] in _DYNAMIC:
            raise mysql_error(1336)
        if words[0] in _COMMITS and not ("TEMPORARY" in words or words[:2] == ["ROLLBACK", "TO"]):
            raise mysql_error(1422)

    def _sql(self) -> Sql:
        statement, into = self._statement()
        if self._kind in ("FUNCTION", "TRIGGER") and statement.verb in _RESULTS and not into:
            raise mysql_error(1415, self._kind.lower())
        return Sql(statement, into)

    def _without_into(self, statement: Statement) -> tuple[Statement, list[str]]:
        pieces = statement.pieces
        depth = 0
        for at, piece in enumerate(pieces):
            depth += (piece == "(") - (piece == ")")
            if depth or piece.upper() != "INTO" or at in statement.literals:
                continue
            following = pieces[at + 1].upper() if at + 1 < len(pieces) else ""
            if following in ("OUTFILE", "DUMPFILE"):
                return statement, []
            targets: list[str] = []
            end = at + 1
            while end < len(pieces):
                name = pieces[end].strip("`").lower()
                targets.append(name if name.startswith("@") else self._local(name))
                end += 1
                if end < len(pieces) and pieces[end] == ",":
                    end += 1
                    continue
                break
            kept = [i for i in range(len(pieces)) if not at <= i < end]
            literals = {new: statement.literals[old] for new, old in enumerate(kept) if old in statement.literals}
            texts = [pieces[i] for i in kept]
            return Statement(" ".join(texts), texts, literals, statement.verb), targets
        return statement, []
