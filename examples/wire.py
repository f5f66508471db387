#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The other end of `leat recv unix-stream:PATH` and its like, written from docs/wire.md alone.

    wire.py recv PATH                print the messages of one sender, a line each
    wire.py send PATH TEXT...        send each TEXT; --type N, --priority N, --sync
    wire.py reply PATH               answer each request with its bytes in upper case
    wire.py call PATH TEXT           send a request and print its reply

A PATH that begins with @ is an abstract name; a TEXT that is - is read from standard input.
recv and reply listen, send and call connect; with --swap the other way round.
"""
import argparse
import os
import socket
import struct
import sys
import time
from collections import namedtuple

HEADER = struct.Struct("<2sBBHHIB3xqQqQ")
MESSAGE, CONTINUE, REPLY, TAKEN, ABANDON, REFUSE = range(1, 7)
WANTS_TAKEN, WANTS_REPLY, REDELIVERED = 1, 2, 4
CHUNK, LARGEST, CARRIERS = 65536, 16 << 20, (MESSAGE, CONTINUE, REPLY)

Header = namedtuple("Header", "magic version kind flags priority size descriptors type sequence time reference")
Message = namedtuple("Message", "header bytes abandoned")


class Broken(Exception):
    """The peer broke a rule, or the promise that it would answer."""


def frames(kind, data, sequence, type=1, priority=0, flags=0, reference=0, when=0):
    """The bytes of one message: a frame for each 64 KiB, and one for an empty message."""
    out = b""
    for start in range(0, max(len(data), 1), CHUNK):
        out += HEADER.pack(b"Lt", 1, kind if start == 0 else CONTINUE, flags, priority, len(data) - start, 0,
                           type, sequence, when, reference) + data[start:start + CHUNK]
        out += b"\0" if kind in CARRIERS else b""  # the trailer: the frame stands
    return out


def parse(raw):
    header = Header(*HEADER.unpack(raw))
    if header.magic != b"Lt" or header.version != 1 or not MESSAGE <= header.kind <= REFUSE or header.type < 1 or \
            header.flags & ~7 or any(raw[13:16]) or header.priority > 32767 or header.size > LARGEST:
        raise Broken(f"not a frame of version 1: {header}")
    return header


class Connection:
    def __init__(self, sock):
        self.sock, self.file, self.sequence, self.heard, self.taken = sock, sock.makefile("rb"), 0, 0, set()

    def send(self, data, kind=MESSAGE, **fields):
        self.sequence += 1
        self.sock.sendall(frames(kind, data, self.sequence, when=time.time_ns(), **fields))
        return self.sequence

    def frame(self):
        """The next frame, None where the stream ends: half a message is no message."""
        raw = self.file.read(HEADER.size)
        if len(raw) < HEADER.size:
            return None
        header = parse(raw)
        if header.kind == REFUSE:
            raise Broken(f"refused: errno {header.type}")
        if header.kind == TAKEN:
            self.taken.add(header.reference)
        size = min(header.size, CHUNK) + (header.kind in CARRIERS)
        data = self.file.read(size)
        if len(data) < size:
            return None
        return Message(header, data[:-1], header.kind == ABANDON or data.endswith(b"\1"))

    def receive(self):
        """The next whole message or reply, None at the end; its sender is told if it waits for that."""
        first, data = None, b""
        while (frame := self.frame()) is not None:
            header = frame.header
            if frame.abandoned:
                first, data = None, b""
            if frame.abandoned or header.kind == TAKEN:  # which may come between any two frames
                continue
            if (header.kind == CONTINUE) == (first is None):
                raise Broken(f"kind {header.kind} out of place")
            if first is None and header.sequence > self.heard:
                first, self.heard = header, header.sequence
            elif first is None or header.sequence != first.sequence or header.size != first.size - len(data):
                raise Broken(f"a frame that does not follow the one before: {header}")
            data += frame.bytes
            if len(data) == first.size:
                if first.flags & WANTS_TAKEN:
                    self.sock.sendall(frames(TAKEN, b"", 0, reference=first.sequence))
                return Message(first, data, False)
        return None


def connect(path, listen):
    name = "\0" + path[1:] if path.startswith("@") else path
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if listen:
        sock.bind(name)
        sock.listen(1)
        sock = sock.accept()[0]
    else:
        sock.connect(name)
    return Connection(sock)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["recv", "send", "reply", "call"])
    parser.add_argument("path")
    parser.add_argument("text", nargs="*")
    parser.add_argument("--type", type=int, default=1)
    parser.add_argument("--priority", type=int, default=0)
    parser.add_argument("--sync", action="store_true")
    parser.add_argument("--swap", action="store_true")
    args = parser.parse_intermixed_args()
    peer = connect(args.path, (args.verb in ("recv", "reply")) != args.swap)
    texts = [sys.stdin.buffer.read() if text == "-" else os.fsencode(text) for text in args.text]
    fields = {"type": args.type, "priority": args.priority}
    for text in texts if args.verb == "send" else []:
        sequence = peer.send(text, flags=WANTS_TAKEN if args.sync else 0, **fields)
        while args.sync and sequence not in peer.taken:
            if peer.frame() is None:
                raise Broken("the receiver is gone; whether it took the message is unknown")
    if args.verb == "call":
        sequence = peer.send(b" ".join(texts), flags=WANTS_REPLY, **fields)
        while (message := peer.receive()) is not None and message.header.reference != sequence:
            pass
        if message is None:
            raise Broken("the replier is gone")
        sys.stdout.buffer.write(message.bytes + b"\n")
    while args.verb in ("recv", "reply") and (message := peer.receive()) is not None:
        if args.verb == "recv":
            sys.stdout.buffer.write(message.bytes + b"\n")
            sys.stdout.buffer.flush()
        elif message.header.flags & WANTS_REPLY:
            peer.send(message.bytes.upper(), kind=REPLY, reference=message.header.sequence)


if __name__ == "__main__":
    try:
        main()
    except (Broken, OSError) as error:
        sys.exit(f"wire.py: {error}")
