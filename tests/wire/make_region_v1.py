#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Record a region of version 1, as docs/design/shared.md ("Layout") has it: v1-region.bin, for pages of 4096 bytes; and its lock file.

Run once for a release; the files then stay as they are. `make_region_v1.py --check` compares them. test_region.c tells what they hold.
"""
import struct
import sys

sys.dont_write_bytecode = True
from record import record  # noqa: E402

PARTICIPANTS, LOG, SIZE, MOST = 1, 4096, 64, 1024
PARTICIPANTS_AT, LOG_AT, DATA_AT = 8192, 8192 + 256, 16384
LAYOUT = b"shop 1\n* 0 16\nstock 0 8\ncash 8 8"
WHEN = 1735689600 * 10**9  # the first second of 2025


def fingerprint(text):
    hash = 0xcbf29ce484222325
    for byte in text:
        hash = (hash ^ byte) * 0x100000001b3 % 2**64
    return hash


raw = bytearray(DATA_AT + 4096)
struct.pack_into("<8sHHIII16s", raw, 0, b"leat-rgn", 1, 8, 4096, 1, PARTICIPANTS, bytes(range(1, 17)))
struct.pack_into("<QQQQQQqQ", raw, 40, MOST, LOG, PARTICIPANTS_AT, LOG_AT, DATA_AT, fingerprint(LAYOUT), WHEN, SIZE)
struct.pack_into("<Q", raw, 192, 6)  # three commits
raw[3392:3392 + len(LAYOUT)] = LAYOUT
struct.pack_into("<III16s", raw, PARTICIPANTS_AT, 41, 1234, 0, b"")  # one that was killed; the 41st of its slot
raw[PARTICIPANTS_AT + 16:PARTICIPANTS_AT + 20] = b"shop"
struct.pack_into("<qq", raw, DATA_AT, 7, 500)
lock = struct.pack("<8sHHI16s32x", b"leat-lck", 1, 1, 0, bytes(range(1, 17)))
record({"v1-region.bin": bytes(raw), "v1-region-lock.bin": lock})
