"""DuckDB's files on a file system of ours that encrypts them: the database, its log, and all it spills.

DuckDB's own encryption is not used: the wheel refuses to write with it (its built-in random numbers are not fit for
nonces), and what it spills would follow other rules. Here DuckDB asks for bytes of files named ``sealed://...``, and
encryption/sealed_file.py turns them into pages. Spilled files get a key that lives and dies with this process.

The calls come from DuckDB's threads, with the interpreter's lock. A position belongs to the thread that set it: DuckDB
seeks and then reads, in two calls, while other threads do the same.
"""

from __future__ import annotations

import datetime
import fcntl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from fsspec.spec import AbstractFileSystem

from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.encryption.sealed_file import DATABASE, SPILL, SealedFile
from aurora_mysql.errors import StorageError

PROTOCOL = "sealed"
_PREFIX = f"{PROTOCOL}://"


def mount(connection: duckdb.DuckDBPyConnection, root: RootKey, spill: Path) -> Callable[[Path], str]:
    """Let `connection`'s database open files encrypted with `root`, and below `spill` with a key of its own; returns
    what makes the name of a file of a path. To be done before the configuration is locked."""
    connection.register_filesystem(_SealedFileSystem(root, spill))
    return lambda path: f"{_PREFIX}{path}"


class _SealedFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """What DuckDB asks of an fsspec file system; nothing else works."""

    protocol = PROTOCOL
    cachable = False

    def __init__(self, root: RootKey, spill: Path) -> None:
        super().__init__()
        self._root, self._spill = root, spill
        self._spill_key = RootKey.generate()

    def open(self, path: str, mode: str = "rb", **_: Any) -> _OpenFile:
        file = _path(path)
        spilled = file.is_relative_to(self._spill)
        writable = mode != "rb"
        sealed = SealedFile(
            file,
            self._spill_key if spilled else self._root,
            SPILL if spilled else DATABASE,
            writable=writable,
            create=writable,
            truncate="w" in mode,
        )
        if not spilled:
            _lock(sealed, exclusive=writable)
        return _OpenFile(sealed)

    def exists(self, path: str, **_: Any) -> bool:
        return _path(path).exists()

    def isfile(self, path: str) -> bool:
        return _path(path).is_file()

    def isdir(self, path: str) -> bool:
        return _path(path).is_dir()

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        entries = [self.info(str(entry)) for entry in _path(path).iterdir()]
        return entries if detail else [entry["name"] for entry in entries]

    def glob(self, path: str, **_: Any) -> list[str]:
        pattern = _path(path)
        return [str(found) for found in pattern.parent.glob(pattern.name)]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        file = _path(path)
        kind = "directory" if file.is_dir() else "file"
        return {"name": str(file), "size": file.stat().st_size, "type": kind}

    def modified(self, path: str) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(_path(path).stat().st_mtime, datetime.UTC)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        _path(path).mkdir(parents=create_parents, exist_ok=True)

    def rm(self, path: str, **_: Any) -> None:
        _path(path).unlink()

    def rm_file(self, path: str) -> None:
        _path(path).unlink()

    def rmdir(self, path: str) -> None:
        _path(path).rmdir()

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        _path(path1).rename(_path(path2))

    def touch(self, path: str, truncate: bool = True, **_: Any) -> None:
        """DuckDB's way to truncate: to which size it does not say. Free blocks at the end of a file stay there and are
        used again; a log is removed right after."""


class _OpenFile:
    """A file object for DuckDB's calls."""

    def __init__(self, sealed: SealedFile) -> None:
        self._sealed = sealed
        self._positions: dict[int, int] = {}
        self.closed = False

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self.tell(), self._sealed.size())[whence] if whence else 0
        self._positions[threading.get_ident()] = start + offset
        return start + offset

    def tell(self) -> int:
        return self._positions.get(threading.get_ident(), 0)

    def seekable(self) -> bool:
        return True

    def read(self, size: int) -> bytes:
        at = self.tell()
        data = self._sealed.read(size, at)
        self._positions[threading.get_ident()] = at + len(data)
        return data

    def write(self, data: bytes) -> int:
        at = self.tell()
        written = self._sealed.write(data, at)
        self._positions[threading.get_ident()] = at + written
        return written

    def flush(self) -> None:
        self._sealed.sync()

    def close(self) -> None:
        self.closed = True
        self._sealed.close()

    def __del__(self) -> None:
        """DuckDB drops most of its files without closing them."""
        self._sealed.close()


def _path(name: str) -> Path:
    return Path(name.removeprefix(_PREFIX))


def _lock(sealed: SealedFile, *, exclusive: bool) -> None:
    """As DuckDB locks its own files: one process writes, or several read."""
    try:
        fcntl.flock(sealed.fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        sealed.close()
        raise StorageError(f"{sealed.path} is in use by another process") from None
