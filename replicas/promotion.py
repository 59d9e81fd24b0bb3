"""A reader becomes the writer: fence, recover, apply to the VDL, accept writes. In this order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aurora_mysql.engine.commit_log import CommitLog
from aurora_mysql.engine.engine import Engine
from aurora_mysql.storage.layout import CopyLayout, VolumeOptions, VolumeState
from aurora_mysql.storage.volume import Volume
from replicas.receiver import Receiver

log = logging.getLogger(__name__)


async def promote(
    engine: Engine,
    receiver: Receiver,
    layout: list[CopyLayout],
    cluster_id: str,
    *,
    data_dir: str,
    min_epoch: int,
    options: VolumeOptions,
    on_fenced: Callable[[str], None],
) -> Volume:
    """Open the volume for writing in an epoch of at least `min_epoch` and switch `engine` to it.

    The fence comes before the last catch-up, so nothing can become durable behind it. `on_fenced` is called on the
    loop when a later writer takes over.

    Raises:
        StorageError: the volume can't be opened or read; the engine is a reader as before.
    """
    loop = asyncio.get_running_loop()
    await receiver.stop()
    commit_log: CommitLog | None = None
    early: list[int] = []

    def vdl_advanced(vdl: int) -> None:
        if commit_log is None:
            early.append(vdl)
        else:
            commit_log.vdl_advanced(vdl)

    def state_changed(state: VolumeState) -> None:
        loop.call_soon_threadsafe(on_state, state)

    def on_state(state: VolumeState) -> None:
        if state.fenced:
            on_fenced(state.reason)
        elif commit_log is not None:
            if not state.writable:
                log.warning("the volume has no write quorum (%d copies): %s", state.live_copies, state.reason)
            commit_log.writable_changed(state.writable)

    volume = await asyncio.to_thread(
        Volume.open_for_writing,
        data_dir,
        layout,
        cluster_id,
        on_vdl=vdl_advanced,
        on_state=state_changed,
        min_epoch=min_epoch,
        options=options,
    )
    try:
        await receiver.catch_up(volume.vdl)
        commit_log = engine.become_writer(volume)
    except BaseException:
        await asyncio.to_thread(volume.close)
        raise
    commit_log.writable_changed(volume.status().writable)
    return volume
