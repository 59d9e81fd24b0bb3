"""A process that holds keys and rows leaves no image of its memory on disk."""

from __future__ import annotations

import contextlib
import ctypes
import resource

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """No core file of this process, also not through a handler that the system pipes cores to; nor may others of the
    same user read its memory. Swap is the machine's business: it must be encrypted, or off."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):  # a system without prctl: the limit remains
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
