"""What the copies are sent: some records in a row, encoded once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from zlib import crc32

from aurora_mysql.encryption.redo_cipher import OVERHEAD_BYTES
from aurora_mysql.storage.binary import RECORD_HEAD_BYTES, BatchHeader, encode_body, sealed_header

#: Seals one record: LSN, epoch, whether it ends a commit, plain payload.
Seal = Callable[[int, int, bool, bytes], bytes]


class Batch:
    """Records first_lsn.. of one epoch, encoded once for all copies.

    With `seal` they are sealed first: at once, or with `lock` by the first copy's thread that needs `body`.
    `plain_bytes` are those of the records as they were appended, `body_bytes` those of the body.
    """

    __slots__ = (
        *("_body", "_header", "_lock", "_records", "_seal"),
        *("body_bytes", "epoch", "first_lsn", "last_lsn", "plain_bytes", "vdl"),
    )

    def __init__(
        self,
        epoch: int,
        first_lsn: int,
        records: tuple[tuple[bytes, bool], ...],
        vdl: int,
        seal: Seal | None = None,
        lock: AbstractContextManager[Any] | None = None,
    ) -> None:
        self.epoch, self.first_lsn, self.vdl = epoch, first_lsn, vdl
        self.last_lsn = first_lsn + len(records) - 1
        self.plain_bytes = sum([len(payload) for payload, _ in records])
        self._records = records
        self._seal, self._lock = seal, lock
        overhead_bytes = RECORD_HEAD_BYTES + (0 if seal is None else OVERHEAD_BYTES)
        self.body_bytes = self.plain_bytes + overhead_bytes * len(records)
        if lock is None:
            self._encode()

    def _encode(self) -> None:
        seal, first, epoch = self._seal, self.first_lsn, self.epoch
        if seal is not None:
            self._records = tuple(
                (seal(lsn, epoch, cpl, payload), cpl) for lsn, (payload, cpl) in enumerate(self._records, first)
            )
        self._body = encode_body(self._records)
        body, count = self._body, len(self._records)
        self._header = BatchHeader(epoch, first, count, len(body), self.vdl, crc32(body)).unsealed()
        self._seal = self._lock = None

    def _settle(self) -> None:
        lock = self._lock
        if lock is not None:
            with lock:
                if self._lock is not None:
                    self._encode()

    @property
    def records(self) -> tuple[tuple[bytes, bool], ...]:
        """As the copies store them, with whether they end a commit."""
        self._settle()
        return self._records

    @property
    def settled(self) -> bool:
        """Whether its body is at hand."""
        return self._lock is None

    @property
    def body(self) -> bytes:
        self._settle()
        return self._body

    def after(self, lsn: int) -> Batch:
        """The part of this batch above `lsn`."""
        if lsn < self.first_lsn:
            return self
        return Batch(self.epoch, lsn + 1, self.records[lsn + 1 - self.first_lsn :], self.vdl)

    def encode_header(self, seed: int) -> bytes:
        self._settle()
        return sealed_header(self._header, seed)
