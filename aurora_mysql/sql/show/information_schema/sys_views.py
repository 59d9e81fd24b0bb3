"""The views of the sys schema: what the catalog tells is told; what MySQL would have measured is not there."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import permutations

from aurora_mysql.catalog.model import ColumnType, Index
from aurora_mysql.catalog.values import INTEGER_RANGES
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.show.information_schema.empty import relations
from aurora_mysql.sql.show.type_text import backtick, type_text
from aurora_mysql.sql.show.virtual import VirtualRelation, Visibility, big, columns_of, text

Rows = list[tuple[str | int | Decimal | None, ...]]


def _overview(ctx: SessionContext, services: InstanceServices) -> Rows:
    """How many objects of each kind a database has; of a key every column counts."""
    catalog = services.engine.catalog
    seen = Visibility(catalog, ctx)
    found: Counter[tuple[str, str]] = Counter()
    for (database, name), table in catalog.tables.items():
        if seen.table(database, name):
            found[database, "BASE TABLE"] += 1
            for index in table.indexes:
                found[database, f"INDEX ({index.kind})"] += len(index.parts)
    for database, name in catalog.views:
        if seen.table(database, name):
            found[database, "VIEW"] += 1
    for database, _ in catalog.triggers:
        found[database, "TRIGGER"] += seen.database(database)
    for database, _ in catalog.events:
        found[database, "EVENT"] += seen.database(database)
    for database, kind, _ in catalog.routines:
        found[database, kind] += seen.database(database)
    return [(database, kind, count) for (database, kind), count in sorted(found.items()) if count]


def _counters(ctx: SessionContext, services: InstanceServices) -> Rows:
    engine = services.engine
    seen = Visibility(engine.catalog, ctx)
    found: Rows = []
    for (database, name), table in sorted(engine.catalog.tables.items()):
        column = table.auto_increment_column
        if column is None or not seen.table(database, name):
            continue
        kind, unsigned = column.type.name, column.type.unsigned
        most = INTEGER_RANGES[kind, unsigned][1] if (kind, unsigned) in INTEGER_RANGES else 0
        value = engine.auto_increment_value(table)
        ratio = Decimal(f"{value / most:.4f}") if most and value is not None else None
        found.append(
            (database, name, column.name, kind, type_text(column.type), int(not unsigned), int(unsigned), most, value,
             ratio)
        )  # fmt: skip
    return found


def _redundant(first: Index, second: Index) -> bool:
    """Whether `second` makes `first` needless, as the view of MySQL's sys schema has it."""
    one, other = first.columns, second.columns
    if one == other:
        names = ["" if i.name == "PRIMARY" else i.name for i in (first, second)]
        return (not first.unique, names[0]) > (not second.unique, names[1])
    return (other[: len(one)] == one and not first.unique) or (one[: len(other)] == other and second.unique)


def _redundant_indexes(ctx: SessionContext, services: InstanceServices) -> Rows:
    catalog = services.engine.catalog
    seen = Visibility(catalog, ctx)
    found: Rows = []
    for (database, name), table in sorted(catalog.tables.items()):
        if not seen.table(database, name):
            continue
        keys = [index for index in table.indexes if index.kind == "BTREE"]
        for one, other in permutations(keys, 2):
            if _redundant(one, other):
                prefixes = any(part.length for part in (*one.parts, *other.parts))
                drop = f"ALTER TABLE {backtick(database)}.{backtick(name)} DROP INDEX {backtick(one.name)}"
                found.append(
                    (database, name, one.name, ",".join(one.columns), int(not one.unique), other.name,
                     ",".join(other.columns), int(not other.unique), int(prefixes), drop)
                )  # fmt: skip
    return found


_EMPTY = relations(
    """
    host_summary host statements# statement_latency statement_avg_latency table_scans# file_ios# file_io_latency current_connections# total_connections# unique_users# current_memory total_memory_allocated
    host_summary_by_file_io host ios# io_latency
    host_summary_by_file_io_type host event_name total# total_latency max_latency
    host_summary_by_stages host event_name total# total_latency avg_latency
    host_summary_by_statement_latency host total# total_latency max_latency lock_latency rows_sent# rows_examined# rows_affected# full_scans#
    host_summary_by_statement_type host statement total# total_latency max_latency lock_latency rows_sent# rows_examined# rows_affected# full_scans#
    innodb_buffer_stats_by_schema object_schema allocated data pages# pages_hashed# pages_old# rows_cached#
    innodb_buffer_stats_by_table object_schema object_name allocated data pages# pages_hashed# pages_old# rows_cached#
    io_by_thread_by_latency user total# total_latency min_latency avg_latency max_latency thread_id# processlist_id#
    io_global_by_file_by_bytes file count_read# total_read avg_read count_write# total_written avg_write total write_pct#
    io_global_by_file_by_latency file total# total_latency count_read# read_latency count_write# write_latency count_misc# misc_latency
    io_global_by_wait_by_bytes event_name total# total_latency min_latency avg_latency max_latency count_read# total_read avg_read count_write# total_written avg_written total_requested
    io_global_by_wait_by_latency event_name total# total_latency avg_latency max_latency read_latency write_latency misc_latency count_read# total_read avg_read count_write# total_written avg_written
    latest_file_io thread file latency operation requested
    memory_by_host_by_current_bytes host current_count_used# current_allocated current_avg_alloc current_max_alloc total_allocated
    memory_by_thread_by_current_bytes thread_id# user current_count_used# current_allocated current_avg_alloc current_max_alloc total_allocated
    memory_by_user_by_current_bytes user current_count_used# current_allocated current_avg_alloc current_max_alloc total_allocated
    memory_global_by_current_bytes event_name current_count# current_alloc current_avg_alloc high_count# high_alloc high_avg_alloc
    memory_global_total total_allocated
    metrics Variable_name Variable_value Type Enabled
    ps_check_lost_instrumentation variable_name variable_value
    schema_index_statistics table_schema table_name index_name rows_selected# select_latency rows_inserted# insert_latency rows_updated# update_latency rows_deleted# delete_latency
    schema_tables_with_full_table_scans object_schema object_name rows_full_scanned# latency
    schema_table_lock_waits object_schema object_name waiting_thread_id# waiting_pid# waiting_account waiting_lock_type waiting_lock_duration waiting_query waiting_query_secs# waiting_query_rows_affected# waiting_query_rows_examined# blocking_thread_id# blocking_pid# blocking_account blocking_lock_type blocking_lock_duration sql_kill_blocking_query sql_kill_blocking_connection
    schema_table_statistics table_schema table_name total_latency rows_fetched# fetch_latency rows_inserted# insert_latency rows_updated# update_latency rows_deleted# delete_latency io_read_requests# io_read io_read_latency io_write_requests# io_write io_write_latency io_misc_requests# io_misc_latency
    schema_table_statistics_with_buffer table_schema table_name rows_fetched# fetch_latency rows_inserted# insert_latency rows_updated# update_latency rows_deleted# delete_latency io_read_requests# io_read io_read_latency io_write_requests# io_write io_write_latency io_misc_requests# io_misc_latency innodb_buffer_allocated innodb_buffer_data innodb_buffer_free innodb_buffer_pages# innodb_buffer_pages_hashed# innodb_buffer_pages_old# innodb_buffer_rows_cached#
    schema_unused_indexes object_schema object_name index_name
    session_ssl_status thread_id# ssl_version ssl_cipher ssl_sessions_reused
    statements_with_errors_or_warnings query db exec_count# errors# error_pct# warnings# warning_pct# first_seen@ last_seen@ digest
    statements_with_full_table_scans query db exec_count# total_latency no_index_used_count# no_good_index_used_count# no_index_used_pct# rows_sent# rows_examined# rows_sent_avg# rows_examined_avg# first_seen@ last_seen@ digest
    statements_with_runtimes_in_95th_percentile query db full_scan exec_count# err_count# warn_count# total_latency max_latency avg_latency rows_sent# rows_sent_avg# rows_examined# rows_examined_avg# first_seen@ last_seen@ digest
    statements_with_sorting query db exec_count# total_latency sort_merge_passes# avg_sort_merges# sorts_using_scans# sort_using_range# rows_sorted# avg_rows_sorted# first_seen@ last_seen@ digest
    statements_with_temp_tables query db exec_count# total_latency memory_tmp_tables# disk_tmp_tables# avg_tmp_tables_per_query# tmp_tables_to_disk_pct# first_seen@ last_seen@ digest
    statement_analysis query db full_scan exec_count# err_count# warn_count# total_latency max_latency avg_latency lock_latency rows_sent# rows_sent_avg# rows_examined# rows_examined_avg# rows_affected# rows_affected_avg# tmp_tables# tmp_disk_tables# rows_sorted# sort_merge_passes# digest first_seen@ last_seen@
    sys_config variable value set_time@ set_by
    user_summary user statements# statement_latency statement_avg_latency table_scans# file_ios# file_io_latency current_connections# total_connections# unique_hosts# current_memory total_memory_allocated
    user_summary_by_file_io user ios# io_latency
    user_summary_by_file_io_type user event_name total# latency max_latency
    user_summary_by_stages user event_name total# total_latency avg_latency
    user_summary_by_statement_latency user total# total_latency max_latency lock_latency rows_sent# rows_examined# rows_affected# full_scans#
    user_summary_by_statement_type user statement total# total_latency max_latency lock_latency rows_sent# rows_examined# rows_affected# full_scans#
    waits_by_host_by_latency host event total# total_latency avg_latency max_latency
    waits_by_user_by_latency user event total# total_latency avg_latency max_latency
    waits_global_by_latency events total# total_latency avg_latency max_latency
    wait_classes_global_by_avg_latency event_class total# total_latency min_latency avg_latency max_latency
    wait_classes_global_by_latency event_class total# total_latency min_latency avg_latency max_latency
    x$host_summary host statements# statement_latency# statement_avg_latency# table_scans# file_ios# file_io_latency# current_connections# total_connections# unique_users# current_memory# total_memory_allocated#
    x$host_summary_by_file_io host ios# io_latency#
    x$host_summary_by_file_io_type host event_name total# total_latency# max_latency#
    x$host_summary_by_stages host event_name total# total_latency# avg_latency#
    x$host_summary_by_statement_latency host total# total_latency# max_latency# lock_latency# rows_sent# rows_examined# rows_affected# full_scans#
    x$host_summary_by_statement_type host statement total# total_latency# max_latency# lock_latency# rows_sent# rows_examined# rows_affected# full_scans#
    x$innodb_buffer_stats_by_schema object_schema allocated# data# pages# pages_hashed# pages_old# rows_cached#
    x$innodb_buffer_stats_by_table object_schema object_name allocated# data# pages# pages_hashed# pages_old# rows_cached#
    x$io_by_thread_by_latency user total# total_latency# min_latency# avg_latency# max_latency# thread_id# processlist_id#
    x$io_global_by_file_by_bytes file count_read# total_read# avg_read# count_write# total_written# avg_write# total# write_pct#
    x$io_global_by_file_by_latency file total# total_latency# count_read# read_latency# count_write# write_latency# count_misc# misc_latency#
    x$io_global_by_wait_by_bytes event_name total# total_latency# min_latency# avg_latency# max_latency# count_read# total_read# avg_read# count_write# total_written# avg_written# total_requested#
    x$io_global_by_wait_by_latency event_name total# total_latency# avg_latency# max_latency# read_latency# write_latency# misc_latency# count_read# total_read# avg_read# count_write# total_written# avg_written#
    x$latest_file_io thread file latency# operation requested#
    x$memory_by_host_by_current_bytes host current_count_used# current_allocated# current_avg_alloc# current_max_alloc# total_allocated#
    x$memory_by_thread_by_current_bytes thread_id# user current_count_used# current_allocated# current_avg_alloc# current_max_alloc# total_allocated#
    x$memory_by_user_by_current_bytes user current_count_used# current_allocated# current_avg_alloc# current_max_alloc# total_allocated#
    x$memory_global_by_current_bytes event_name current_count# current_alloc# current_avg_alloc# high_count# high_alloc# high_avg_alloc#
    x$memory_global_total total_allocated#
    x$ps_digest_95th_percentile_by_avg_us avg_us# percentile#
    x$ps_digest_avg_latency_distribution cnt# avg_us#
    x$ps_schema_table_statistics_io table_schema table_name count_read# sum_number_of_bytes_read# sum_timer_read# count_write# sum_number_of_bytes_write# sum_timer_write# count_misc# sum_timer_misc#
    x$schema_index_statistics table_schema table_name index_name rows_selected# select_latency# rows_inserted# insert_latency# rows_updated# update_latency# rows_deleted# delete_latency#
    x$schema_tables_with_full_table_scans object_schema object_name rows_full_scanned# latency#
    x$schema_table_lock_waits object_schema object_name waiting_thread_id# waiting_pid# waiting_account waiting_lock_type waiting_lock_duration waiting_query waiting_query_secs# waiting_query_rows_affected# waiting_query_rows_examined# blocking_thread_id# blocking_pid# blocking_account blocking_lock_type blocking_lock_duration sql_kill_blocking_query sql_kill_blocking_connection
    x$schema_table_statistics table_schema table_name total_latency# rows_fetched# fetch_latency# rows_inserted# insert_latency# rows_updated# update_latency# rows_deleted# delete_latency# io_read_requests# io_read# io_read_latency# io_write_requests# io_write# io_write_latency# io_misc_requests# io_misc_latency#
    x$schema_table_statistics_with_buffer table_schema table_name rows_fetched# fetch_latency# rows_inserted# insert_latency# rows_updated# update_latency# rows_deleted# delete_latency# io_read_requests# io_read# io_read_latency# io_write_requests# io_write# io_write_latency# io_misc_requests# io_misc_latency# innodb_buffer_allocated# innodb_buffer_data# innodb_buffer_free# innodb_buffer_pages# innodb_buffer_pages_hashed# innodb_buffer_pages_old# innodb_buffer_rows_cached#
    x$statements_with_errors_or_warnings query db exec_count# errors# error_pct# warnings# warning_pct# first_seen@ last_seen@ digest
    x$statements_with_full_table_scans query db exec_count# total_latency# no_index_used_count# no_good_index_used_count# no_index_used_pct# rows_sent# rows_examined# rows_sent_avg# rows_examined_avg# first_seen@ last_seen@ digest
    x$statements_with_runtimes_in_95th_percentile query db full_scan exec_count# err_count# warn_count# total_latency# max_latency# avg_latency# rows_sent# rows_sent_avg# rows_examined# rows_examined_avg# first_seen@ last_seen@ digest
    x$statements_with_sorting query db exec_count# total_latency# sort_merge_passes# avg_sort_merges# sorts_using_scans# sort_using_range# rows_sorted# avg_rows_sorted# first_seen@ last_seen@ digest
    x$statements_with_temp_tables query db exec_count# total_latency# memory_tmp_tables# disk_tmp_tables# avg_tmp_tables_per_query# tmp_tables_to_disk_pct# first_seen@ last_seen@ digest
    x$statement_analysis query db full_scan exec_count# err_count# warn_count# total_latency# max_latency# avg_latency# lock_latency# rows_sent# rows_sent_avg# rows_examined# rows_examined_avg# rows_affected# rows_affected_avg# tmp_tables# tmp_disk_tables# rows_sorted# sort_merge_passes# digest first_seen@ last_seen@
    x$user_summary user statements# statement_latency# statement_avg_latency# table_scans# file_ios# file_io_latency# current_connections# total_connections# unique_hosts# current_memory# total_memory_allocated#
    x$user_summary_by_file_io user ios# io_latency#
    x$user_summary_by_file_io_type user event_name total# latency# max_latency#
    x$user_summary_by_stages user event_name total# total_latency# avg_latency#
    x$user_summary_by_statement_latency user total# total_latency# max_latency# lock_latency# rows_sent# rows_examined# rows_affected# full_scans#
    x$user_summary_by_statement_type user statement total# total_latency# max_latency# lock_latency# rows_sent# rows_examined# rows_affected# full_scans#
    x$waits_by_host_by_latency host event total# total_latency# avg_latency# max_latency#
    x$waits_by_user_by_latency user event total# total_latency# avg_latency# max_latency#
    x$waits_global_by_latency events total# total_latency# avg_latency# max_latency#
    x$wait_classes_global_by_avg_latency event_class total# total_latency# min_latency# avg_latency# max_latency#
    x$wait_classes_global_by_latency event_class total# total_latency# min_latency# avg_latency# max_latency#
    """  # noqa: E501
)
SYS: dict[str, VirtualRelation] = {
    **_EMPTY,
    "schema_object_overview": VirtualRelation(columns_of("db", "object_type", ("count", big(False))), _overview),
    "schema_auto_increment_columns": VirtualRelation(
        columns_of(
            "table_schema", "table_name", "column_name", "data_type", "column_type", ("is_signed", big(False)),
            ("is_unsigned", big(False)), ("max_value", big()), ("auto_increment", big()),
            ("auto_increment_ratio", ColumnType("decimal", 25, 4)),
        ),
        _counters,
    ),
    "schema_redundant_indexes": VirtualRelation(
        columns_of(
            "table_schema", "table_name", "redundant_index_name", ("redundant_index_columns", text(1024)),
            ("redundant_index_non_unique", big(False)), "dominant_index_name",
            ("dominant_index_columns", text(1024)), ("dominant_index_non_unique", big(False)),
            ("subpart_exists", big(False)), ("sql_drop_index", text(256)),
        ),
        _redundant_indexes,
    ),
}  # fmt: skip
