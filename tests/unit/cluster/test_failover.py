"""Decisions of failover: data-driven."""

from __future__ import annotations

import pytest

from aurora_mysql.cluster.failover import (
    Assignment,
    Candidate,
    HangDetector,
    RestartBackoff,
    assign_endpoints,
    choose_writer,
)


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([], None),
        ([("a", 5, 1)], "a"),
        ([("a", 5, 0), ("b", 6, 9)], "b"),
        ([("a", 5, 2), ("b", 5, 1)], "b"),
        ([("b", 5, 1), ("a", 5, 1)], "a"),
    ],
)
def test_the_freshest_then_tier_then_id(candidates: list[tuple[str, int, int]], expected: str | None) -> None:
    assert choose_writer([Candidate(*c) for c in candidates]) == expected


def test_reader_endpoint_is_the_readers_or_the_lonely_writer() -> None:
    assert assign_endpoints(["a", "b", "c"], "a") == {
        "a": Assignment(True, False),
        "b": Assignment(False, True),
        "c": Assignment(False, True),
    }
    assert assign_endpoints(["a"], "a") == {"a": Assignment(True, True)}
    assert assign_endpoints(["b"], None) == {"b": Assignment(False, True)}


def detector() -> HangDetector:
    return HangDetector(hang_s=0.5, silence_s=2.0, stall_s=3.0)


def runs() -> bool:
    return False


def is_stopped() -> bool:
    return True


def test_silence_of_a_stopped_process_is_a_hang_only_while_the_judge_is_awake() -> None:
    judge = detector()
    judge.judge(0.0, is_stopped)
    judge.heard(0.0, 0.0)
    verdicts = [judge.judge(t / 10, is_stopped) for t in range(1, 8)]
    assert verdicts == ["ok"] * 5 + ["hung"] * 2


def test_a_process_that_could_run_is_given_longer() -> None:
    judge = detector()
    judge.judge(0.0, runs)
    judge.heard(0.0, 0.0)
    verdicts = [judge.judge(t / 10, runs) for t in range(1, 23)]
    assert verdicts == ["ok"] * 20 + ["hung"] * 2


def test_a_judge_that_slept_starts_the_clock_again() -> None:
    judge = detector()
    judge.judge(0.0, is_stopped)
    judge.heard(0.0, 0.0)
    assert judge.judge(10.0, is_stopped) == "ok"
    assert judge.judge(10.2, is_stopped) == "ok"
    judge.heard(10.3, 0.0)
    assert judge.judge(10.4, is_stopped) == "ok"


def test_an_instance_never_heard_is_starting_not_hung() -> None:
    judge = detector()
    assert [judge.judge(t / 10, is_stopped) for t in range(100)] == ["ok"] * 100


def test_a_loop_that_stands_still_is_stalled() -> None:
    judge = detector()
    judge.judge(0.0, runs)
    judge.heard(0.1, 2.0)
    assert judge.judge(0.1, runs) == "ok"
    judge.heard(0.2, 3.5)
    assert judge.judge(0.2, runs) == "stalled"


def test_backoff_grows_with_short_lives_and_forgets_after_a_long_one() -> None:
    backoff = RestartBackoff(first_s=0.1, most_s=0.4, healthy_s=10)
    assert [backoff.after(1) for _ in range(5)] == [0.0, 0.1, 0.2, 0.4, 0.4]
    assert backoff.after(60) == 0.0
