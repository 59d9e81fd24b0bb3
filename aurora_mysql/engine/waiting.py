"""Waiting in coroutines that may have begun without a task (see session/eager.py)."""

from __future__ import annotations

import asyncio


async def in_task() -> None:
    """Come back inside a task: asyncio.timeout and the like need one to cancel."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)
