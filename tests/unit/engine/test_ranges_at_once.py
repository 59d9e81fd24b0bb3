"""Ranges that are kept free, and writes that are done at once beside and inside them."""

from __future__ import annotations

from pathlib import Path

from aurora_mysql.engine.gaps import key_range
from tests.support.engine_world import LINES, World, insert, with_world


def test_a_range_holds_up_what_comes_into_it_and_nothing_else(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.create(LINES)
        await world.put(LINES, (1, 1, 0), (1, 2, 0), (2, 1, 0))
        keeper, writer = world.begin(), world.begin()
        await writer.get(LINES, (1, 1))
        memory = keeper.memory_now(LINES)
        assert memory is not None and keeper.keep_ranges_now(LINES, [key_range(LINES, ("a",), (1,), (1,))])
        assert writer.insert_now(LINES, (2, 2, 0), fresh=False)
        assert not writer.insert_now(LINES, (1, 3, 0), fresh=False), "it would come into the range"
        assert keeper.insert_now(LINES, (1, 4, 0), fresh=False), "one's own range is not in the way"
        known, row = writer.lock_row_now(LINES, (1, 2))
        assert known and row is not None
        assert writer.update_now(LINES, row, (1, 2, 7)), "the row was there before"
        await writer.rollback()
        await keeper.rollback()

    with_world(tmp_path, work)


def test_a_range_is_not_kept_at_once_while_others_put_rows_there(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.create(LINES)
        await world.put(LINES, (1, 1, 0))
        keeper, writer = world.begin(), world.begin()
        await insert(writer, LINES, (1, 3, 0))
        assert keeper.memory_now(LINES) is not None
        assert keeper.keep_ranges_now(LINES, [key_range(LINES, ("a",), (2,), (2,))])
        assert not keeper.keep_ranges_now(LINES, [key_range(LINES, ("a",), (1,), (1,))])
        assert not keeper.keep_ranges_now(LINES, None)
        await writer.rollback()
        assert keeper.keep_ranges_now(LINES, [key_range(LINES, ("a",), (1,), (1,))])
        await keeper.rollback()

    with_world(tmp_path, work)
