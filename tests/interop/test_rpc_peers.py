#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls with what others have written: libtirpc at either end, rpcinfo, Debian's rpcbind, liblxi, a client of socket and struct; and what tshark says of it.

The C parts are rpc_peers*.c; rpc_peers.x is compiled by rpcgen and by leatgen. Output is TAP.
"""
import functools
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from rpc_peers import (COMPANION, ROOT, RPCBIND, Capture, Connection, Played, Raw, accepted, auth_sys, be_at, call_message, denied, head_of,  # noqa: E402
                       own_run, pack_opaque, port_mapper, program_of_rpcbind, record)
from tap import Skip, Watch, check, check_equal, ended, line_of, main, need, own_network, random_seed, test, TESTS  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.environ["LEAT_EXAMPLES"]
LIBRARY = os.environ["LEAT_LIBRARY"]
SEED = random_seed()
PEERS, INSTRUMENT = 0x20000777, 0x0607af
BUILT = tempfile.TemporaryDirectory(prefix="leat-interop-")


# ---- building the parts ----


def compile_theirs(cc, run):
    for option, name in (("-h", ".h"), ("-c", "_xdr.c"), ("-l", "_clnt.c"), ("-m", "_svc.c")):
        run("theirs", "rpcgen", option, "-o", "rpc_peers" + name, "rpc_peers.x")
    flags = ["-D_GNU_SOURCE", "-I/usr/include/tirpc", "-I.", "-I" + HERE, "-Wall", "-Wextra"]
    run("theirs", *cc, *flags, "-w", "-c", "rpc_peers_xdr.c", "rpc_peers_clnt.c", "rpc_peers_svc.c")
    for name, stubs in (("server", "svc"), ("client", "clnt")):
        run("theirs", *cc, *flags, "-o", f"../their_{name}", os.path.join(HERE, f"rpc_peers_their_{name}.c"), "rpc_peers_xdr.o",
            f"rpc_peers_{stubs}.o", "-ltirpc")


def compile_ours(cc, run):
    run("ours", "leatgen", "rpc_peers.x")
    flags = ["-std=gnu17", "-D_GNU_SOURCE", "-I.", "-I" + os.path.join(ROOT, "include"), "-Wall", "-Wextra", "-Werror",
             "-Wno-missing-field-initializers"]
    flags += ["-fsanitize=" + os.environ["LEAT_SANITIZE"]] if os.environ.get("LEAT_SANITIZE") else []
    libraries = ["-L" + LIBRARY, "-lleat", "-Wl,-rpath," + LIBRARY]
    for name, more in (("our_server", ["rpc_peers_server.c", "rpc_peers_xdr.c"]), ("our_client", ["rpc_peers_client.c", "rpc_peers_xdr.c"]),
                       ("bind", [])):
        run("ours", *cc, *flags, "-o", "../" + name, os.path.join(HERE, f"rpc_peers_{name}.c"), *more, *libraries)


@functools.lru_cache(maxsize=None)
def built():
    """The folder with the parts."""
    def run(folder, *argv):
        done = subprocess.run(argv, cwd=os.path.join(BUILT.name, folder), capture_output=True, text=True, check=False, timeout=300)
        check(done.returncode == 0, f"{' '.join(argv)}: {done.stderr}")

    cc = os.environ.get("CC", "cc").split()
    os.chmod(BUILT.name, 0o755)
    for folder in ("theirs", "ours"):
        os.mkdir(os.path.join(BUILT.name, folder))
        shutil.copy(os.path.join(HERE, "rpc_peers.x"), os.path.join(BUILT.name, folder))
    need("rpcgen")
    compile_theirs(cc, run)
    compile_ours(cc, run)
    return BUILT.name


def part(name):
    return os.path.join(built(), name)


# ---- what tshark says ----


# Ports and random bytes make tshark take calls for something else: it is to know nothing but these.
DISSECTED = {"frame", "eth", "ethertype", "ip", "ipv6", "icmp", "icmpv6", "tcp", "udp", "rpc", "portmap", "data"}


@functools.lru_cache(maxsize=None)
def settings_of_tshark():
    """A folder with them."""
    folder = os.path.join(BUILT.name, "wireshark")
    os.mkdir(folder)
    known = subprocess.run([need("tshark"), "-G", "protocols"], capture_output=True, text=True, check=True, timeout=300).stdout
    names = {line.split("\t")[2] for line in known.splitlines()}
    check(DISSECTED <= names, f"tshark does not know {DISSECTED - names}")
    with open(os.path.join(folder, "disabled_protos"), "w", encoding="ascii") as file:
        file.write("".join(name + "\n" for name in sorted(names - DISSECTED)))
    return BUILT.name


def tshark(programs, path, condition, *fields):
    """Lines of the packets for which a condition is true."""
    shown = [word for field in fields or ("_ws.col.Info",) for word in ("-e", field)]
    argv = ["tshark", "-n", "-2", "-r", path, "-o", "rpc.dissect_unknown_programs:TRUE", "-Y", condition, "-T", "fields", *shown]
    return programs.run(argv, env={**os.environ, "XDG_CONFIG_HOME": settings_of_tshark()}).decode().splitlines()


def check_capture(programs, path, least, wrapped):
    for what, condition in (("malformed", "_ws.malformed"), ("of no call", "(tcp.len > 0 || udp) && !rpc && !tcp.reassembled_in && !tcp.analysis.flags && !icmp"),
                            ("with an answer to no call", "rpc.msgtyp == 1 && !rpc.program")):
        found = tshark(programs, path, condition)
        check(not found, f"{len(found)} packets are {what}, as this one: {found[:1]}")
    kinds = [kind for line in tshark(programs, path, "rpc", "rpc.msgtyp") for kind in line.split(",")]
    check(kinds.count("0") >= least, f"only {kinds.count('0')} calls were seen, not {least}")
    check(kinds.count("1") >= least, f"only {kinds.count('1')} answers were seen, not {least}")
    found = len(tshark(programs, path, f"rpc.program == {COMPANION} && rpc.procedure == 2"))
    check(found >= wrapped, f"only {found} packets have calls of the companion program, not {wrapped}")


def captured(least, wrapped=0):
    """The test's traffic is looked at: so many calls at least, and packets with wrapped ones, and all is well-formed."""
    def wrap(function):
        @functools.wraps(function)
        def looked_at(programs, directory):
            own_network()
            path = os.path.join(directory, "capture")
            try:
                capture = Capture()
            except PermissionError:
                function(programs, directory)
                raise Skip("all went well, but this user may not look at the traffic") from None
            function(programs, directory)
            capture.write(path)
            check_capture(programs, path, least, wrapped)

        return looked_at

    return wrap


# ---- starting the parts ----


def start_theirs(programs, directory):
    """Their server: the ports of tcp and udp, and the path."""
    path = os.path.join(directory, "theirs")
    server = programs.start([part("their_server"), path])
    tcp, udp = line_of(server.stdout).split()
    return int(tcp), int(udp), path


def start_ours(programs, *arguments):
    """Our server, and where it listens, as it says."""
    server = programs.start([part("our_server"), *arguments])
    count = sum(":" in word for word in arguments)
    return server, [line_of(server.stdout) for _ in range(count)]


def start_our_three(programs, directory, *words):
    path = os.path.join(directory, "ours")
    server, lines = start_ours(programs, *words, "tcp:127.0.0.1:0", "udp:127.0.0.1:0", "unix:" + path)
    tcp, udp = (int(line.rsplit(":", 1)[1]) for line in lines[:2])
    return server, tcp, udp, path


def start_rpcbind(programs, directory, argv):
    own_run(directory)
    listening = Watch("/run/rpcbind.sock")
    listening.wait(programs.start(argv))


def start_their_rpcbind(programs, directory):
    start_rpcbind(programs, directory, [program_of_rpcbind("rpcbind"), "-f"])


def start_our_rpcbind(programs, directory):
    start_rpcbind(programs, directory, [os.path.join(EXAMPLES, "rpcbind_serve")])


def bind(programs, *arguments, status=0, rpcbind="-", **more):
    """What rpc_peers_bind prints, by lines; of a failure the name of the error."""
    code, out, err = programs.outcome(programs.start([part("bind"), rpcbind, *(str(word) for word in arguments)], **more))
    check_equal((code, err.decode() if status == 0 else ""), (status, ""), f"status of {arguments}, which said {err!r} and")
    return out.decode().splitlines() if status == 0 else err.decode().split()[0]


def rpcinfo(programs, *arguments, status=0):
    return programs.run([program_of_rpcbind("rpcinfo"), *(str(word) for word in arguments)], status=status).decode()


# ---- libtirpc ----


@test
@captured(1400)
def a_client_of_libtirpc_calls_us(programs, directory):
    _, tcp, udp, path = start_our_three(programs, directory)
    for kind, where in (("tcp", tcp), ("udp", udp), ("unix", path)):
        programs.run([part("their_client"), kind, str(where), str(SEED)])


@test
@captured(1100)
def we_call_a_server_of_libtirpc(programs, directory):
    tcp, udp, path = start_theirs(programs, directory)
    for address in (f"tcp:127.0.0.1:{tcp}", f"udp:127.0.0.1:{udp}", "unix:" + path):
        for asks in ("plain", "asks"):
            programs.run([part("our_client"), address, str(SEED), asks, "theirs"])


@test
@captured(1000, wrapped=500)
def calls_between_us_are_well_formed_too(programs, directory):
    _, tcp, udp, path = start_our_three(programs, directory)
    for address in (f"tcp:127.0.0.1:{tcp}", f"udp:127.0.0.1:{udp}", "unix:" + path):
        for asks in ("plain", "asks"):
            programs.run([part("our_client"), address, str(SEED), asks, "ours"])


# ---- a client of socket and struct ----

REFUSALS = [  # (what is asked, what is answered, byte for byte)
    ("another program", {"program": PEERS + 1}, lambda xid: accepted(xid, 1)),
    ("another version", {"version": 2}, lambda xid: accepted(xid, 2, struct.pack(">II", 1, 1))),
    ("another procedure", {"procedure": 7}, lambda xid: accepted(xid, 3)),
    ("an argument that ends too early", {"arguments": b"\0\0\0\1"}, lambda xid: accepted(xid, 4)),
    ("an argument that goes on", {"arguments": bytes(12)}, lambda xid: accepted(xid, 4)),
    ("one that fails", {"procedure": 5, "arguments": b""}, lambda xid: accepted(xid, 5)),
    ("another version of ONC RPC", {"rpc_version": 3}, lambda xid: denied(xid, 0, 2, 2)),
]


def call_exactly(connection):
    """Each answer is known to the byte."""
    pair = struct.pack(">ii", -5, 3)
    check_equal(connection.ask(call_message(1, PEERS, 1, 0)), accepted(1, 0), "NULL")
    check_equal(connection.ask(call_message(2, PEERS, 1, 2, pair)), accepted(2, 0, struct.pack(">i", -2)), "ADD")
    check_equal(connection.ask(call_message(3, PEERS, 1, 3, struct.pack(">I", 5))),
                accepted(3, 0, pack_opaque(bytes(range(5)))), "MAKE")
    check_equal(connection.ask(call_message(4, PEERS, 1, 6)), accepted(4, 0, b"\xff" * 4), "WHO, without a name")
    check_equal(connection.ask(call_message(5, PEERS, 1, 6, credential=auth_sys(4711))), accepted(5, 0, struct.pack(">I", 4711)), "WHO")
    for xid, (what, change, answer) in enumerate(REFUSALS, 6):
        asked = {"program": PEERS, "version": 1, "procedure": 2, "arguments": pair, **change}
        check_equal(connection.ask(call_message(xid, **asked)), answer(xid), what)


def over_each(programs, directory, function):
    _, tcp, udp, path = start_our_three(programs, directory)
    for kind, where in (("tcp", tcp), ("udp", udp), ("unix", path)):
        with Connection(kind, where) as connection:
            function(connection)


@test
@captured(10)
def each_answer_is_right_to_the_byte(programs, directory):
    over_each(programs, directory, call_exactly)


def call_in_pieces(connection):
    if not connection.is_stream:
        return
    def count(data):
        return call_message(9, PEERS, 1, 4, pack_opaque(data)), accepted(9, 0, struct.pack(">I", sum(data)))

    for fragment in (1, 2, 3, 4, 5, 7, 28, 1000, 10283, 10284):  # of thousands that are tiny none is taken
        question, answer = count(bytes(range(256)) * (40 if fragment > 16 else 1))
        check_equal(connection.ask(question, fragment), answer, f"COUNT in fragments of {fragment}")
    # An empty fragment before, between and behind.
    half = len(question) // 2
    for cut in ([0, len(question)], [half, half, len(question)], [len(question), len(question)]):
        cuts = list(zip([0, *cut], cut))
        for number, (begin, end) in enumerate(cuts):
            last = 1 << 31 if number == len(cuts) - 1 else 0
            connection.socket.sendall(struct.pack(">I", end - begin | last) + question[begin:end])
        check_equal(connection.receive(), answer, f"COUNT cut at {cut}")


def call_with_broken_names(connection):
    """A credential or a verifier that breaks its type is refused, and the next call is none the worse."""
    for credential in (struct.pack(">I", 1) + pack_opaque(bytes(7)), struct.pack(">I", 1) + pack_opaque(bytes(400)),
                       struct.pack(">II", 0, 401) + bytes(404), struct.pack(">II", 1, 0xffffffff)):
        for message in (call_message(1, PEERS, 1, 0, credential=credential), call_message(1, PEERS, 1, 0, verifier=credential[:4] + b"\xff" * 4)):
            reply = connection.ask(message)
            check(reply in (denied(1, 1, 1), denied(1, 1, 3)), f"{message!r:.100} was answered with {reply!r}")
    check_equal(connection.ask(call_message(2, PEERS, 1, 0)), accepted(2, 0), "the next call")


@test
def broken_credentials_are_refused(programs, directory):
    over_each(programs, directory, call_with_broken_names)


@test
def records_come_in_any_fragments(programs, directory):
    over_each(programs, directory, call_in_pieces)


@test
def bytes_come_one_by_one(programs, directory):
    _, tcp, _, _ = start_our_three(programs, directory)
    with Connection("tcp", tcp) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in record(call_message(1, PEERS, 1, 2, struct.pack(">ii", 1, 2)), 30):
            connection.socket.sendall(bytes([byte]))
        check_equal(connection.receive(), accepted(1, 0, struct.pack(">i", 3)), "ADD")


def call_all_at_once(connection):
    questions = [call_message(xid, PEERS, 1, 2, struct.pack(">ii", xid, 1)) for xid in range(1, 201)]
    if connection.is_stream:
        connection.socket.sendall(b"".join(record(question, 28 if i % 3 == 0 else None) for i, question in enumerate(questions)))
    else:
        for question in questions:
            connection.send(question)
    answers = sorted(connection.receive() for _ in questions)
    check_equal(answers, sorted(accepted(xid, 0, struct.pack(">i", xid + 1)) for xid in range(1, 201)), "all answers")


@test
@captured(200)
def calls_come_many_at_once(programs, directory):
    over_each(programs, directory, call_all_at_once)


@test
def what_is_no_call_is_not_answered(programs, directory):
    _, tcp, udp, path = start_our_three(programs, directory)
    good = call_message(77, PEERS, 1, 2, struct.pack(">ii", 1, 2))
    wrong = [b"", b"\0", good[:20], call_message(1, PEERS, 1, 0, kind=1), call_message(1, PEERS, 1, 0, kind=2), accepted(1, 0)]
    for kind, where in (("tcp", tcp), ("udp", udp), ("unix", path)):
        for message in wrong:
            with Connection(kind, where) as connection:
                connection.send(message)
                connection.send(good)
                try:
                    reply = connection.receive()
                except ConnectionError:
                    reply = b""
                want = accepted(77, 0, struct.pack(">i", 3))
                check(reply == want or (reply == b"" and kind != "udp"), f"{kind}: {message!r:.60} was answered with {reply!r}")
        with Connection(kind, where) as connection:
            check_equal(connection.ask(good), accepted(77, 0, struct.pack(">i", 3)), "the next client")


# ---- rpcinfo and rpcbind ----


def registered(programs):
    """(version, protocol): port of our program, as rpcinfo -p has them."""
    lines = re.findall(r"^\s*(\d+)\s+(\d+)\s+(\w+)\s+(\d+)", rpcinfo(programs, "-p", "127.0.0.1"), re.MULTILINE)
    return {(int(version), protocol): int(port) for program, version, protocol, port in lines if int(program) == PEERS}


def start_registered(programs, *words, netids=("tcp:*:0", "udp:*:0", "unix:/run/peers.sock")):
    server, lines = start_ours(programs, *words, *netids)
    return server, [int(line.rsplit(":", 1)[1]) for line in lines if line[0] != "u" or line[1] == "d"]


def meet_rpcbind(programs):
    """A server of ours that has registered is found and called by others."""
    server, (tcp, udp) = start_registered(programs, "register")
    check_equal(registered(programs), {(1, "tcp"): tcp, (1, "udp"): udp}, "rpcinfo -p")
    for netid in ("tcp", "udp"):
        check_equal(rpcinfo(programs, "-T", netid, "127.0.0.1", PEERS), f"program {PEERS} version 1 ready and waiting\n", "rpcinfo -T")
        check_equal(rpcinfo(programs, "-T", netid, "127.0.0.1", PEERS, 1), f"program {PEERS} version 1 ready and waiting\n", "rpcinfo -T")
        programs.run([part("their_client"), netid, "0", str(SEED)])
    check_equal(rpcinfo(programs, "-T", "local", "127.0.0.1", PEERS), f"program {PEERS} version 1 ready and waiting\n", "rpcinfo -T local")
    check("tcp6" in rpcinfo(programs), "rpcinfo names IPv6")
    check_equal(bind(programs, "find", PEERS, 1), ["unix:/run/peers.sock"], "find")
    check_equal(bind(programs, "find", PEERS, 1, "tcp"), [f"tcp:127.0.0.1:{tcp}"], "find tcp")
    check_equal(bind(programs, "find", PEERS, 1, "udp6"), [f"udp:[::1]:{udp}"], "find udp6")
    programs.run([part("our_client"), f"tcp:127.0.0.1:{tcp}", str(SEED), "asks", "ours"])
    server.send_signal(signal.SIGTERM)
    check_equal((ended(server), line_of(server.stdout)), (0, "5 removed"), "the server's end")
    check_equal(registered(programs), {}, "what is registered after its end")
    check_equal(bind(programs, "find", PEERS, 1, status=1), "ENOENT", "find after its end")


@test
@captured(1000)
def rpcinfo_asks_our_rpcbind(programs, directory):
    start_our_rpcbind(programs, directory)
    ports = re.findall(r"^\s*100000\s+(\d)\s+(\w+)\s+111\s+portmapper", rpcinfo(programs, "-p", "127.0.0.1"), re.MULTILINE)
    check_equal(sorted(ports), [(version, protocol) for version in "234" for protocol in ("tcp", "udp")], "rpcinfo -p")
    statistics = rpcinfo(programs, "-m", "127.0.0.1")
    check_equal(len(re.findall(r"version \d\) statistics", statistics)), 3, "rpcinfo -m")
    check("/run/rpcbind.sock" in rpcinfo(programs), "rpcinfo names the unix socket")
    check("2,3,4" in rpcinfo(programs, "-s"), "rpcinfo -s")
    for netid in ("tcp", "udp"):
        check_equal(rpcinfo(programs, "-T", netid, "127.0.0.1", RPCBIND),
                    "".join(f"program 100000 version {version} ready and waiting\n" for version in (2, 3, 4)), f"rpcinfo -T {netid}")
    meet_rpcbind(programs)


@test
@captured(1000)
def our_server_registers_with_debians_rpcbind(programs, directory):
    start_their_rpcbind(programs, directory)
    meet_rpcbind(programs)


def change_registrations(programs):
    bind(programs, "set", 1234567, 3, "tcp:127.0.0.1:4000")
    bind(programs, "set", 1234567, 3, "tcp:127.0.0.1:4000")  # as it is
    check_equal(bind(programs, "set", 1234567, 3, "tcp:127.0.0.1:4001", status=1), "EEXIST", "set at another port")
    bind(programs, "set", 1234567, 3, "udp:*:65535")
    bind(programs, "set", 1234567, 4, "unix:/run/a%20name")
    bind(programs, "set", 1234567, 5, "tcp:[::1]:256")
    mine = [line.split(" ", 2) for line in bind(programs, "list") if line.startswith("1234567 ")]
    check_equal(sorted((version, rest) for _, version, rest in mine if version != "4"), [
        ("3", "tcp 127.0.0.1.15.160 tcp:127.0.0.1:4000 superuser"), ("3", "udp 0.0.0.0.255.255 udp:127.0.0.1:65535 superuser"),
        ("3", "udp6 ::.255.255 udp:[::1]:65535 superuser"), ("5", "tcp6 ::1.1.0 tcp:[::1]:256 superuser")], "list")
    check_equal([rest for _, version, rest in mine if version == "4"], ["local /run/a name unix:/run/a%20name superuser"], "list")
    check_equal(bind(programs, "find", 1234567, 4), ["unix:/run/a%20name"], "a path with a space")
    check_equal(bind(programs, "find", 1234567, 4, rpcbind="tcp:127.0.0.1:111", status=1), "ENOENT", "a path, from another host")
    check_equal(bind(programs, "find", 1234567, 3, rpcbind="udp:127.0.0.1:111"), ["tcp:127.0.0.1:4000"], "find over udp")
    check_equal(bind(programs, "find", 1234567, 3, "udp", rpcbind="tcp:localhost:111"), ["udp:localhost:65535"], "find by a name")
    bind(programs, "unset", 1234567, 3, "tcp")
    check_equal(bind(programs, "find", 1234567, 3), ["udp:127.0.0.1:65535"], "after unset of one")
    bind(programs, "unset", 1234567, 3)
    check_equal(bind(programs, "find", 1234567, 3, status=1), "ENOENT", "after unset of all")
    check_equal(len([line for line in bind(programs, "list") if line.startswith("1234567 ")]), 2, "those that are left")
    # Over the loopback: rpcbind does not see whose it is.
    bind(programs, "set", 1234567, 6, "tcp:127.0.0.1:4000", rpcbind="tcp:127.0.0.1:111")
    check("1234567 6 tcp 127.0.0.1.15.160 tcp:127.0.0.1:4000 unknown" in bind(programs, "list"), "its owner is not unknown")
    bind(programs, "unset", 1234567, 6, rpcbind="tcp:127.0.0.1:111")
    check_equal(bind(programs, "find", 1234567, 6, status=1), "ENOENT", "after unset over the loopback")
    # Another user's.
    check_equal(bind(programs, "unset", 1234567, 5, status=1, user=65534), "ENOENT", "unset by another user")
    check_equal(bind(programs, "find", 1234567, 5), ["tcp:[::1]:256"], "it is still there")


def replace_registrations(programs):
    server, old = start_registered(programs, "register")
    server.kill()
    ended(server)
    os.unlink("/run/peers.sock")
    check_equal(registered(programs), {(1, "tcp"): old[0], (1, "udp"): old[1]}, "what a killed server leaves")
    code, _, said = programs.outcome(programs.start([part("our_server"), "register", "tcp:*:0"]))
    check(code == 1 and b"LEAT_RPCBIND_REPLACE" in said, f"status {code}, said {said!r}")
    check_equal(registered(programs), {(1, "tcp"): old[0], (1, "udp"): old[1]}, "after one that was refused")
    server, new = start_registered(programs, "replace")
    check_equal(registered(programs), {(1, "tcp"): new[0], (1, "udp"): new[1]}, "after one that replaces")
    # It removes its own, and not what has taken their place.
    bind(programs, "unset", PEERS, 1, "tcp")
    bind(programs, "set", PEERS, 1, "tcp:127.0.0.1:9")
    server.send_signal(signal.SIGTERM)
    check_equal((ended(server), line_of(server.stdout)), (0, "4 removed"), "the server's end")
    check_equal(registered(programs), {(1, "tcp"): 9}, "another's registration")


def ask_from_afar(programs, error):
    """Who calls by another address of this host may ask, and not change anything; what is at every address is found at that one."""
    be_at("192.0.2.7")
    afar = "tcp:192.0.2.7:111"
    _, (tcp, udp) = start_registered(programs, "register")
    check_equal(bind(programs, "find", PEERS, 1, rpcbind=afar), [f"tcp:192.0.2.7:{tcp}"], "find")
    check_equal(bind(programs, "find", PEERS, 1, "udp", rpcbind="udp:192.0.2.7:111"), [f"udp:192.0.2.7:{udp}"], "find udp")
    for netid in ("tcp", "udp"):
        check_equal(rpcinfo(programs, "-T", netid, "192.0.2.7", PEERS), f"program {PEERS} version 1 ready and waiting\n", "rpcinfo -T")
    check_equal(bind(programs, "set", 1234567, 3, "tcp:127.0.0.1:4000", rpcbind=afar, status=1), error, "set from afar")
    check_equal(bind(programs, "find", 1234567, 3, status=1), "ENOENT", "find what was set from afar")
    bind(programs, "unset", PEERS, 1, rpcbind=afar, status=1)
    check_equal(bind(programs, "find", PEERS, 1, "tcp"), [f"tcp:127.0.0.1:{tcp}"], "find after unset from afar")


@test
@captured(2)
def other_hosts_ask_debians_rpcbind(programs, directory):
    start_their_rpcbind(programs, directory)
    ask_from_afar(programs, "EACCES")


@test
@captured(2)
def other_hosts_ask_our_rpcbind(programs, directory):
    start_our_rpcbind(programs, directory)
    ask_from_afar(programs, "EEXIST")


@test
@captured(2)
def registrations_change_at_debians_rpcbind(programs, directory):
    start_their_rpcbind(programs, directory)
    change_registrations(programs)
    replace_registrations(programs)


@test
@captured(2)
def registrations_change_at_our_rpcbind(programs, directory):
    start_our_rpcbind(programs, directory)
    change_registrations(programs)
    replace_registrations(programs)


@test
def no_rpcbind_is_no_harm(programs, directory):
    own_network()
    own_run(directory)
    for what in (["list"], ["find", 1, 1], ["set", 1, 1, "tcp::1"], ["unset", 1, 1]):
        check_equal(bind(programs, *what, status=1), "ECONNREFUSED", what)
    for address, error in (("shm:/x", "EOPNOTSUPP"), ("tcp:localhost:1", "EINVAL"), ("tcp:127.0.0.1:0", "EINVAL"), ("nonsense", "EINVAL")):
        check_equal(bind(programs, "set", 1, 1, address, status=1), error, address)


# ---- rpcbinds of another kind ----


def ask_played(programs, answer, *arguments):
    """What our functions say to a rpcbind that answers so: status, output, the error's name, and what it was asked."""
    played = Played(answer)
    program = programs.start([part("bind"), played.address, *(str(word) for word in arguments)])
    status, out, err = played.serve(program)
    return status, out.split(), err.split()[0] if err else "", [(version, procedure) for _, version, procedure in played.asked]


@test
def a_port_mapper_of_version_2_will_do(programs, _directory):
    ports = {(7, 1, 17): 1234, (7, 1, 6): 4321, (8, 1, 99): 5}
    mapper = port_mapper([2], [0, 1, 2, 3, 4], ports)
    check_equal(ask_played(programs, mapper, "find", 7, 1)[:2], (0, ["tcp:127.0.0.1:4321"] ), "find")
    check_equal(ask_played(programs, mapper, "find", 7, 1, "udp")[:2], (0, ["udp:127.0.0.1:1234"]), "find udp")
    check_equal(ask_played(programs, mapper, "find", 7, 1, "local")[2], "ENOENT", "find local")
    check_equal(ask_played(programs, mapper, "set", 9, 1, "tcp:127.0.0.1:258")[0], 0, "set")
    check_equal(ports[9, 1, 6], 258, "what was set")
    check_equal(ask_played(programs, mapper, "set", 9, 1, "tcp:127.0.0.1:259")[2], "EEXIST", "set again")
    check_equal(ask_played(programs, mapper, "set", 9, 3, "tcp:*:259")[0], 0, "set of every address")
    check_equal(ports[9, 3, 6], 259, "what was set of it")
    check_equal(ask_played(programs, mapper, "set", 9, 2, "unix:/run/x")[2], "EOPNOTSUPP", "set of a path")
    check_equal(ask_played(programs, mapper, "set", 9, 2, "tcp:[::1]:5")[2], "EOPNOTSUPP", "set of IPv6")
    check_equal(ask_played(programs, mapper, "unset", 9, 1, "tcp")[2], "EOPNOTSUPP", "unset of one protocol")
    check_equal(ask_played(programs, mapper, "unset", 9, 1)[0], 0, "unset")
    check_equal(ask_played(programs, mapper, "unset", 9, 1)[2], "ENOENT", "unset again")
    status, out, _, asked = ask_played(programs, mapper, "list")
    check_equal((status, len(out)), (0, 24), "list")
    check_equal(asked, [(4, 4), (2, 4)], "what was asked: version 4, and then what it has")


@test
def a_port_mapper_that_lists_nothing_will_do(programs, _directory):
    mapper = port_mapper([2], [0, 3], {(7, 1, 17): 1234})
    check_equal(ask_played(programs, mapper, "find", 7, 1)[:2], (0, ["udp:127.0.0.1:1234"]), "find")
    check_equal(ask_played(programs, mapper, "find", 7, 1, "tcp")[2], "ENOENT", "find tcp")
    check_equal(ask_played(programs, mapper, "list")[2], "EOPNOTSUPP", "list")
    check_equal(ask_played(programs, port_mapper([2], [0, 3], {(7, 1, 6): 70000}), "find", 7, 1)[2], "ENOENT", "a port that is none")


@test
def version_3_will_do(programs, _directory):
    entry = struct.pack(">III", 1, 7, 1) + pack_opaque(b"tcp") + pack_opaque(b"127.0.0.1.16.225") + pack_opaque(b"me") + bytes(4)
    status, out, _, asked = ask_played(programs, port_mapper([2, 3], [4], {}, entry), "find", 7, 1)
    check_equal((status, out), (0, ["tcp:127.0.0.1:4321"]), "find")
    check_equal(asked[:2], [(4, 4), (3, 4)], "what was asked")


UNIVERSAL = {  # what a rpcbind at 127.0.0.1 may say of tcp, and what we make of it
    "127.0.0.1.16.225": "tcp:127.0.0.1:4321", "0.0.0.0.16.225": "tcp:127.0.0.1:4321", "255.255.255.255.0.1": "tcp:255.255.255.255:1",
    "": None, ".": None, "..": None, "...": None, "1.2": None, "127.0.0.1": None, "127.0.0.1.256.1": None, "127.0.0.1.1.256": None,
    "127.0.0.1.1.": None, "127.0.0.1..1": None, "127.0.0.1.-1.1": None, "127.0.0.1. 1.1": None, "127.0.0.1.0001.1": None,
    "127.0.0.1.0.0": None, "127.0.0.1.0x1.1": None, "::1.1.1": None, "localhost.1.1": None, "1" * 300 + ".1.1": None,
    "\x1b[2J.1.1": None, "127.0.0.1%lo.1.1": None,
}


@test
def universal_addresses_of_strangers(programs, _directory):
    def entries(netid, texts):
        return b"".join(struct.pack(">III", 1, 7, number) + pack_opaque(netid) + pack_opaque(text) + bytes(4)
                        for number, text in enumerate(texts, 1)) + bytes(4)

    def listed(netid, texts):
        status, out, said, _ = ask_played(programs, port_mapper([4], [4], {}, entries(netid, texts)), "find", 7, 1)
        return out[0] if status == 0 else said

    for text, address in UNIVERSAL.items():
        check_equal(listed(b"tcp", [text.encode()]), address or "ENOENT", repr(text))
    for netid, text, address in (("tcp6", "::.1.0", "ENOENT"), ("udp6", "::1.1.0", "udp:[::1]:256"), ("tcp6", "::ffff:127.0.0.1.1.0", None),
                                 ("tcp6", "fe80::1%lo.1.0", None), ("local", "/run/x", "ENOENT"), ("", "", "ENOENT"),
                                 ("x" * 70000, "127.0.0.1.1.0", "ENOENT")):
        got = listed(netid.encode(), [text.encode()])
        check(got == address or (address is None and got.startswith("tcp:[")), f"{netid:.9} {text}: {got}")
    many = entries(b"tcp", [b"127.0.0.1.1.0"] * 500)
    status, out, _, _ = ask_played(programs, port_mapper([4], [4], {}, many), "list")
    check_equal((status, len(out)), (0, 500 * 6), "a long list")


@test
def answers_of_strangers_are_errors(programs, _directory):
    endless = struct.pack(">III", 1, 7, 1) + pack_opaque(b"tcp") + pack_opaque(b"") + pack_opaque(b"")
    for what, answer, error in (
            ("no rpcbind", lambda message: accepted(head_of(message)[0], 1), "EPROTONOSUPPORT"),
            ("versions from above", lambda message: accepted(head_of(message)[0], 2, struct.pack(">II", 5, 9)), "EPROTONOSUPPORT"),
            ("versions from below", lambda message: accepted(head_of(message)[0], 2, bytes(8)), "EPROTONOSUPPORT"),
            ("always the next lower", lambda message: accepted(head_of(message)[0], 2, struct.pack(">II", 0, head_of(message)[2])),
             "EPROTONOSUPPORT"),
            ("refused", lambda message: denied(head_of(message)[0], 1, 5), "EACCES"),
            ("failed", lambda message: accepted(head_of(message)[0], 5), "EPROTO"),
            ("cut off", lambda message: accepted(head_of(message)[0], 0, endless), "EBADMSG"),
            ("a boolean that is none", lambda message: accepted(head_of(message)[0], 0, struct.pack(">I", 3)), "EBADMSG"),
            ("a NUL in a text", lambda message: accepted(head_of(message)[0], 0, endless.replace(b"tcp\0", b"t\0p\0") + bytes(4)), "EBADMSG"),
            ("no end", lambda message: Raw(struct.pack(">I", 1 << 31 | 1 << 30) + message[:4] + bytes(1000)), "EMSGSIZE")):
        for asked in (["list"], ["set", 1, 1, "tcp::1"]):
            if what == "a NUL in a text" and asked[0] == "set":
                continue
            check_equal(ask_played(programs, answer, *asked)[2], error, f"{what}: {asked[0]}")


# ---- the instrument ----


class Instrument(Connection):
    """A client of VXI-11, of a few lines: its core channel."""
    xid = 0

    def do(self, procedure, pattern, *words, data=None):
        Instrument.xid += 1
        arguments = struct.pack(">" + pattern, *words) + (b"" if data is None else pack_opaque(data))
        return self.call(Instrument.xid, INSTRUMENT, 1, procedure, arguments)

    def read(self, link, size=100, flags=0, term=0):
        reply = self.do(12, "iIIIIi", link, size, 1000, 0, flags, term)
        error, reason, length = struct.unpack(">iiI", reply[:12])
        return error, reason, reply[12:12 + length]


def talk_to_instrument(port):
    with Instrument("tcp", port) as instrument:
        error, link, _, most = struct.unpack(">iiII", instrument.do(10, "iII", 1, 0, 0, data=b"inst0"))
        check(error == 0 and most >= 1024, f"create_link: error {error}, {most} bytes")
        check_equal(instrument.read(link)[0], 15, "a read without a question")
        check_equal(instrument.do(11, "iIII", link, 1000, 0, 0, data=b"*I"), struct.pack(">iI", 0, 2), "a half message")
        check_equal(instrument.do(11, "iIII", link, 1000, 0, 8, data=b"DN?\n"), struct.pack(">iI", 0, 4), "its end")
        check_equal(instrument.do(13, "iIII", link, 0, 0, 1000), struct.pack(">iI", 0, 16), "readstb")
        check_equal(instrument.read(link, size=5), (0, 1, b"Leat,"), "as much as was asked for")
        check_equal(instrument.read(link, flags=128, term=ord(",")), (0, 2, b"Example Voltmeter,"), "up to a character")
        check_equal(instrument.read(link), (0, 4, b"0,1.0\n"), "the rest")
        check_equal(instrument.do(11, "iIII", link, 1000, 0, 8, data=b"*IDN?"), struct.pack(">iI", 0, 5), "another question")
        check_equal(instrument.do(15, "iIII", link, 0, 0, 1000), bytes(4), "device_clear")
        check_equal(instrument.read(link)[0], 15, "a read after it")
        check_equal(instrument.do(11, "iIII", link, 1000, 0, 8, data=bytes(2000))[:4], struct.pack(">i", 9), "too much")
        check_equal(instrument.do(23, "i", link), bytes(4), "destroy_link")
        check_equal(instrument.do(23, "i", link), struct.pack(">i", 4), "destroy_link again")
        check_equal(instrument.read(link)[0], 4, "a read without a link")


# liblxi, which programs of laboratories use: it finds the port by itself.
LIBLXI = """
import ctypes, sys
lxi = ctypes.CDLL("liblxi.so.1")
answer = ctypes.create_string_buffer(1000)
lxi.lxi_init()
device = lxi.lxi_connect(b"127.0.0.1", 0, b"inst0", 30000, 0)
for question in (b"*IDN?", b"MEASURE:VOLTAGE?"):
    if lxi.lxi_send(device, question, len(question), 30000) != len(question):
        sys.exit(1)
    size = lxi.lxi_receive(device, answer, 1000, 30000)
    print(answer.raw[:max(size, 0)].decode(), end="")
sys.exit(lxi.lxi_disconnect(device))
"""


@test
@captured(20)
def clients_of_vxi_11_find_the_instrument(programs, directory):
    start_our_rpcbind(programs, directory)
    server = programs.start([os.path.join(EXAMPLES, "instrument_serve"), "tcp:*:0", "register"])
    port = int(line_of(server.stdout).rsplit(":", 1)[1])
    for kind in ("udp", "tcp"):  # as clients of instruments do
        with Connection(kind, 111) as rpcbind:
            found = rpcbind.call(5, RPCBIND, 2, 3, struct.pack(">IIII", INSTRUMENT, 1, 6, 0))
            check_equal(found, struct.pack(">I", port), "GETPORT over " + kind)
    talk_to_instrument(port)
    check_equal(programs.run([sys.executable, "-c", LIBLXI]), b"Leat,Example Voltmeter,0,1.0\n1.018\n", "liblxi")
    ask = os.path.join(EXAMPLES, "instrument_ask")
    check_equal(programs.run([ask, "127.0.0.1", "*IDN?"]), b"Leat,Example Voltmeter,0,1.0\n", "*IDN?")
    check_equal(programs.run([ask, f"tcp:127.0.0.1:{port}", "measure:voltage?"]), b"1.018\n", "a measurement")
    check_equal(programs.run([ask, f"tcp:127.0.0.1:{port}", "nonsense?"], status=1), b"", "a question that it does not know")


if __name__ == "__main__":
    with BUILT:
        main(TESTS)
