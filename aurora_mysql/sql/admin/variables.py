"""System variables of one instance and its sessions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aurora_mysql.catalog.charsets import charset_named, collation_named
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.admin.variable_table import SQL_MODES, VARIABLES, Variable
from aurora_mysql.sql.cluster_view import ClusterView
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.functions.temporal import zone
from aurora_mysql.sql.result import Value

if TYPE_CHECKING:
    from aurora_mysql.engine.engine import Engine

_OFFSET = re.compile(r"([+-])(\d{1,2}):(\d{2})$")
_ANSI = ["REAL_AS_FLOAT", "PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE", "ONLY_FULL_GROUP_BY", "ANSI"]
_TRADITIONAL = ["STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "NO_ZERO_IN_DATE", "NO_ZERO_DATE"]
_TRADITIONAL += ["ERROR_FOR_DIVISION_BY_ZERO", "TRADITIONAL", "NO_ENGINE_SUBSTITUTION"]
_COMBINATIONS = {"TRADITIONAL": _TRADITIONAL, "ANSI": _ANSI}


class SystemVariables:
    """Globals live in this instance and end with it, like Aurora's instance parameters, but for those that SET PERSIST
    keeps in the catalog for all instances. A session's own values are in its context. `settings` are configured values
    (fields of the cluster's configuration)."""

    def __init__(self, cluster: ClusterView, engine: Engine, settings: Mapping[str, Any] | None = None) -> None:
        settings = settings or {}
        self._engine = engine
        #: Grows with every change of a global value.
        self.version = 0
        self._globals: dict[str, Any] = {name: variable.default for name, variable in VARIABLES.items()}
        for name, field in (
            ("max_connections", "max_connections"),
            ("max_allowed_packet", "max_allowed_packet_bytes"),
            ("require_secure_transport", "require_secure_transport"),
            ("default_authentication_plugin", "default_authentication_plugin"),
        ):
            if field in settings:
                self._globals[name] = settings[field]
        self._globals["secure_file_priv"] = settings.get("secure_file_dir") or None
        self._kept: Mapping[str, Any] = {}
        self._computed: dict[str, Callable[[], Value]] = {
            "hostname": lambda: cluster.hostname,
            "port": lambda: cluster.port,
            "server_uuid": lambda: cluster.cluster_id,
            "aurora_server_id": lambda: cluster.server_id,
            "aurora_cluster_id": lambda: cluster.cluster_id,
            "datadir": lambda: str(engine.directory) + "/",
            "innodb_read_only": lambda: not cluster.is_writer(),
            "read_only": lambda: not cluster.is_writer(),
            "innodb_buffer_pool_size": lambda: engine.options.row_store_bytes,
        }

    def _adopt(self) -> None:
        """Take what SET PERSIST has kept in the catalog since it was last looked at, here or on the writer."""
        kept = self._engine.catalog.globals
        if kept is self._kept:
            return
        for name, value in kept.items():
            if name in VARIABLES and self._kept.get(name) != value:
                self._globals[name] = value
                self.version += 1
        self._kept = kept

    def persistable(self, name: str, value: Value, ctx: SessionContext) -> Value:
        """What SET PERSIST keeps of `value` (None: the default). Raises as :meth:`set` for a global variable."""
        variable = VARIABLES.get(name)
        if variable is None:
            raise mysql_error(1238, name, "read only") if name in self._computed else mysql_error(1193, name)
        if not variable.dynamic:
            raise mysql_error(1238, name, "non persistent read only")
        if variable.scope == "session":
            raise mysql_error(1228, name)
        kept: Value = variable.default if value is None else _checked(name, variable, value, ctx)
        return kept

    def begin_session(self, ctx: SessionContext) -> None:
        """A session begins with the global values of its time; what is the default anyway is not kept for it."""
        self._adopt()
        for name, variable in VARIABLES.items():
            value = self._globals[name]
            if (
                variable.scope != "both"
                or value == variable.default
                or name.startswith(("character_set_", "collation_"))
            ):
                continue
            if name == "autocommit":
                ctx.autocommit = bool(value)
            else:
                ctx.variables[name] = value

    def global_value(self, name: str) -> Value:
        """A global variable's value, of a name that there is."""
        self._adopt()
        return self._globals[name]

    def of_session(self, name: str, ctx: SessionContext) -> Value:
        """As :meth:`get`, of a variable (lower case) that is kept in the session like any other; quicker."""
        self._adopt()
        return ctx.variables.get(name, self._globals[name])

    def get(self, name: str, ctx: SessionContext, scope: str | None = None) -> Value:
        """What ``@@name`` is; a Boolean as 1 or 0.

        Raises:
            MySQLError: 1193 unknown, 1238 when `scope` is one it does not have.
        """
        name = name.lower()
        value = self._value(name, ctx, scope.lower() if scope else None)
        return int(value) if isinstance(value, bool) else value

    def _value(self, name: str, ctx: SessionContext, scope: str | None) -> Value:
        if name in self._computed:
            return self._computed[name]()
        variable = VARIABLES.get(name)
        if variable is None:
            raise mysql_error(1193, name)
        self._adopt()
        if scope == "session" and variable.scope == "global":
            raise mysql_error(1238, name, "GLOBAL")
        if scope == "global":
            if variable.scope == "session":
                raise mysql_error(1238, name, "SESSION")
            return self._globals[name]
        if name == "autocommit":
            return ctx.autocommit
        if name in ("last_insert_id", "identity"):
            return ctx.last_insert_id
        if name == "pseudo_thread_id":
            return ctx.connection_id
        if name == "timestamp" and not ctx.variables.get("timestamp"):
            return dt.datetime.now(dt.UTC).timestamp()
        if name in ("character_set_database", "collation_database"):
            database = self._engine.catalog.databases.get(ctx.database)
            if database is not None:
                return database.charset if name == "character_set_database" else database.collation
            return self._globals[name]
        return ctx.variables.get(name, self._globals[name])

    def all(self, scope: str) -> Iterator[tuple[str, Value]]:
        """(name, value) of every variable that has `scope` ('GLOBAL' or 'SESSION')."""
        self._adopt()
        for name, compute in self._computed.items():
            yield name, compute()
        for name, variable in VARIABLES.items():
            if name not in self._computed and not (scope.upper() == "GLOBAL" and variable.scope == "session"):
                yield name, self._globals[name]

    def set(self, name: str, value: Value, ctx: SessionContext, scope: str) -> None:
        """SET; `scope` is 'global' or 'session'; a value of None is DEFAULT.

        Raises:
            MySQLError: 1193, 1238 (read-only), 1228/1229 (wrong scope), 1231/1232 (wrong value), 1298 (time zone).
        """
        self._adopt()
        name = name.lower()
        variable = VARIABLES.get(name)
        if variable is None:
            raise mysql_error(1238, name, "read only") if name in self._computed else mysql_error(1193, name)
        if not variable.dynamic:
            raise mysql_error(1238, name, "read only")
        if scope == "global" and variable.scope == "session":
            raise mysql_error(1228, name)
        if scope == "session" and variable.scope == "global":
            raise mysql_error(1229, name)
        if value is None:
            value = variable.default if scope == "global" else self._globals[name]
        else:
            value = _checked(name, variable, value, ctx)
        if scope == "global":
            self._globals[name] = value
            self.version += 1
        elif name == "autocommit":
            ctx.autocommit = bool(value)
        elif name in ("last_insert_id", "identity"):
            ctx.last_insert_id = int(value)
        else:
            ctx.variables[name] = value


def _checked(name: str, variable: Variable, value: Value, ctx: SessionContext) -> Value:
    default = variable.default
    if name == "sql_mode":
        return _sql_mode(value)
    if name == "time_zone":
        return _time_zone(value)
    if variable.choices:
        return _choice(name, variable.choices, value)
    if isinstance(default, bool):
        return _boolean(name, value)
    if isinstance(default, int):
        return _integer(name, variable, value, ctx)
    if isinstance(default, float):
        if isinstance(value, str | bytes):
            raise mysql_error(1232, name)
        return float(value)
    if name.startswith(("character_set_", "collation_")):
        return _charset(name, value)
    if not isinstance(value, str):
        raise mysql_error(1232, name)
    return value


def _boolean(name: str, value: Value) -> bool:
    text = str(value).upper()
    if text in ("1", "ON", "TRUE"):
        return True
    if text in ("0", "OFF", "FALSE"):
        return False
    raise mysql_error(1231, name, value)


def _integer(name: str, variable: Variable, value: Value, ctx: SessionContext) -> Value:
    if isinstance(value, bool) or not isinstance(value, int):
        if name == "timestamp" and not isinstance(value, str):
            return float(value)
        raise mysql_error(1232, name)
    bounded = min(max(value, variable.low), variable.high)
    if bounded != value:
        ctx.warn("Warning", 1292, f"Truncated incorrect {name} value: '{value}'")
    return bounded


def _choice(name: str, choices: tuple[str, ...], value: Value) -> str:
    if isinstance(value, int) and 0 <= value < len(choices):
        return choices[value]
    for choice in choices:
        if str(value).upper().replace(" ", "-") == choice.upper().replace(" ", "-"):
            return choice
    raise mysql_error(1231, name, value)


def _sql_mode(value: Value) -> str:
    if isinstance(value, int):
        if value:
            raise mysql_error(1231, "sql_mode", value)
        return ""
    wanted: set[str] = set()
    for word in filter(None, (part.strip().upper() for part in str(value).split(","))):
        if word not in SQL_MODES:
            raise mysql_error(1231, "sql_mode", word)
        wanted.update(_COMBINATIONS.get(word, [word]))
    return ",".join(mode for mode in SQL_MODES if mode in wanted)


def _time_zone(value: Value) -> str:
    name = str(value)
    if name.upper() == "SYSTEM":
        return "SYSTEM"
    offset = _OFFSET.match(name)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3])
        if int(offset[3]) < 60 and minutes <= (14 * 60 if offset[1] == "+" else 13 * 60 + 59):
            return f"{offset[1]}{int(offset[2]):02d}:{offset[3]}"
    elif zone(name) is not None:
        return name
    raise mysql_error(1298, name)


def _charset(name: str, value: Value) -> str:
    text = str(value)
    return collation_named(text).name if name.startswith("collation_") else charset_named(text).name
