#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Interop: the other end is a program that we did not write. Usage: test_interop.py [LEAT [EXAMPLES-DIRECTORY]]

nc, socat and Python at the other end of unix-stream: in every framing for ordinary programs, both roles and
both directions; socat on sequenced packets; examples/wire.py in our own framing; cat, head and wc on pipes;
and every example program, its output compared. Output is TAP. No test sleeps: each waits for what it needs.
"""
import fcntl
import itertools
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from framings import HELLO, MESSAGES, encode, from_hex  # noqa: E402
from tap import DEADLINE_S, Skip, Watch, check, check_equal, libc, main, need  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
BUILT = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else os.environ["LEAT_EXAMPLES"]
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
WIRE = [sys.executable, "-B", os.path.join(SOURCES, "wire.py")]

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def program_sends(name, path, listen):
    return {
        "nc": [need("nc"), "-N", *(["-l"] if listen else []), "-U", path],
        "socat": [need("socat"), "-u", "-", ("UNIX-LISTEN:" if listen else "UNIX-CONNECT:") + path],
    }[name]


def program_receives(name, path, listen):
    return {
        "nc": [need("nc"), "-d", *(["-l"] if listen else []), "-U", path],
        "socat": [need("socat"), "-u", ("UNIX-LISTEN:" if listen else "UNIX-CONNECT:") + path, "-"],
    }[name]


class PythonPeer:
    """A program of `socket` alone, inside this one: bound before leat starts, or connected after it listens."""

    def __init__(self, path, listen, kind=socket.SOCK_STREAM):
        self.sock = socket.socket(socket.AF_UNIX, kind)
        self.sock.settimeout(DEADLINE_S)
        self.path, self.listen = path, listen
        if listen:
            self.sock.bind(path)
            self.sock.listen(1)

    def join(self):
        if self.listen:
            connected, _ = self.sock.accept()
            connected.settimeout(DEADLINE_S)
            self.sock.close()
            self.sock = connected
        else:
            self.sock.connect(self.path)
        return self.sock

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def read_all(sock):
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def stream(name, framing, leat_listens, leat_sends):
    """One combination: who, how, which role, which way."""
    role = "leat listens" if leat_listens else "leat connects"
    way = "leat sends" if leat_sends else "leat receives"

    def test(programs, directory):
        path = os.path.join(directory, "s")
        messages = MESSAGES[framing]
        data = encode(framing, messages)
        address = f"unix-stream:{path}?framing={framing}&{'listen' if leat_listens else 'connect'}"
        verb = ["recv", "--format", "hex", address]
        if leat_sends:
            verb = ["send", address, "--", *[os.fsdecode(m) for m in messages]]
        to_leat = None if leat_sends else data
        if name == "python":
            got, leat_out = python_other_end(programs, path, [LEAT, *verb], leat_listens, to_leat)
        else:
            argv = (program_receives if leat_sends else program_sends)(name, path, not leat_listens)
            got, leat_out = program_other_end(programs, path, [LEAT, *verb], leat_listens, argv, to_leat)
        if leat_sends:
            check_equal(got, data, "bytes")
        elif framing == "raw":
            check_equal(b"".join(from_hex(leat_out)), data, "bytes")
        else:
            check_equal(from_hex(leat_out), messages, "messages")

    return f"unix-stream framing={framing}: {name}, {role}, {way}", test


def program_other_end(programs, path, leat_argv, leat_listens, argv, data):
    stdin = subprocess.DEVNULL if data is None else subprocess.PIPE
    watch = Watch(path)
    if leat_listens:
        leat = programs.start(leat_argv)
        watch.wait(leat)
        other = programs.start(argv, stdin=stdin)
    else:  # whichever comes first: leat waits for the socket
        other = programs.start(argv, stdin=stdin)
        leat = programs.start(leat_argv)
        os.close(watch.fd)
    got = programs.finish(other, data)
    return got, programs.finish(leat)


def python_other_end(programs, path, leat_argv, leat_listens, data):
    with PythonPeer(path, not leat_listens) as peer:
        watch = Watch(path)
        leat = programs.start(leat_argv)
        if leat_listens:
            watch.wait(leat)
        else:
            os.close(watch.fd)
        sock = peer.join()
        got = None
        if data is None:
            got = read_all(sock)
        else:
            sock.sendall(data)
            sock.close()
        return got, programs.finish(leat)


def last_line_without_newline(programs, directory):
    path = os.path.join(directory, "s")
    argv = [LEAT, "recv", "--format", "hex", f"unix-stream:{path}?framing=lines"]
    _, out = python_other_end(programs, path, argv, True, b"one\ntwo")
    check_equal(from_hex(out), [b"one", b"two"], "messages")


def lines_refuse_a_newline(programs, directory):
    path = os.path.join(directory, "s")
    with PythonPeer(path, True) as peer:
        leat = programs.start([LEAT, "send", f"unix-stream:{path}?framing=lines", "two\nlines"])
        check_equal(read_all(peer.join()), b"", "bytes")
        _, err = leat.communicate(timeout=DEADLINE_S)
        check(leat.returncode > 0 and err.startswith(b"leat send: "), f"status {leat.returncode}, said {err!r}")


def packets_from_socat(programs, directory):
    """Each read of socat's is one packet and each packet one message: the next is written when the last arrived."""
    path = os.path.join(directory, "p")
    watch = Watch(path)
    leat = programs.start([LEAT, "recv", "--format", "hex", f"unix:{path}?framing=raw"])
    watch.wait(leat)
    other = programs.start([need("socat"), "-u", "-", f"UNIX-CONNECT:{path},type=5"], stdin=subprocess.PIPE)
    for message in HELLO:
        other.stdin.write(message)
        other.stdin.flush()
        check_equal(leat.stdout.readline().strip(), message.hex().encode(), "message")
    programs.finish(other)
    check_equal(programs.finish(leat), b"", "what came after the last message")


def packets_to_socat(programs, directory):
    path = os.path.join(directory, "p")
    other = programs.start([need("socat"), "-x", "-u", f"UNIX-LISTEN:{path},type=5", "-"])
    programs.run([LEAT, "send", f"unix:{path}?framing=raw", *map(bytes.decode, HELLO)])
    out, err = other.communicate(timeout=DEADLINE_S)
    check_equal(out, b"".join(HELLO), "bytes")
    lengths = [int(word[7:]) for word in err.split() if word.startswith(b"length=")]
    check_equal(lengths, [len(m) for m in HELLO], "packets that socat saw")


def packets_python(leat_sends):
    def test(programs, directory):
        path = os.path.join(directory, "p")
        with PythonPeer(path, leat_sends, socket.SOCK_SEQPACKET) as peer:
            if leat_sends:
                leat = programs.start([LEAT, "send", f"unix:{path}?framing=raw", *map(bytes.decode, HELLO)])
                sock = peer.join()
                check_equal([sock.recv(100) for _ in HELLO] + [sock.recv(100)], HELLO + [b""], "packets")
            else:
                watch = Watch(path)
                leat = programs.start([LEAT, "recv", "--format", "hex", f"unix:{path}?framing=raw"])
                watch.wait(leat)
                sock = peer.join()
                for message in HELLO:
                    sock.send(message)
                sock.close()
            out = programs.finish(leat)
        if not leat_sends:
            check_equal(from_hex(out), HELLO, "messages")

    return f"unix framing=raw: python, {'leat sends' if leat_sends else 'leat receives'}", test


LONG = bytes(i % 251 for i in range(200000))  # four frames


def wire_sends(swap):
    def test(programs, directory):
        path = os.path.join(directory, "w")
        watch = Watch(path)
        recv = [LEAT, "recv", "--format", "hex", f"unix-stream:{path}{'?connect' if swap else ''}"]
        send = [*WIRE, "send", path, "--type", "7", "--sync", *(["--swap"] if swap else []), "Hello", "", "-"]
        first = programs.start(send if swap else recv, stdin=subprocess.PIPE)
        watch.wait(first)
        second = programs.start(recv if swap else send, stdin=subprocess.PIPE)
        sender, leat = (first, second) if swap else (second, first)
        programs.finish(sender, LONG)
        check_equal(from_hex(programs.finish(leat)), [b"Hello", b"", LONG], "messages")

    return f"wire.py sends synchronously, {'wire.py' if swap else 'leat'} listens", test


def wire_receives(swap):
    def test(programs, directory):
        path = os.path.join(directory, "w")
        watch = Watch(path)
        recv = [*WIRE, "recv", path, *(["--swap"] if swap else [])]
        send = [LEAT, "send", "--sync", f"unix-stream:{path}{'?listen' if swap else ''}", "Hello", "", "y" * 100000]
        first = programs.start(send if swap else recv)
        watch.wait(first)
        second = programs.start(recv if swap else send)
        receiver, leat = (second, first) if swap else (first, second)
        programs.finish(leat)
        check_equal(programs.finish(receiver), b"Hello\n\n" + b"y" * 100000 + b"\n", "messages")

    return f"wire.py receives synchronous sends, {'leat' if swap else 'wire.py'} listens", test


def wire_types(programs, directory):
    path = os.path.join(directory, "w")
    watch = Watch(path)
    leat = programs.start([LEAT, "recv", "--type", "9223372036854775807", "--count", "1", f"unix-stream:{path}"])
    watch.wait(leat)
    sender = programs.start([*WIRE, "send", path, "--type", str(2**63 - 1), "--priority", "32767", "the largest type"])
    programs.finish(sender)
    check_equal(programs.finish(leat), b"the largest type\n", "message")


def wire_calls(programs, directory):
    path = os.path.join(directory, "w")
    watch = Watch(path)
    leat = programs.start([LEAT, "reply", "--count", "1", f"unix-stream:{path}", "--", "tr", "a-z", "A-Z"])
    watch.wait(leat)
    check_equal(programs.run([*WIRE, "call", path, "how about an answer?"]), b"HOW ABOUT AN ANSWER?\n", "reply")


def wire_replies(programs, directory):
    path = os.path.join(directory, "w")
    watch = Watch(path)
    wire = programs.start([*WIRE, "reply", path])
    watch.wait(wire)
    check_equal(programs.run([LEAT, "call", f"unix-stream:{path}", "how about an answer?"]).strip(),
                b"HOW ABOUT AN ANSWER?", "reply")
    check_equal(programs.finish(wire), b"", "output")


def wire_recorded(programs, _directory):
    """The bytes that were recorded for this version are still those that wire.py and the other descriptions make."""
    for name in ("make_v1.py", "make_region_v1.py", "make_rpc_v1.py"):
        programs.run([sys.executable, "-B", os.path.join(SOURCES, "..", "tests", "wire", name), "--check"])


def pipe_receives(programs, _directory):
    """cat at the other end; the pipe's flags are those that its owner gave it, during and after."""
    source, sink = os.pipe()
    with os.fdopen(source, "rb", buffering=0) as readable, os.fdopen(sink, "wb", buffering=0) as writable:
        before = fcntl.fcntl(readable, fcntl.F_GETFL)
        leat = programs.start([LEAT, "recv", "pipe:fd=0?framing=lines"], stdin=readable)
        cat = programs.start(["cat"], stdin=subprocess.PIPE, stdout=writable)
        writable.close()
        cat.stdin.write(b"Hello\n")
        cat.stdin.flush()
        check_equal(leat.stdout.readline(), b"Hello\n", "first line")
        check_equal(fcntl.fcntl(readable, fcntl.F_GETFL), before, "flags of the pipe while leat waits")
        programs.finish(cat, b"How about an answer?\n")
        check_equal(programs.finish(leat), b"How about an answer?\n", "second line")
        check_equal(fcntl.fcntl(readable, fcntl.F_GETFL), before, "flags of the pipe afterwards")


def pipe_sends(programs, _directory):
    source, sink = os.pipe()
    with os.fdopen(source, "rb", buffering=0) as readable, os.fdopen(sink, "wb", buffering=0) as writable:
        before = fcntl.fcntl(writable, fcntl.F_GETFL)
        count = programs.start(["wc", "-l"], stdin=readable)
        readable.close()
        leat = programs.start([LEAT, "send", "pipe:fd=1?framing=lines"], stdin=subprocess.PIPE, stdout=writable)
        programs.finish(leat, b"line\n" * 20000)  # more than the pipe holds
        check_equal(fcntl.fcntl(writable, fcntl.F_GETFL), before, "flags of the pipe afterwards")
        writable.close()
        check_equal(programs.finish(count).strip(), b"20000", "lines that wc counted")


def pipe_head(programs, _directory):
    """head goes after two lines: leat is told by an error, not killed by SIGPIPE."""
    source, sink = os.pipe()
    with os.fdopen(source, "rb") as readable, os.fdopen(sink, "wb") as writable:
        head = programs.start(["head", "-n", "2"], stdin=readable)
        leat = programs.start([LEAT, "send", "pipe:fd=1?framing=lines"], stdin=subprocess.PIPE, stdout=writable)
        readable.close()
        writable.close()
        try:
            _, err = leat.communicate(b"one\ntwo\n" + b"more\n" * 100000, timeout=DEADLINE_S)
        except BrokenPipeError:
            err = leat.stderr.read()
            leat.wait(DEADLINE_S)
        check_equal(programs.finish(head), b"one\ntwo\n", "what head printed")
        check(leat.returncode > 0 and err.startswith(b"leat send: "), f"status {leat.returncode}, said {err!r}")


def pipe_between_leats(programs, _directory):
    """Two leats and the shell's pipe between them, in our own framing: newlines and empty messages survive."""
    out = programs.run(["sh", "-c", '"$0" send pipe:fd=1 "two\nlines" "" end | "$0" recv --format hex pipe:fd=0', LEAT])
    check_equal(from_hex(out), [b"two\nlines", b"", b"end"], "messages")


EXAMPLES = {
    "parent_child_pipe": b"child: 5 bytes: Hello\nchild: 16 bytes: from your parent\n",
    "two_pipes": b"".join(b"parent: %c was number %d\n" % (c, 6 - i) for i, c in enumerate(b"maerts")),
    "packet_pair": b"parent: 3 bytes: 'one'\nparent: 0 bytes: ''\nparent: 5 bytes: 'three'\nchild: thanks\n",
    "batches": b"sum of 1000 readings: 499500; and 5 in a burst\n",
    "three_messages": b"unix-stream:\n  5 bytes: Hello\n  5 bytes: Hello\n  20 bytes: How about an answer?\n"
                      b"unix-stream:?framing=raw\n  30 bytes: HelloHelloHow about an answer?\n",
    "exec_child": b"pipe:fd=3: Hello\n",
}


def example(name, want):
    def test(programs, _directory):
        check_equal(programs.run([os.path.join(BUILT, name)]), want, "output")

    return f"examples/{name}", test


def example_first(programs, _directory):
    first = programs.start([os.path.join(BUILT, "first")])
    programs.run([LEAT, "send", "unix:@jobs", "hello"])  # either may come first
    check_equal(programs.finish(first), b"hello\n", "output")


def example_client_and_server(programs, _directory):
    """The client is first: its open waits. A second client calls while the first is connected."""
    address = "unix-stream:capitals"
    client = programs.start([os.path.join(BUILT, "stream_client"), address, "hello", "world"])
    server = programs.start([os.path.join(BUILT, "stream_server"), address])
    check_equal(programs.finish(client), b"HELLO\nWORLD\n", "output")
    check_equal(programs.finish(server), b"", "output of the server")


def example_urgent(programs, _directory):
    try:
        out = programs.run([os.path.join(BUILT, "urgent_messages"), f"mq:/leat-interop-{os.getpid()}"])
    finally:
        libc.mq_unlink(f"/leat-interop-{os.getpid()}".encode())
    check_equal(out.decode().splitlines(),
                ["urgent: the cellar is under water", "urgent: the lights have gone out", "ordinary: water the plants",
                 "ordinary: oil the gate"], "output")


def example_log_replay(programs, directory):
    out = programs.run([os.path.join(BUILT, "log_replay"), f"log:{directory}/log"]).decode().splitlines()
    check_equal(out, ["start: sowing", "start: rain", "start: harvest", "3: harvest", "start: feast", "3: feast",
                      "end: feast"], "output")
    check_equal(os.listdir(directory), [], "left")


def example_devices(programs, _directory):
    """The kernel tells of a network interface that comes, to who listens in the same network."""
    devices = programs.start([os.path.join(BUILT, "devices")])
    limit = time.monotonic() + DEADLINE_S
    heard = re.compile(rf"^\S+ +15 +{devices.pid} +[0-9a-f]*1 ", re.MULTILINE)  # NETLINK_KOBJECT_UEVENT
    while not heard.search(pathlib.Path("/proc/net/netlink").read_text(encoding="ascii")):
        check(time.monotonic() < limit and devices.poll() is None, "it does not listen")
        os.sched_yield()
    try:
        with open("/dev/net/tun", "r+b", buffering=0) as tun:
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"leat%d", IFF_TUN | IFF_NO_PI))
            line = devices.stdout.readline().decode()
            check(re.fullmatch(r"add@/devices/virtual/net/leat\d+\n", line), f"it said {line!r}")
    except OSError as why:
        raise Skip(f"no interface can be made here: {why}") from None


def every_example(_programs, _directory):
    """None is without a test that runs it."""
    here = os.path.dirname(os.path.abspath(__file__))
    tests_of = "".join(path.read_text(encoding="utf-8") for path in pathlib.Path(here, "..").glob("*/test_*.[cp]*"))
    for source in pathlib.Path(here, "..", "..", "examples").glob("*.c"):
        check(re.search(rf'"{source.stem}"', tests_of), f"no test runs {source.stem}")


def tests():
    ways = itertools.product(["nc", "socat", "python"], MESSAGES, [True, False], [True, False])
    return [stream(*way) for way in ways] + [
        ("unix-stream framing=lines: a last line without a newline", last_line_without_newline),
        ("unix-stream framing=lines: a newline inside is refused", lines_refuse_a_newline),
        ("unix framing=raw: socat sends packets", packets_from_socat),
        ("unix framing=raw: socat receives packets", packets_to_socat),
        packets_python(True), packets_python(False),
        wire_sends(False), wire_sends(True), wire_receives(False), wire_receives(True),
        ("wire.py: the largest type and priority", wire_types),
        ("wire.py calls, leat replies", wire_calls),
        ("leat calls, wire.py replies", wire_replies),
        ("wire.py makes the recorded bytes", wire_recorded),
        ("pipe framing=lines: cat sends, flags unchanged", pipe_receives),
        ("pipe framing=lines: wc receives, flags unchanged", pipe_sends),
        ("pipe framing=lines: head goes early", pipe_head),
        ("pipe: between two leats", pipe_between_leats),
        *[example(name, want) for name, want in EXAMPLES.items()],
        ("examples/first", example_first),
        ("examples/stream_client and stream_server", example_client_and_server),
        ("examples/urgent_messages", example_urgent),
        ("examples/log_replay", example_log_replay),
        ("examples/devices", example_devices),
        ("every example is run by a test", every_example),
    ]


if __name__ == "__main__":
    main(tests())
