"""`aurora-mysql copy`: replace one of the six copies by another directory while the cluster runs."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aurora_mysql.cluster.actions import add_action
from aurora_mysql.cluster.control import ControlError

Ask = Callable[..., Any]
AddCommand = Callable[[str, Any, str], argparse.ArgumentParser]
_POLL_S = 0.2


class CopyCommands:
    """Args:
    ask: sends a request to the supervisor of the data directory that the options name.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def add_to(self, command: AddCommand) -> None:
        copy = command("copy", self._run, "Replace one of the six copies by a new directory while the cluster runs.")
        actions = copy.add_subparsers(dest="action", required=True, metavar="ACTION")

        def action(name: str, text: str) -> argparse.ArgumentParser:
            return add_action(actions, name, text)

        replace = action("replace", "Fill a new copy in DIR and let it take the place of COPY.")
        replace.add_argument("copy", type=int, metavar="COPY", help="number of the copy that goes (see `status`)")
        replace.add_argument("--path", type=Path, required=True, metavar="DIR", help="an empty or new directory")
        replace.add_argument("--zone", metavar="AZ", help="availability zone of the new copy (default: that of COPY)")
        replace.add_argument("--no-wait", action="store_true", help="don't wait until the new copy has taken the place")
        action("cancel", "Keep the copy that is being replaced.")

    def _run(self, options: argparse.Namespace) -> int:
        if options.action == "cancel":
            print(f"copy {self._ask(options, 'copy_cancel')['copy']} stays")
            return 0
        path = options.path.absolute()
        answer = self._ask(options, "copy_replace", copy=options.copy, path=str(path), az=options.zone)
        new = answer["copy"]
        print(f"copy {options.copy} is being replaced by copy {new} in {path}", flush=True)
        if options.no_wait:
            return 0
        self._wait(options, new)
        print(f"copy {new} has taken the place of copy {options.copy}; {answer['old_path']} is no longer needed")
        return 0

    def _wait(self, options: argparse.Namespace, new: int) -> None:
        """Until the change is over. Goes on through failovers."""
        shown = ""
        while True:
            volume = None
            with contextlib.suppress(ControlError):
                volume = self._ask(options, "status")["volume"]
            if volume is not None:
                copies = {copy["id"]: copy for copy in volume["copies"]}
                if new in copies and options.copy not in copies:
                    return
                if not volume["membership"]["change"] and new not in copies and options.copy in copies and shown:
                    raise ControlError(f"the replacement was cancelled: copy {options.copy} stays")
                if new in copies:
                    line = f"copy {new}: {copies[new]['state']}, {copies[new]['filled_percent']:g}% filled"
                    if line != shown:
                        print(line, file=sys.stderr, flush=True)
                        shown = line
            time.sleep(_POLL_S)
