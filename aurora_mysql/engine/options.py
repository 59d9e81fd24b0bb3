"""Settings of an engine, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_mysql.encryption.root_key import RootKey


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Attributes:
    duckdb_threads: DuckDB's own worker threads.
    memory_limit_bytes: DuckDB's memory; beyond it queries spill, then fail with 1041.
    query_threads: DuckDB calls of statements that may run at once, each on a thread of its own; those that turn out to
        take long are not counted.
    long_queries: statements known to take long that begin while fewer than so many run; the others wait.
    row_store_bytes: evictable part of the row store (`innodb_buffer_pool_size`).
    dirty_rows_limit: committed rows that may wait for the applier before commits are held back.
    apply_interval_s: longest time a committed row waits for the applier when no query asks for it.
    apply_soon_rows: waiting rows that the applier takes on without waiting for the interval: few large batches cost
        less than many small ones, but what waits is laid over DuckDB row by row.
    apply_batch_rows: rows applied in one DuckDB transaction at most (a larger commit still is one).
    checkpoint_rows: applied rows after which the DuckDB file is checkpointed.
    lock_wait_timeout_s: default of innodb_lock_wait_timeout.
    metadata_wait_timeout_s: default of lock_wait_timeout (metadata locks, LOCK TABLES, FLUSH TABLES WITH READ LOCK).
    commit_timeout_s: how long a commit waits for the write quorum before the client is told.
    root_key: of an encrypted cluster; what DuckDB writes is encrypted then.
    """

    duckdb_threads: int = 2
    memory_limit_bytes: int = 1 << 30
    query_threads: int = 4
    long_queries: int = 2
    row_store_bytes: int = 128 << 20
    dirty_rows_limit: int = 400_000
    apply_interval_s: float = 1.0
    apply_soon_rows: int = 2_000
    apply_batch_rows: int = 50_000
    checkpoint_rows: int = 500_000
    lock_wait_timeout_s: float = 50.0
    metadata_wait_timeout_s: float = 31_536_000.0
    commit_timeout_s: float = 10.0
    root_key: RootKey | None = None
