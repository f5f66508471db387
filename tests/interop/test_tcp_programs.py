#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Interop over TCP: the other end is a program that we did not write. Usage: test_tcp_programs.py [LEAT [EXAMPLES-DIRECTORY]]

nc, socat, curl and bash's /dev/tcp at the other end of tcp:, and Python, in every framing for ordinary programs, both roles
and both directions, IPv4 and IPv6; examples/wire.py's framing by Python; the example server and client; what the command
says of ports. Output is TAP. No test sleeps: each waits for what it needs.
"""
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from framings import MESSAGES, encode, from_hex  # noqa: E402
from tap import DEADLINE_S, check, check_equal, main, need  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
BUILT = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else os.environ["LEAT_EXAMPLES"]

HOSTS = {4: f"127.{128 | os.getpid() >> 16 & 127}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}", 6: "::1"}
ports = itertools.count(5000)


def bracketed(host):
    return f"[{host}]" if ":" in host else host


def listens(host, port):
    """The state LISTEN in /proc/net/tcp: to connect as a probe would make a sender that came and went."""
    pattern = re.compile(rf"\s*\d+: [0-9A-F]+:{port:04X} [0-9A-F]+:0000 0A ")
    with open("/proc/net/tcp6" if ":" in host else "/proc/net/tcp", encoding="utf-8") as table:
        return any(pattern.match(line) for line in table)


def wait_listens(host, port, program):
    limit = time.monotonic() + DEADLINE_S
    while not listens(host, port):
        check(time.monotonic() < limit, f"nobody listens on port {port}")
        check(program.poll() is None, "the program that was to listen has ended")
        os.sched_yield()


# The argument lists of programs that send their standard input, or write what they get to their standard output.

def nc_sends(host, port, listen):
    return [need("nc"), "-N", *(["-l"] if listen else []), host, str(port)]


def nc_receives(host, port, listen):
    return [need("nc"), "-d", *(["-l"] if listen else []), host, str(port)]


def socat_address(host, port, listen):
    kind = "TCP6" if ":" in host else "TCP4"
    return f"{kind}-LISTEN:{port},bind={bracketed(host)},reuseaddr" if listen else f"{kind}:{bracketed(host)}:{port}"


def socat_sends(host, port, listen):
    return [need("socat"), "-u", "-", socat_address(host, port, listen)]


def socat_receives(host, port, listen):
    return [need("socat"), "-u", socat_address(host, port, listen), "-"]


def curl_receives(host, port, listen):
    return None if listen else [need("curl"), "--silent", "--globoff", f"telnet://{bracketed(host)}:{port}"]


def bash_sends(host, port, listen):
    return None if listen else [need("bash"), "-c", f"cat >/dev/tcp/{host}/{port}"]


def bash_receives(host, port, listen):
    return None if listen else [need("bash"), "-c", f"cat </dev/tcp/{host}/{port}"]


SENDERS = {"nc": nc_sends, "socat": socat_sends, "bash": bash_sends}
RECEIVERS = {"nc": nc_receives, "socat": socat_receives, "curl": curl_receives, "bash": bash_receives}


def leat_command(host, port, framing, leat_listens, leat_sends):
    role = "listen" if leat_listens else "connect"
    address = f"tcp:{bracketed(host)}:{port}?framing={framing}&{role}"
    if leat_sends:
        return [LEAT, "send", address, "--", *[os.fsdecode(m) for m in MESSAGES[framing]]]
    return [LEAT, "recv", "--format", "hex", address]


def check_arrived(framing, leat_sends, got, leat_out):
    data = encode(framing, MESSAGES[framing])
    if leat_sends:
        check_equal(got, data, "bytes")
    elif framing == "raw":
        check_equal(b"".join(from_hex(leat_out)), data, "bytes")
    else:
        check_equal(from_hex(leat_out), MESSAGES[framing], "messages")


def with_program(name, family, framing, leat_listens, leat_sends):
    """One combination; whoever connects is started when the other listens. None: the program has no such role."""
    make = (RECEIVERS if leat_sends else SENDERS).get(name)
    if make is None or make(HOSTS[family], 0, not leat_listens) is None:
        return None

    def test(programs, _):
        host, port = HOSTS[family], next(ports)
        argv = make(host, port, not leat_listens)
        command = leat_command(host, port, framing, leat_listens, leat_sends)
        data = None if leat_sends else encode(framing, MESSAGES[framing])

        def start(mine):
            if mine:
                return programs.start(command)
            # curl ends when its input does: it is given one that stays open
            stdin = subprocess.PIPE if data is not None or name == "curl" else subprocess.DEVNULL
            return programs.start(argv, stdin=stdin)

        first = start(leat_listens)
        wait_listens(host, port, first)
        second = start(not leat_listens)
        leat, other = (first, second) if leat_listens else (second, first)
        if leat_sends:
            leat_out = programs.finish(leat)
            got = programs.finish(other)
        else:
            got = programs.finish(other, data)
            leat_out = programs.finish(leat)
        check_arrived(framing, leat_sends, got, leat_out)

    role = "leat listens" if leat_listens else "leat connects"
    way = "leat sends" if leat_sends else "leat receives"
    return f"{name}, IPv{family}, {framing}: {role}, {way}", test


def with_python(family, framing, leat_listens, leat_sends):
    def test(programs, _):
        host, port = HOSTS[family], next(ports)
        kind = socket.AF_INET6 if family == 6 else socket.AF_INET
        command = leat_command(host, port, framing, leat_listens, leat_sends)
        if leat_listens:
            leat = programs.start(command)
            wait_listens(host, port, leat)
            connected = socket.create_connection((host, port), DEADLINE_S)
        else:
            with socket.create_server((host, port), family=kind) as door:
                leat = programs.start(command)
                door.settimeout(DEADLINE_S)
                connected, _ = door.accept()
                connected.settimeout(DEADLINE_S)
        got = b""
        with connected:
            if leat_sends:
                while part := connected.recv(65536):
                    got += part
            else:
                connected.sendall(encode(framing, MESSAGES[framing]))
                connected.shutdown(socket.SHUT_WR)
                check_equal(connected.recv(1), b"", "an end, and no reset")
        leat_out = programs.finish(leat)
        check_arrived(framing, leat_sends, got, leat_out)

    role = "leat listens" if leat_listens else "leat connects"
    way = "leat sends" if leat_sends else "leat receives"
    return f"python, IPv{family}, {framing}: {role}, {way}", test


def examples(family):
    def test(programs, _):
        host, port = HOSTS[family], next(ports)
        address = f"tcp:{bracketed(host)}:{port}"
        client = programs.start([os.path.join(BUILT, "tcp_client"), address, "hello", "world!"])
        server = programs.start([os.path.join(BUILT, "tcp_server"), address])
        check_equal(programs.finish(client), b"got 5 bytes\ngot 6 bytes\n", "the client's output")
        lines = programs.finish(server).decode().splitlines()
        check_equal(lines[0], f"listening on {address}", "the first line")
        check(all(line.startswith("tcp:") for line in lines[1:]), f"{lines}")
        check_equal([line.rsplit(": ", 1)[1] for line in lines[1:]], ["hello", "world!"], "the requests")

    return f"examples/tcp_client and tcp_server, IPv{family}", test


def chosen_port(programs, _):
    """Port 0: the command says which, and either family finds it."""
    receiver = programs.start([LEAT, "recv", "--follow", "--count", "2", "tcp::0"])
    said = receiver.stderr.readline().decode()
    match = re.search(r"listening on (tcp::\d+)$", said.strip())
    check(match, f"it said {said!r}")
    for host in ("127.0.0.1", "[::1]"):
        programs.run([LEAT, "send", match[1].replace("tcp:", "tcp:" + host), host])
    check_equal(programs.finish(receiver), b"127.0.0.1\n[::1]\n", "output")


def port_in_use(programs, _):
    """It is said who has it."""
    port = next(ports)
    holder = programs.start([need("nc"), "-l", HOSTS[4], str(port)])
    wait_listens(HOSTS[4], port, holder)
    late = programs.start([LEAT, "recv", f"tcp:{HOSTS[4]}:{port}"])
    _, said = late.communicate(timeout=DEADLINE_S)
    check_equal(late.returncode, 71, "status")
    check(b"has this port already" in said, f"{said!r}")
    check(f"process {holder.pid} (nc".encode() in said, f"{said!r} does not name process {holder.pid}")


def looked_at(programs, _):
    """leat info asks the kernel, and nobody at the port notices."""
    port = next(ports)
    address = f"tcp:{HOSTS[4]}:{port}"
    programs.run([LEAT, "info", address], status=1)
    receiver = programs.start([LEAT, "recv", "--follow", address])
    wait_listens(HOSTS[4], port, receiver)
    with socket.create_connection((HOSTS[4], port), DEADLINE_S):
        limit = time.monotonic() + DEADLINE_S
        told = {"connections": 0}
        while told["connections"] == 0:  # we have our end of it a moment before the listener has its own
            check(time.monotonic() < limit, "the connection is never seen")
            told = json.loads(programs.run([LEAT, "info", "--json", address]))
        check_equal(told["connections"], 1, "connections")
        check(told["waiting"] in (0, 1), f"{told}")  # as soon as it is accepted it waits no more
        check_equal(told["owner"], {"pid": receiver.pid, "uid": os.geteuid(), "gid": os.getegid()}, "owner")


TESTS = [
    test
    for family, framing, leat_listens, leat_sends in itertools.product((4, 6), MESSAGES, (True, False), (True, False))
    for test in (
        with_python(family, framing, leat_listens, leat_sends),
        *(with_program(name, family, framing, leat_listens, leat_sends) for name in ("nc", "socat", "curl", "bash")),
    )
    # raw stands for the other framings with the programs of family 6: the bytes are the same
    if test is not None and (family == 4 or framing == "raw" or test[0].startswith("python"))
] + [
    examples(4),
    examples(6),
    ("port 0 is told", chosen_port),
    ("a port in use names its process", port_in_use),
    ("leat info looks at a port", looked_at),
]

if __name__ == "__main__":
    main(TESTS)
