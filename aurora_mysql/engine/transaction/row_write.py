"""A write of one row that is a transaction of its own: from its locks to its commit without a wait.

It holds the locks that a :class:`Transaction` would hold, as long, and others see it as one; but it has no read view
and no buffer, and nothing in it is a coroutine. Whoever would have to wait takes the long way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.commit_log import Done
from aurora_mysql.engine.gaps import gap_resource
from aurora_mysql.engine.key_leaves import all_integers
from aurora_mysql.engine.keys import Key
from aurora_mysql.engine.locks import LockOwner
from aurora_mysql.engine.row_store import RowStore, TableRows
from aurora_mysql.redo.record import Commit, Row, TableChange

if TYPE_CHECKING:
    from aurora_mysql.engine.client_session import ClientSession
    from aurora_mysql.engine.engine import Engine


#: A row before and after (None: there is none).
Images = tuple[Row | None, Row | None]


def newest_in_memory(store: RowStore, stored: TableRows, key: Key) -> tuple[bool, Row | None]:
    """The newest committed row of a key (None: there is none), if memory knows."""
    if stored.pages is not None:
        if key[0].__class__ is int:
            page = stored.pages.find(key[0])
            if page is not None:
                store.hits += 1
                return True, page.rows.get(key[0])
    elif stored.leaves is not None and all_integers(key):
        leaf = stored.leaves.find(key)
        if leaf is not None:
            store.hits += 1
            return True, leaf.rows.get(key)
    version = stored.find(key)
    if version is None:
        return False, None
    store.hits += 1
    return True, version.row


def is_writable_now(engine: Engine, table: Table, key: Key) -> bool:
    """Whether a write of the row with `key` would get its locks at once."""
    is_free = engine.locks.is_free
    return is_free(("m", table.id), "S") and is_free(("t", table.id), "IX") and is_free(("r", table.id, key), "X")


def _takes_rows(engine: Engine, table: Table) -> bool:
    """The log takes a commit now, and no range of the table is kept free of new rows."""
    log = engine.log
    return (
        log is not None
        and log.takes_at_once
        and not engine.freeze.is_wanted
        and engine.apply_queue.has_room
        and not engine.locks.is_held(gap_resource(table))
    )


class RowWrite(LockOwner):
    """See the module; made by :meth:`entering`. It is the owner of its locks as well, and shows others what they may
    ask of an open transaction."""

    __slots__ = ("_commit", "_ctx", "_done", "_engine", "_images", "_key", "_table_id", "isolation", "started_s")

    read_only = False
    rows_written = 1

    def __init__(self, engine: Engine, ctx: ClientSession, table: Table, isolation: str) -> None:
        super().__init__(engine.next_transaction_id(), ctx, _one)
        self.started_s = time.time()
        self.isolation = isolation
        self._engine, self._ctx, self._table_id = engine, ctx, table.id

    @classmethod
    def entering(cls, engine: Engine, ctx: ClientSession, table: Table, isolation: str) -> RowWrite | None:
        """With the locks on `table`, which is the one in force; None when something must be waited for.

        In the same turn of the loop :meth:`begin` or :meth:`leave` follows.
        """
        if not _takes_rows(engine, table):
            return None
        write = cls(engine, ctx, table, isolation)
        acquire = engine.locks.try_acquire
        if acquire(write, ("m", table.id), "S") and acquire(write, ("t", table.id), "IX"):
            return write
        write.leave()
        return None

    def leave(self) -> None:
        """Nothing is written after all."""
        self._engine.locks.release_all(self)

    def begin(self, key: Key, images: Images, change: TableChange, done: Done) -> bool:
        """Lock the row and log `change`, which makes the first of `images` into the second.

        False, and nothing has happened, when the row must be waited for. `done` is called as :meth:`CommitLog.submit`
        says. The caller has found the newest image in this turn of the loop.
        """
        engine, table_id = self._engine, self._table_id
        if not engine.locks.try_acquire(self, ("r", table_id, key), "X"):
            self.leave()
            return False
        self._key, self._images, self._done = key, images, done
        engine.transactions[self.id] = self
        self._commit = Commit(changes=(change,), counters=engine.counters_for((table_id,)))
        try:
            engine.commit_log.submit(self._commit, self._finish, self._told)
        except BaseException:
            self._finish()
            raise
        return True

    @property
    def owner(self) -> LockOwner:
        return self

    def _finish(self) -> None:
        engine = self._engine
        engine.locks.release_all(self)
        engine.transactions.pop(self.id, None)

    def _told(self, error: Exception | None) -> None:
        if error is None:
            self._ctx.seen_lsn = max(self._ctx.seen_lsn, self._commit.lsn)
        self._done(error)

    def writes_to(self, table: Table) -> bool:
        return table.id == self._table_id

    def own_row(self, table: Table, key: Key) -> tuple[bool, Row | None]:
        """(True, row or None) when it writes the key, else (False, None)."""
        return (True, self._images[1]) if table.id == self._table_id and key == self._key else (False, None)

    def own_rows(self, table: Table) -> Iterator[tuple[Key, Row | None]]:
        """What it writes and has not committed."""
        if table.id == self._table_id:
            yield self._key, self._images[1]

    def rows_to_come(self, table: Table) -> list[tuple[Key, Row, Row | None]]:
        """Its row, unless that is in another table or goes: key, image, and what the key had before."""
        old, new = self._images
        return [] if new is None or table.id != self._table_id else [(self._key, new, old)]

    async def rollback(self) -> None:
        """Nothing: its commit is on its way, and ends it."""


def _one() -> int:
    return 1
