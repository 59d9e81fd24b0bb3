"""Commands that have actions of their own: `aurora-mysql snapshot create`, `key rotate`, `copy replace`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_action(actions: Any, name: str, text: str, run: Any = None) -> argparse.ArgumentParser:
    """Declare an action among `actions` (argparse's sub-parsers); `run`: what it does, if not what its command does."""
    sub: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    if run is not None:
        sub.set_defaults(run=run)
    # Given before the action or after it; SUPPRESS keeps the earlier one.
    sub.add_argument("--config", type=Path, default=argparse.SUPPRESS, help="configuration file")
    sub.add_argument("--data-dir", type=Path, default=argparse.SUPPRESS, help="data directory of the cluster")
    return sub
