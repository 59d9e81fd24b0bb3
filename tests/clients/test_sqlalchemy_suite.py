"""A part of SQLAlchemy's dialect compliance suite; scripts/compliance/sqlalchemy runs all of it, on MariaDB as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cluster import PASSWORD, Cluster
from tests.support.sqlalchemy_suite import exception, run_suite

pytestmark = pytest.mark.client

#: Test classes that meet each room of the DDL once and take less than a minute together.
PART = (
    "ComponentReflectionTestExtra", "TempTableElements", "TableViaSelect", "Computed", "TableDDLTest", "CTETest",
    "WindowFunction", "TrueDiv", "NumericTest", "DateTimeTest", "TimeTest", "EnumTest", "StringTest", "RowCountTest",
    "InsertBehavior", "LongNameBlowout", "CompositeKeyReflection", "QuotedNameArgument", "BizarroCharacterTest",
    "JSONTest",
)  # fmt: skip


@pytest.mark.timeout(400)
def test_a_part_of_the_suite_passes(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=0)
    try:
        cluster.start()
        host, port = cluster.endpoints["cluster"]
        outcomes = run_suite(host, port, "admin", PASSWORD, select=PART, timeout_s=360)
        cluster.assert_clean_logs()
    finally:
        cluster.close()
    failed = {n: why for n, (outcome, why) in outcomes.items() if outcome == "failed" and exception(n) is None}
    assert not failed, "\n".join(f"{name}: {why}" for name, why in failed.items())
    assert sum(1 for outcome, _ in outcomes.values() if outcome == "passed") > 200
