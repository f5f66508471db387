#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""unix-dgram: and udp: with programs that we did not write, and the examples. Usage: test_datagram_programs.py [LEAT [EXAMPLES]]

nc, socat, Python and bash's /dev/udp at the other end, both ways, in framing raw, and Python in that of Leat; the examples, the
chat with several terminals in one group. Output is TAP. No test sleeps.
"""
import os
import shutil
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import DEADLINE_S, check, check_equal, main, need  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
BUILT = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else os.environ["LEAT_EXAMPLES"]
HEADER = struct.Struct("<2sBBHHIB3xqQqQ")  # docs/wire.md
MESSAGE, REPLY = 1, 3
PORT = 5300


def until(condition, what):
    limit = time.monotonic() + DEADLINE_S
    while not condition():
        check(time.monotonic() < limit, f"not in time: {what}")
        os.sched_yield()


def bound(port, count=1, table="udp"):
    """So many sockets have this port."""
    with open(f"/proc/net/{table}", encoding="ascii") as lines:
        return sum(line.split()[1].endswith(f":{port:04X}") for line in lines) >= count


def wait_bound(port, count=1, table="udp"):
    until(lambda: bound(port, count, table), f"port {port} is bound {count} times")


def named(path):
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as lines:
        return any(line.rstrip().endswith(path) for line in lines)


def receiver(programs, address, count, *more):
    program = programs.start([LEAT, "recv", "--count", str(count), *more, address])
    if address.startswith("udp"):
        wait_bound(int(address.split("?")[0].rsplit(":", 1)[1]))
    else:
        until(lambda: named(address.split("?")[0].split(":", 1)[1]), f"{address} is bound")
    return program


# ---- udp ----


def nc_sends(programs, _):
    leat = receiver(programs, f"udp::{PORT}?framing=raw", 1)
    programs.run([need("nc"), "-u", "-w1", "-q0", "127.0.0.1", str(PORT)], b"from nc")
    check_equal(programs.finish(leat), b"from nc\n", "output")


def nc_receives(programs, _):
    nc = programs.start([need("nc"), "-u", "-l", "127.0.0.1", str(PORT)], stdin=subprocess.PIPE)
    wait_bound(PORT)
    programs.run([LEAT, "send", f"udp::{PORT}?framing=raw", "to nc"])
    check_equal(nc.stdout.read(5), b"to nc", "nc's output")


def socat_sends_and_receives(programs, _):
    leat = programs.start([LEAT, "recv", "--count", "1", f"udp:[::1]:{PORT}?framing=raw"])
    wait_bound(PORT, table="udp6")
    programs.run([need("socat"), "-u", "STDIN", f"UDP6-SENDTO:[::1]:{PORT}"], b"from socat")
    check_equal(programs.finish(leat), b"from socat\n", "output")
    socat = programs.start(["socat", "-u", f"UDP4-RECV:{PORT + 1}", "STDOUT"])
    wait_bound(PORT + 1)
    programs.run([LEAT, "send", f"udp:127.0.0.1:{PORT + 1}?framing=raw", "to socat"])
    check_equal(socat.stdout.read(8), b"to socat", "socat's output")


def bash_sends(programs, _):
    leat = receiver(programs, f"udp::{PORT}?framing=raw", 1)
    programs.run([need("bash"), "-c", f"printf 'from bash' > /dev/udp/127.0.0.1/{PORT}"])
    check_equal(programs.finish(leat), b"from bash\n", "output")


def python_speaks_the_framing_of_leat(programs, _):
    leat = receiver(programs, f"udp::{PORT}?exclusive", 1, "--type", "7")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        for number, (kind, text) in enumerate([(5, b"not this"), (7, b"from Python")], 1):
            frame = HEADER.pack(b"Lt", 1, MESSAGE, 0, 0, len(text), 0, kind, number, number, 0) + text
            plain.sendto(frame, ("127.0.0.1", PORT))
    check_equal(programs.finish(leat), b"from Python\n", "output")


def python_answers_a_call(programs, _):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.bind(("127.0.0.1", PORT))
        plain.settimeout(DEADLINE_S)
        leat = programs.start([LEAT, "call", f"udp::{PORT}", "question"])
        request, caller = plain.recvfrom(65536)
        _, version, kind, flags, _, size, _, type_, sequence, _, left = HEADER.unpack(request[:48])
        check_equal((version, kind, flags, size, request[48:]), (1, MESSAGE, 2, 8, b"question"), "the request")
        check_equal(left, 0, "the time left of a call without a deadline")
        for reference in (sequence + 1, sequence):  # one that nobody asked for, and the reply
            text = b"answer" if reference == sequence else b"wrong"
            plain.sendto(HEADER.pack(b"Lt", 1, REPLY, 0, 0, len(text), 0, type_, reference, 1, reference) + text, caller)
        check_equal(programs.finish(leat), b"answer", "the reply")


def a_group_with_python(programs, _):
    group = "239.1.2.3"
    leat = programs.start([LEAT, "recv", "--count", "1", f"udp::{PORT}?multicast={group}&framing=raw"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plain.bind((group, PORT))
        membership = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
        plain.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        plain.settimeout(DEADLINE_S)
        wait_bound(PORT, 2)
        programs.run([LEAT, "send", f"udp::{PORT}?multicast={group}&framing=raw", "to the group"])
        check_equal(plain.recv(100), b"to the group", "what Python heard")
        check_equal(programs.finish(leat), b"to the group\n", "what leat heard")


# ---- unix-dgram ----


def unix_socat(programs, directory):
    path = os.path.join(directory, "d")
    leat = receiver(programs, f"unix-dgram:{path}?framing=raw", 1)
    programs.run([need("socat"), "-u", "STDIN", f"UNIX-SENDTO:{path}"], b"from socat")
    check_equal(programs.finish(leat), b"from socat\n", "output")
    check(not os.path.exists(path), "the name is still there")
    socat = programs.start(["socat", "-u", f"UNIX-RECV:{path}", "STDOUT"])
    programs.run([LEAT, "send", f"unix-dgram:{path}?framing=raw", "to socat"])  # it waits for the name
    check_equal(socat.stdout.read(8), b"to socat", "socat's output")


def unix_nc(programs, directory):
    path = os.path.join(directory, "d")
    leat = receiver(programs, f"unix-dgram:{path}?framing=raw", 1)
    programs.run([need("nc"), "-u", "-U", "-N", "-w1", path], b"from nc")
    check_equal(programs.finish(leat), b"from nc\n", "output")


def unix_python(programs, _):
    """A sender without a name sends; one with a name is answered."""
    address = "unix-dgram:@leat-test-python"
    name = "\0leat-test-python"
    leat = programs.start([LEAT, "reply", "--count", "1", address, "--", "tr", "a-z", "A-Z"])
    until(lambda: named("@leat-test-python"), "the name is bound")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plain:
        plain.bind("")  # autobind
        plain.settimeout(DEADLINE_S)
        plain.sendto(HEADER.pack(b"Lt", 1, MESSAGE, 2, 0, 3, 0, 9, 77, 1, 0) + b"abc", name)
        reply = plain.recv(1000)
        _, _, kind, _, _, size, _, type_, _, _, reference = HEADER.unpack(reply[:48])
        check_equal((kind, size, type_, reference, reply[48:]), (REPLY, 3, 9, 77, b"ABC"), "the reply")
    programs.finish(leat)


# ---- the examples ----


def datagrams_in_both_families(programs, directory):
    for address in (f"udp::{PORT}", "unix-dgram:" + os.path.join(directory, "d")):
        one = programs.start([os.path.join(BUILT, "datagram_receiver"), address])
        if address.startswith("udp"):
            wait_bound(PORT)
        other = programs.start([os.path.join(BUILT, "datagram_sender"), address, "one", "two", "end"])
        programs.finish(other)
        lines = programs.finish(one).decode().splitlines()
        check_equal(lines[-1], "received 3, lost 0, late 0, doubled 0", "the last line")
        who = "udp:127.0.0.1" if address.startswith("udp") else f"process {other.pid}"
        check_equal(lines[:-1], [f"{who}: {text}" for text in ("one", "two", "end")], "the messages")


def chat(programs, _):
    """Five terminals of one group, and one of another that hears nothing of it."""
    names = ["ann", "bob", "cem", "dora", "eve"]
    group, other = "udp::5310?multicast=239.255.1.7", "udp::5310?multicast=239.255.1.8"
    ends = {name: programs.start([os.path.join(BUILT, "chat"), name, group], stdin=subprocess.PIPE) for name in names}
    stranger = programs.start([os.path.join(BUILT, "chat"), "zoe", other], stdin=subprocess.PIPE)
    wait_bound(5310, len(names) + 1)
    said = []
    for turn in range(3):
        for name in names:
            said.append(f"{name}: turn {turn}")
            ends[name].stdin.write(f"turn {turn}\n".encode())
            ends[name].stdin.flush()
            for end in ends.values():  # each hears it, also who said it, before the next speaks
                check_equal(end.stdout.readline().decode().rstrip("\n"), said[-1], "what was heard")
    check_equal(programs.finish(stranger, b"anybody?\n"), b"zoe: anybody?\n", "what the other group heard")
    for end in ends.values():
        check_equal(programs.finish(end, b""), b"", "what is left to be heard")


if __name__ == "__main__":
    main([(function.__name__, function) for function in (
        nc_sends, nc_receives, socat_sends_and_receives, bash_sends, python_speaks_the_framing_of_leat,
        python_answers_a_call, a_group_with_python, unix_socat, unix_nc, unix_python, datagrams_in_both_families, chat)])
