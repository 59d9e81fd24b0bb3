"""Sizes of copies: told at once, whatever a disk does."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from aurora_mysql.storage.copy_sizes import CopySizes


class Copy:
    """What is asked of a copy; its disk answers when `answers` is set."""

    def __init__(self, number: int, size_bytes: int) -> None:
        self.layout = SimpleNamespace(id=number)
        self.size_bytes = size_bytes
        self.answers, self.looks = threading.Event(), 0

    def bytes_on_disk(self) -> int:
        self.looks += 1
        assert self.answers.wait(20)
        if self.size_bytes < 0:
            raise OSError("no such disk")
        return self.size_bytes


def test_a_disk_that_does_not_answer_holds_up_nobody() -> None:
    quick, stuck, gone = Copy(1, 100), Copy(2, 200), Copy(3, -1)
    quick.answers.set()
    gone.answers.set()
    copies: list[Any] = [quick, stuck, gone]
    sizes = CopySizes()
    assert sizes.of(copies[:1], 10) == {1: 100}
    assert 2 not in sizes.of(copies, 0.2)
    assert 2 not in sizes.of(copies, 0.0)
    assert stuck.looks == 1 and quick.looks == 1, "one look at a time, and none at what was seen just now"
    stuck.answers.set()
    for thread in threading.enumerate():
        if thread.name.startswith("copy-size"):
            thread.join(20)
    assert sizes.of(copies, 0.0) == {1: 100, 2: 200, 3: 0}
