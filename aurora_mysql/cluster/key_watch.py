"""When an encrypted cluster stops because of its key, and when it comes back. Decisions without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KeyAnswer = Literal["usable", "refused", "unreachable"]

#: What RDS calls a cluster whose key it can't use, and whose data it could use again with the key.
INACCESSIBLE = "inaccessible-encryption-credentials-recoverable"


@dataclass(slots=True)
class KeyWatch:
    """Judges the answers of the key's keeper.

    A key that is refused (disabled, deleted, another one, a missing file) is asked for once more, soon, and then the
    cluster stops. A keeper that does not answer says nothing about the key: the cluster goes on for `grace_s`, since
    its processes have the root key in memory. Once stopped, the first answer that the key is usable resumes it.

    Attributes:
        check_interval_s: seconds between two questions when all is well.
        retry_s: seconds until the second question, and between questions while the cluster is stopped.
    """

    check_interval_s: float
    grace_s: float
    retry_s: float = 1.0
    stopped: bool = False
    _refused: int = 0
    _silent_since_s: float | None = None

    def judge(self, answer: KeyAnswer, now_s: float) -> Literal["stop", "resume"] | None:
        """What to do now that the keeper has answered."""
        if answer == "usable":
            self._refused, self._silent_since_s = 0, None
            if self.stopped:
                self.stopped = False
                return "resume"
            return None
        if answer == "unreachable":
            self._silent_since_s = now_s if self._silent_since_s is None else self._silent_since_s
            over = now_s - self._silent_since_s >= self.grace_s
        else:
            self._refused += 1
            over = self._refused >= 2
        if over and not self.stopped:
            self.stopped = True
            return "stop"
        return None

    def wait_s(self) -> float:
        """Until the next question."""
        troubled = self.stopped or self._refused or self._silent_since_s is not None
        return min(self.retry_s, self.check_interval_s) if troubled else self.check_interval_s
