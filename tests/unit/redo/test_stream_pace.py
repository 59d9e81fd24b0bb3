"""How often redo is sent: at once after a pause, else gathered."""

from __future__ import annotations

import asyncio
from typing import Any

from aurora_mysql.redo.frames import REDO
from aurora_mysql.redo.stream import FRAMES_APART_S, RedoStreamServer


def test_redo_is_sent_at_once_after_a_pause_and_gathered_in_a_rush(monkeypatch: Any) -> None:
    async def main() -> None:
        frames: list[list[int]] = []

        def sent(kind: int, body: Any) -> bytes:
            assert kind == REDO and body[0] >= body[1][-1][0]
            frames.append([record[0] for record in body[1]])
            return b""

        monkeypatch.setattr("aurora_mysql.redo.stream.frame", sent)
        stream = RedoStreamServer("token", epoch=1, vdl=0, topology=list)
        now_s = 100.0
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: now_s)
        timers: list[tuple[float, Any]] = []
        monkeypatch.setattr(loop, "call_later", lambda delay_s, call: timers.append((delay_s, call)))
        stream.publish(1, [b"a"])
        await asyncio.sleep(0)
        assert frames == [[1]], "a lone commit waits for nothing"
        for lsn in range(2, 8):
            stream.publish(lsn, [b"b"])
            await asyncio.sleep(0)
            now_s += FRAMES_APART_S / 10
        assert frames == [[1]] and len(timers) == 1 and 0 < timers[0][0] <= FRAMES_APART_S
        now_s += FRAMES_APART_S
        timers.pop()[1]()
        assert frames == [[1], [2, 3, 4, 5, 6, 7]]
        now_s += FRAMES_APART_S
        stream.publish(9, [b"c", b"d"])
        await asyncio.sleep(0)
        assert frames[2] == [8, 9] and timers == []

    asyncio.run(main())
