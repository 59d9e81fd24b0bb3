"""The system variables: type, scope, default. Values are those of MySQL 8.0 unless the cluster knows better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from aurora_mysql import __version__

Scope = Literal["global", "session", "both"]

SERVER_VERSION = "8.0.39"
AURORA_VERSION = "3.08.0"
SQL_MODES = [
    "REAL_AS_FLOAT",
    "PIPES_AS_CONCAT",
    "ANSI_QUOTES",
    "IGNORE_SPACE",
    "ONLY_FULL_GROUP_BY",
    "NO_UNSIGNED_SUBTRACTION",
    "NO_DIR_IN_CREATE",
    "ANSI",
    "NO_AUTO_VALUE_ON_ZERO",
    "NO_BACKSLASH_ESCAPES",
    "STRICT_TRANS_TABLES",
    "STRICT_ALL_TABLES",
    "NO_ZERO_IN_DATE",
    "NO_ZERO_DATE",
    "ALLOW_INVALID_DATES",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "TRADITIONAL",
    # Gone from MySQL 8.0; dumps of older servers and of MariaDB set it. It has no effect.
    "NO_AUTO_CREATE_USER",
    "HIGH_NOT_PRECEDENCE",
    "NO_ENGINE_SUBSTITUTION",
    "PAD_CHAR_TO_FULL_LENGTH",
    "TIME_TRUNCATE_FRACTIONAL",
]
DEFAULT_SQL_MODE = (
    "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)


@dataclass(frozen=True, slots=True)
class Variable:
    """`low`/`high` bound integers; `choices` an enumeration; `dynamic` False is read-only."""

    default: Any
    scope: Scope = "both"
    dynamic: bool = True
    low: int = 0
    high: int = 2**64 - 1
    choices: tuple[str, ...] = ()


def _fixed(default: Any) -> Variable:
    return Variable(default, "global", False)


def _number(default: int, low: int = 0, high: int = 2**64 - 1, scope: Scope = "both") -> Variable:
    return Variable(default, scope, True, low, high)


VARIABLES: dict[str, Variable] = {
    # identity
    "version": _fixed(SERVER_VERSION),
    "version_comment": _fixed(f"aurora-mysql {__version__}"),
    "version_compile_machine": _fixed("x86_64"),
    "version_compile_os": _fixed("Linux"),
    "aurora_version": _fixed(AURORA_VERSION),
    "protocol_version": _fixed(10),
    "license": _fixed("Apache-2.0"),
    "lower_case_table_names": _fixed(0),
    "lower_case_file_system": _fixed(False),
    "system_time_zone": _fixed("UTC"),
    "secure_file_priv": _fixed(None),
    "socket": _fixed(""),
    "skip_networking": _fixed(False),
    "log_bin": _fixed(False),
    "have_ssl": _fixed("YES"),
    "have_openssl": _fixed("YES"),
    "have_query_cache": _fixed("NO"),
    "have_profiling": _fixed("NO"),
    "performance_schema": _fixed(False),
    "character_set_system": _fixed("utf8mb3"),
    "character_sets_dir": _fixed(""),
    "innodb_page_size": _fixed(16384),
    "innodb_version": _fixed(SERVER_VERSION),
    "innodb_autoinc_lock_mode": _fixed(2),
    "explicit_defaults_for_timestamp": Variable(True),
    "default_authentication_plugin": _fixed("caching_sha2_password"),
    "gtid_mode": _fixed("OFF"),
    "gtid_executed": _fixed(""),
    "gtid_purged": Variable("", "global", choices=("", "+")),
    "report_host": _fixed(""),
    "activate_all_roles_on_login": Variable(False, "global"),
    "automatic_sp_privileges": Variable(True, "global"),
    "mandatory_roles": Variable("", "global"),
    # sessions
    "aurora_offload_reads": Variable(False),
    "autocommit": Variable(True),
    "auto_increment_increment": _number(1, 1, 1),
    "auto_increment_offset": _number(1, 1, 1),
    "big_tables": Variable(False),
    "character_set_client": Variable("utf8mb4"),
    "character_set_connection": Variable("utf8mb4"),
    "character_set_database": Variable("utf8mb4"),
    "character_set_filesystem": Variable("binary"),
    "character_set_results": Variable("utf8mb4"),
    "character_set_server": Variable("utf8mb4"),
    "collation_connection": Variable("utf8mb4_0900_ai_ci"),
    "collation_database": Variable("utf8mb4_0900_ai_ci"),
    "collation_server": Variable("utf8mb4_0900_ai_ci"),
    "default_collation_for_utf8mb4": Variable("utf8mb4_0900_ai_ci"),
    "completion_type": Variable("NO_CHAIN", choices=("NO_CHAIN",)),
    "connect_timeout": _number(10, 2, 31536000, "global"),
    "cte_max_recursion_depth": _number(1000, 0, 2**32 - 1),
    "event_scheduler": Variable("ON", "global", choices=("OFF", "ON")),
    "default_storage_engine": Variable("InnoDB", choices=("InnoDB",)),
    "default_tmp_storage_engine": Variable("InnoDB", choices=("InnoDB",)),
    "default_week_format": _number(0, 0, 7),
    "div_precision_increment": _number(4, 4, 4),
    "foreign_key_checks": Variable(True),
    "group_concat_max_len": _number(1024, 4),
    "identity": _number(0, scope="session"),
    "init_connect": Variable("", "global"),
    "innodb_lock_wait_timeout": _number(50, 1, 1073741824),
    "innodb_read_only": _fixed(False),
    "innodb_rollback_on_timeout": _fixed(False),
    "innodb_strict_mode": Variable(True),
    "insert_id": _number(0, scope="session"),
    "interactive_timeout": _number(28800, 1, 31536000),
    "last_insert_id": _number(0, scope="session"),
    "lc_messages": Variable("en_US"),
    "lc_time_names": Variable("en_US", choices=("en_US",)),
    "local_infile": Variable(True, "global"),
    "lock_wait_timeout": _number(31536000, 1, 31536000),
    "log_output": Variable("FILE", "global"),
    "general_log": Variable(False, "global"),
    "slow_query_log": Variable(False, "global"),
    "long_query_time": Variable(10.0),
    "max_allowed_packet": _number(67108864, 1024, 1073741824),
    "max_connections": _number(1000, 1, 100000, "global"),
    "max_error_count": _number(1024, 1024, 1024),
    "max_execution_time": _number(0, 0, 2**32 - 1),
    "max_join_size": _number(2**64 - 1, 1),
    "max_prepared_stmt_count": _number(16382, 0, 4194304, "global"),
    "max_sort_length": _number(1024, 4, 8388608),
    "max_user_connections": _number(0, 0, 2**32 - 1),
    "net_buffer_length": _number(16384, 1024, 1048576),
    "net_read_timeout": _number(30, 1, 31536000),
    "net_write_timeout": _number(60, 1, 31536000),
    "old_passwords": _fixed(0),
    "optimizer_switch": Variable("index_merge=on"),
    "profiling": Variable(False),
    "profiling_history_size": _number(15, 0, 100),
    "pseudo_thread_id": _number(0, scope="session"),
    "query_cache_size": _fixed(0),
    "query_cache_type": _fixed("OFF"),
    "rand_seed1": _number(0, scope="session"),
    "rand_seed2": _number(0, scope="session"),
    "read_only": _fixed(False),
    "super_read_only": _fixed(False),
    "require_secure_transport": _fixed(False),
    "server_id": _fixed(1),
    "session_track_gtids": Variable("OFF", choices=("OFF",)),
    "session_track_schema": Variable(True),
    "session_track_state_change": Variable(False),
    "session_track_system_variables": Variable("time_zone,autocommit,character_set_client,character_set_results"),
    "session_track_transaction_info": Variable("OFF", choices=("OFF", "STATE", "CHARACTERISTICS")),
    "show_create_table_verbosity": Variable(False),
    "sql_auto_is_null": Variable(False, choices=()),
    "sql_big_selects": Variable(True),
    "sql_buffer_result": Variable(False),
    "sql_log_bin": Variable(True, "session"),
    "sql_log_off": Variable(False),
    "sql_mode": Variable(DEFAULT_SQL_MODE),
    "sql_notes": Variable(True),
    "sql_quote_show_create": Variable(True),
    "sql_require_primary_key": Variable(False),
    "sql_safe_updates": Variable(False),
    "sql_select_limit": _number(2**64 - 1),
    "sql_warnings": Variable(False),
    "table_open_cache": _number(4000, 1, 524288, "global"),
    "thread_cache_size": _number(9, 0, 16384, "global"),
    "time_zone": Variable("SYSTEM"),
    "timestamp": Variable(0, "session"),
    "tls_version": _fixed("TLSv1.2,TLSv1.3"),
    "tmp_table_size": _number(16777216, 1024),
    "max_heap_table_size": _number(16777216, 16384),
    "transaction_isolation": Variable(
        "REPEATABLE-READ", choices=("READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE")
    ),
    "transaction_read_only": Variable(False),
    "unique_checks": Variable(True),
    "updatable_views_with_limit": Variable(True),
    "wait_timeout": _number(28800, 1, 31536000),
    "windowing_use_high_precision": Variable(True),
}
