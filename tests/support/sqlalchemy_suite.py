"""SQLAlchemy's dialect compliance suite as a subprocess, and what came of each test."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import pymysql

SUITE = Path(__file__).parents[2] / "scripts" / "compliance" / "sqlalchemy_suite"
_SERVER = re.compile(r"_(?:mysql|mariadb)\+pymysql[_0-9]*$")
_DATABASES = ("test", "test_schema", "test_schema_2")


def make_databases(host: str, port: int, user: str, password: str) -> None:
    """The databases that the suite works in, empty."""
    connection = pymysql.connect(host=host, port=port, user=user, password=password, autocommit=True)
    with connection.cursor() as cursor:
        for name in _DATABASES:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    connection.close()


def run_suite(
    host: str, port: int, user: str, password: str, *, select: Sequence[str] = (), timeout_s: float = 3000.0
) -> dict[str, tuple[str, str]]:
    """Test -> (passed | failed | skipped, first line of why), with the server's name cut out of the test's.

    `select` are pytest's ``-k`` words, joined with "or".
    """
    make_databases(host, port, user, password)
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-c", "setup.cfg", "--rootdir", ".", "-p", "no:cacheprovider", "-q"]
        command += ["-p", "no:warnings", "--tb=native", "--maxfail=100000", f"--junitxml={report}"]
        command += ["--dburi", f"mysql+pymysql://{user}:{password}@{host}:{port}/test", "test_suite.py"]
        if select:
            command += ["-k", " or ".join(select)]
        done = subprocess.run(command, cwd=SUITE, capture_output=True, text=True, timeout=timeout_s)
        if not report.exists():
            raise RuntimeError(f"the suite did not run:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return _outcomes(report)


def exception(name: str) -> str | None:
    """Why a MySQL server does not pass the test `name` that MariaDB passes; None when nothing excuses it."""
    for line in (SUITE / "exceptions.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern, _, why = line.partition("  ")
            if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])):
                return why
    return None


def _outcomes(report: Path) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        group = _SERVER.sub("", case.get("classname", "").removeprefix("test_suite."))
        name = f"{group}::{case.get('name')}"
        outcome, why = "passed", ""
        for kind, word in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
            node = case.find(kind)
            if node is not None:
                outcome, why = word, _reason(node)
        if found.get(name, ("passed", ""))[0] == "passed":
            found[name] = (outcome, why)
    return found


def _reason(node: ElementTree.Element) -> str:
    text = f"{node.get('message') or ''}\n{node.text or ''}"
    refused = re.findall(r"Error\) (\(\d+, .*\))", text)
    return str(refused[-1] if refused else text.strip().split("\n")[0])[:200]
