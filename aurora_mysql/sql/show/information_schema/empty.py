"""Relations that every MySQL server has and that hold nothing here: tools look at them before they go on.

Names ending in ``#`` are numbers, in ``@`` moments; the rest is text.
"""

from __future__ import annotations

from aurora_mysql.catalog.model import ColumnType
from aurora_mysql.sql.show.virtual import VirtualRelation, big, empty, moment, text


def _column(name: str) -> tuple[str, ColumnType]:
    if name.endswith("#"):
        return name[:-1], big(False)
    if name.endswith("@"):
        return name[:-1], moment()
    return name, text(256)


def relations(table: str) -> dict[str, VirtualRelation]:
    """Relations without rows, one a line: its name and its columns."""
    found = {}
    for line in table.strip().splitlines():
        name, *columns = line.split()
        found[name] = empty(*map(_column, columns))
    return found


INFORMATION_SCHEMA = relations(
    """
    column_statistics SCHEMA_NAME TABLE_NAME COLUMN_NAME HISTOGRAM
    innodb_buffer_page POOL_ID# BLOCK_ID# SPACE# PAGE_NUMBER# PAGE_TYPE TABLE_NAME INDEX_NAME NUMBER_RECORDS# DATA_SIZE#
    innodb_cmp page_size# compress_ops# compress_ops_ok# compress_time# uncompress_ops# uncompress_time#
    innodb_columns TABLE_ID# NAME POS# MTYPE# PRTYPE# LEN# HAS_DEFAULT# DEFAULT_VALUE
    innodb_datafiles SPACE PATH
    innodb_fields INDEX_ID NAME POS#
    innodb_foreign ID FOR_NAME REF_NAME N_COLS# TYPE#
    innodb_foreign_cols ID FOR_COL_NAME REF_COL_NAME POS#
    innodb_ft_config KEY VALUE
    innodb_indexes INDEX_ID# NAME TABLE_ID# TYPE# N_FIELDS# PAGE_NO# SPACE# MERGE_THRESHOLD#
    innodb_tablespaces SPACE# NAME FLAG# ROW_FORMAT PAGE_SIZE# ZIP_PAGE_SIZE# SPACE_TYPE FS_BLOCK_SIZE# FILE_SIZE# ALLOCATED_SIZE# STATE
    innodb_temp_table_info TABLE_ID# NAME N_COLS# SPACE#
    innodb_virtual TABLE_ID# POS# BASE_POS#
    optimizer_trace QUERY TRACE MISSING_BYTES_BEYOND_MAX_MEM_SIZE# INSUFFICIENT_PRIVILEGES#
    profiling QUERY_ID# SEQ# STATE DURATION CPU_USER CPU_SYSTEM CONTEXT_VOLUNTARY# CONTEXT_INVOLUNTARY# SOURCE_FUNCTION SOURCE_FILE SOURCE_LINE#
    resource_groups RESOURCE_GROUP_NAME RESOURCE_GROUP_TYPE RESOURCE_GROUP_ENABLED# VCPU_IDS THREAD_PRIORITY#
    st_geometry_columns TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME SRS_NAME SRS_ID# GEOMETRY_TYPE_NAME
    st_spatial_reference_systems SRS_NAME SRS_ID# ORGANIZATION ORGANIZATION_COORDSYS_ID# DEFINITION DESCRIPTION
    tablespaces TABLESPACE_NAME ENGINE TABLESPACE_TYPE LOGFILE_GROUP_NAME EXTENT_SIZE# AUTOEXTEND_SIZE# MAXIMUM_SIZE# NODEGROUP_ID# TABLESPACE_COMMENT
    tablespaces_extensions TABLESPACE_NAME ENGINE_ATTRIBUTE
    user_attributes USER HOST ATTRIBUTE
    view_routine_usage TABLE_CATALOG TABLE_SCHEMA TABLE_NAME SPECIFIC_CATALOG SPECIFIC_SCHEMA SPECIFIC_NAME
    """  # noqa: E501
)

PERFORMANCE_SCHEMA = relations(
    """
    error_log LOGGED@ THREAD_ID# PRIO ERROR_CODE SUBSYSTEM DATA
    events_statements_current THREAD_ID# EVENT_ID# END_EVENT_ID# EVENT_NAME SOURCE TIMER_START# TIMER_END# TIMER_WAIT# LOCK_TIME# SQL_TEXT DIGEST DIGEST_TEXT CURRENT_SCHEMA
    events_statements_history THREAD_ID# EVENT_ID# END_EVENT_ID# EVENT_NAME SOURCE TIMER_START# TIMER_END# TIMER_WAIT# LOCK_TIME# SQL_TEXT DIGEST DIGEST_TEXT CURRENT_SCHEMA
    events_statements_summary_by_digest SCHEMA_NAME DIGEST DIGEST_TEXT COUNT_STAR# SUM_TIMER_WAIT# MIN_TIMER_WAIT# AVG_TIMER_WAIT# MAX_TIMER_WAIT# SUM_LOCK_TIME# SUM_ERRORS# SUM_WARNINGS# SUM_ROWS_AFFECTED# SUM_ROWS_SENT# SUM_ROWS_EXAMINED# FIRST_SEEN@ LAST_SEEN@
    events_waits_current THREAD_ID# EVENT_ID# END_EVENT_ID# EVENT_NAME SOURCE TIMER_START# TIMER_END# TIMER_WAIT#
    events_waits_summary_global_by_event_name EVENT_NAME COUNT_STAR# SUM_TIMER_WAIT# MIN_TIMER_WAIT# AVG_TIMER_WAIT# MAX_TIMER_WAIT#
    file_summary_by_instance FILE_NAME EVENT_NAME COUNT_STAR# SUM_TIMER_WAIT# COUNT_READ# COUNT_WRITE#
    host_cache IP HOST HOST_VALIDATED SUM_CONNECT_ERRORS# COUNT_HOST_BLOCKED_ERRORS# COUNT_NAMEINFO_TRANSIENT_ERRORS# COUNT_NAMEINFO_PERMANENT_ERRORS# FIRST_SEEN@ LAST_SEEN@
    keyring_keys KEY_ID KEY_OWNER BACKEND_KEY_ID
    memory_summary_global_by_event_name EVENT_NAME COUNT_ALLOC# COUNT_FREE# CURRENT_COUNT_USED# CURRENT_NUMBER_OF_BYTES_USED# HIGH_NUMBER_OF_BYTES_USED#
    persisted_variables VARIABLE_NAME VARIABLE_VALUE
    prepared_statements_instances OBJECT_INSTANCE_BEGIN# STATEMENT_ID# STATEMENT_NAME SQL_TEXT OWNER_THREAD_ID# OWNER_EVENT_ID#
    replication_applier_status CHANNEL_NAME SERVICE_STATE REMAINING_DELAY# COUNT_TRANSACTIONS_RETRIES#
    replication_connection_configuration CHANNEL_NAME HOST PORT# USER
    replication_connection_status CHANNEL_NAME GROUP_NAME SOURCE_UUID THREAD_ID# SERVICE_STATE
    replication_group_members CHANNEL_NAME MEMBER_ID MEMBER_HOST MEMBER_PORT# MEMBER_STATE MEMBER_ROLE MEMBER_VERSION
    setup_actors HOST USER ROLE ENABLED HISTORY
    setup_consumers NAME ENABLED
    setup_instruments NAME ENABLED TIMED PROPERTIES VOLATILITY# DOCUMENTATION
    table_io_waits_summary_by_index_usage OBJECT_TYPE OBJECT_SCHEMA OBJECT_NAME INDEX_NAME COUNT_STAR# SUM_TIMER_WAIT# COUNT_READ# COUNT_WRITE# COUNT_FETCH# COUNT_INSERT# COUNT_UPDATE# COUNT_DELETE#
    table_io_waits_summary_by_table OBJECT_TYPE OBJECT_SCHEMA OBJECT_NAME COUNT_STAR# SUM_TIMER_WAIT# COUNT_READ# COUNT_WRITE# COUNT_FETCH# COUNT_INSERT# COUNT_UPDATE# COUNT_DELETE#
    """  # noqa: E501
)

MYSQL = relations(
    """
    func name ret# dl type
    general_log event_time@ user_host thread_id# server_id# command_type argument
    help_category help_category_id# name parent_category_id# url
    help_keyword help_keyword_id# name
    help_topic help_topic_id# name help_category_id# description example url
    plugin name dl
    servers Server_name Host Db Username Password Port# Socket Wrapper Owner
    slow_log start_time@ user_host query_time lock_time rows_sent# rows_examined# db last_insert_id# insert_id# server_id# sql_text thread_id#
    """  # noqa: E501
)
