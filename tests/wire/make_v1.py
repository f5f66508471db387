#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Record the frames of version 1, as docs/wire.md has them and examples/wire.py makes them: v1-*.bin.

Run once for a release; the files then stay as they are. `make_v1.py --check` compares them. Streams
that must be read are v1-NAME.bin; those that must be refused are v1-bad-NAME.bin. test_wire.c tells what each holds.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "examples"))
import wire  # noqa: E402
from record import record  # noqa: E402

WHEN = 1735689600 * 10**9  # the first second of 2025
LONG = bytes(i % 251 for i in range(65539))  # two frames, the second of three bytes
TYPE_MAX = 2**63 - 1


def message(data, sequence, kind=wire.MESSAGE, **fields):
    return wire.frames(kind, data, sequence, when=WHEN, **fields)


def control(kind, sequence=0, reference=0, type=1):
    return wire.frames(kind, b"", sequence, type=type, reference=reference)


def patched(at, *values):
    """A good frame with some bytes of its header replaced."""
    raw = bytearray(message(b"Hello", 1))
    raw[at:at + len(values)] = values
    return bytes(raw)


GOOD = {
    "hello": message(b"Hello", 1) + message(b"Hello", 2) + message(b"How about an answer?", 3),
    "empty": message(b"", 1),
    "types": message(b"1", 1, type=1) + message(b"m", 2, type=TYPE_MAX, priority=32767) + message(b"42", 3, type=42),
    "frames": message(LONG, 1, type=7) + message(b"after", 2),
    "gap": message(b"one", 1) + message(b"nine", 9),
    "sync": message(b"taken?", 1, flags=wire.WANTS_TAKEN),
    "taken": control(wire.TAKEN, reference=1),
    "call": message(b"how about an answer?", 1, flags=wire.WANTS_REPLY),
    "reply": message(b"HOW ABOUT AN ANSWER?", 1, kind=wire.REPLY, reference=1),
    "redelivered": message(b"again", 1, flags=wire.REDELIVERED),
    "refuse-version": control(wire.REFUSE, type=93),
    "refuse-garbage": control(wire.REFUSE, type=74),
    # taken back: between two frames by ABANDON, and within one by its trailer
    "abandon": message(LONG, 1)[:48 + 65536 + 1] + control(wire.ABANDON, 1) + message(b"kept", 2),
    "trailer": message(b"forget", 1)[:-1] + b"\1" + message(b"kept", 2),
    "trailer-late": message(LONG, 1)[:-1] + b"\1" + message(b"kept", 2),
    "half": message(b"whole", 1) + message(b"cut off", 2)[:50],
    "half-header": message(b"whole", 1) + message(b"cut off", 2)[:20],
}


def packet(*messages):
    """Several messages in one packet: no trailers there."""
    return b"".join(frame[:-1] for frame in messages)


# Each is one packet (`unix:`), not a stream.
PACKETS = {
    "packet": packet(message(b"one", 1, type=7, priority=3), message(b"", 2), message(b"three", 3, type=TYPE_MAX)),
    "bad-packet-kind": packet(message(b"one", 1), message(b"two", 2, kind=wire.REPLY, reference=1)),
    "bad-packet-cut": packet(message(b"one", 1), message(b"two", 2))[:-1],
    "bad-packet-sequence": packet(message(b"one", 1), message(b"two", 1)),
}

BAD = {
    "magic": patched(0, ord("X")),
    "version": patched(2, 2),
    "kind-0": patched(3, 0),
    "kind-7": patched(3, 7),
    "flags": patched(4, 8),
    "flags-high": patched(5, 0x80),
    "priority": patched(6, 0x00, 0x80),
    "size": patched(8, 0xFF, 0xFF, 0xFF, 0xFF),
    "descriptors": patched(12, 1),
    "pad": patched(15, 1),
    "type-0": patched(16, 0),
    "type-negative": patched(23, 0x80),
    "trailer": message(b"Hello", 1)[:-1] + b"\2",
    "sequence-same": message(b"a", 1) + message(b"b", 1),
    "sequence-falls": message(b"a", 2) + message(b"b", 1),
    "continue-first": message(LONG, 1)[48 + 65536 + 1:],
    "abandon-nothing": control(wire.ABANDON, 1),
    "taken-with-bytes": patched(3, wire.TAKEN),
    "refuse-errno": control(wire.REFUSE, type=61),
    "text": b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
}


if __name__ == "__main__":
    record({f"v1-{name}.bin": data for name, data in {**GOOD, **PACKETS}.items()}
           | {f"v1-bad-{name}.bin": data for name, data in BAD.items()})
