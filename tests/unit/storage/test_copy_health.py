"""Which copies are too slow, decided without disks and without a clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from aurora_mysql.storage.copy_health import CopyHealth, SlowRules

ALL = frozenset(range(1, 7))


class Watch:
    """A volume whose copies write once in each second."""

    def __init__(self, after_s: float = 5.0) -> None:
        self.health = CopyHealth(SlowRules(after_s=after_s))
        self.live = set(ALL)
        self.now_s = 100.0

    def second(self, took: Mapping[int, float], pending: Mapping[int, float] | None = None) -> list[int]:
        """All live copies write in a millisecond, but those of `took`; returns who is left out."""
        out: list[int] = []
        for copy in sorted(self.live - set(pending or {})):
            if copy in self.live and self.health.took(copy, took.get(copy, 0.001), self.now_s):
                found = self.health.judge(self.now_s, self.live, pending or {}, can_write)
                out += [verdict.copy for verdict in found]
                self.live -= set(out)
        self.now_s += 1.0
        return out

    def seconds(self, count: int, took: Mapping[int, float]) -> list[int]:
        return [copy for _ in range(count) for copy in self.second(took)]


def can_write(ids: Collection[int]) -> bool:
    return len(ids) >= 4


def test_a_copy_that_is_slow_for_long_is_left_out() -> None:
    watch = Watch()
    assert watch.seconds(5, {}) == []
    assert watch.seconds(5, {6: 0.1}) == []
    assert watch.seconds(1, {6: 0.1}) == [6]
    assert watch.live == ALL - {6}


def test_a_verdict_tells_by_how_much() -> None:
    watch = Watch()
    watch.seconds(5, {6: 0.1})
    for copy in ALL:
        watch.health.took(copy, 0.1 if copy == 6 else 0.001, watch.now_s)
    (verdict,) = watch.health.judge(watch.now_s + 1, watch.live, {}, can_write)
    assert str(verdict) == "a write takes 100.0 ms, with its peers 1.0 ms"
    assert watch.health.latency_ms(6) == 100.0
    assert watch.health.latency_ms(1) == 1.0


def test_one_good_second_is_enough_to_stay() -> None:
    watch = Watch()
    for _ in range(4):
        assert watch.seconds(4, {6: 0.1}) == []
        assert watch.seconds(1, {}) == []


@pytest.mark.parametrize("slow_s", [0.009, 0.019])
def test_what_nobody_minds_is_not_slow(slow_s: float) -> None:
    """Nineteen times its peers, but still fast; or not many times."""
    assert Watch().seconds(30, {6: slow_s}) == []
    assert Watch().seconds(30, {**dict.fromkeys(ALL, 0.05), 6: 0.4}) == []


def test_when_the_whole_machine_is_slow_nobody_is() -> None:
    assert Watch().seconds(30, dict.fromkeys(ALL, 0.5)) == []


def test_two_of_six_can_be_left_out() -> None:
    assert sorted(Watch().seconds(6, {5: 0.3, 6: 0.5})) == [5, 6]


def test_when_half_of_the_copies_are_slow_nobody_is_left_out() -> None:
    """Commits would wait for one of them in any case."""
    assert Watch().seconds(30, {4: 0.5, 5: 0.5, 6: 0.5}) == []


def test_no_copy_is_left_out_that_the_quorum_needs() -> None:
    watch = Watch()
    watch.live = set(ALL) - {1}
    assert watch.seconds(30, {5: 0.3, 6: 0.5}) == []
    assert watch.seconds(2, {6: 0.5}) == [6]
    assert watch.seconds(30, {5: 0.3}) == []
    assert watch.live == {2, 3, 4, 5}


def test_a_write_that_does_not_end_counts() -> None:
    watch = Watch()
    watch.seconds(2, {})
    found = [
        copy for second in range(1, 12) for copy in watch.second({}, {6: float(second)} if 6 in watch.live else {})
    ]
    assert found == [6]


def test_after_a_hiccup_one_fast_probe_is_enough() -> None:
    watch = Watch()
    watch.seconds(3, {})
    watch.health.overflowed(6)
    assert watch.health.probed(6, 0.001, watch.now_s)
    watch.health.returned(6, watch.now_s)
    assert watch.seconds(6, {6: 0.1}) == [6]
    assert come_back(watch) == 5  # not twice as long: it was not known as slow


def test_after_an_overflow_a_slow_probe_shows_that_it_is_slow() -> None:
    watch = Watch()
    watch.seconds(3, {})
    watch.health.overflowed(6)
    assert not probe(watch, 3, 0.1)
    assert not probe(watch, 5, 0.001)
    assert probe(watch, 1, 0.001)


def test_while_nobody_writes_nobody_is_judged() -> None:
    watch = Watch()
    watch.seconds(4, {6: 0.1})
    watch.now_s += 3600
    assert watch.seconds(2, {}) == []
    assert watch.seconds(5, {6: 0.1}) == []


def test_never_is_never() -> None:
    assert Watch(after_s=0).seconds(100, {6: 10.0}) == []


def left_out() -> Watch:
    watch = Watch()
    assert watch.seconds(10, {6: 0.1}) == [6]
    return watch


def probe(watch: Watch, seconds: int, took_s: float) -> bool:
    """Once a second; whether the copy may come back by then."""
    back = False
    for _ in range(seconds):
        back = watch.health.probed(6, took_s, watch.now_s) or back
        watch.now_s += 1.0
    return back


def test_a_copy_comes_back_when_it_was_fast_for_long() -> None:
    watch = left_out()
    assert not probe(watch, 100, 0.1)
    assert not probe(watch, 5, 0.002)
    assert probe(watch, 1, 0.002)


def test_to_come_back_it_must_be_clearly_fast() -> None:
    watch = left_out()
    assert not probe(watch, 100, 0.015)  # it would not have been left out for that


def test_where_everything_is_slow_by_now_a_copy_is_fast_enough() -> None:
    watch = left_out()
    assert not probe(watch, 10, 0.1)
    for copy in (1, 2, 3):
        assert not watch.health.probed(copy, 0.05, watch.now_s)
    assert probe(watch, 6, 0.1)


def test_one_slow_probe_begins_the_wait_anew() -> None:
    watch = left_out()
    for _ in range(5):
        assert not probe(watch, 4, 0.001)
        assert not probe(watch, 1, 0.1)


def come_back(watch: Watch) -> int:
    """Seconds of fast probes until it may."""
    waited = 0
    while not watch.health.probed(6, 0.001, watch.now_s):
        watch.now_s += 1.0
        waited += 1
    watch.live.add(6)
    watch.health.returned(6, watch.now_s)
    return waited


def test_a_copy_that_is_slow_again_soon_waits_longer() -> None:
    watch = Watch()
    waits = []
    for _ in range(9):
        assert watch.seconds(10, {6: 0.1}) == [6]
        waits.append(come_back(watch))
    assert waits == [5, 10, 20, 40, 80, 160, 320, 320, 320]
    assert watch.seconds(200, {}) == []
    assert watch.seconds(10, {6: 0.1}) == [6]
    assert come_back(watch) == 5


def test_what_is_forgotten_has_no_past() -> None:
    watch = left_out()
    watch.health.forget({6})
    assert watch.health.latency_ms(6) is None
