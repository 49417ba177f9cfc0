"""Frames over a wire that cuts, doubles, merges, reorders and loses lines."""

from __future__ import annotations

import random

from runner.util.launcher_frames import (
    MARK,
    MOST_BYTES,
    Frame,
    LineBuffer,
    Receiver,
    Sender,
    encode,
    frames_in,
)


def damaged(lines: list[bytes], chance: random.Random) -> bytes:
    """What a bad launcher makes of lines: prefixes, losses, doubles, cuts, other order, no newline."""
    out = []
    for line in lines:
        what = chance.random()
        if what < 0.15:
            continue
        if what < 0.25:
            line = line[: chance.randrange(len(line))] + b"\n"
        elif what < 0.3:
            line = line[:-1]
        elif what < 0.4:
            line = b"[1,3]<stdout>: " + line
        elif what < 0.45:
            line = line[:30] + b"\xff" + line[30:]
        out += [line] * chance.choice((1, 1, 2))
    if chance.random() < 0.3:
        chance.shuffle(out)
    return b"".join(out)


def test_messages_arrive_once_and_in_order_over_a_bad_wire() -> None:
    for seed in range(40):
        chance = random.Random(seed)
        sent = [bytes([97 + i % 26]) * chance.randrange(1, 4000) for i in range(20)]
        sender, receiver, lines, arrived = Sender("00000abc"), Receiver(), LineBuffer(), list[bytes]()
        waiting = list(sent)
        now = 0.0
        while waiting or sender.backlog:
            for message in waiting[:3]:
                sender.put(message)
            del waiting[:3]
            wire = damaged(sender.due(now), chance)
            at = 0
            while at < len(wire):  # in pieces of any size
                size = chance.randrange(1, 2000)
                for line in lines.take(wire[at : at + size]):
                    for frame in frames_in(line):
                        arrived += receiver.take(frame)
                at += size
            if chance.random() < 0.7:  # acknowledgements are lost, too
                sender.acknowledge(receiver.received)
            now += 0.7
        assert arrived == sent
        assert now < 200


def test_a_frame_is_short_and_survives_prefix_and_return() -> None:
    frame = Frame("0123abcd", 10**9, True, b"x" * (MOST_BYTES - 48))
    line = encode(frame)
    assert len(line) <= MOST_BYTES
    assert list(frames_in(b"3: noise " + line[:-1] + b"\r")) == [frame]
    assert list(frames_in(line[:-1] + line)) == [frame, frame]
    assert list(frames_in(MARK + b'{"kind":"hello"}')) == []


def test_unnumbered_frames_pass_without_acknowledgement() -> None:
    assert Receiver().take(Frame("0123abcd", 0, False, b"now")) == [b"now"]


def test_a_silent_wire_is_asked_less_and_less_often() -> None:
    sender = Sender("00000abc")
    sender.put(b"x")
    times = [t for t in range(100) if sender.due(float(t))]
    assert times == [0, 1, 3, 7, 15, 31, 47, 63, 79, 95]
