"""Chooses what goes wrong next, within what the volume promises to stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aurora_mysql.storage.segment import SegmentName
from tests.simulation.drives import Drive, Inode
from tests.simulation.kernel import Process

if TYPE_CHECKING:
    from aurora_mysql.storage.volume import Volume
    from tests.simulation.world import World


class Director:
    """Damage (`lose`, `rot`) counts until the copy is whole again: at most two copies, three with `az_plus_one`. And it
    never leaves fewer than a recovery needs: a volume may be making a copy anew because of other faults.

    Rot may hit the end of a copy's log, where it looks like a torn tail: then nothing tells recovery that the copy
    lacks what it acknowledged. The quorums stand that for one copy as long as recovery can read more than three. So
    while there is silent damage, every other copy stays readable.
    """

    def __init__(self, world: World) -> None:
        self.world, self.random, self.kernel = world, world.random, world.kernel
        self.drives = world.drives.all
        self.damaged: list[Drive] = []
        self.silent = False

    def step(self) -> None:
        faults = self.world.plan.faults
        (kind,) = self.random.choices(list(faults), list(faults.values()))
        FAULTS[kind](self)
        if self.world.current() is None:
            self.world.start_writer()

    # -- processes ----------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """kill -9 of the newest writer; the next one comes at once."""
        writer = self.world.current()
        if writer is not None:
            self.world.kill(writer)

    def kill_all(self) -> None:
        for writer in self.world.writers:
            if writer.process.alive:
                self.world.kill(writer)

    def failover(self) -> None:
        """A new writer while the old one goes on."""
        self.world.start_writer()

    def race(self) -> None:
        """Several recoveries at the same time."""
        for _ in range(self.random.choice((2, 2, 3))):
            self.world.start_writer()
            self.kernel.pause(self.random.choice((0.0, 1e-4, 1e-3)) * self.random.random())

    def zombie(self) -> None:
        """The writer stands still at any point, another takes over, the old one wakes up."""
        writer = self.world.current()
        if writer is None:
            return
        self.world.note(f"stop {writer.process.name}")
        self.kernel.stop(writer.process)
        self.kernel.pause(self.random.choice((0.0, 1e-3)))
        self.world.start_writer()

        def wake() -> None:
            self.kernel.pause(self.random.choice((1e-3, 1e-2, 0.2)) * self.random.random())
            self.world.note(f"resume {writer.process.name}")
            self.kernel.resume(writer.process)

        self.kernel.spawn(self.world.world, wake)

    def sleeper(self) -> None:
        """A writer stands still while it opens the volume, and wakes up when another has long been writing."""
        self.kill_all()
        sleeper = self.world.start_writer()
        self.kernel.pause(self.random.choice((3e-4, 1e-3, 3e-3)) * self.random.random())
        self.world.note(f"stop {sleeper.process.name}")
        self.kernel.stop(sleeper.process)
        self.world.start_writer()
        self.kernel.pause(self.random.choice((5e-3, 5e-2)))
        self.world.note(f"resume {sleeper.process.name}")
        self.kernel.resume(sleeper.process)

    def power(self) -> None:
        """The machine loses power: all processes, all that wasn't synced."""
        self.world.note("power loss")
        for writer in self.world.writers:
            if writer.process.alive:
                self.kernel.kill(writer.process)
        for drive in self.drives:
            drive.lose_power(self.kernel)

    # -- drives -------------------------------------------------------------------------------------------------

    def _some(self) -> Drive:
        return self.random.choice(self.drives)

    def _later(self, undo: Callable[[], None]) -> None:
        seconds = self.random.choice((1e-3, 1e-2, 0.1, 0.5)) * self.random.random()

        def work() -> None:
            self.kernel.pause(seconds)
            undo()

        self.kernel.spawn(self.world.world, work)

    def restart_drive(self) -> None:
        """One drive loses power; the processes live on."""
        if not self.silent:
            drive = self._some()
            self.world.note(f"drive {drive.id} restarts")
            drive.lose_power(self.kernel)

    def slow(self) -> None:
        if self.silent:
            return
        drive, factor = self._some(), self.random.choice((10.0, 100.0, 1000.0))
        self.world.note(f"drive {drive.id} is {factor} times slower")
        drive.latency_factor = factor
        self._later(lambda: setattr(drive, "latency_factor", 1.0))

    def drag(self) -> None:
        """A drive is slow for long while commits come: its copy is left out, called back when it is needed, and comes
        back when the drive is fast."""
        writer = self.world.current()
        if writer is None or writer.volume is None or self.silent:
            return
        drive = self.random.choice(self.world.active())
        self.world.note(f"drive {drive.id} is slow for long")
        drive.latency_factor = self.random.choice((100.0, 1000.0))
        volume, process = writer.volume, writer.process
        for _ in range(60):
            self.world.let_commit(1)
            self.kernel.pause(self.random.choice((1e-3, 1e-2)) * self.random.random())
            if not process.alive or self._left_out(volume, drive):
                break
        if process.alive and self._left_out(volume, drive):
            self.world.note(f"the copy on drive {drive.id} is left out")
            self.world.let_commit(3)
            if self.random.random() < 0.5:
                others = [other for other in self.world.active() if other is not drive]
                away = self.random.sample(others, self.random.choice((2, 2, 3)))
                self._offline(away)
                self.world.let_commit(3)
                self.kernel.pause(0.2)
                self._soon(process, lambda: self._spared(volume, drive), "a copy that is needed to be called back")
                for other in away:
                    other.offline = False
        drive.latency_factor = 1.0
        self._soon(process, lambda: not self._left_out(volume, drive), "a copy that is fast again to come back")

    def _left_out(self, volume: Volume, drive: Drive) -> bool:
        return any(w.state == "slow" and w.copy.path == drive.layout.path for w in volume.writers())

    def _spared(self, volume: Volume, drive: Drive) -> bool:
        return not self._left_out(volume, drive) or volume.membership.can_write(
            [w.id for w in volume.writers() if w.live]
        )

    def _soon(self, process: Process, condition: Callable[[], bool], what: str) -> None:
        self.world.until(lambda: not process.alive or condition(), self.kernel.now_s + 30.0, what)

    def full(self) -> None:
        for drive in self.random.sample(self.drives, self.random.choice((1, 1, 2, 3))):
            self.world.note(f"drive {drive.id} is full")
            drive.full = True
            self._later(lambda drive=drive: setattr(drive, "full", False))  # type: ignore[misc]

    def offline(self) -> None:
        """One copy, an availability zone, or a zone and one more don't answer."""
        if self.silent:
            return
        gone = self._zone() if self.random.random() < 0.6 else [self._some()]
        if self.random.random() < 0.5:
            gone = list(dict.fromkeys([*gone, self._some()]))
        self.world.note(f"drives {[drive.id for drive in gone]} are offline")
        for drive in gone:
            drive.offline = True
            self._later(lambda drive=drive: setattr(drive, "offline", False))  # type: ignore[misc]

    def _zone(self) -> list[Drive]:
        zone = self.random.choice(sorted({drive.layout.az for drive in self.drives}))
        return [drive for drive in self.drives if drive.layout.az == zone]

    def cut(self) -> None:
        """Some copies are out of reach for one writer only."""
        writer = self.world.current()
        if writer is None or self.silent:
            return
        for drive in self.random.sample(self.drives, self.random.randint(1, 3)):
            self.world.note(f"{writer.process.name} can't reach drive {drive.id}")
            drive.cut_off.append(writer.process)
            self._later(drive.cut_off.clear)

    def race_apart(self) -> None:
        """Two recoveries, each of which reaches other copies."""
        if self.silent:
            return
        self.kill_all()
        mixed = self.random.sample(self.drives, len(self.drives))
        first, second = self.world.start_writer(), self.world.start_writer()
        for drive in mixed[: self.random.randint(2, 3)]:
            drive.cut_off.append(first.process)
            self._later(drive.cut_off.clear)
        for drive in mixed[-self.random.randint(2, 3) :]:
            drive.cut_off.append(second.process)
            self._later(drive.cut_off.clear)
        self.world.note(f"{first.process.name} and {second.process.name} reach different drives")

    def relay(self) -> None:
        """Recoveries one after the other, each of which reaches other copies and dies at some point of its way."""
        if self.silent:
            return
        for _ in range(self.random.randint(2, 4)):
            self.kill_all()
            gone = self.random.sample(self.drives, self.random.choice((2, 3, 3, 4)))
            if self.random.random() < 0.6:  # those that know most are away
                gone = sorted(self.drives, key=_knows, reverse=True)[: len(gone)]
            self.world.note(f"drives {[drive.id for drive in gone]} are offline for a while")
            for drive in gone:
                drive.offline = True
            self.world.start_writer()
            self.kernel.pause(self.random.choice((1e-3, 4e-3, 2e-2)) * self.random.random())
            if self.random.random() < 0.3:
                self.look()
                self.kernel.pause(1e-3 * self.random.random())
            for drive in gone:
                drive.offline = False

    def errors(self) -> None:
        """Calls to some drives fail now and then."""
        if self.silent:
            return
        for drive in self.random.sample(self.drives, self.random.choice((1, 2, 6))):
            drive.error_rate = self.random.choice((0.02, 0.2))
            self.world.note(f"drive {drive.id} fails {drive.error_rate:.0%} of its calls")
            self._later(lambda drive=drive: setattr(drive, "error_rate", 0.0))  # type: ignore[misc]

    # -- damage -------------------------------------------------------------------------------------------------

    def _may_damage(self, drive: Drive, limit: int) -> bool:
        active = self.world.active()
        self.damaged = [other for other in self.damaged if other in active and not self.world.whole(other)]
        if not self.damaged:
            self.silent = False
        return not self.silent and drive in active and (drive in self.damaged or len(self.damaged) < limit)

    def lose(self, limit: int = 2) -> None:
        """A copy's directory goes, files that are open stay usable."""
        drive = self._some()
        if self._may_damage(drive, limit) and self.world.recoverable([drive]):
            self.world.note(f"copy {drive.id} is lost")
            drive.lose()
            self.damaged.append(drive)

    def az_plus_one(self) -> None:
        """A zone's copies and one more are lost at the same time."""
        active = self.world.active()
        if not self._may_damage(self.random.choice(active), 1) or self.damaged:
            return
        gone = [drive for drive in self._zone() if drive in active]
        gone.append(self.random.choice([drive for drive in active if drive not in gone]))
        if not self.world.recoverable(gone):
            return
        self.world.note(f"copies {[drive.id for drive in gone]} are lost")
        for drive in gone:
            drive.lose()
            self.damaged.append(drive)

    def rot(self) -> None:
        """A bit turns over, on the medium and in the cache."""
        drive = self._some()
        if not self._may_damage(drive, 1) or self.damaged or drive.directory is None:
            return
        if not self.world.recoverable([drive]):
            return
        if any(d.offline or d.cut_off or d.error_rate or d.latency_factor != 1.0 for d in self.drives):
            return
        # A file whose name a loss of power may take would be more damage than one bit.
        lasting = drive.directory.lasting()
        if not lasting:
            return
        name, inode = self.random.choice(lasting)
        used = len(inode.medium.rstrip(b"\0"))
        if not used:
            return
        at, bit = self._where(name, inode, used), 1 << self.random.randrange(8)
        for data in (inode.medium, inode.cache):
            if at < len(data):
                data[at] ^= bit
        self.world.note(f"copy {drive.id}: a bit of {name} rots at {at}")
        self.damaged.append(drive)
        self.silent = True

    def _where(self, name: str, inode: Inode, used: int) -> int:
        if SegmentName.parse(name) is not None and self.random.random() < 0.5:
            return self.random.randrange(max(0, used - 80), used)  # the last batch
        return self.random.randrange(used)

    # -- who the copies are -------------------------------------------------------------------------------------

    def replace(self) -> None:
        """A copy is replaced by one on a new drive, while everything goes on."""
        writer = self.world.current()
        if writer is None or writer.volume is None or len(self.drives) >= 12:
            return
        leaving = self.random.choice(writer.volume.membership.copies).id
        self.world.replace(writer, writer.volume, leaving)

    def cancel(self) -> None:
        """The copy that was to be replaced stays."""
        writer = self.world.current()
        if writer is not None and writer.volume is not None:
            self.world.cancel(writer, writer.volume)

    def handover(self) -> None:
        """A copy is replaced while some are away; then a recovery reaches these and not the others."""
        if self.silent:
            return
        writer = self.world.current()
        if writer is None or writer.volume is None or len(self.drives) >= 12:
            return
        leaving = self.random.choice(writer.volume.membership.copies)
        active = self.world.active()
        apart = self.random.sample(active, 3)
        if self.random.random() < 0.7:
            gone = [drive for drive in active if drive.layout.id == leaving.id]
            apart = gone + self.random.sample([drive for drive in active if drive not in gone], 2)
        early = self.random.random() < 0.3
        if early:
            self._offline(apart)
        self.world.replace(writer, writer.volume, leaving.id)
        self.kernel.pause(self.random.choice((5e-4, 3e-3, 2e-2)) * self.random.random())
        if self.random.random() < 0.2:
            self.cancel()
        if not early:
            self._offline(apart)
        self.world.let_commit(3)
        self.kernel.pause(self.random.choice((1e-3, 5e-3, 2e-2)) * self.random.random())
        self.kill_all()
        for drive in apart:
            drive.offline = False
        others = [drive for drive in self.world.active() if drive not in apart]
        self._offline(others)
        self.world.start_writer()
        self.world.let_commit(2)
        self.kernel.pause(self.random.choice((3e-3, 1e-2, 5e-2)) * self.random.random())
        for drive in others:
            drive.offline = False

    def _offline(self, drives: Sequence[Drive]) -> None:
        self.world.note(f"drives {[drive.id for drive in drives]} are offline for a while")
        for drive in drives:
            drive.offline = True

    def revenant(self) -> None:
        """A writer that stood still while another came and a copy was lost refills it; only copies that the other one
        did not reach are left to tell."""
        writer = self.world.current()
        active = self.world.active()
        if writer is None or writer.volume is None or not self._may_damage(self.random.choice(active), 1):
            return
        if self.damaged or self.silent:
            return
        away = self.random.sample(active, 2)
        lost = self.random.choice([drive for drive in active if drive not in away])
        idle = self.random.random() < 0.5
        if idle:
            # It tries again and again to reach that copy, and has nothing to write that would tell it of the other.
            lost.cut_off.append(writer.process)
            self.kernel.pause(1e-2)
            self.world.credit = 0
            self.kernel.pause(0.4)
        self._offline(away)
        self.world.note(f"stop {writer.process.name}")
        self.kernel.stop(writer.process)
        self.world.start_writer()
        self.world.let_commit(3)
        self.kernel.pause((0.08 if idle else 0.02) * self.random.random())
        lost.cut_off.clear()
        if idle:
            self.world.credit = 0
        if self.world.recoverable([lost]):
            self.world.note(f"copy {lost.id} is lost")
            lost.lose()
            self.damaged.append(lost)
        for drive in away:
            drive.offline = False
        if self.random.random() < 0.5:
            self.world.kill(next(w for w in reversed(self.world.writers)))
        self.world.note(f"resume {writer.process.name}")
        self.kernel.resume(writer.process)
        self.kernel.pause(self.random.choice((3e-3, 2e-2, 0.1)) * self.random.random())
        self.kill_all()
        gone = [drive for drive in active if drive not in away and drive is not lost]
        self._offline(gone)
        self.world.start_writer()
        self.kernel.pause(2e-2 * self.random.random())
        for drive in gone:
            drive.offline = False

    # -- housekeeping -------------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Redo below a checkpoint is dropped."""
        writer = self.world.current()
        if writer is None or writer.volume is None or self.world.truth.vdl < 3:
            return
        volume, below = writer.volume, self.random.randint(1, self.world.truth.vdl)
        while below > 1 and not self.world.truth.log[below - 1][1]:
            below -= 1
        self.world.note(f"collect below {below}")
        self.world.truth.first_lsn = max(self.world.truth.first_lsn, below)
        self.kernel.spawn(writer.process, lambda: volume.collect(below))

    def look(self) -> None:
        self.world.read_aside()


def _knows(drive: Drive) -> int:
    """How many bytes of log are on the medium."""
    inodes = drive.directory.medium if drive.directory is not None else {}
    return sum(len(inode.medium.rstrip(b"\0")) for name, inode in inodes.items() if SegmentName.parse(name))


FAULTS: dict[str, Callable[[Director], None]] = {
    "kill": Director.kill,
    "failover": Director.failover,
    "race": Director.race,
    "race_apart": Director.race_apart,
    "relay": Director.relay,
    "zombie": Director.zombie,
    "sleeper": Director.sleeper,
    "power": Director.power,
    "restart_drive": Director.restart_drive,
    "slow": Director.slow,
    "drag": Director.drag,
    "full": Director.full,
    "offline": Director.offline,
    "cut": Director.cut,
    "errors": Director.errors,
    "lose": Director.lose,
    "az_plus_one": Director.az_plus_one,
    "rot": Director.rot,
    "replace": Director.replace,
    "cancel": Director.cancel,
    "handover": Director.handover,
    "revenant": Director.revenant,
    "collect": Director.collect,
    "look": Director.look,
}

#: Came later. Not drawn among the others, so that the schedules of known seeds stay as they are.
NOT_DRAWN = ("drag",)
