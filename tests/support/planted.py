"""Values that no file may hold in any of their encodings."""

from __future__ import annotations

import random
import string
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

_ALPHABET = string.ascii_letters + string.digits


class Planted:
    """`texts` and `numbers` to be stored, the same for the same seed; finds them in files as they would be stored by
    anything that does not encrypt: UTF-8, UTF-16, decimal, 64 bits in both byte orders, hexadecimal."""

    def __init__(self, count: int, *, seed: int = 1) -> None:
        chance = random.Random(seed)
        self.texts = ["".join(chance.choices(_ALPHABET, k=20)) for _ in range(count)]
        self.numbers = [chance.randrange(1 << 60, 1 << 62) for _ in range(count)]
        self._needles: dict[bytes, str] = {}
        for text in self.texts:
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                self._needles[text.encode(encoding)] = f"{text} in {encoding}"
            self._needles[text.encode().hex().encode()] = f"{text} in hexadecimal"
        for number in self.numbers:
            self._needles[str(number).encode()] = f"{number} in decimal"
            self._needles[number.to_bytes(8, "little")] = f"{number} in 64 bits, little-endian"
            self._needles[number.to_bytes(8, "big")] = f"{number} in 64 bits, big-endian"
        self._first, self._second = (np.zeros(1 << 16, bool) for _ in range(2))
        self._beginning: dict[bytes, list[bytes]] = {}
        for needle in self._needles:
            self._beginning.setdefault(needle[:4], []).append(needle)
            self._first[int.from_bytes(needle[:2], "little")] = True
            self._second[int.from_bytes(needle[2:4], "little")] = True

    def in_bytes(self, data: bytes) -> str | None:
        """What of it is in `data`: four bytes of each needle are looked up everywhere at once, then all of it."""
        octets = np.frombuffer(data, np.uint8)
        if octets.size < 8 or not octets.any():
            return None
        pairs = octets[:-1] | (octets[1:].astype(np.uint16) << 8)
        at = np.flatnonzero(self._first[pairs[:-2]])
        for start in at[self._second[pairs[at + 2]]].tolist():
            for needle in self._beginning.get(data[start : start + 4], ()):
                if data.startswith(needle, start):
                    return self._needles[needle]
        return None

    def in_files(self, *roots: Path) -> list[str]:
        """Which files below `roots` hold something of it, by name or content."""
        return [f"{path}: {what}" for path, data in _files(roots) if (what := self.in_bytes(data))]


class Watcher:
    """Scans the files that match `pattern` below `root` again and again, for those that live for a moment only."""

    def __init__(self, planted: Planted, root: Path, pattern: str) -> None:
        self._planted, self._root, self._pattern = planted, root, pattern
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.found: list[str] = []
        self.names: set[str] = set()
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            for path, data in _files([self._root], self._pattern):
                self.names.add(path.name)
                what = self._planted.in_bytes(data)
                if what:
                    self.found.append(f"{path}: {what}")
            self._stop.wait(0.02)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def _files(roots: Iterable[Path], pattern: str = "**/*") -> Iterator[tuple[Path, bytes]]:
    """Every file, with its name and what it holds; one that goes away meanwhile held nothing."""
    for root in roots:
        for path in root.glob(pattern):
            try:
                if path.is_file():
                    yield path, path.name.encode() + path.read_bytes()
            except OSError:
                continue
