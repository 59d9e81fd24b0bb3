"""Imported first by a script: it goes on in the checkout's .venv, which is made at the first call.

An interpreter that already has what the benches need is left alone.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_NEEDED = ("duckdb", "pymysql", "uvloop")


def _enter() -> None:
    if all(importlib.util.find_spec(name) is not None for name in _NEEDED):
        return
    python = _ROOT / ".venv" / "bin" / "python"
    if Path(sys.prefix) == python.parents[1]:
        raise SystemExit(f"{python} lacks one of {', '.join(_NEEDED)}: remove .venv and start again")
    prepare = f'. "{_ROOT}/scripts/prepare"; prepare "{_ROOT}" "[bench]"; exec "{python}" "$@"'
    os.execv("/bin/sh", ["sh", "-eu", "-c", prepare, "sh", *sys.argv])


_enter()
