"""Pins: what a running command still needs of a volume, and nobody may collect.

A pin is a file that its owner keeps locked. When the owner dies, however it dies, the kernel frees the lock, and
whoever collects next takes the pin away.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aurora_mysql.storage.manifest import Checkpoint, decode_manifest, encode_manifest


class Pins:
    """The pins in one directory. Every method is called under the checkpoint store's lock, so that a pin is never seen
    between its creation and its lock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def add(self, checkpoint: Checkpoint) -> tuple[int, Path]:
        """Pin what `checkpoint` names and the redo after it; returns a path to unlink and the descriptor to close."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{secrets.token_hex(8)}.json"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, encode_manifest(checkpoint))
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return descriptor, path

    def active(self) -> list[Checkpoint]:
        """What living owners have pinned; pins of dead ones are removed.

        Raises:
            CorruptRecordError: a living owner's pin can't be read, so nobody knows what it needs.
        """
        found: list[Checkpoint] = []
        for path in self._directory.glob("*.json"):
            with _opened(path) as descriptor:
                if descriptor is None:
                    continue
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    found.append(decode_manifest(path.read_bytes(), str(path)))
                else:
                    path.unlink(missing_ok=True)
        return found


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)
