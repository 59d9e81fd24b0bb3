"""Random concurrent transactions against a sequential model of the same history.

Checked for every seed: no update is lost under locks, a locking read sees the state its transaction commits onto, a
snapshot sees exactly the commits up to its LSN, unique values stay unique at every LSN, and a second engine that is
fed the same redo is row for row the same at every point where it stops.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError
from aurora_mysql.redo.codec import CommitAssembler, encode_commit
from aurora_mysql.redo.record import Commit, Row
from aurora_mysql.sql.functions import bootstrap
from aurora_mysql.storage.layout import Record
from tests.support.engine_world import ITEMS, World, with_world

CODE = ITEMS.indexes[1]
KEYS = 20
CODES = [f"Code{n}" for n in range(24)]
SESSIONS = 8
ROUNDS = 25

State = dict[int, Row]


@dataclass
class Done:
    """What one transaction saw and did. `under_lock`: first image of each key it locked."""

    isolation: str
    snapshot_lsn: int = 0
    commit_lsn: int = 0
    added: int = 0
    under_lock: dict[int, Row | None] = field(default_factory=dict)
    points: list[tuple[int, int, Row | None]] = field(default_factory=list)
    scans: list[tuple[int, list[Row]]] = field(default_factory=list)
    own: list[dict[int, Row | None]] = field(default_factory=list)


class Client:
    def __init__(self, world: World, dice: random.Random, log: list[Done], errors: Counter[int]) -> None:
        self.world, self.dice, self.log, self.errors = world, dice, log, errors
        self.ctx = world.session(innodb_lock_wait_timeout=1.0)

    async def run(self) -> None:
        for _ in range(ROUNDS):
            isolation = self.dice.choice(["REPEATABLE-READ", "REPEATABLE-READ", "READ-COMMITTED"])
            self.ctx.kill_query = False
            tx = self.world.begin(self.ctx, isolation=isolation)
            done = Done(isolation)
            own: dict[int, Row | None] = {}
            try:
                for _ in range(self.dice.randrange(1, 7)):
                    await self._statement(tx, done, own)
                    if self.dice.random() < 0.3:
                        await asyncio.sleep(0)
                if self.dice.random() < 0.85:
                    done.commit_lsn = await tx.commit()
                else:
                    await tx.rollback()
                    done.added = 0
            except MySQLError as error:
                self.errors[error.errno] += 1
                await tx.rollback()
                done.added = 0
            self.log.append(done)

    async def _statement(self, tx: Transaction, done: Done, own: dict[int, Row | None]) -> None:
        """One random statement: all of it, or none of it."""
        mark, before, added, locked = tx.statement_mark(), dict(own), done.added, set(done.under_lock)
        try:
            await self._work(tx, done, own)
            if self.dice.random() < 0.1:
                raise MySQLError(1062, "23000", "a statement that fails at its end")
        except MySQLError as error:
            if error.errno not in (1062, 1205):
                raise
            self.errors[error.errno] += 1
            tx.rollback_to_mark(mark)
            own.clear()
            own.update(before)
            done.added = added
            # The lock on a key that the statement inserted went with the row.
            done.under_lock = {k: r for k, r in done.under_lock.items() if k in locked or r is not None}

    async def _work(self, tx: Transaction, done: Done, own: dict[int, Row | None]) -> None:
        dice = self.dice
        what = dice.choice(["add", "add", "add", "insert", "delete", "recode", "get", "scan", "two"])
        if what == "get":
            key = dice.randrange(KEYS)
            row = await tx.get(ITEMS, (key,))
            if key not in own:
                done.points.append((tx.snapshot_lsn, key, row))
            else:
                assert row == own[key], "own writes are seen"
        elif what == "scan":
            rows = (await tx.query("SELECT id, code, v FROM t1 ORDER BY id", tables=[ITEMS])).rows
            done.scans.append((tx.snapshot_lsn, rows))
            done.own.append(dict(own))
        elif what == "two":
            for key in dice.sample(range(KEYS), 2):
                await self._add(tx, done, own, key)
        elif what == "add":
            await self._add(tx, done, own, dice.randrange(KEYS))
        else:
            await self._write(tx, done, own, what, dice.randrange(KEYS))

    async def _locked(self, tx: Transaction, done: Done, own: dict[int, Row | None], key: int) -> Row | None:
        row = await tx.get_for_update(ITEMS, (key,))
        if key in own:
            assert row == own[key]
        else:
            assert done.under_lock.setdefault(key, row) == row, "nobody changes a locked row"
        return row

    async def _add(self, tx: Transaction, done: Done, own: dict[int, Row | None], key: int) -> None:
        row = await self._locked(tx, done, own, key)
        if row is not None:
            own[key] = new = (key, row[1], row[2] + 1)
            tx.update(ITEMS, row, new)
            done.added += 1

    async def _write(self, tx: Transaction, done: Done, own: dict[int, Row | None], what: str, key: int) -> None:
        row = await self._locked(tx, done, own, key)
        if what == "delete":
            if row is not None:
                own[key] = None
                tx.delete(ITEMS, row)
                done.added -= row[2]
            return
        if what == "insert" and row is not None:
            raise MySQLError(1062, "23000", "key")
        if what == "recode" and row is None:
            return
        code = self.dice.choice([*CODES, *[c.upper() for c in CODES], None])
        other = None if code is None else await tx.find_unique(ITEMS, CODE, (code,))
        if other is not None and other[0] != key:
            raise MySQLError(1062, "23000", "code")
        own[key] = new = (key, code, 0 if row is None else row[2])
        if row is None:
            tx.insert(ITEMS, new)
        else:
            tx.update(ITEMS, row, new)


def states(commits: list[Commit]) -> dict[int, State]:
    """The table after each LSN."""
    found: dict[int, State] = {0: {}}
    state: State = {}
    last = 0
    for commit in commits:
        assert commit.lsn > last
        for change in commit.changes:
            assert change.before is not None
            for number, row in enumerate(change.upserts):
                assert change.before.of_upsert(number, row) == state.get(row[0]), "the image before"
            assert list(change.before.deletes) == [state.get(key[0]) for key in change.deletes]
        state = dict(state)
        for change in commit.changes:
            for key in change.deletes:
                state.pop(key[0], None)
            for row in change.upserts:
                state[row[0]] = row
        for lsn in range(last + 1, commit.lsn):
            found[lsn] = found[last]
        found[commit.lsn] = state
        last = commit.lsn
    return found


def check(log: list[Done], history: dict[int, State]) -> None:
    for done in log:
        for lsn, key, row in done.points:
            if done.isolation == "REPEATABLE-READ":
                assert row == history[lsn].get(key), f"a point read at {lsn}"
        for (lsn, rows), own in zip(done.scans, done.own, strict=True):
            if done.isolation == "REPEATABLE-READ":
                expected = {k: r for k, r in {**history[lsn], **own}.items() if r is not None}
                assert rows == [expected[k] for k in sorted(expected)], f"a scan at {lsn}"
        if done.commit_lsn:
            before = history[done.commit_lsn - 1]
            for key, row in done.under_lock.items():
                assert row == before.get(key), f"key {key} under lock, committed at {done.commit_lsn}"
    for lsn, state in history.items():
        codes = [r[1].lower() for r in state.values() if r[1] is not None]
        assert len(codes) == len(set(codes)), f"a duplicate at {lsn}"


async def follow(world: World, engine: Engine, dice: random.Random, stop: asyncio.Event) -> None:
    """Feed `engine` with the writer's redo, as bytes, in random pieces, while the writer goes on."""
    at, assembler = 0, CommitAssembler()
    while not (stop.is_set() and at == len(world.commits)):
        piece = world.commits[at : at + dice.randrange(1, 12)]
        if piece:
            decoded = []
            for commit in piece:
                (part,) = encode_commit(commit)
                again = assembler.feed(Record(commit.lsn, commit.epoch, True, part))
                assert again is not None
                decoded.append(again)
            await engine.ingest(decoded, piece[-1].lsn)
            at += len(piece)
        await asyncio.sleep(0 if dice.random() < 0.8 else 0.003)


@pytest.mark.parametrize("seed", range(6))
def test_random_history(tmp_path: Path, seed: int) -> None:
    async def work(world: World) -> None:
        dice = random.Random(seed)
        log: list[Done] = []
        errors: Counter[int] = Counter()
        follower = await Engine.open(
            tmp_path / "reader", instance_id="reader", options=world.options, bootstrap=bootstrap
        )
        stop = asyncio.Event()
        following = asyncio.create_task(follow(world, follower, dice, stop))
        try:
            await world.put(ITEMS, *[(n, CODES[n], 0) for n in range(0, KEYS, 2)])
            clients = [Client(world, random.Random(seed * 100 + n), log, errors) for n in range(SESSIONS)]
            killer = asyncio.create_task(_kill(clients, dice))
            await asyncio.gather(*(c.run() for c in clients))
            killer.cancel()
            stop.set()
            await following
            history = states(world.commits)
            check(log, history)
            final = history[world.commits[-1].lsn]
            assert sum(d.added for d in log) == sum(r[2] for r in final.values()), "no update is lost"
            expected = [final[k] for k in sorted(final)]
            assert await world.rows() == expected
            assert await world.rows(follower) == expected
            assert follower.visible_lsn == world.engine.visible_lsn
            assert len(world.engine.locks) == 0 and not world.engine.transactions
            assert sum(1 for d in log if d.commit_lsn) > SESSIONS * ROUNDS // 8, "there was something to see"
        finally:
            stop.set()
            following.cancel()
            await follower.close()

    with_world(tmp_path, work, apply_interval_s=0.002, apply_batch_rows=20, row_store_bytes=4000)


async def _kill(clients: list[Client], dice: random.Random) -> None:
    for _ in range(30):
        await asyncio.sleep(dice.random() * 0.02)
        dice.choice(clients).ctx.interrupt(whole_connection=False)
