"""A test runner that writes each test's outcome to a file as it ends, so that a crash keeps what came before."""

from __future__ import annotations

import json
import os
import unittest
from pathlib import Path
from typing import Any

from django.test.runner import DiscoverRunner


class RecordingResult(unittest.TextTestResult):
    """One line ``["id", "passed" | "failed" | "skipped"]`` a test; expected failures are "skipped"."""

    def startTestRun(self) -> None:
        super().startTestRun()
        self._path = Path(os.environ["DJANGO_COMPLIANCE_RECORD"])
        self._outcome = "passed"

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self._outcome = "passed"

    def stopTest(self, test: Any) -> None:
        super().stopTest(test)
        self._write(test, self._outcome)

    def _write(self, test: Any, outcome: str) -> None:
        with self._path.open("a") as record:
            record.write(json.dumps([test.id(), outcome]) + "\n")

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._failed(test)

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._failed(test)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(test)

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        self._outcome = "skipped"

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._outcome = "skipped"

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._failed(test)

    def _failed(self, test: Any) -> None:
        self._outcome = "failed"
        if not isinstance(test, unittest.TestCase):
            # A class or module that could not be set up has no stopTest of its own.
            self._write(test, "failed")


class RecordingRunner(DiscoverRunner):
    def get_resultclass(self) -> type[unittest.TextTestResult]:
        return RecordingResult
