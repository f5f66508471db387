# SPDX-License-Identifier: MIT
"""Messages in the framings for ordinary programs, as the other end writes and reads them."""
import struct

HELLO = [b"Hello", b"Hello", b"How about an answer?"]
MESSAGES = {
    "raw": HELLO,
    "lines": HELLO + [b"", b"after an empty one"],
    "nul": HELLO + [b"", b"two\nlines"],
    "length": HELLO + [b"", b"two\nlines", b"x" * 20000],
}


def encode(framing, messages):
    ends = {"raw": b"", "lines": b"\n", "nul": b"\0"}
    if framing == "length":
        return b"".join(struct.pack(">I", len(m)) + m for m in messages)
    return b"".join(m + ends[framing] for m in messages)


def from_hex(out):
    return [bytes.fromhex(line) for line in out.decode().splitlines()]
