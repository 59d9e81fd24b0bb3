"""A transaction: its read view, its locks, its redo buffer. InnoDB's behaviour is the model.

Plain reads use the snapshot (REPEATABLE READ) or the newest committed state (READ COMMITTED, autocommit); writes
and locking reads use the newest committed row, under strict two-phase locks. Nothing it writes leaves its buffer
before COMMIT logs it.

The parts build on each other: `state` <- `read_view` <- `queries`, and `read_view` <- `rows` <- `locking` <-
`unique_values` <- `bulk_rows`, `at_once`; `transaction` has what remains, the writes and the end.
"""

from aurora_mysql.engine.transaction.queries import STREAM_BATCH_ROWS, ProjectedStream, QueryStream
from aurora_mysql.engine.transaction.state import Mark
from aurora_mysql.engine.transaction.transaction import Transaction

__all__ = ["STREAM_BATCH_ROWS", "Mark", "ProjectedStream", "QueryStream", "Transaction"]
