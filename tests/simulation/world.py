"""One seeded schedule: writers come and go over six simulated drives while everything fails that may fail.

The writers run the production Volume; what is simulated are disks, threads, clocks and clients. Faults keep within what
the volume promises to stand (see `Director.may_damage`): damage on at most two copies at a time, three for AZ+1.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from aurora_mysql.encryption.redo_cipher import PLAIN_REDO, RedoCipher, SealedRedo
from aurora_mysql.encryption.root_key import KEY_BYTES, RootKey
from aurora_mysql.errors import StorageError
from aurora_mysql.storage.copy import LocalCopy, create_volume
from aurora_mysql.storage.copy_health import SlowRules
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyLayout, Record, VolumeOptions, VolumeState
from aurora_mysql.storage.membership import Membership
from aurora_mysql.storage.reader import VolumeReader
from aurora_mysql.storage.volume import Volume
from tests.simulation.director import FAULTS, NOT_DRAWN, Director
from tests.simulation.drives import Drive, Drives, MediumDisk
from tests.simulation.kernel import Actor, Kernel, Process, SimRuntime
from tests.simulation.truth import Claim, Truth, Violation

CLUSTER_ID = "simulated"
HEAL_S = 40.0  # virtual


def layout() -> list[CopyLayout]:
    return [CopyLayout(n, f"az-{'aabbcc'[n - 1]}", Path(f"/sim/{n}/copy")) for n in range(1, 7)]


@dataclass
class Plan:
    """What a schedule is like. Drawn from the seed, so that schedules differ in kind and not only in detail."""

    steps: int
    faults: dict[str, float]
    commit_gap_s: float
    commits_per_step: int
    options: VolumeOptions
    sync_s: float
    switch_rate: float

    @classmethod
    def draw(cls, random: Random, only: tuple[str, ...] = ()) -> Plan:
        kinds = list(only) or [kind for kind in FAULTS if kind not in NOT_DRAWN]
        chosen = kinds if only else random.sample(kinds, random.randint(2, min(7, len(kinds))))
        return cls(
            steps=random.randint(2, 8),
            faults={kind: random.choice((1.0, 1.0, 3.0)) for kind in chosen},
            commit_gap_s=random.choice((2e-4, 1e-3, 5e-3)),
            commits_per_step=random.choice((1, 3, 6)),
            options=VolumeOptions(
                segment_bytes=random.choice((1024, 2048, 8192)),
                batch_bytes=random.choice((64, 300, 4096)),
                max_queued_bytes=4000,
                copy_queue_batches=random.choice((2, 4, 64)),
                copy_queue_bytes=random.choice((400, 8000)),
                retry_interval_s=0.02,
                watch_interval_s=0.3,
                scrub_interval_s=random.choice((0.05, 5.0)),
                scrub_bytes_per_s=4 << 20,
                slow=SlowRules(after_s=0.01, ratio=10.0, floor_s=0.002),
            ),
            sync_s=random.choice((1e-4, 1e-3)),
            switch_rate=random.choice((0.1, 0.5, 0.9)),
        )


@dataclass(eq=False)
class Writer:
    """A process that opens the volume and commits."""

    process: Process
    volume: Volume | None = None
    epoch: int = 0
    announced: int = 0
    sent: dict[int, tuple[bytes, bool]] = field(default_factory=dict)


class SimWhereabouts:
    """The hint about where copies are: durable at once, but it may fail, and it may name places of long ago."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: tuple[CopyLayout, ...] = ()
        self._before: tuple[CopyLayout, ...] = ()

    def known(self) -> tuple[CopyLayout, ...]:
        return (*self._known, *self._before) if self._world.random.random() < 0.5 else self._known

    def remember(self, places: Iterable[CopyLayout]) -> None:
        kernel = self._world.kernel
        kernel.pause(1e-4 * kernel.random.random())
        if kernel.random.random() < 0.05:
            raise StorageError("the places can't be noted")
        self._before, self._known = self._known, tuple(places)
        kernel.pause(1e-4 * kernel.random.random())


class World:
    def __init__(self, seed: int, *, only: tuple[str, ...] = ()) -> None:
        self.seed = seed
        self.kernel = Kernel(seed)
        self.random = self.kernel.random
        self.plan = Plan.draw(self.random, only)
        self.layout = layout()
        self.drives = Drives(self.kernel, self.layout)
        self.drives.sync_s, self.drives.switch_rate = self.plan.sync_s, self.plan.switch_rate
        self.whereabouts = SimWhereabouts(self)
        self.truth = Truth()
        self.world = self.kernel.process("world")
        self.writers: list[Writer] = []
        self.number = 0
        self.credit = 0  # commits that clients may still make
        self.clients: deque[Actor] = deque()
        self.events: list[str] = []
        # Not drawn, so that the other seeds' schedules stay as they are.
        self.cipher: RedoCipher = PLAIN_REDO
        if seed % 4 == 3:
            self.cipher = SealedRedo(RootKey("root", seed.to_bytes(KEY_BYTES, "big")), CLUSTER_ID)
            self.plan.options = replace(self.plan.options, seal_aside_bytes=self.plan.options.batch_bytes // 2)
        if seed % 5 == 2 and not only:
            self.plan.faults.update(dict.fromkeys(NOT_DRAWN, 1.0))
        if (
            "drag" in self.plan.faults and seed % 3
        ):  # with short queues a slow copy is refilled before it is known as slow
            self.plan.options = replace(self.plan.options, copy_queue_batches=64, copy_queue_bytes=8000)

    def note(self, text: str) -> None:
        self.events.append(f"{self.kernel.now_s:10.4f} {text}")

    def run(self) -> None:
        """Raises Violation, Deadlock or whatever the production code lets through."""
        disabled = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            self.kernel.run(self.world, self._main)
        finally:
            logging.disable(disabled)

    def _main(self) -> None:
        self.drives.switch_rate, rate = 0.0, self.drives.switch_rate
        create_volume("/sim", self.layout, CLUSTER_ID, disk=self.drives.view(self.world))
        self.drives.switch_rate = rate
        director = Director(self)
        self.start_writer()
        for _ in range(self.plan.steps):
            self.let_commit(self.plan.commits_per_step)
            self.kernel.pause(self.random.choice((2e-4, 2e-3, 2e-2, 0.3)) * self.random.random())
            director.step()
        self.kernel.pause(self.random.random() * 0.02)
        self._finish()

    def let_commit(self, number: int) -> None:
        self.credit += number
        while self.clients:
            self.kernel.wake(self.clients.popleft())

    # -- writers ------------------------------------------------------------------------------------------------

    def start_writer(self) -> Writer:
        self.number += 1
        writer = Writer(self.kernel.process(f"writer-{self.number}"))
        self.writers.append(writer)
        self.note(f"start {writer.process.name}")
        self.kernel.spawn(writer.process, lambda: self._write(writer))
        return writer

    def current(self) -> Writer | None:
        """The newest writer that runs."""
        return next((w for w in reversed(self.writers) if w.process.alive), None)

    def kill(self, writer: Writer) -> None:
        self.note(f"kill {writer.process.name}")
        self.kernel.kill(writer.process)

    def _write(self, writer: Writer) -> None:
        name = writer.process.name
        runtime = SimRuntime(writer.process)
        try:
            volume = Volume.open_for_writing(
                "/sim",
                self.layout,
                CLUSTER_ID,
                on_vdl=lambda vdl: self._announced(writer, vdl),
                on_state=lambda state: self._state(writer, state),
                options=self.plan.options,
                disk=self.drives.view(writer.process),
                runtime=runtime,
                cipher=self.cipher,
                whereabouts=self.whereabouts,
            )
        except StorageError as error:
            self.note(f"{name} can't open: {error}")
            self.kernel.kill(writer.process)
            return
        vdl = volume.vdl
        self.note(f"{name} opened epoch {volume.epoch} at {vdl}")
        self.truth.opened(name, volume.epoch, vdl)
        self.truth.members(name, volume.epoch, volume.membership)
        wanted = self.truth.first_lsn
        while wanted <= vdl:
            for record in volume.read(wanted, vdl):
                self.truth.recovered(name, record)
                wanted = record.lsn + 1
            if wanted <= vdl:
                self.kernel.pause(0.01)
        self.truth.vdl = max(self.truth.vdl, vdl)
        writer.announced, writer.epoch, writer.volume = vdl, volume.epoch, volume
        self._commit_for_ever(writer, volume)

    def _commit_for_ever(self, writer: Writer, volume: Volume) -> None:
        name, commit, lsn = writer.process.name.encode(), 0, volume.vdl
        while True:
            self.kernel.pause(self.plan.commit_gap_s * self.random.random())
            while not self.credit:
                self.kernel.block(self.clients)
            self.credit -= 1
            commit += 1
            parts = self.random.choice((1, 1, 1, 2, 3))
            payloads = [
                b"%b/%d/%d/%d/" % (name, commit, part, parts) + bytes(self.random.choice((0, 0, 60, 200)))
                for part in range(parts)
            ]
            # Known before it is sent: the acknowledgement may come before append has returned.
            for part, payload in enumerate(payloads):
                writer.sent[lsn + 1 + part] = (payload, part == parts - 1)
            try:
                reached = volume.append(payloads)
            except StorageError:
                for part in range(parts):
                    del writer.sent[lsn + 1 + part]
                continue
            if reached != lsn + parts:
                raise Violation(f"{name!r} was given LSN {reached}, not {lsn + parts}")
            lsn = reached

    def _announced(self, writer: Writer, vdl: int) -> None:
        if vdl <= writer.announced:
            raise Violation(f"{writer.process.name} announces {vdl} after {writer.announced}")
        assert writer.volume is not None, "announced before it was opened"
        records = [(lsn, writer.sent[lsn]) for lsn in range(writer.announced + 1, vdl + 1)]
        self.truth.announce(writer.process.name, writer.epoch, vdl, records)
        writer.announced = vdl
        self.truth.members(writer.process.name, writer.epoch, writer.volume.membership)

    def _state(self, writer: Writer, state: VolumeState) -> None:
        if state.fenced:
            self.note(f"{writer.process.name} is fenced: {state.reason}")

            def end() -> None:
                self.kernel.pause(self.random.random() * 0.01)
                self.kernel.kill(writer.process)

            self.kernel.spawn(writer.process, end)

    # -- looking on ---------------------------------------------------------------------------------------------

    def read_aside(self) -> None:
        """A process that only reads: whatever it is told to be durable must stay so."""
        process = self.kernel.process("reader")
        told = self.truth.vdl if self.random.random() < 0.5 else None  # by the writer's stream
        if self.random.random() < 0.7:
            for drive in self.random.sample(self.drives.all, self.random.randint(2, 5)):
                drive.cut_off.append(process)

        def work() -> None:
            reader = VolumeReader(
                "/sim", self.layout, CLUSTER_ID, self.drives.view(process), self.cipher, self.whereabouts
            )
            try:
                vdl = reader.last_known_vdl() if told is None else told
                records = tuple(reader.read(reader.first_lsn(), vdl))
            except StorageError:
                return
            self.note(f"the reader sees {vdl}")
            self.truth.claim(Claim("the reader", vdl, records))

        self.kernel.spawn(process, work)

    # -- who the copies are -------------------------------------------------------------------------------------

    def replace(self, writer: Writer, volume: Volume, leaving: int) -> None:
        """Have a copy replaced by one on a new drive."""
        az = next(place.az for place in volume.membership.copies if place.id == leaving)
        number = len(self.drives.all) + 1
        place = CopyLayout(volume.membership.next_id, az, Path(f"/sim/{number}/copy"))
        self.drives.add(place)

        def work() -> None:
            try:
                copy = volume.replace_copy(leaving, place.path)
                self.note(f"{writer.process.name} replaces copy {leaving} by {copy} on drive {number}")
            except StorageError as error:
                self.note(f"{writer.process.name} can't replace copy {leaving}: {error}")

        self.kernel.spawn(writer.process, work)

    def cancel(self, writer: Writer, volume: Volume) -> None:
        def work() -> None:
            try:
                self.note(f"{writer.process.name} keeps copy {volume.cancel_replacement()}")
            except StorageError as error:
                self.note(f"{writer.process.name} can't cancel: {error}")

        self.kernel.spawn(writer.process, work)

    def memberships(self) -> list[Membership]:
        """Every version that may count: the newest on any drive, and those of the writers that run."""
        initial = Membership.initial(self.layout, Path("/sim"))
        newest: EpochHistory | None = None
        for drive in self.drives.all:
            copy = LocalCopy(drive.layout, CLUSTER_ID, MediumDisk(self.drives, self.world))
            try:
                history = copy.read_history()
            except (StorageError, OSError):
                continue
            if newest is None or history.version > newest.version:
                newest = history
        found = [initial if newest is None or newest.membership is None else newest.membership]
        for writer in self.writers:
            if writer.process.alive and writer.volume is not None:
                change = writer.volume._change
                found += [change.in_force, change.newest]
        return found

    def active(self) -> list[Drive]:
        """The drives of copies that may count."""
        paths = {str(place.path) for m in self.memberships() for place in m.places(Path("/sim"))}
        return [drive for drive in self.drives.all if str(drive.layout.path) in paths]

    def whole(self, drive: Drive) -> bool:
        """Whether the copy on `drive`, by itself and after a power loss, has everything that was acknowledged."""
        return not self.missing(drive)

    def recoverable(self, lost: Collection[Drive]) -> bool:
        """Whether enough copies are left for a recovery when those on `lost` are gone, too. One that is being refilled
        is as good as lost, whoever asked for that."""
        left = {drive.layout.id for drive in self.drives.all if drive not in lost and not self.unusable(drive)}
        return all(membership.can_read(left) for membership in self.memberships())

    def unusable(self, drive: Drive) -> str:
        """Why no recovery could go by the copy on `drive`; empty when one could, though records may be missing."""
        if drive.directory is None or not drive.directory_durable:
            return "it isn't there"
        copy = LocalCopy(drive.layout, CLUSTER_ID, MediumDisk(self.drives, self.world))
        try:
            copy.check_identity()
            copy.read_fence()
            history = copy.read_history()
            if not copy.is_complete():
                return "it is being refilled"
            return "it is damaged" if copy.extent(history)[2] else ""
        except (StorageError, OSError) as error:
            return str(error)

    def missing(self, drive: Drive) -> str:
        """What the copy lacks; empty when it is whole."""
        if reason := self.unusable(drive):
            return reason
        copy = LocalCopy(drive.layout, CLUSTER_ID, MediumDisk(self.drives, self.world))
        try:
            records = list(copy.read(copy.read_history(), self.truth.first_lsn, self.truth.vdl))
        except (StorageError, OSError) as error:
            return str(error)
        for lsn, record in enumerate(records, self.truth.first_lsn):
            if record.lsn != lsn or self.truth.log.get(lsn) != (self._plain(record), record.cpl):
                return f"record {lsn} is wrong"
        end = self.truth.first_lsn + len(records) - 1
        return "" if end >= self.truth.vdl else f"record {end + 1} of {self.truth.vdl} is missing"

    def _plain(self, record: Record) -> bytes:
        return self.cipher.open(record.lsn, record.epoch, record.cpl, record.payload)

    # -- the end ------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Everything heals; a last writer must come up, take a commit, and make all copies whole by itself."""
        self.note("everything heals")
        for drive in self.drives.all:
            drive.heal()
        for writer in self.writers:
            if writer.process.alive:
                self.kernel.kill(writer.process)
        deadline_s = self.kernel.now_s + HEAL_S
        last = self.start_writer()
        self.until(lambda: last.volume is not None or not last.process.alive, deadline_s, "a last writer to open")
        if last.volume is None:
            last = self.start_writer()  # a writer of before may have disturbed the first
            self.until(lambda: last.volume is not None, deadline_s, "a last writer to open")
        self.credit = 0
        began = last.announced
        self.let_commit(1)
        self.until(lambda: last.announced > began, deadline_s, "a last commit")
        volume = last.volume
        assert volume is not None

        def healed() -> bool:
            return volume.membership.phase == "stable" and all(w.state == "ok" for w in volume._writers.values())

        self.until(healed, deadline_s, "all copies to be ok")
        self.until(lambda: self._settled(last), deadline_s, "the queues to empty")
        members = [self.drives.by_path[str(place.path)] for place in volume.membership.places(Path("/sim"))]
        self.until(lambda: all(map(self.whole, members)), deadline_s, "all copies to be whole")
        if self.random.random() < 0.5:
            self.kernel.kill(last.process)
            for drive in self.drives.all:
                drive.lose_power(self.kernel)
        for drive in members:
            lack = self.missing(drive)
            if lack:
                raise Violation(f"copy {drive.id} calls itself ok, but {lack}")
        reader = VolumeReader(
            "/sim", self.layout, CLUSTER_ID, self.drives.view(self.world), self.cipher, self.whereabouts
        )
        self.truth.check_log(list(reader.read(self.truth.first_lsn, self.truth.vdl)))

    def _settled(self, writer: Writer) -> bool:
        volume = writer.volume
        assert volume is not None
        return all(w.state == "ok" and w.scl == volume.vdl == max(writer.sent) for w in volume._writers.values())

    def until(self, condition: Callable[[], bool], deadline_s: float, what: str) -> None:
        while not condition():
            if self.kernel.now_s > deadline_s:
                for drive in self.drives.all:
                    self.note(f"copy {drive.id}: {self.missing(drive) or 'whole'}")
                raise Violation(f"still waiting for {what}")
            self.kernel.pause(0.05)
