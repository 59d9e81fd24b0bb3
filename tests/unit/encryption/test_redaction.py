"""The logs of an encrypted cluster hold no value of a row."""

from __future__ import annotations

import io
import logging
import subprocess
import sys

import duckdb
import pytest

from aurora_mysql.cluster.logs import LineFormatter
from aurora_mysql.errors import StorageError, mysql_error
from aurora_mysql.redaction import StatementText, redacted


def line(confidential: bool, text: str, *arguments: object, error: BaseException | None = None) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter("i", confidential=confidential))
    logger = logging.Logger("l")
    logger.addHandler(handler)
    logger.error(text, *arguments, exc_info=error)
    return stream.getvalue()


def failed() -> BaseException:
    try:
        try:
            duckdb.connect().execute("SELECT CAST('SECRET' AS INT)")
        except duckdb.Error as error:
            raise StorageError(f"redo 3 could not be applied: {error}") from error
    except StorageError as error:
        return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize(
    "arguments",
    [
        ("%s: %s", StatementText("INSERT INTO t VALUES ('SECRET')"), ValueError("SECRET")),
        ("%s", mysql_error(1062, "SECRET", "t.PRIMARY")),
        ("the engine failed: %s", failed()),
        ("%(x)s", {"x": ValueError("SECRET")}),
    ],
    ids=lambda value: str(value[0]),
)
def test_values_stay_out_of_the_log(arguments: tuple[str, object]) -> None:
    assert "SECRET" in line(False, *arguments)
    assert "SECRET" not in line(True, *arguments)


def test_a_traceback_tells_where_and_not_what() -> None:
    text = line(True, "it failed", error=failed())
    assert "SECRET" not in text
    assert "StorageError" in text and "ConversionException" in text and "test_redaction.py" in text
    assert "SECRET" in line(False, "it failed", error=failed())


def test_what_nobody_caught_stays_out_too() -> None:
    """As an instance of an encrypted cluster does it, in a process of its own."""
    script = """
import asyncio, sys, threading
from aurora_mysql.cluster.logs import keep_unforeseen_confidential, loop_failed, set_up_logging
set_up_logging("i", "INFO", sys.stderr, confidential=True)
keep_unforeseen_confidential()
def fail():
    raise ValueError("SECRET")
class Passed:
    def __del__(self):
        fail()
async def main():
    asyncio.get_running_loop().set_exception_handler(loop_failed)
    async def work():
        fail()
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    del task
    await asyncio.sleep(0)
asyncio.run(main())
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Passed()
fail()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "SECRET" not in done.stdout + done.stderr
    assert done.stderr.count("ValueError") == 4


def test_what_holds_no_row_is_said() -> None:
    assert redacted(StorageError("copy 3 is missing")) == "copy 3 is missing"
    assert redacted(mysql_error(1062, "x", "y")) == "error 1062"
    assert line(True, "copy %d is lost: %s", 3, "disk full").endswith("copy 3 is lost: disk full\n")
