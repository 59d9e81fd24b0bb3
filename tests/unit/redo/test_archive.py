"""Archived redo: records come back as they were, whatever the size of the pieces; damage is told."""

from __future__ import annotations

import random

import pytest

from aurora_mysql.errors import CorruptRecordError, VolumeFormatError
from aurora_mysql.redo.archive import archive, archived_commits, unarchive
from aurora_mysql.redo.codec import commit_time_of, encode_commit
from aurora_mysql.redo.record import Commit, TableChange
from aurora_mysql.storage.layout import Record


def records(first_lsn: int = 7) -> list[Record]:
    found: list[Record] = []
    texts = random.Random(1)
    for number, rows in enumerate((1, 3000, 2)):
        change = TableChange(3, [(i, texts.randbytes(150).hex()) for i in range(rows)])
        parts = encode_commit(Commit(commit_time_us=1_000_000 + number, changes=[change]), part_bytes=150_000)
        for at, part in enumerate(parts):
            found.append(Record(first_lsn + len(found), 2, at == len(parts) - 1, part))
    return found


@pytest.mark.parametrize("piece_bytes", [7, 5000, 1 << 20])
def test_round_trip(piece_bytes: int) -> None:
    given = records()
    pieces = list(archive(given, 7, piece_bytes))
    assert all(len(piece) == piece_bytes for piece in pieces[:-1])
    assert list(unarchive(pieces)) == given
    assert [commit.lsn for commit in archived_commits(pieces)] == [r.lsn for r in given if r.cpl]


def test_times_are_those_of_the_commits() -> None:
    given = records()
    assert len(given) > 3  # one commit has parts
    begun = [time_us for record in given if (time_us := commit_time_of(record)) is not None]
    assert begun == [1_000_000, 1_000_001, 1_000_002]
    whole = encode_commit(Commit(commit_time_us=5, changes=[TableChange(3, [(i, "x" * 90) for i in range(500)])]))
    assert commit_time_of(Record(1, 1, True, whole[0])) == 5
    with pytest.raises(CorruptRecordError):
        commit_time_of(Record(1, 1, True, b"\x01\x00\xff"))
    with pytest.raises(VolumeFormatError):
        commit_time_of(Record(1, 1, True, b"\x63\x00\xff"))


def test_gaps_and_damage() -> None:
    given = records()
    with pytest.raises(CorruptRecordError, match="skips"):
        list(archive([given[0], given[2]], 7, 100))
    stream = b"".join(archive(given, 7, 1 << 20))
    for cut in (3, 20, len(stream) - 1):
        with pytest.raises(CorruptRecordError):
            list(unarchive([stream[:cut]]))
    with pytest.raises(CorruptRecordError, match="no archived redo"):
        list(unarchive([b"x" + stream[1:]]))
    with pytest.raises(VolumeFormatError):
        list(unarchive([stream[:4] + b"\x63" + stream[5:]]))
