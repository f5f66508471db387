#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leat rpc: calls by hand, what servers tell of themselves, pings; with the example directory_serve, and with servers of this script, which answer
as they are told: wrongly, late, never.

Usage: test_rpc.py [LEAT]. Output is TAP. Ports are of this script's own network, where it may have one. No test sleeps.
"""
import collections
import contextlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import rpc_peers  # noqa: E402
from rpc_peers import COMPANION, pack_opaque, read_record, record  # noqa: E402
from tap import DEADLINE_S, TESTS, Skip, check, check_equal, free_port, main, random_seed, test  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
EXAMPLES = os.environ.get("LEAT_EXAMPLES", "")
HERE = os.environ.get("LEAT_SOURCE_ROOT", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
DIRECTORY = os.path.join(HERE, "examples", "directory.x")
RPCSVC = "/usr/include/rpcsvc"
SILENCE = "3s"  # how long a call waits that is never answered: it must have been sent by then
SUCCESS, PROG_UNAVAIL, PROG_MISMATCH, PROC_UNAVAIL, GARBAGE_ARGS, SYSTEM_ERR = range(6)
NOT_RUN, UNKNOWN, RAN = 3, 4, 5
ADA = '["ada", {"kind": "PERSON", "mail": "ada@example.org"}]'
FOUND_ADA = [{"name": "ada", "detail": {"kind": "PERSON", "mail": "ada@example.org"}}]


def leat(*arguments, data=None, **more):
    """(exit code, standard output, standard error) of leat rpc."""
    stdin = {"stdin": subprocess.DEVNULL} if data is None else {"input": data.encode()}
    program = subprocess.run([LEAT, "rpc", *map(str, arguments)], capture_output=True, timeout=DEADLINE_S, check=False,
                             **stdin, **more)
    return program.returncode, program.stdout.decode(), program.stderr.decode()


def good(*arguments, **more):
    """What it printed, having said nothing else."""
    code, out, err = leat(*arguments, **more)
    check_equal((code, err), (0, ""), f"{arguments}")
    return out


def told(*arguments, **more):
    return json.loads(good(*arguments, **more))


def refused(code, said, *arguments, **more):
    """This code, a line with these words, and nothing on standard output."""
    got, out, err = leat(*arguments, **more)
    check_equal((got, out), (code, ""), f"{arguments}, which said {err!r}")
    check(err.count("\n") == 1, f"{arguments}: one line, not {err!r}")
    check(said in err, f"{arguments}: {said!r} in {err!r}")


# ---- ONC RPC, the server's side ----

Call = collections.namedtuple("Call", "message xid rpc program version procedure flavor credential body")


def call_of(message):
    xid, kind, rpc, program, version, procedure, flavor, size = struct.unpack_from(">8I", message)
    check_equal(kind, 0, "a call")
    at = 32 + size + -size % 4
    verifier_size = struct.unpack_from(">I", message, at + 4)[0]
    return Call(message, xid, rpc, program, version, procedure, flavor, message[32:32 + size], message[at + 8 + verifier_size:])


def accepted(call, status=SUCCESS, body=b""):
    return rpc_peers.accepted(call.xid, status, body)


def denied(call, *words):
    return rpc_peers.denied(call.xid, *words)


def text(data):
    return pack_opaque(data.encode() if isinstance(data, str) else data)


def foreign(answer):
    """A server of another make: the companion is no program of it. answer(call): the reply, or None: silence, or b"": the end of the connection."""
    return lambda call: accepted(call, PROG_UNAVAIL) if call.program == COMPANION else answer(call)


class Server:
    """Answers as its function says, by TCP or UDP, until the test is over. calls: what came."""

    def __init__(self, answer, kind=socket.SOCK_STREAM, port=0):
        self.answer, self.kind, self.calls, self.open = answer, kind, [], set()
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.threads = [threading.Thread(target=self.run if kind == socket.SOCK_STREAM else self.run_datagrams, daemon=True)]
        if kind == socket.SOCK_STREAM:
            self.socket.listen()
        self.port = self.socket.getsockname()[1]
        self.address = f"{'tcp' if kind == socket.SOCK_STREAM else 'udp'}:127.0.0.1:{self.port}"
        self.threads[0].start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.socket.accept()[0]
                self.open.add(connection)
                self.threads.append(threading.Thread(target=self.serve, args=(connection,), daemon=True))
                self.threads[-1].start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection:
            while True:
                reply = self.take(read_record(connection))
                if reply == b"":
                    return
                if reply is not None:
                    connection.sendall(record(reply))

    def run_datagrams(self):
        with contextlib.suppress(OSError):
            while True:
                message, sender = self.socket.recvfrom(1 << 16)
                if not message:
                    return
                reply = self.take(message)
                if reply is not None:
                    self.socket.sendto(reply, sender)

    def take(self, message):
        call = call_of(message)
        self.calls.append(call)
        return self.answer(call)

    def of(self, program):
        return [call for call in self.calls if call.program == program]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.kind == socket.SOCK_DGRAM:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", ("127.0.0.1", self.port))
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(DEADLINE_S)
        self.socket.close()


def directory_of(programs, address):
    """The example's server; who calls waits until it is there."""
    if not os.path.exists(os.path.join(EXAMPLES, "directory_serve")):
        raise Skip("the examples are not built")
    programs.start([os.path.join(EXAMPLES, "directory_serve"), address])
    return address


def file_of(directory, name, lines):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(lines)
    return path


# ---- help, and wrong use ----


@test
def help_names_what_there_is(_programs, _directory):
    out = good("--help")
    for word in ("rpc call", "rpc list", "rpc ping", "3 it did not run", "4 unknown", "5 it ran"):
        check(word in out, f"{word} in {out}")
    out = good("call", "--help")
    for word in ("--timeout", "--auth", "--plain", "--again", "--trace", "--pretty", "-I, --include", "-D, --define", "--extended"):
        check(word in out, f"{word} in {out}")
    check("-c, --count" in good("ping", "--help"), "the letters of ping")
    check("--json" in good("list", "--help"), "JSON of list")


@test
def wrong_use_is_told(_programs, _directory):
    for said, *arguments in (("what to do is missing",), ("nothing that it does", "serve"), ("too few operands", "call", DIRECTORY),
                             ("too many operands", "list", "a", "b"), ("-Q: no such option", "call", "-Q", "a", "b", "c"),
                             ("-I: a value is missing", "call", "-I"), ("is no definition", "call", "-D", "1x", "a", "b", "c"),
                             ("is no folder", "call", "-I", "", "a", "b", "c"), ("write sys or none", "call", "--auth", "x", "a", "b", "c"),
                             ("write a number from 1", "ping", "-c", "0", "a"), ("is not a count", "ping", "-c", "-1", "a"),
                             ("write 0.5, 250ms", "ping", "-i", "soon", "a"), ("write 0.5, 250ms", "ping", "-i", "", "a"),
                             ("one too many", "call", *["-I", "x"] * 65, "a", "b", "c"),
                             ("no such scheme", "list", "nonsense:x"), ("no such scheme", "ping", "nonsense:x"),
                             ("too few operands", "ping"), ("a version, too", "ping", "tcp:127.0.0.1:1", "nfs"),
                             ("is no program", "ping", "tcp:127.0.0.1:1", "no-such-program", "1"),
                             ("is no version", "ping", "tcp:127.0.0.1:1", "100003", "x"),
                             ("longer than any", "list", "unix:" + "x" * 5000)):
        refused(2, said, *arguments)


@test
def interface_files_that_cannot_be_used(_programs, directory):
    address = "unix:@nobody"
    refused(1, "cannot read `/nonexistent.x`", "call", "/nonexistent.x", address, "NULL")
    refused(1, "Is a directory", "call", directory, address, "NULL")
    refused(1, "no program is defined", "call", file_of(directory, "types.x", "struct a { int b; };"), address, "NULL")
    code, out, err = leat("call", file_of(directory, "wrong.x", "program P {\n    version V {\n        inta F(void) = 1;\n    } = 1;\n} = 1;\n"),
                          address, "F")
    check_equal((code, out), (1, ""), "a file with an error")
    check("wrong.x:3:9: error:" in err and "inta F(void)" in err and "^" in err, f"where it is: {err}")


@test
def the_file_is_read_as_leatgen_reads_it(_programs, directory):
    os.mkdir(os.path.join(directory, "more"))
    file_of(os.path.join(directory, "more"), "parts.x", "struct pair { int a; int b; };\n")
    path = file_of(directory, "whole.x", """#include "parts.x"
#ifdef SMALL
program P { version V { int SUM(pair) = 1; } = 1; } = 0x20000099;
#endif
""")
    with Server(foreign(lambda call: accepted(call, body=struct.pack(">i", sum(struct.unpack(">ii", call.body)))))) as server:
        more = ["-I", os.path.join(directory, "more"), "-DSMALL"]
        check_equal(good("call", *more, path, server.address, "SUM", '{"a": 40, "b": 2}'), "42\n", "the sum")
        refused(1, "no program is defined", "call", *more[:2], path, server.address, "SUM", "{}")
        check_equal(leat("call", "-DSMALL", path, server.address, "SUM", "{}")[0], 1, "without the folder")
        path = file_of(directory, "extended.x", "package n; program P { version V { int ONE(void) = 1; } = 1; } = 7; // a comment\n")
        check_equal(leat("call", path, server.address, "ONE")[0], 1, "an extension that was not asked for")
    with Server(foreign(lambda call: accepted(call, body=struct.pack(">i", 1)))) as server:
        check_equal(good("call", "--extended", path, server.address, "ONE"), "1\n", "with extensions")


# ---- procedures ----


@test
def procedures_by_name_and_number(_programs, directory):
    path = file_of(directory, "many.x", """
program FIRST { version OLD { int SHOP_GET(void) = 1; } = 1; version NEW { int SHOP_GET(void) = 1; int SHOP_PUT(void) = 2; } = 2; } = 71;
program SECOND { version NEW { void NOTHING(void) = 0; int Shop_Pay(void) = 5; } = 1; } = 72;
""")
    with Server(foreign(lambda call: accepted(call, body=struct.pack(">i", call.program * 100 + call.version * 10 + call.procedure)))) as server:
        def number(name):
            return int(good("call", path, server.address, name))
        for name, want in (("SHOP_PUT", 7122), ("put", 7122), ("Put", 7122), ("shop_put", 7122), ("1.2.1", None), ("71.2.1", 7121), ("71.1.1", 7111),
                           ("old.get", 7111), ("OLD.SHOP_GET", 7111), ("FIRST.NEW.get", 7121), ("first.2.put", 7122), ("SHOP_PAY", 7215),
                           ("Shop_Pay", 7215), ("0x48.1.5", 7215), ("5", 7215)):
            if want:
                check_equal(number(name), want, name)
            else:
                refused(2, "no such procedure", "call", path, server.address, name)
        refused(2, "there are several; write one of OLD.SHOP_GET, FIRST.NEW.SHOP_GET", "call", path, server.address, "get")
        refused(2, "there are several", "call", path, server.address, "0")
        refused(2, "there are OLD.SHOP_GET, FIRST.NEW.SHOP_GET, ", "call", path, server.address, "SHOP_GE")
        refused(2, "there are SECOND.NEW.Shop_Pay, ", "call", path, server.address, "shop_pai")
        for name in ("", ".", "a.b.c.d", "a..b", ".a", "a.", "x" * 300):
            refused(2, "no procedure is named so", "call", path, server.address, name)
        check_equal(leat("call", path, server.address, "SECOND.NEW.NULL")[0], 5, "procedure 0, whatever its name is: its answer has too many bytes")


@test
def of_a_long_list_of_procedures_some_are_shown(_programs, directory):
    lines = "".join(f"void P{i}(void) = {i};" for i in range(1, 101))
    path = file_of(directory, "long.x", f"program P {{ version V {{ {lines} }} = 1; }} = 7;")
    refused(2, " and 69 more", "call", path, "unix:@nobody", "Q")


# ---- arguments and results ----


@test
def calls_of_the_directory_by_every_address(programs, directory):
    for address in (f"tcp:127.0.0.1:{free_port()}", f"unix:{directory}/d", f"unix:@leat-cli-{os.getpid()}", f"shm:{directory}/m",
                    f"udp:127.0.0.1:{free_port(socket.SOCK_DGRAM)}", f"tcp:127.0.0.1:{free_port()}?framing=leat"):
        directory_of(programs, address)
        good("ping", "-c", 1, address)  # a datagram that comes too early is lost
        check_equal(good("call", DIRECTORY, address, "ADD", ADA), "true\n", f"{address}: added")
        check_equal(good("call", DIRECTORY, address, "ADD", ADA), "false\n", f"{address}: it is there")
        check_equal(good("call", DIRECTORY, address, "ADD", '{"detail": {"kind": 2, "seats": 4294967295}, "name": "hall"}'), "true\n", "by name")
        check_equal(told("call", DIRECTORY, address, "FIND", '"a"'), FOUND_ADA, f"{address}: found")
        check_equal(told("call", "--plain", "--auth", "sys", DIRECTORY, address, "find", '"h"'),
                    [{"name": "hall", "detail": {"kind": "ROOM", "seats": 4294967295}}], f"{address}: plain")
        check_equal(good("call", DIRECTORY, address, "NULL"), "", f"{address}: nothing to tell")
        check_equal(told("list", "--json", address)["programs"][0]["name"], "DIRECTORY_PROGRAM", f"{address}: listed")
        check_equal(told("ping", "--json", "-c", 2, "-i", 0, address)["answers"], 2, f"{address}: pinged")


@test
def arguments_from_standard_input(programs, directory):
    address = directory_of(programs, f"unix:{directory}/d")
    check_equal(good("call", DIRECTORY, address, "ADD", data=ADA + "\n"), "true\n", "without one")
    check_equal(told("call", DIRECTORY, address, "FIND", "-", data=' "ad"\n'), FOUND_ADA, "with -")
    check_equal(good("call", DIRECTORY, address, "NULL", data="what is here is not looked at"), "", "where none is needed")
    for data in ("", " \n\t", None):
        refused(2, "its argument is missing; write it as JSON behind the name, in the form of {\"name\": \"\", \"detail\": {",
                "call", DIRECTORY, address, "ADD", data=data)
    refused(2, "its argument is missing", "call", DIRECTORY, address, "FIND", "-")
    waiting = programs.start([LEAT, "rpc", "call", "--timeout", "100ms", DIRECTORY, address, "FIND", "-"], stdin=subprocess.PIPE)
    check_equal(waiting.wait(DEADLINE_S), NOT_RUN, "an input that never ends")


@test
def arguments_that_are_wrong_are_told_with_their_place(_programs, _directory):
    address = "unix:@nobody"  # nobody is asked
    for said, name, argument in ((
            "a string has quotation marks", "FIND", "ada"), ("this is not JSON", "FIND", "{"), ("detail: the field is missing", "ADD", '{"name": "a"}'),
            ("2 to give", "ADD", '["a"]'), ("2 to give", "ADD", "[]"), ("2 to give", "ADD", '["a", {"kind": 2, "seats": 1}, 1]'),
            ("detail: mail: the field is missing", "ADD", '["a", {"kind": "PERSON"}]'), ("not JSON", "ADD", '["a", {"kind": 2, "seats": 1},]'),
            ("not JSON", "ADD", '["a"'), ("not JSON", "ADD", "[,]"), ("detail", "ADD", '["a", "]"]'), ("name: ", "ADD", '[1, {"kind": 2, "seats": 1}]'),
            ("at most 64", "FIND", json.dumps("x" * 65)), ("detail: kind", "ADD", '["a", {"kind": "DOG"}]'),
            ("seats", "ADD", '["a", {"kind": "ROOM", "seats": -1}]'), ("seats", "ADD", '["a", {"kind": "ROOM", "seats": 4294967296}]')):
        refused(1, said, "call", DIRECTORY, address, name, argument)
    refused(2, "has no argument", "call", DIRECTORY, address, "NULL", "1")


@test
def large_numbers_and_every_kind_come_back_as_they_went(_programs, directory):
    path = file_of(directory, "kinds.x", """
enum color { RED = -1, GREEN = 7 };
union shape switch (color c) { case RED: hyper area; default: void; };
struct node { unsigned hyper id; node *next; };
struct all { hyper h; unsigned hyper u; float f; double d; bool b; color c; opaque fixed[3]; opaque bytes<>; string s<>; int list<>; int *maybe; shape shapes[2]; node *nodes; };
program P { version V { all ECHO(all) = 1; int SUM(int, int a<>, string s<>) = 2; } = 1; } = 7;
""")
    value = ('{"h": -9223372036854775808, "u": 18446744073709551615, "f": 0.1, "d": 1e-300, "b": true, "c": "GREEN", "fixed": "00ff7f", "bytes": "0102",'
             ' "s": "\\u00e4\\"[,]{}\\\\", "list": [1, -2], "maybe": null, "shapes": [{"c": "RED", "area": 3}, {"c": "GREEN"}], "nodes": [{"id": 1}, {"id": 2}]}')
    with Server(foreign(lambda call: accepted(call, body=call.body if call.procedure == 1 else struct.pack(">i", len(call.body))))) as server:
        out = good("call", path, server.address, "ECHO", value)
        check_equal(json.loads(out), json.loads(value), "the value")
        check("-9223372036854775808" in out and "18446744073709551615" in out, "all digits")
        pretty = good("call", "--pretty", path, server.address, "ECHO", value)
        check_equal(json.loads(pretty), json.loads(value), "the same with a field a line")
        check(len(pretty.splitlines()) > 30 and "\n    \"h\": -9223372036854775808,\n" in pretty, f"with a field a line: {pretty}")
        check_equal(good("call", path, server.address, "ECHO", pretty), out, "and what it printed is read")
        check_equal(good("call", path, server.address, "SUM", '[1, [2, 3], "],["]'), "24\n", "three arguments by position")
        check_equal(good("call", "--pretty", path, server.address, "SUM", '[1, [], ""]'), "12\n", "a number alone")


@test
def a_full_standard_output_is_an_error(programs, directory):
    address = directory_of(programs, f"unix:{directory}/d")
    for arguments in (("call", DIRECTORY, address, "FIND", '""'), ("list", address), ("list", "--json", address), ("ping", "-c", "1", address),
                      ("ping", "--json", "-c", "1", address)):
        with open("/dev/full", "wb") as full:
            program = subprocess.run([LEAT, "rpc", *arguments], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, check=False,
                                     timeout=DEADLINE_S)
        check_equal(program.returncode, 71, f"{arguments}: {program.stderr!r}")


# ---- the truth ----


@test
def what_a_server_refuses_did_not_run(_programs, _directory):
    for answer, code, said in ((
            lambda call: accepted(call, PROG_UNAVAIL), NOT_RUN, "ADD did not run: the server does not serve this program (536870978, version 1); 'leat rpc list'"),
            (lambda call: accepted(call, PROG_MISMATCH, struct.pack(">II", 3, 4)), NOT_RUN, "ADD did not run: the server does not serve this version of the program (it has 3 to 4);"),
            (lambda call: accepted(call, PROC_UNAVAIL), NOT_RUN, "ADD did not run: the server does not have this procedure;"),
            (lambda call: accepted(call, GARBAGE_ARGS), NOT_RUN, "ADD did not run: the server could not read the arguments;"),
            (lambda call: accepted(call, SYSTEM_ERR), RAN, "ADD ran: the procedure failed at the server;"),
            (lambda call: denied(call, 1, 5), NOT_RUN, "ADD did not run: the server did not accept who calls (5 of RFC 5531); it wants to know who calls: try --auth sys"),
            (lambda call: denied(call, 0, 3, 4), NOT_RUN, "ADD did not run: the server speaks another version of ONC RPC (it has 3 to 4)"),
            (lambda call: accepted(call, body=b"\0\0\0\2"), RAN, "ADD ran: its result breaks its type:"),
            (lambda call: accepted(call, body=b""), RAN, "ADD ran: its result breaks its type:"),
            (lambda call: accepted(call, body=bytes(8)), RAN, "ADD ran: its result breaks its type:")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with Server(foreign(answer), kind) as server:
                refused(code, said, "call", "--timeout", f"{DEADLINE_S}s", DIRECTORY, server.address, "ADD", ADA)
                check_equal(len(server.of(0x20000042)), 1, "calls")


@test
def a_call_whose_answer_is_lost_is_unknown(_programs, _directory):
    for answer, said in ((lambda call: b"", "the connection was lost before the answer"), (lambda call: None, "no answer came before the deadline")):
        with Server(foreign(answer)) as server:
            refused(UNKNOWN, f"ADD may have run: {said}; ask the server what it did, or say --again", "call", "--timeout", SILENCE, DIRECTORY,
                    server.address, "ADD", ADA)
            check_equal(len(server.of(0x20000042)), 1, "it was sent once")


@test
def who_may_run_again_is_tried_again(_programs, _directory):
    for name, argument, option in (("FIND", '"a"', []), ("ADD", ADA, ["--again"])):
        seen = itertools.count()
        with Server(foreign(lambda call, seen=seen: b"" if next(seen) < 2 else accepted(call, body=bytes(4)))) as server:
            good("call", "--timeout", f"{DEADLINE_S}s", *option, DIRECTORY, server.address, name, argument)
            check_equal(len(server.of(0x20000042)), 3, f"attempts of {name}")


@test
def nobody_is_there(_programs, directory):
    nobody = f"tcp:127.0.0.1:{free_port()}"
    for address in (nobody, f"unix:{directory}/none", "unix:@leat-cli-nobody"):
        for arguments in (("call", DIRECTORY, address, "ADD", ADA), ("call", DIRECTORY, address, "FIND", '""'), ("list", address), ("ping", address)):
            refused(NOT_RUN, "nothing ran: no server was there before the deadline; start the server", arguments[0], "--timeout", "100ms", *arguments[1:])
    refused(NOT_RUN, "nobody listens", "call", DIRECTORY, nobody + "?open", "ADD", ADA)


@test
def a_path_where_no_server_is_says_what_is_there(_programs, directory):
    with socket.socket(socket.AF_UNIX) as left, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as packets:
        left.bind(f"{directory}/left")
        packets.bind(f"{directory}/packets")
        packets.listen()
        left.close()
        with open(f"{directory}/file", "w", encoding="ascii"):
            pass
        for name, said in ((".", "that is no socket; write the path of the server's socket"), ("file", "that is no socket; write the path"),
                           ("left", "its listener is gone and left the file"),
                           ("packets", "not of a stream; of a server that serves a channel there the address ends with ?framing=leat")):
            refused(NOT_RUN, said, "call", "--timeout", "100ms", DIRECTORY, f"unix:{directory}/{name}", "ADD", ADA)


@test
def a_port_of_udp_that_nobody_has_refuses(_programs, _directory):
    """What the network says is told, and proves nothing of what went out."""
    nobody = f"udp:127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    said = ", and nobody listens there now: the last try was refused; start the server"
    refused(UNKNOWN, f"FIND may have run: no answer came before the deadline{said}, or mend the address", "call", "--timeout", SILENCE, DIRECTORY, nobody,
            "FIND", '""')
    refused(NOT_RUN, said, "call", "--timeout", SILENCE, DIRECTORY, nobody, "ADD", ADA)
    refused(UNKNOWN, f"ADD may have run: no answer came before the deadline{said}, and ask it what it did before you call again", "call", "--plain",
            "--timeout", SILENCE, DIRECTORY, nobody, "ADD", ADA)
    refused(UNKNOWN, f"LIST may have run: no answer came before the deadline{said}", "list", "--timeout", SILENCE, nobody)
    refused(UNKNOWN, said, "call", "--plain", DIRECTORY, nobody, "ADD", ADA)


@test
def who_hangs_up_each_time_is_told_so(_programs, _directory):
    with Server(lambda call: b"") as server:
        refused(UNKNOWN, "connections; see whether a server of ONC RPC listens there", "call", "--timeout", SILENCE, DIRECTORY, server.address, "FIND", '""')


@test
def a_list_ends_by_itself(_programs, _directory):
    """Without --timeout, of a server that says nothing."""
    with Server(lambda call: None) as server:
        refused(UNKNOWN, "LIST may have run: no answer came before the deadline", "list", server.address)


@test
def a_server_that_is_stopped_or_killed(programs, directory):
    address = f"unix:{directory}/d"
    directory_of(programs, address)
    check_equal(good("call", DIRECTORY, address, "ADD", ADA), "true\n", "before")
    server = programs.all[-1]
    server.send_signal(signal.SIGSTOP)
    refused(UNKNOWN, "may have run", "call", "--plain", "--timeout", SILENCE, DIRECTORY, address, "ADD", '["b", {"kind": 2, "seats": 1}]')
    refused(NOT_RUN, "did not run: the deadline passed before it was sent", "call", "--timeout", "1500ms", DIRECTORY, address, "ADD", ADA)
    check_equal(leat("ping", "--timeout", SILENCE, "-c", "1", address)[0], UNKNOWN, "a ping")
    caller = programs.start([LEAT, "rpc", "call", "--trace", DIRECTORY, address, "ADD", '["c", {"kind": 2, "seats": 1}]'])
    seen = b""
    while b" send " not in seen:  # what was noted is shown while it waits
        seen += os.read(caller.stderr.fileno(), 4096)
    server.kill()
    server.wait()
    code, out, err = programs.outcome(caller)
    check(code in (NOT_RUN, UNKNOWN) and not out, f"{code}: {err!r}")


@test
def garbage_never_hurts(_programs, _directory):
    generator = random.Random(random_seed())
    listing = struct.pack(">4I", 1, 71, 1, 1) + b"P\0\0\0" + struct.pack(">4I", 1, 2, 0, 1) + b"F\0\0\0" + bytes(4)

    def garbage(call):
        whole = bytearray(accepted(call, body=listing if call.program == COMPANION else struct.pack(">I", 1) + text("ada") + struct.pack(">II", 2, 3) + bytes(4)))
        for _ in range(generator.randrange(4)):
            whole[generator.randrange(4, len(whole))] ^= 1 << generator.randrange(8)
        return bytes(whole[:generator.choice((len(whole), len(whole), generator.randrange(4, len(whole))))])
    with Server(garbage) as server:
        for _ in range(40):
            for arguments in (("call", "--plain", "--timeout", "20s", DIRECTORY, server.address, "FIND", '""'), ("list", "--timeout", "20s", server.address)):
                code, out, err = leat(*arguments)
                check(code in (0, 1, NOT_RUN, UNKNOWN, RAN), f"{arguments}: {code}, {err!r}")
                check((code == 0) == (err == "") and (code == 0) == (out != ""), f"{arguments}: {code}, {out!r}, {err!r}")
                check("\x1b" not in out + err, "nothing for the terminal")


# ---- what goes over the wire ----


@test
def who_calls_and_what_else_is_said(_programs, _directory):
    with Server(foreign(lambda call: accepted(call, body=bytes(4)))) as server:
        good("call", DIRECTORY, server.address, "FIND", '""')
        check_equal((len(server.of(COMPANION)), server.of(COMPANION)[0].procedure), (1, 1), "greetings")
        check_equal([(call.flavor, call.credential, call.rpc) for call in server.calls], [(0, b"", 2)] * 2, "AUTH_NONE")
        check_equal(server.of(0x20000042)[0].body, text(""), "the argument")
        server.calls.clear()
        good("call", "--plain", "--auth", "sys", DIRECTORY, server.address, "FIND", '""')
        check_equal((len(server.calls), server.calls[0].flavor), (1, 1), "one plain call with AUTH_SYS")
        size = struct.unpack_from(">I", server.calls[0].credential, 4)[0]
        check_equal(server.calls[0].credential[8:8 + size].decode(), os.uname().nodename, "the host")
        check_equal(struct.unpack_from(">II", server.calls[0].credential, 8 + size + -size % 4), (os.geteuid(), os.getegid()), "the user")


@test
def a_trace_shows_each_step(programs, directory):
    address = directory_of(programs, f"unix:{directory}/d")
    for options in ([], ["--plain"]):
        code, out, err = leat("call", "--trace", *options, DIRECTORY, address, "FIND", '"abcdef"')
        check_equal((code, out), (0, "[]\n"), "the result")
        steps = re.findall(r"^ +(\d+\.\d{3}) ms  (\w+) *(.*)$", err, re.M)
        names = [name for _, name, _ in steps]
        want = ["call", "marshal", "send", "receive", "unmarshal", "return"]
        check_equal([name for name in names if name not in ("connect", "greet")][-3:], want[-3:], "the last steps")
        places = [names.index(name) for name in want[:3]] + [len(names) - 1 - names[::-1].index(name) for name in want[3:]]
        check_equal(places, sorted(places), f"the order of {names}")
        times = [float(time) for time, _, _ in steps]
        check_equal(times, sorted(times), "times only rise")
        check("00 00 00 06  61 62 63 64  65 66 00 00" in err and "....abcdef.." in err, f"bytes and characters: {err}")
        check("the server: receive, unmarshal, call, marshal, send" in err, "the server's part")
        check("reply: success" in err and "call of program 536870978, version 1, procedure 2" in err, "what the messages say")
        check(("GREET" in err) == (not options), "the greeting")
    with Server(foreign(lambda call: None)) as server:
        code, out, err = leat("call", "--trace", "--timeout", SILENCE, DIRECTORY, server.address, "ADD", ADA)
        check(code == UNKNOWN and " return     may have run\n" in err, f"{code}: {err}")


# ---- list and ping ----


@test
def a_server_of_leat_tells_what_it_serves(programs, directory):
    address = directory_of(programs, f"unix:{directory}/d")
    lines = good("list", address).splitlines()
    check_equal([line.split() for line in lines], [["PROGRAM", "VERSION", "NAME", "PROCEDURES"],
                                                   ["536870978", "1", "DIRECTORY_PROGRAM", "1", "ADD,", "2", "FIND"]], "the table")
    check_equal(told("list", "--json", address), {"programs": [{"name": "DIRECTORY_PROGRAM", "program": 536870978, "version": 1, "procedures": [
        {"name": "ADD", "number": 1, "idempotent": False, "stream": False},
        {"name": "FIND", "number": 2, "idempotent": True, "stream": False}]}], "cut": False}, "the same as JSON")


@test
def a_list_of_a_stranger_does_nothing_to_the_terminal(_programs, _directory):
    def listing(names, cut=0):
        return struct.pack(">I", len(names)) + b"".join(struct.pack(">II", 7, 1) + text(name) + struct.pack(">I", 1) + struct.pack(">II", 3, 1) + text(name)
                                                        for name in names) + struct.pack(">I", cut)
    with Server(lambda call: accepted(call, body=listing([b"\x1b[2Jx\n", b"\xff\xfe", b""], 1))) as server:
        out = good("list", server.address)
        check("?[2Jx?" in out and "\x1b" not in out and "There are more" in out, out)
        value = told("list", "--json", server.address)
        check_equal([one["name"] for one in value["programs"]] + [value["cut"]], ["?[2Jx?", "??", "", True], "as JSON")
    for body in (b"", struct.pack(">I", 1 << 30), listing([b"x" * 300]), listing([b"a"], 2), listing([b"a"]) + bytes(4)):
        with Server(lambda call, body=body: accepted(call, body=body)) as server:
            refused(RAN, "its result breaks its type", "list", server.address)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with Server(lambda call: accepted(call, PROG_UNAVAIL), kind) as server:
            refused(1, "the server does not tell: it is none of Leat, and no rpcbind", "list", server.address)


@contextlib.contextmanager
def port_mapper(ports):
    """Where rpcbind is to be, one of version 2 that has these (program, version, protocol): port."""
    answer = rpc_peers.port_mapper([2], [0, 3, 4], ports)
    try:
        server = Server(lambda call: answer(call.message), port=111)
    except OSError as why:
        raise Skip(f"port 111 is not to be had: {why}") from None
    with server:
        yield server


@test
def an_address_without_a_port_is_looked_up(_programs, _directory):
    nothing = foreign(lambda call: accepted(call, body=bytes(4 if call.procedure else 0)))
    with Server(nothing) as server, Server(nothing, socket.SOCK_DGRAM) as datagrams, \
         port_mapper({(0x20000042, 1, 6): server.port, (0x20000042, 1, 17): datagrams.port, (100003, 3, 6): 2049}):
        for address in ("tcp:127.0.0.1", "tcp:127.0.0.1:0", "tcp:127.0.0.1:"):
            check_equal(good("call", DIRECTORY, address, "FIND", '""'), "[]\n", address)
            check_equal(good("ping", "-c", 1, address, 0x20000042, 1).count("answer of tcp:127.0.0.1:"), 1, "a ping")
            lines = [line.split() for line in good("list", address).splitlines()]
            check(["536870978", "1", "tcp", f"tcp:127.0.0.1:{server.port}"] in lines, f"{address}: {lines}")
            check(any(line[:2] == ["100003", "3"] and line[-2:] == ["tcp", "tcp:127.0.0.1:2049"] for line in lines), f"{lines}")
        value = told("list", "--json", "tcp:127.0.0.1")["registrations"]
        check_equal([(one["program"], one["version"], one["netid"], one["address"]) for one in value],
                    [(0x20000042, 1, "tcp", f"tcp:127.0.0.1:{server.port}"), (0x20000042, 1, "udp", f"udp:127.0.0.1:{datagrams.port}"),
                     (100003, 3, "tcp", "tcp:127.0.0.1:2049")], "as JSON")
        check_equal(told("list", "--json", "tcp:127.0.0.1:111")["registrations"], value, "by its own port")
        check_equal(told("ping", "--json", "-c", 1, "tcp:127.0.0.1")["answers"], 1, "a ping of rpcbind")
        refused(NOT_RUN, "program 536870978, version 2, is not registered", "ping", "tcp:127.0.0.1", 0x20000042, 2)


@test
def nobody_to_look_it_up(_programs, _directory):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 111)):
        raise Skip("an rpcbind of the machine is there")
    for arguments in (("call", DIRECTORY, "tcp:127.0.0.1", "FIND", '""'), ("list", "tcp:127.0.0.1"), ("ping", "tcp:127.0.0.1"), ("ping", "udp:127.0.0.1", "nfs", "3")):
        code, out, err = leat(arguments[0], "--timeout", "300ms", *arguments[1:])
        check(code == NOT_RUN and out == "" and "nothing ran" in err and err.count("\n") == 1, f"{arguments}: {code}, {out!r}, {err!r}")
    for command in (("call", DIRECTORY, "tcp:no..host", "FIND", '""'), ("ping", "tcp:no..host", "nfs", "3")):
        refused(NOT_RUN, "rpcbind at tcp:no..host:111 does not tell: there is no host of this name", *command)
    for command in (("call", DIRECTORY, "udp:no..host:9", "FIND", '""'), ("list", "tcp:no..host"), ("list", "tcp:no..host:9")):
        refused(NOT_RUN, "nothing ran: there is no host of this name; check it, or `getent ahosts NAME`; mend the address", *command)


@test
def pings(programs, directory):
    address = directory_of(programs, f"unix:{directory}/d")
    lines = good("ping", "-c", 3, "-i", "0.001", address).splitlines()
    check_equal(len(lines), 4, "lines")
    check(all(re.fullmatch(rf"{i}: answer of {re.escape(address)} in \d+\.\d{{3}} ms", lines[i - 1]) for i in (1, 2, 3)), f"{lines}")
    check(re.fullmatch(r"3 calls, 3 answers; least [\d.]+, average [\d.]+, most [\d.]+ ms", lines[3]), lines[3])
    value = told("ping", "--json", "-c", 2, "-i", "1ms", address)
    check_equal((value["address"], value["leat"], value["calls"], value["answers"], len(value["round_trips_ns"])), (address, True, 2, 2, 2), "as JSON")
    check("2 calls, 2 answers" in good("ping", "-c", 2, "-i", "0", address, 0x20000042, 1), "of a program")
    code, out, err = leat("ping", "-c", 2, "-i", "0", address, 0x20000042, 9)
    check_equal((code, out, err.count("did not run")), (NOT_RUN, "2 calls, 0 answers\n", 2), "of a version that is not there")


@test
def a_foreign_server_is_pinged_too(_programs, _directory):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with Server(foreign(lambda call: accepted(call)), kind) as server:
            check_equal(good("ping", "-c", 2, "-i", "0", server.address).count("(no server of Leat)"), 2, "it answers that it has no companion")
            check_equal(told("ping", "--json", "-c", 1, server.address)["leat"], False, "as JSON")
            if os.path.exists("/etc/rpc"):
                check("1 answers" in good("ping", "-c", 1, server.address, "nfs", 3), "by a name of /etc/rpc")
    with Server(lambda call: None) as server:
        code, out, err = leat("ping", "--timeout", SILENCE, "-i", "0", "-c", 1, server.address)
        check(code == UNKNOWN and "1 calls, 0 answers" in out and "may have run" in err, f"{code}, {out!r}, {err!r}")
        value = json.loads(leat("ping", "--json", "--timeout", SILENCE, "-i", "0", "-c", 1, server.address)[1])
        check_equal((value["answers"], value["round_trips_ns"]), (0, [None]), "as JSON")


# ---- interfaces of others ----


@test
def the_interfaces_of_rpcsvc(_programs, _directory):
    if not os.path.isdir(RPCSVC):
        raise Skip("rpcsvc-proto is not installed")
    with Server(foreign(lambda call: accepted(call))) as server:
        count = 0
        for name in sorted(os.listdir(RPCSVC)):
            path = os.path.join(RPCSVC, name)
            if not name.endswith(".x") or "program " not in open(path, encoding="latin-1").read():
                continue
            code, out, err = leat("call", path, server.address, "0")
            names = re.search("write one of (.*)", err)
            for one in names[1].split(", ") if names else []:
                code, out, err = leat("call", path, server.address, one)
                check_equal((code, out, err), (0, "", ""), f"{name}: {one}")
            if code == 1:  # its types alone: nis_object.x
                check("no program" in err, f"{name}: {err}")
                continue
            check_equal((code, out, err), (0, "", ""), name)
            count += 1
        check(count >= 10, f"only {count} interfaces")


@test
def simple_procedures_of_rpcsvc(_programs, _directory):
    if not os.path.isdir(RPCSVC):
        raise Skip("rpcsvc-proto is not installed")
    groups = struct.pack(">I", 1) + text("all") + bytes(4)
    for name, procedure, argument, sent, body, want in (
            ("mount.x", "EXPORT", None, b"", struct.pack(">I", 1) + text("/srv") + groups + bytes(4), [{"ex_dir": "/srv", "ex_groups": [{"gr_name": "all"}]}]),
            ("mount.x", "MNT", '"/srv"', text("/srv"), bytes(4) + bytes(range(32)), {"fhs_status": 0, "fhs_fhandle": bytes(range(32)).hex()}),
            ("mount.x", "MNT", '"/srv"', text("/srv"), struct.pack(">I", 13), {"fhs_status": 13}),
            ("sm_inter.x", "SM_STAT", '{"mon_name": "h"}', text("h"), struct.pack(">Ii", 1, 5), {"res_stat": "stat_fail", "state": 5}),
            ("spray.x", "GET", None, b"", struct.pack(">3I", 1, 2, 3), {"counter": 1, "clock": {"sec": 2, "usec": 3}}),
            ("rusers.x", "NUM", None, b"", struct.pack(">i", 17), 17)):
        path = os.path.join(RPCSVC, name)
        with Server(foreign(lambda call, body=body: accepted(call, body=body))) as server:
            got = told("call", path, server.address, procedure, *[argument] if argument else [])
            check_equal(got, want, f"{name}: {procedure}")
            check_equal(server.calls[-1].body, sent, f"{name}: what {procedure} was sent")


main(TESTS)
