"""A reader becomes the writer: fence, recover, apply to the VDL, accept writes. In this order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aurora_mysql.encryption.redo_cipher import PLAIN_REDO, RedoCipher
from aurora_mysql.engine.commit_log import CommitLog
from aurora_mysql.engine.engine import Engine
from aurora_mysql.storage.disk import LOCAL_DISK, Disk
from aurora_mysql.storage.layout import CopyLayout, VolumeOptions, VolumeState
from aurora_mysql.storage.volume import Volume
from replicas.receiver import Receiver

log = logging.getLogger(__name__)


class _Wiring:
    """Brings what the volume's threads report to the commit log, on the loop."""

    def __init__(self, on_fenced: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_fenced = on_fenced
        self._state: VolumeState | None = None
        self._commit_log: CommitLog | None = None

    def vdl_advanced(self, vdl: int) -> None:
        if self._commit_log is not None:  # nothing is appended before there is one
            self._commit_log.vdl_advanced(vdl)

    def state_changed(self, state: VolumeState) -> None:
        self._loop.call_soon_threadsafe(self._take, state)

    def connect(self, commit_log: CommitLog) -> None:
        self._commit_log = commit_log
        if self._state is not None:
            self._take(self._state)

    def _take(self, state: VolumeState) -> None:
        self._state = state
        if state.fenced:
            self._on_fenced(state.reason)
        elif self._commit_log is not None:
            if not state.writable:
                log.warning("the volume has no write quorum (%d copies): %s", state.live_copies, state.reason)
            self._commit_log.writable_changed(state.writable, full=state.full)


async def promote(
    engine: Engine,
    receiver: Receiver,
    layout: list[CopyLayout],
    cluster_id: str,
    *,
    data_dir: str,
    min_epoch: int,
    options: VolumeOptions,
    disk: Disk = LOCAL_DISK,
    cipher: RedoCipher = PLAIN_REDO,
    on_fenced: Callable[[str], None],
) -> Volume:
    """Open the volume for writing in an epoch of at least `min_epoch` and switch `engine` to it.

    The fence comes before the last catch-up, so nothing can become durable behind it. `on_fenced` is called on the
    loop when a later writer takes over.

    Raises:
        StorageError: the volume can't be opened or read; the engine is a reader as before and follows whom it did.
    """
    followed = receiver.target
    await receiver.stop()
    wiring = _Wiring(on_fenced)
    opening = asyncio.ensure_future(
        asyncio.to_thread(
            Volume.open_for_writing,
            data_dir,
            layout,
            cluster_id,
            on_vdl=wiring.vdl_advanced,
            on_state=wiring.state_changed,
            min_epoch=min_epoch,
            options=options,
            disk=disk,
            cipher=cipher,
        )
    )
    try:
        volume = await asyncio.shield(opening)
        await receiver.catch_up(volume.vdl)
        wiring.connect(engine.become_writer(volume))
    except BaseException:
        # Cancelled or failed: an open volume would hold its copies and its threads for good.
        await asyncio.wait({opening})
        if not opening.cancelled() and opening.exception() is None:
            await asyncio.to_thread(opening.result().close)
        receiver.follow(*followed)
        raise
    return volume
