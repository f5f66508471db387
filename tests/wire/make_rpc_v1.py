#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Record a value of tests/rpc/wire.x as RFC 4506 has it, and calls and replies with it as RFC 5531, section 9, has them: v1-rpc-*.bin. And those of
the companion program as docs/wire.md has them (companion-*), and a stream of records (RFC 5531, section 11) with the one of the replies to them.

Run once for a release; the files then stay as they are. `make_rpc_v1.py --check` compares them. test_rpc.c and test_rpc_companion.c tell what each holds.
"""
import struct
import sys

sys.dont_write_bytecode = True
from record import record  # noqa: E402

XID = 0x12345678
PROGRAM, VERSION = 0x20000500, 2
NULL, ECHO, ADD = 0, 1, 2
CALL, REPLY = 0, 1
ACCEPTED, DENIED = 0, 1
AUTH_NONE, AUTH_SYS, AUTH_BADCRED = 0, 1, 1


def word(*numbers):
    return b"".join(struct.pack(">I", number & 0xFFFFFFFF) for number in numbers)


def hyper(*numbers):
    return b"".join(struct.pack(">Q", number & (2**64 - 1)) for number in numbers)


def fixed(data):
    return data + bytes(-len(data) % 4)


def counted(data):
    return word(len(data)) + fixed(data)


def value():
    numbers = (word(-2147483648, 4294967295) + hyper(-2, 2**64 - 1) + struct.pack(">fd", 1.5, -0.1) + bytes.fromhex("3fff8000" + 24 * "0") +
               word(1, -128, 255, -32768, 65535, -5))
    lists = (word(-1, 0, 1) + word(2) + hyper(2**63 - 1, -2**63) + word(3) + counted(b"") + counted("é".encode()) + counted(b"four") +
             word(3, 1, 0, 1))
    pointers = (word(1, 77) + word(0) + word(1, 10, 1, 20, 1, 30, 0) + word(1, 50) + word(1, 25, 0, 0) + word(1, 75, 0, 0))
    unions = (word(0) + word(1) + counted(b"chosen") + word(-5) + bytes(range(72)) + word(2) + hyper(2**40) + word(9) + counted(b"rest!"))
    return numbers + fixed(b"fixed") + counted(b"\0\1\2") + counted(b"text") + lists + pointers + unions


def auth(flavor=AUTH_NONE, body=b""):
    return word(flavor) + counted(body)


def call(procedure, arguments=b"", rpc=2, program=PROGRAM, version=VERSION, credential=auth()):
    return word(XID, CALL, rpc, program, version, procedure) + credential + auth() + arguments


def accepted(status, more=b""):
    return word(XID, REPLY, ACCEPTED) + auth() + word(status) + more


def denied(*words):
    return word(XID, REPLY, DENIED, *words)


SYSTEM = word(1735689600) + counted(b"machine") + word(1000, 1000, 2, 4, 24)  # AUTH_SYS: stamp, name, uid, gid, gids

FILES = {
    "value": value(),
    "call-null": call(NULL),
    "reply-null": accepted(0),
    "call-echo": call(ECHO, value()),
    "reply-echo": accepted(0, value()),
    "call-add": call(ADD, word(2, 3)),
    "reply-add": accepted(0, word(5)),
    "call-credential": call(ADD, word(2, 3), credential=auth(AUTH_SYS, SYSTEM)),
    "reply-credential": accepted(0, word(5)),
    "call-program": call(NULL, program=PROGRAM + 1),
    "reply-program": accepted(1),
    "call-version": call(NULL, version=3),
    "reply-version": accepted(2, word(VERSION, VERSION)),
    "call-procedure": call(9),
    "reply-procedure": accepted(3),
    "call-garbage": call(ADD, word(2)),
    "reply-garbage": accepted(4),
    "call-system": call(ADD, word(2147483647, 1)),  # too large for the sum: -ERANGE at the server
    "reply-system": accepted(5),
    "call-rpc": call(NULL, rpc=3),
    "reply-rpc": denied(0, 2, 2),
    "call-auth": call(NULL, credential=word(AUTH_SYS, 404) + bytes(404)),  # 400 at most
    "reply-auth": denied(1, AUTH_BADCRED),
}


COMPANION = 0x204C4541
GREET, COMPANION_CALL, CANCEL, LIST, LEAVE, DRAIN = 1, 2, 3, 4, 5, 6
ANSWERED, STALE, EXPIRED = 0, 1, 6
FOR_EVER = 2**64 - 1
CLIENT, SERVER = bytes(range(16)), bytes(range(100, 116))
SESSION = 0x1122334455667788  # in its place the test puts the one that its server gave


def companion(procedure, arguments=b""):
    return call(procedure, arguments, program=COMPANION, version=1)


def wrapped(procedure, arguments=b"", session=0, sequence=0, acknowledged=0, left=FOR_EVER, again=0, program=PROGRAM, version=VERSION):
    return companion(COMPANION_CALL, hyper(session, sequence, acknowledged, left) + word(again, program, version, procedure) + arguments)


def outcome(number, *status):
    return accepted(0, word(number, *status))


def listed(number, flags, name):
    return word(number, flags) + counted(name)


def fragments(message, *sizes):
    """One record, in fragments of these sizes; what is left is the last one."""
    data = b""
    for size in sizes:
        data += word(size) + message[:size]
        message = message[size:]
    return data + word(0x80000000 | len(message)) + message


PROCEDURES = listed(NULL, 0, b"NULL") + listed(ECHO, 0, b"ECHO") + listed(ADD, 0, b"ADD")

FILES.update({f"companion-{name}": data for name, data in {
    "call-null": companion(0),
    "reply-null": accepted(0),
    "call-greet": companion(GREET, CLIENT + word(0)),
    "reply-greet": accepted(0, hyper(SESSION) + SERVER + word(16384, 1048576, 0)),
    "reply-greet-again": accepted(0, hyper(SESSION) + SERVER + word(16384, 1048576, 1)),
    "call-greet-short": companion(GREET, CLIENT),
    "call-numbered": wrapped(ADD, word(2, 3), SESSION, 1),
    "call-numbered-again": wrapped(ADD, word(2, 3), SESSION, 1, again=1),
    "call-numbered-next": wrapped(ADD, word(2, 3), SESSION, 2, 1),
    "call-unnumbered": wrapped(ADD, word(2, 3), left=60 * 10**9),
    "reply-answered": outcome(ANSWERED, 0, 5),
    "call-procedure": wrapped(9),
    "reply-procedure": outcome(ANSWERED, 3),
    "call-version": wrapped(ADD, word(2, 3), version=3),
    "reply-version": outcome(ANSWERED, 2, VERSION, VERSION),
    "call-program": wrapped(ADD, word(2, 3), program=PROGRAM + 1),
    "reply-program": outcome(ANSWERED, 1),
    "call-garbage": wrapped(ADD, word(2)),
    "reply-garbage": outcome(ANSWERED, 4),
    "call-system": wrapped(ADD, word(2147483647, 1)),
    "reply-system": outcome(ANSWERED, 5),
    "call-stale": wrapped(ADD, word(2, 3), SESSION, 1),
    "reply-stale": outcome(STALE),
    "call-expired": wrapped(ADD, word(2, 3), left=0),
    "reply-expired": outcome(EXPIRED),
    "call-context": companion(COMPANION_CALL, bytes(47)),
    "reply-context": accepted(4),
    "call-cancel": companion(CANCEL, hyper(0, 0) + word(XID)),
    "reply-cancel": accepted(0),
    "call-list": companion(LIST),
    "reply-list": accepted(0, word(1, PROGRAM, VERSION) + counted(b"WIRE_PROGRAM") + word(3) + PROCEDURES + word(0)),
    "call-leave": companion(LEAVE, hyper(SESSION)),
    "reply-leave": accepted(0),
    "call-drain": companion(DRAIN),  # of the server, to who greeted with this xid
}.items()})
FILES["records"] = (fragments(call(ADD, word(2, 3)), 0, 1, 20, 0) + fragments(call(ADD, word(2, 3))) + fragments(call(NULL), 40) +
                    fragments(call(ECHO, value()), 100, 100, 3))
FILES["records-replies"] = fragments(accepted(0, word(5))) * 2 + fragments(accepted(0)) + fragments(accepted(0, value()))


if __name__ == "__main__":
    record({f"v1-rpc-{name}.bin": data for name, data in FILES.items()})
