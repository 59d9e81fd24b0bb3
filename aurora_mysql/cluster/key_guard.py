"""Asks for the key of a running cluster now and then; stops the cluster without it, and resumes it with it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aurora_mysql.cluster.cluster_key import keyrings_of, unlock_cluster
from aurora_mysql.cluster.config import ClusterConfig
from aurora_mysql.cluster.data_dir import ClusterState, DataDir
from aurora_mysql.cluster.key_watch import INACCESSIBLE, KeyAnswer, KeyWatch
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import AuroraError, KeyUnreachableError, StorageError

log = logging.getLogger(__name__)


class KeyGuard:
    """One per supervisor of an encrypted cluster.

    Args:
        stop: ends every instance in order. `resume`: starts them again, with this root key.
    """

    def __init__(
        self,
        config: ClusterConfig,
        directory: DataDir,
        state: ClusterState,
        *,
        stop: Callable[[], Awaitable[None]],
        resume: Callable[[RootKey], Awaitable[None]],
    ) -> None:
        self._config, self._directory, self._state = config, directory, state
        self._stop, self._resume = stop, resume
        self._watch = KeyWatch(config.key_check_interval_s, config.key_grace_s)
        self.reason = ""

    @property
    def stopped(self) -> bool:
        """The cluster stands still for want of its key."""
        return self._watch.stopped

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._watch.wait_s())
            root, answer = await asyncio.to_thread(self._ask)
            decision = self._watch.judge(answer, time.monotonic())
            if decision == "stop":
                log.error("the cluster stops: %s", self.reason)
                await self._stop()
                log.error("the cluster has stopped; it resumes by itself when its key can be used again")
            elif decision == "resume" and root is not None:
                log.warning("the key can be used again: the cluster resumes")
                await self._resume(root)

    def _ask(self) -> tuple[RootKey | None, KeyAnswer]:
        """The keyring is read anew each time: the key may have been rotated."""
        try:
            root = unlock_cluster(self._directory, self._state, key=self._config.encryption_key)
        except AuroraError as error:
            # What can't be read of the keyring says nothing about the key.
            unreachable = isinstance(error, KeyUnreachableError | StorageError)
            self._told(str(error))
            return None, "unreachable" if unreachable else "refused"
        self._told("")
        return root, "usable"

    def _told(self, reason: str) -> None:
        if reason and reason != self.reason:
            log.warning("%s", reason)
        self.reason = reason

    def document(self) -> dict[str, Any]:
        """The `encryption` object of `aurora-mysql status`."""
        try:
            key = keyrings_of(self._directory).newest(self._state.root_key_id).key
        except StorageError:
            key = ""
        state = INACCESSIBLE if self.stopped else "available"
        return {"enabled": True, "key": key, "state": state, "reason": self.reason}
