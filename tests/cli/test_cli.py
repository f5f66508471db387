#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command: every subcommand, every exit code, wrong input and what is said about it.

Usage: test_cli.py [PATH-TO-leat [WORD...]]; with words only the tests whose names contain one. TAP on stdout. No test
sleeps: each waits for output, for the end of a process or for a state of the kernel, until a deadline.
"""
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import pathlib
import platform
import pty
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import own_network  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
# This machine's, and this program's also where it has no network of its own.
HOST = f"127.{128 | os.getpid() >> 16 & 127}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
DEADLINE_S = int(os.environ.get("LEAT_TEST_TIMEOUT_S", "60"))
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 36, 38, 22
CLONE_NEWIPC = 0x08000000
SYS_MQ_OPEN = 240  # x86-64
SYS_PIDFD_GETFD = 438
SO_ATTACH_FILTER = 26
SIOCSIFFLAGS = 0x8914
NOBODY = 65534
SUBCOMMANDS = ["send", "recv", "call", "reply", "create", "set", "rm", "info", "log", "transports",
               "demo", "bench", "run"]
libc = ctypes.CDLL(None, use_errno=True)
tests = []


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def test(function):
    tests.append(function)
    return function


def check(condition, text):
    if not condition:
        raise Failed(text)


def equal(got, want, what="got"):
    check(got == want, f"{what}: {got!r:.600}, want {want!r:.600}")


def matches(text, pattern, what="text"):
    check(re.fullmatch(pattern, text, re.S), f"{what}: {text!r:.600} does not match {pattern!r}")


class World:
    """What one test has: a folder, its processes, and the deadline."""

    def __init__(self, folder):
        self.folder = folder
        self.limit = time.monotonic() + DEADLINE_S
        self.processes = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def address(self, name="a", scheme="unix", options=""):
        return f"{scheme}:{self.path(name)}{options}"

    def file(self, name, data):
        pathlib.Path(self.path(name)).write_bytes(data)
        return self.path(name)

    def left(self):
        return max(0.0, self.limit - time.monotonic())

    def until(self, condition, what):
        """For states of the kernel that no descriptor tells of."""
        while not (value := condition()):
            check(self.left() > 0, f"never: {what}")
            os.sched_yield()
        return value

    def start(self, *arguments, stdin=subprocess.DEVNULL, **more):
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        program = more.pop("program", LEAT)
        process = subprocess.Popen([program, *arguments], stdin=stdin, **more)
        self.processes.append(process)
        return process

    def finish(self, process, data=None, code=0):
        """Both outputs of a process that ends with this code."""
        try:
            out, err = process.communicate(data, timeout=self.left())
        except subprocess.TimeoutExpired:
            raise Failed(f"{process.args[1:]} does not end") from None
        check(process.returncode == code, f"{process.args[1:]}: code {process.returncode}, want {code}; said {err!r:.600}")
        if code in (0, 1) or code < 0:
            return out, err
        check(err.count(b"\n") == 1 and err.startswith(b"leat"), f"{process.args[1:]}: not one line: {err!r}")
        return out, err

    def finish_silent(self, process):
        """The output of a process whose stderr we hold."""
        out = process.communicate(timeout=self.left())[0]
        equal(process.returncode, 0, "code")
        return out

    def run(self, *arguments, data=None, code=0, **more):
        stdin = subprocess.DEVNULL if data is None else subprocess.PIPE
        return self.finish(self.start(*arguments, **{"stdin": stdin, **more}), data, code)

    def transfer(self, send, receive, data=None):
        """What recv printed of what send sent."""
        receiver = self.start("recv", *receive)
        _, err = self.run("send", *send, data=data)
        equal(err, b"", "stderr of send")
        out, err = self.finish(receiver)
        equal(err, b"", "stderr of recv")
        return out

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()


def waits_for_a_name(process):
    """Nobody listens there yet: it watches the folder, and connects as soon as somebody does."""
    links = f"/proc/{process.pid}/fd"
    with contextlib.suppress(FileNotFoundError):  # one that is closed meanwhile
        return any(os.readlink(os.path.join(links, name)) == "anon_inode:inotify" for name in os.listdir(links))
    return False


def children_of(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def expect_error(world, arguments, code, text, **more):
    """The exact line on stderr, and nothing on stdout."""
    out, err = world.run(*arguments, code=code, **more)
    equal(out, b"", f"stdout of {arguments}")
    equal(err.decode(), f"leat {arguments[0]}: {text}\n", f"stderr of {arguments}")


# ---- help, and wrong usage ----


@test
def help_and_version(world):
    out, err = world.run("--help")
    equal(err, b"", "stderr")
    for name in SUBCOMMANDS:
        check(re.search(rf"^  {name} ", out.decode(), re.M), f"--help does not list {name}")
        out_of_one, err = world.run(name, "--help")
        check(out_of_one.startswith(b"Usage: leat " + name.encode()), f"{name} --help: {out_of_one!r}")
        check(b"Exit: 0" in out_of_one, f"{name} --help does not tell the exit codes")
        equal(err, b"", f"stderr of {name} --help")
    matches(world.run("--version")[0].decode(), r"leat \d+\.\d+\.\d+\n")


@test
def wrong_usage(world):
    equal(world.run(code=2)[1], b"leat: a subcommand is missing; 'leat --help' lists them\n")
    equal(world.run("fly", code=2)[1], b"leat: fly: no such subcommand; 'leat --help' lists them\n")
    no_option = ("no such option, or it needs no value; 'leat {} --help' lists them, and '--' goes before an operand "
                 "that begins with '-'")
    no_type = "is not a type; write a number from 1 to 9223372036854775807"
    no_time = "is not a duration; write 250ms, 3s or 1m"
    cases = [
        (["send"], "too few operands; write leat send [OPTION]... ADDRESS [MESSAGE]..."),
        (["recv", "a", "b"], "too many operands; write leat recv [OPTION]... ADDRESS"),
        (["reply", "unix:@a"], "too few operands; write leat reply [OPTION]... ADDRESS -- COMMAND [ARGUMENT]..."),
        (["set", "unix:@a"], "too few operands; write leat set [OPTION]... ADDRESS PROPERTY=VALUE..."),
        (["rm"], "too few operands; write leat rm [OPTION]... ADDRESS..."),
        (["send", "--fly", "a"], "--fly: " + no_option.format("send")),
        (["recv", "--sync", "a"], "--sync: " + no_option.format("recv")),
        (["send", "unix:@a", "-5"], "-5: " + no_option.format("send")),
        (["recv", "a", "--timeout"], "--timeout: a value is missing; 'leat recv --help' says which"),
        (["send", "--type", "0", "a"], "--type: '0' " + no_type),
        (["send", "--type", "9223372036854775808", "a"], "--type: '9223372036854775808' " + no_type),
        (["recv", "--max-type", "-1", "a"], "--max-type: '-1' " + no_type),
        (["send", "--priority", "32768", "a"], "--priority: '32768' is not a priority; write a number from 0 to 32767"),
        (["recv", "--count", "0", "a"], "--count: '0' is not a count; write a number from 1"),
        (["recv", "--from", "me", "a"], "--from: 'me' is not a process; write its pid"),
        (["recv", "--timeout", "3", "a"], "--timeout: '3' " + no_time),
        (["recv", "--timeout", "3 s", "a"], "--timeout: '3 s' " + no_time),
        (["recv", "--timeout", "1.2.3s", "a"], "--timeout: '1.2.3s' " + no_time),
        (["recv", "--timeout", "-1s", "a"], "--timeout: '-1s' " + no_time),
        (["send", "--when-full", "cry", "a"],
         "--when-full: 'cry' is not known; write wait, fail, drop-new or drop-old"),
        (["send", "--each", "word", "a"], "--each: 'word' is not known; write line, nul or all"),
        (["recv", "--format", "xml", "a"], "--format: 'xml' is not known; write text, raw, hex or json"),
        (["recv", "--with", "type,age", "a"],
         "--with: 'type,age' is not known; write type, sender and time with commas between"),
        (["create", "--mode", "999", "a"], "--mode: '999' is not a mode; write permission bits in octal, as 0660"),
        (["recv", "--type", "1", "--max-type", "2", "a"], "--type and --max-type exclude each other; write one of them"),
        (["recv", "--drain", "--follow", "a"], "--drain and --follow exclude each other; write one of them"),
        (["recv", "--json", "--with", "type", "a"], "--with is for text; --format json tells it all"),
        (["send", "--file", "f", "a", "m"], "MESSAGE, --file and --lines exclude each other; write one of them"),
        (["send", "--each", "nul", "a", "m"],
         "--each is for standard input; leave it or MESSAGE, --file and --lines away"),
        (["send", "--sync", "--when-full", "fail", "a"],
         "--sync waits until each message is taken; leave --when-full away"),
        (["set", "unix:@a", "mode"], "mode: it is no PROPERTY=VALUE; write one as mode=0660"),
        (["transports", "pigeon"], "pigeon: no such transport; 'leat transports' lists them"),
        (["transports", "--json", "--why"], "--json tells the reasons too; leave --why away"),
    ]
    for arguments, text in cases:
        expect_error(world, arguments, 2, text)


@test
def wrong_addresses(world):
    for command in (["send"], ["recv"], ["call"], ["info"], ["rm"], ["create"], ["reply", "--", "cat"], ["set"]):
        rest = command[1:] or (["m"] if command[0] in ("send", "call") else ["mode=0600"] if command[0] == "set" else [])
        name = command[0]
        for address, column in (("nonsense", ""), ("pigeon:a", 1), ("unix:@a?fly", 9), ("unix:@a?size=x", ""),
                                ("unix:@a?open&new", ""), ("unix:", "")):
            operands = [address, *rest] if rest[:1] != ["--"] else [address, "--", *rest[1:]]
            out, err = world.run(name, *operands, code=2)
            equal(out, b"", "stdout")
            at = rf" \(at column {column}\)" if column else ""
            matches(err.decode(), rf"leat {name}: {re.escape(address)}: [^\n]+{at}\n", "stderr")


@test
def control_characters_are_escaped(world):
    _, err = world.run("recv", "pig\x1b[2J\neon:a", code=2)
    check(err.startswith(b"leat recv: pig\\x1B[2J\\x0Aeon:a: "), repr(err))


# ---- send and recv ----


@test
def operands_are_messages(world):
    for scheme in ("unix", "unix-stream"):
        address = world.address(scheme=scheme)
        equal(world.transfer([address, "one", "", "two words"], [address]), b"one\n\ntwo words\n")
        equal(world.transfer([address, "--", "-1"], [address]), b"-1\n")


@test
def sender_may_come_first(world):
    address = world.address()
    sender = world.start("send", address, "early")
    equal(world.run("recv", address)[0], b"early\n")
    world.finish(sender)


@test
def pipeline_of_a_shell(world):
    script = '"$1" send pipe:fd=1 a b c | "$1" recv pipe:fd=0; echo "${PIPESTATUS[*]}"'
    done = subprocess.run(["bash", "-c", script, "-", LEAT], capture_output=True, timeout=world.left(), check=True)
    equal((done.stdout, done.stderr), (b"a\nb\nc\n0 0\n", b""))


@test
def standard_input_by_line(world):
    address = world.address()
    equal(world.transfer([address], [address, "--format", "hex"], b"a\n\nlast"), b"61\n\n6c617374\n")
    equal(world.transfer([address], [address], b""), b"")


@test
def standard_input_by_nul_and_whole(world):
    address = world.address()
    data = b"a\nb\0\0\xff\xfe"
    equal(world.transfer([address, "--each", "nul"], [address, "--format", "hex"], data), b"610a62\n\nfffe\n")
    equal(world.transfer([address, "--each", "all"], [address, "--format", "raw"], data), data)
    equal(world.transfer([address, "--each", "all"], [address], b""), b"\n")


@test
def files_and_their_lines(world):
    address = world.address()
    name = world.file("text", b"x\ny\n")
    equal(world.transfer([address, "--file", name], [address, "--format", "hex"]), b"780a790a\n")
    equal(world.transfer([address, "--lines", name], [address, "--format", "hex"]), b"78\n79\n")
    os.unlink(name)


@test
def lines_are_sent_as_they_come(world):
    address = world.address()
    receiver = world.start("recv", "--count", "1", address)
    sender = world.start("send", address, stdin=subprocess.PIPE)
    sender.stdin.write(b"first\n")
    sender.stdin.flush()
    equal(world.finish(receiver)[0], b"first\n")
    world.finish(sender, b"")


@test
def a_thousand_in_order(world):
    for scheme in ("unix", "unix-stream"):
        address = world.address(scheme=scheme)
        data = b"".join(b"%d\n" % i for i in range(1000))
        equal(world.transfer([address], [address], data), data)
    reading, writing = os.pipe()
    receiver = world.start("recv", "pipe:fd=0", stdin=reading)
    sender = world.start("send", "pipe:fd=1", stdin=subprocess.PIPE, stdout=writing)
    os.close(reading)
    os.close(writing)
    sender.communicate(data, timeout=world.left())
    equal(world.finish(receiver)[0], data)


@test
def sixteen_mebibytes(world):
    data = os.urandom(1 << 16) * 256
    name = world.file("big", data)
    for scheme in ("unix-stream", "unix"):
        address = world.address(scheme=scheme)
        check(world.transfer([address, "--file", name], [address, "--format", "raw"]) == data, f"{scheme}: other bytes")
    with open(name, "ab") as file:
        file.write(b"x")
    receiver = world.start("recv", address)
    _, err = world.run("send", address, "--file", name, code=71)
    equal(err.decode(), f"leat send: {name}: it is larger than the largest message here, 16777216 bytes; "
                        "open both ends with a larger ?size=\n")
    equal(world.finish(receiver)[0], b"")
    os.unlink(name)


def frame(kind, sequence, data, magic=b"Lt"):
    """One message on a stream, as docs/wire.md has it: header, bytes, trailer."""
    return struct.pack("<2sBBHHIB3xqQqQ", magic, 1, 1, 0, 0, len(data), 0, kind, sequence, 0, 0) + data + b"\0"


@test
def types_select(world):
    address = world.address()
    frames = b"".join(frame(kind, number, b"%d" % kind) for number, kind in enumerate((5, 1, 3, 2), 1))
    for select, want in ((["--type", "3"], b"3\n"), (["--max-type", "3", "--count", "3"], b"1\n2\n3\n")):
        reading, writing = os.pipe()
        os.write(writing, frames)
        os.close(writing)
        equal(world.run("recv", *select, "pipe:fd=0", stdin=reading)[0], want)
        os.close(reading)
    equal(world.transfer([address, "--type", "9223372036854775807", "m"], [address, "--with", "type"]),
          b"9223372036854775807\tm\n")


@test
def columns(world):
    address = world.address()
    receiver = world.start("recv", "--with", "time,sender", "--with", "type", address)
    sender = world.start("send", "--type", "4", address, "m")
    world.finish(sender)
    out, _ = world.finish(receiver)
    matches(out.decode(), rf"4\t{sender.pid}\t\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{9}}Z\tm\n")
    reading, writing = os.pipe()
    world.run("send", "pipe:fd=1?framing=lines", "m", stdout=writing)
    os.close(writing)
    equal(world.run("recv", "--with", "type,sender,time", "pipe:fd=0?framing=lines", stdin=reading)[0], b"1\t-\t-\tm\n")
    os.close(reading)


@test
def json_lines(world):
    address = world.address()
    receiver = world.start("recv", "--json", address)
    sender = world.start("send", "--type", "7", "--priority", "3", "--each", "nul", address, stdin=subprocess.PIPE)
    world.finish(sender, "grün\"\n\0".encode() + b"\xff\xfe\0\0")
    first, second, third = [json.loads(line) for line in world.finish(receiver)[0].splitlines()]
    equal((first["type"], first["priority"], first["sequence"], first["text"]), (7, 3, 1, 'grün"\n'))
    equal(first["sender"], {"pid": sender.pid, "uid": os.geteuid(), "gid": os.getegid()})
    matches(first["time"], r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
    equal((second["hex"], "text" in second), ("fffe", False))
    equal((third["text"], third["sequence"] > first["sequence"]), ("", True))
    equal(json.loads(world.transfer([address, "--each", "all"], [address, "--format", "json"], b"a\0b"))["text"], "a\0b")


@test
def from_one_sender(world):
    address = world.address()
    wanted = world.start("send", address, stdin=subprocess.PIPE)
    receiver = world.start("recv", "--follow", "--from", str(wanted.pid), "--count", "2", address)
    world.run("send", address, "not this one")
    world.finish(wanted, b"a\nb\n")
    equal(world.finish(receiver)[0], b"a\nb\n")
    reading, writing = os.pipe()
    expect_code = world.run("recv", "--from", "1", "pipe:fd=0", stdin=reading, code=2)
    check(expect_code[1].startswith(b"leat recv: pipe:fd=0: "), repr(expect_code[1]))
    os.close(reading)
    os.close(writing)


@test
def count_and_follow(world):
    address = world.address()
    receiver = world.start("recv", "--follow", "--count", "3", address)
    for text in ("1", "2", "3"):
        world.run("send", "--sync", address, text)
    equal(world.finish(receiver)[0], b"1\n2\n3\n")
    receiver = world.start("recv", "--follow", "--timeout", "1h", address, stdout=subprocess.PIPE)
    world.run("send", address, "seen at once")
    equal(receiver.stdout.readline(), b"seen at once\n")
    receiver.terminate()
    equal(receiver.wait(world.left()), -signal.SIGTERM)
    os.unlink(world.path("a"))  # the one thing that a killed listener leaves


@test
def follow_ends_where_none_can_come(world):
    reading, writing = os.pipe()
    world.run("send", "pipe:fd=1", "m", stdout=writing)
    os.close(writing)
    equal(world.run("recv", "--follow", "pipe:fd=0", stdin=reading)[0], b"m\n")
    os.close(reading)


@test
def drain(world):
    reading, writing = os.pipe()
    equal(world.run("recv", "--drain", "pipe:fd=0", stdin=reading, code=1), (b"", b""))
    world.run("send", "pipe:fd=1", "a", "b", "c", stdout=writing)
    equal(world.run("recv", "--drain", "--count", "2", "pipe:fd=0", stdin=reading)[0], b"a\nb\n")
    os.close(reading)
    os.close(writing)
    equal(world.run("recv", "--drain", world.address(), code=1), (b"", b""))


# ---- deadlines ----


@test
def recv_times_out(world):
    address = world.address()
    expect_error(world, ["recv", "--timeout", "10ms", address], 124, f"{address}: the deadline passed and no message came")
    # It comes, and says nothing; one that stood still finds nobody any more.
    sender = world.start("send", "--timeout", "20s", address, stdin=subprocess.PIPE)
    world.until(lambda: waits_for_a_name(sender), "the sender waits for its receiver")
    receiver = world.start("recv", "--timeout", "1s", address)
    world.finish(receiver, code=124)
    sender.communicate(timeout=world.left())
    check(sender.returncode in (0, 69), f"the sender: code {sender.returncode}")


@test
def recv_times_out_after_messages(world):
    for options, code, said in (
            ([], 124, rb"leat recv: \S+: the deadline passed before the end; 1 message came\n"),
            (["--count", "2"], 124, rb"leat recv: \S+: the deadline passed before the last of them; 1 message came\n"),
            (["--follow"], 0, b"")):
        reading, writing = os.pipe()
        world.run("send", "pipe:fd=1", "m", stdout=writing)  # it is there already, and the end does not come
        out, err = world.run("recv", "--timeout", "100ms", *options, "pipe:fd=0", stdin=reading, code=code)
        equal(out, b"m\n")
        check(re.fullmatch(said, err), repr(err))
        os.close(reading)
        os.close(writing)


@test
def send_finds_no_receiver(world):
    address = world.address()
    for command, operands in (("send", [address, "m"]), ("call", [address, "m"])):
        _, err = world.run(command, "--timeout", "20ms", *operands, code=69)
        check(err.startswith(f"leat {command}: {address}: no receiver".encode()), repr(err))
        _, err = world.run(command, operands[0] + "?open", "m", code=69)
        check(err.startswith(f"leat {command}: {address}?open: ".encode()), repr(err))
        world.run(command, world.address("missing/a"), "m", code=69)
    world.run("send", "--timeout", "20ms", address, data=b"m\n", code=69)


@test
def send_times_out_when_full_and_when_input_is_silent(world):
    reading, writing = os.pipe()
    world.run("send", "--timeout", "50ms", "pipe:fd=1", *["x" * 1000] * 100, stdout=writing, code=124)
    sender = world.start("send", "--timeout", "50ms", "pipe:fd=1", stdin=subprocess.PIPE, stdout=writing)
    sender.wait(world.left())
    equal((sender.returncode, sender.stderr.read()),
          (124, b"leat send: standard input: the deadline passed before its end\n"))
    os.close(reading)
    os.close(writing)


@test
def full(world):
    reading, writing = os.pipe()
    messages = [str(i) + "x" * 1000 for i in range(200)]
    _, err = world.run("send", "--when-full", "fail", "pipe:fd=1", *messages, stdout=writing, code=75)
    equal(err, b"leat send: pipe:fd=1: it is full; try later, or wait with --when-full wait\n")
    _, err = world.run("send", "--when-full", "drop-new", "pipe:fd=1", *messages, stdout=writing)
    equal(err, b"leat send: pipe:fd=1: it was full: 200 messages dropped\n")
    world.run("send", "--when-full", "drop-old", "pipe:fd=1", "m", stdout=writing, code=2)
    os.close(writing)
    taken = world.run("recv", "pipe:fd=0", stdin=reading)[0].decode().splitlines()
    os.close(reading)
    check(0 < len(taken) < 200, f"{len(taken)} messages were taken")
    equal(taken, messages[:len(taken)])


@test
def drop_new_goes_on(world):
    reading, writing = os.pipe()
    messages = ["x" * 1000 for i in range(200)]
    _, err = world.run("send", "--when-full", "drop-new", "pipe:fd=1", *messages, stdout=writing)
    os.close(writing)
    dropped = int(re.fullmatch(rb"leat send: pipe:fd=1: it was full: (\d+) messages dropped\n", err)[1])
    taken = world.run("recv", "pipe:fd=0", stdin=reading)[0].splitlines()
    os.close(reading)
    equal(len(taken) + dropped, 200, "taken and dropped")


@test
def synchronous(world):
    address = world.address()
    equal(world.transfer(["--sync", address, "a", "b"], [address]), b"a\nb\n")
    receiver = world.start("recv", "--type", "9", address)
    world.until(lambda: listens(world.path("a")), "a listener")
    _, err = world.run("send", "--sync", "--timeout", "100ms", address, "m", code=124)
    check(err.endswith(b"whether it was taken is unknown\n"), repr(err))
    world.finish(receiver)
    reading, writing = os.pipe()
    _, err = world.run("send", "--sync", "pipe:fd=1", "m", stdout=writing, code=2)
    check(err.startswith(b"leat send: pipe:fd=1: "), repr(err))
    os.close(reading)
    os.close(writing)


@test
def at_least_once(world):
    address = world.address()
    receiver = world.start("recv", "--count", "2", address + "?acknowledge")
    sender = world.start("send", address + "?at-least-once", "a", "b", "c")
    equal(world.finish(receiver)[0], b"a\nb\n")
    # The third comes again, to whoever is next.
    receiver = world.start("recv", "--count", "1", address + "?acknowledge")
    equal(world.finish(receiver)[0], b"c\n")
    world.finish(sender)
    receiver = world.start("recv", "--type", "9", address)
    world.until(lambda: listens(world.path("a")), "a listener")
    _, err = world.run("send", "--timeout", "200ms", address + "?at-least-once", "m", "n", code=124)
    check(err.endswith(b": 2 messages are not acknowledged, of numbers 1 to 2; whether they came is in doubt\n"), repr(err))
    world.finish(receiver)


@test
def doubt_is_told(world):
    address = world.address()
    receiver = world.start("recv", "--count", "1", address)
    sender = world.start("send", address + "?reconnect", stdin=subprocess.PIPE)
    sender.stdin.write(b"a\n")
    sender.stdin.flush()
    equal(world.finish(receiver)[0], b"a\n")
    receiver = world.start("recv", address)
    _, err = world.finish(sender, b"b\n")
    equal(err, b"")
    equal(world.finish(receiver)[0], b"b\n")


@test
def calls_over_two_stores(world):
    for scheme in ("fifo", "log"):
        address, answers = world.address(scheme, scheme), world.address(scheme + ".me", scheme)
        replier = world.start("reply", "--count", "1", address + ("?pattern=queue" if scheme == "log" else ""), "--", "tr", "a-z", "A-Z")
        equal(world.run("call", f"{address}?reply={answers}", "hello")[0], b"HELLO")
        world.finish(replier)
        world.run("rm", address)
        world.run("rm", answers)
    _, err = world.run("call", world.address("a", "fifo"), "x", code=2)
    check(b"say where answers go (?reply=" in err, repr(err))
    # One whose answer may not go where it wants it is told of, and the next has its turn.
    address, other = world.address("b", "fifo"), world.address("other", "fifo")
    replier = world.start("reply", "--count", "2", address, "--", "cat")
    caller = world.start("call", f"{address}?reply={other}", "x")
    line = replier.stderr.readline()
    check(b"allow it with ?reply=" in line, repr(line))
    caller.kill()
    equal(world.run("call", f"{address}?reply={address}.me", "y")[0], b"y")
    equal(world.finish(replier)[1], b"")
    for one in (address, f"{address}.me", other):
        world.run("rm", one)


@test
def a_replier_outlives_its_callers(world):
    """A reply that does not fit where it goes, a caller that waits no more: the next is served."""
    address = f"mq:/leat-cli-call-{os.getpid()}"
    answers = address + ".me"
    replier = world.start("reply", "--count", "2", address, "--", "sh", "-c", 'read n; head -c "$n" /dev/zero')
    equal(world.run("call", f"{address}?reply={answers}?size=200", "1000")[0], b"")
    equal(world.run("call", f"{address}?reply={answers}?size=200", "7")[0], b"\0" * 7)
    _, err = world.finish(replier)
    check(b"sh: it wrote more than its caller opened for answers carries; the reply is empty\n" in err, repr(err))
    for name in (address, answers):
        world.run("rm", name)
    requests = world.address("c", "log")
    expired = struct.pack("<2sBBHHQQqQ", b"Lc", 1, 1, len(requests + ".me"), 0, 1, 1, 1, 1)  # docs/wire.md
    world.run("send", "--each", "all", requests, data=expired + requests.encode() + b".me" + b"late")
    caller = world.start("call", f"{requests}?reply={requests}.me", "hello")
    replier = world.start("reply", "--count", "1", requests + "?pattern=queue", "--", "cat")
    equal(world.finish(caller)[0], b"hello")
    equal(world.finish(replier)[1],
          f"leat reply: {requests}?pattern=queue: a request whose caller waits no more was not carried out\n".encode())
    for name in (requests, requests + ".me"):
        world.run("rm", name)


@test
def calls_by_two_pipes(world):
    """What a shell gives: descriptors that go one way each."""
    there, back = os.pipe(), os.pipe()
    replier = world.start("reply", "--count", "2", f"pipe:fd={there[0]},{back[1]}", "--", "tr", "a-z", "A-Z",
                          pass_fds=(there[0], back[1]))
    for word in ("one", "two"):
        caller = world.start("call", f"pipe:fd={back[0]},{there[1]}", word, pass_fds=(back[0], there[1]))
        equal(world.finish(caller)[0], word.upper().encode())
    world.finish(replier)
    replier = world.start("reply", "--count", "1", f"pipe:fd={there[0]}?reply=pipe:fd={back[1]}", "--", "cat",
                          pass_fds=(there[0], back[1]))
    caller = world.start("call", f"pipe:fd={there[1]}?reply=pipe:fd={back[0]}", "m", pass_fds=(back[0], there[1]))
    equal(world.finish(caller)[0], b"m")
    world.finish(replier)
    for fd in there + back:
        os.close(fd)


@test
def progress_is_for_terminals(world):
    """After a second, on stderr if that is a terminal; wiped before anything else is said there."""
    address = world.address()
    controller, terminal = pty.openpty()
    receiver = world.start("recv", address, stderr=terminal)
    os.close(terminal)
    check(select.select([controller], [], [], world.left())[0], "nothing was shown")
    once = b"\r\x1b[Kreceiving"  # and again each quarter of a second, until we look
    first = os.read(controller, 64 * len(once))
    equal(first, once * (len(first) // len(once)), "progress")
    world.run("send", address, "m")
    equal(world.finish_silent(receiver), b"m\n")
    shown = b""
    while not shown.endswith(b"\r\x1b[K"):
        check(select.select([controller], [], [], world.left())[0], f"not wiped: {shown!r}")
        shown += os.read(controller, 1024)
    os.close(controller)


# ---- peers that go, or misbehave ----


@test
def receiver_goes(world):
    reading, writing = os.pipe()
    os.close(reading)
    _, err = world.run("send", "pipe:fd=1", "m", stdout=writing, code=69)
    os.close(writing)
    check(err.startswith(b"leat send: pipe:fd=1: "), repr(err))
    address = world.address()
    receiver = world.start("recv", "--count", "1", address)
    sender = world.start("send", address, stdin=subprocess.PIPE)
    sender.stdin.write(b"m\n")
    sender.stdin.flush()
    world.finish(receiver)
    world.finish(sender, b"n\n", code=69)


@test
def sender_is_killed(world):
    address = world.address()
    receiver = world.start("recv", address)
    sender = world.start("send", address, stdin=subprocess.PIPE)
    sender.stdin.write(b"whole\nhalf a line")
    sender.stdin.flush()
    equal(receiver.stdout.readline(), b"whole\n")
    sender.kill()
    equal(world.finish(receiver), (b"", b""))
    sender.wait()


@test
def garbage_harms_nobody(world):
    address = world.address()
    receiver = world.start("recv", "--follow", "--count", "1", address)

    def connect():
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            peer.connect(world.path("a"))
            return peer
        except OSError:
            peer.close()
            return None

    peer = world.until(connect, "a listener")
    with peer:
        peer.send(b"this is no frame, though it is longer than a header of 48 bytes")
        line = receiver.stderr.readline()
        check(line.startswith(f"leat recv: {address}: process {os.getpid()} was cut off: ".encode()), repr(line))
        world.run("send", address, "unharmed")
    equal(world.finish(receiver)[0], b"unharmed\n")


@test
def garbage_on_a_pipe_is_an_error(world):
    """There are no others to go on with."""
    reading, writing = os.pipe()
    os.write(writing, frame(1, 1, b"good") + frame(1, 2, b"bad", magic=b"XY"))
    os.close(writing)
    out, err = world.run("recv", "pipe:fd=0", stdin=reading, code=71)
    equal(out, b"good\n")
    matches(err.decode(), r"leat recv: pipe:fd=0: [^\n]+\n")
    os.close(reading)


@test
def many_senders_raise_the_limit_of_descriptors(world):
    address = world.address()
    hard = 200
    receiver = world.start("recv", "--count", "40", address,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (20, hard)))
    senders = [world.start("send", address, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in range(40)]
    for sender in senders:
        sender.stdin.write(b"m\n")
        sender.stdin.flush()
    equal(world.finish(receiver)[0], b"m\n" * 40)
    for sender in senders:
        sender.stdin.close()
        sender.wait(world.left())


@test
def listener_is_there_already(world):
    address = world.address()
    first = world.start("recv", address)
    world.until(lambda: listens(world.path("a")), "a listener")
    _, err = world.run("recv", address, code=71)
    check(err.startswith(f"leat recv: {address}: ".encode()), repr(err))
    world.run("recv", world.address(options="?new"), code=1)
    world.run("send", address, "still mine")
    equal(world.finish(first)[0], b"still mine\n")


def listens(path):
    """The flag __SO_ACCEPTCON in /proc/net/unix: to connect as a probe would be a sender that came and went."""
    table = pathlib.Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace")
    return re.search(rf"^\S+ \S+ \S+ 00010000 .* {re.escape(path)}$", table, re.M) is not None


# ---- the system refuses ----


@test
def output_is_checked(world):
    address = world.address()
    with open("/dev/full", "wb") as disk:
        for arguments in (["--help"], ["--version"], ["transports"], ["transports", "--json"], ["transports", "--why"],
                          ["send", "--help"], ["demo"], ["demo", "--json"]):
            name = f" {arguments[0]}" if arguments[0] in SUBCOMMANDS else ""
            _, err = world.run(*arguments, stdout=disk, code=71)
            equal(err, f"leat{name}: standard output: No space left on device\n".encode(), str(arguments))
        for options in ([], ["--format", "raw"], ["--format", "hex"], ["--json"], ["--with", "type"]):
            receiver = world.start("recv", *options, address, stdout=disk)
            world.run("send", address, "m")
            world.finish(receiver, code=71)
    out = subprocess.run(["sh", "-c", '"$1" --help >&-', "-", LEAT], capture_output=True, timeout=world.left())
    equal(out.returncode, 71, "closed stdout")


@test
def reader_of_the_output_goes(world):
    """As cat: quietly, by SIGPIPE, also where that was ignored; and nothing is left in the folder."""
    for restore in (True, False):
        address = world.address()
        reading, writing = os.pipe()
        os.close(reading)
        receiver = world.start("recv", address, stdout=writing, restore_signals=restore)
        os.close(writing)
        world.run("send", address, "m")
        equal(world.finish(receiver, code=-signal.SIGPIPE)[1], b"")


@test
def input_cannot_be_read(world):
    address = world.address()
    expect_error(world, ["send", "--file", world.path("none"), address], 1,
                 f"{world.path('none')}: No such file or directory")
    expect_error(world, ["send", "--lines", world.folder, address], 1, f"{world.folder}: Is a directory")
    receiver = world.start("recv", address)
    done = subprocess.run(["sh", "-c", '"$1" send "$2" <&-', "-", LEAT, address], capture_output=True,
                          timeout=world.left())
    equal((done.returncode, done.stderr), (1, b"leat send: standard input: Bad file descriptor\n"))
    equal(world.finish(receiver)[0], b"")
    responder = world.start("reply", "--count", "1", address, "--", "cat")
    done = subprocess.run(["sh", "-c", '"$1" call "$2" <&-', "-", LEAT, address], capture_output=True,
                          timeout=world.left())
    equal(done.returncode, 1)
    world.run("call", address, "m")
    world.finish(responder)


def copy_for_others(world):
    """The command and its library where another user reaches them, as a clone below /root is not: program, environment."""
    folder = world.path("copy")
    os.mkdir(folder, 0o755)
    shutil.copy(LEAT, folder)
    libraries = subprocess.run(["ldd", LEAT], stdout=subprocess.PIPE, check=True, text=True).stdout
    for library in re.findall(r"=> (/\S+/libleat\.so\S*)", libraries):
        shutil.copy(library, folder)
    return os.path.join(folder, os.path.basename(LEAT)), {**os.environ, "LD_LIBRARY_PATH": folder}


@test
def permission(world):
    if os.geteuid() != 0:
        raise Skip("needs root, to become another user")
    os.chmod(world.folder, 0o755)
    private = world.path("private")
    os.mkdir(private, 0o700)
    program, environment = copy_for_others(world)
    address = f"unix:{private}/a"
    receiver = world.start("recv", address)
    for command in (["recv", address], ["send", address + "?open", "m"], ["rm", address], ["info", address]):
        _, err = world.run(*command, user=NOBODY, code=71, cwd="/", program=program, env=environment)
        matches(err.decode(), rf"leat {command[0]}: {re.escape(command[1])}: [^\n]+\n")
    world.run("send", address, "m")
    world.finish(receiver)
    os.rmdir(private)
    shutil.rmtree(world.path("copy"))


@test
def framing_for_ordinary_programs(world):
    reading, writing = os.pipe()
    world.run("send", "pipe:fd=1?framing=lines", "a", "b", stdout=writing)
    _, err = world.run("send", "pipe:fd=1?framing=lines", "a\nb", stdout=writing, code=2)
    matches(err.decode(), r"leat send: pipe:fd=1\?framing=lines: [^\n]+\n")
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        equal(stream.read(), b"a\nb\n")


# ---- call and reply ----


@test
def call_and_reply(world):
    for scheme in ("unix", "unix-stream"):
        address = world.address(scheme=scheme)
        responder = world.start("reply", "--count", "4", address, "--", "tr", "a-z", "A-Z")
        equal(world.run("call", address, "hello")[0], b"HELLO")
        equal(world.run("call", address, data=b"two\nlines")[0], b"TWO\nLINES")
        equal(world.run("call", address, "")[0], b"")
        reply = json.loads(world.run("call", "--type", "6", "--json", address, "j")[0])
        equal((reply["text"], reply["type"], reply["sender"]["pid"]), ("J", 6, responder.pid))
        equal(world.finish(responder), (b"", b""))


@test
def command_knows_the_request(world):
    address = world.address()
    responder = world.start("reply", "--count", "1", address, "--", "sh", "-c", "echo $LEAT_TYPE $LEAT_SENDER_PID")
    caller = world.start("call", "--type", "12", address, "m")
    equal(world.finish(caller)[0], f"12 {caller.pid}\n".encode())
    world.finish(responder)


@test
def command_inherits_no_more_than_it_should(world):
    """Descriptors 0 to 2, default signals, an empty mask, the soft limit as it was: however leat was started."""
    address = world.address()
    reading, writing = os.pipe()
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def disturb():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft if soft < 256 else 256, soft))

    script = "grep -E 'SigBlk|SigIgn' /proc/self/status; ulimit -n; exec ls /proc/self/fd"
    responder = world.start("reply", "--count", "1", address, "--", "sh", "-c", script, pass_fds=[reading, writing],
                            restore_signals=False, preexec_fn=disturb)
    lines = world.run("call", address, "m")[0].decode().split("\n")
    world.finish(responder)
    for line in lines[:2]:  # of 32 and 33, its own, the C library takes care itself
        equal(int(line.split()[1], 16) & ~0x180000000, 0, line)
    equal(lines[2], str(min(soft, 256)), "ulimit -n")
    equal(lines[3:], ["0", "1", "2", "3", ""], "descriptors (3 is that of ls)")
    os.close(reading)
    os.close(writing)


@test
def replies_of_all_kinds(world):
    address = world.address()
    big = os.urandom(1 << 16) * 64
    responder = world.start("reply", "--count", "2", address, "--", "cat")
    check(world.run("call", address, data=big)[0] == big, "4 MiB through cat are other bytes")
    equal(world.run("call", address, "small")[0], b"small")
    world.finish(responder)
    # It need not read its input, and may start to answer before the end of it.
    responder = world.start("reply", "--count", "1", address, "--", "echo", "done")
    equal(world.run("call", address, data=big)[0], b"done\n")
    equal(world.finish(responder)[1], b"")


@test
def command_fails(world):
    address = world.address()
    for script, said in (("echo so far; exit 3", b"leat reply: sh: ended with 3; what it wrote was its reply\n"),
                         ("echo so far; kill -9 $$",
                          b"leat reply: sh: killed by signal 9; what it had written was its reply\n")):
        responder = world.start("reply", "--count", "1", address, "--", "sh", "-c", script)
        equal(world.run("call", address, "m")[0], b"so far\n")
        equal(world.finish(responder)[1], said)


@test
def command_cannot_be_run(world):
    address = world.address()
    plain = world.file("plain", b"text")
    for command, code, text in (("no-such-command", 127, "no such command"),
                                (world.path("none"), 127, "no such command"),
                                (plain, 126, "Permission denied"), (world.folder, 126, "Permission denied")):
        expect_error(world, ["reply", address, "--", command], code, f"{command}: {text}")
    os.chmod(plain, 0o755)
    responder = world.start("reply", address, "--", plain)
    _, err = world.run("call", address, "m", code=69)
    check(b"unknown" in err or b"gone" in err, repr(err))
    equal(world.finish(responder, code=126)[1],
          f"leat reply: {plain}: it is no program; a script begins with #! and its interpreter\n".encode())
    os.unlink(plain)


@test
def reply_is_too_large(world):
    address = world.address(options="?size=10k")
    responder = world.start("reply", "--count", "2", address, "--", "sh", "-c", 'head -c "$(cat)" /dev/zero')
    equal(world.run("call", address, "100000")[0], b"")
    equal(world.run("call", address, "10240")[0], b"\0" * 10240)
    equal(world.finish(responder)[1],
          b"leat reply: sh: it wrote more than the largest message, 10240 bytes; the reply is empty\n")


def opened_for_writing(fifo, responder):
    """Once the command reads it; None: the request came too late to be carried out, of which the responder tells."""
    while True:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as why:
            check(why.errno == errno.ENXIO, why)
        if select.select([responder.stderr], [], [], 0)[0]:
            said = os.read(responder.stderr.fileno(), 4096)
            check(b"not carried out" in said, repr(said))
            return None


@test
def call_times_out(world):
    address = world.address()
    responder = world.start("reply", "--count", "2", address, "--", "sh", "-c",
                            'read line; [ "$line" != wait ] || read line <"$0"; echo "$line"', world.path("gate"))
    os.mkfifo(world.path("gate"))
    world.until(lambda: listens(world.path("a")), "a listener")
    for timeout in "500ms", "5s", "20s":  # the first is enough but where a process stood still
        caller = world.start("call", "--timeout", timeout, address, "wait")
        _, err = caller.communicate(timeout=world.left())
        unknown = caller.returncode == 124 and err.endswith(b"whether it was carried out is unknown\n")
        gate = opened_for_writing(world.path("gate"), responder) if unknown else None
        if gate is not None:
            break
    check(gate is not None, f"none was carried out; the last said {err!r}")
    os.write(gate, b"late\n")  # and the command ends
    os.close(gate)
    equal(world.run("call", address, "on time")[0], b"on time\n")
    equal(world.finish(responder)[1], b"")
    os.unlink(world.path("gate"))


@test
def reply_times_out(world):
    address = world.address()
    expect_error(world, ["reply", "--timeout", "10ms", address, "--", "cat"], 124,
                 f"{address}: the deadline passed and no message came")
    # The command that runs then is killed with it.
    os.mkfifo(world.path("gate"))
    caller = world.start("call", "--timeout", "20s", address, "m")  # one that stood still finds nobody any more
    world.until(lambda: waits_for_a_name(caller), "the caller waits for its replier")
    responder = world.start("reply", "--timeout", "1s", address, "--", "cat", world.path("gate"))
    world.finish(responder, code=124)
    world.finish(caller, code=69)
    os.unlink(world.path("gate"))


@test
def responder_is_killed(world):
    address = world.address()
    responder = world.start("reply", address, "--", "sh", "-c", "kill -9 $PPID")
    _, err = world.run("call", address, "m", code=69)
    check(b"unknown" in err, repr(err))
    equal(responder.wait(world.left()), -signal.SIGKILL)
    world.run("rm", address)


@test
def messages_without_reply_are_told(world):
    address = world.address()
    responder = world.start("reply", "--count", "1", address, "--", "cat")
    world.run("send", address, "m")
    equal(world.run("call", address, "n")[0], b"n")
    equal(world.finish(responder)[1],
          f"leat reply: {address}: a message that wants no reply was dropped; send it with 'leat call'\n".encode())


# ---- the network ----


def chosen(world, process):
    """The address that a receiver at port 0 says it has."""
    line = process.stderr.readline().decode()
    found = re.fullmatch(r"leat \w+: \S+: listening on (\S+)\n", line)
    check(found, f"it said {line!r}")
    return found[1]


def is_bound(port):
    """Somebody has this port of udp at HOST."""
    local = f"{struct.unpack('=I', socket.inet_aton(HOST))[0]:08X}:{port:04X}"
    return any(line.split()[1] == local for line in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:])


def is_connected(port):
    """Somebody has a connection to this port of tcp that is open in both directions (state ESTABLISHED)."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


@test
def wrong_addresses_of_the_network(world):
    """Each with a line that says what to do. What is reached by a name, an interface or a route has its tests in tests/network."""
    port = "a port is a number from 0 to 65535; names of services (http) are not looked up"
    whole = "HOST:PORT is wanted: localhost:5000, 127.0.0.1:5000, [::1]:5000, :5000, *:5000"
    nobody = "that is every address of this machine, which only an end that listens can have; name the host to connect to"
    zero = "port 0 lets the kernel choose one to listen on; name the port to connect to"
    heard = ("the kernel is heard at netlink:kobject-uevent (devices) and netlink:route (interfaces, addresses, routes)")
    for address, code, text in (
            ("tcp:", 2, f"{whole} (at column 5)"),
            ("udp:5000", 2, f"{whole} (at column 5)"),
            ("tcp:localhost", 2, f"{whole} (at column 5)"),
            ("tcp::70000", 2, f"{port} (at column 6)"),
            ("udp::http", 2, f"{port} (at column 6)"),
            ("tcp:[::1", 2, "the bracket is not closed: [::1]:5000 (at column 5)"),
            ("tcp:::1:5000", 2, "an IPv6 address stands in brackets: [::1]:5000 (at column 5)"),
            ("tcp:300.1.1.1:5", 2, "an IPv4 address is four numbers from 0 to 255, as 127.0.0.1 (at column 5)"),
            ("tcp:*:5000", 2, f"{nobody} (at column 5)"),
            ("udp:*:5000", 2, f"{nobody} (at column 5)"),
            ("tcp:0.0.0.0:5000", 2, f"{nobody} (at column 5)"),
            ("udp:[::]:5000", 2, f"{nobody} (at column 5)"),
            ("tcp::0", 2, f"{zero} (at column 6)"),
            ("udp::0", 2, f"{zero} (at column 6)"),
            ("tcp::5000?multicast=239.1.1.1", 2, "this transport has no such option (at column 11)"),
            ("udp::5000?multicast=10.0.0.1", 2, "a group is 224.0.0.0 to 239.255.255.255, or begins with ff: 239.1.2.3, "
                                                "ff02::1:5 (at column 11)"),
            ("udp:h:5000?multicast=239.1.1.1", 2, "with ?multicast= the group is the host: leave the other away, "
                                                  "udp::5000?multicast=… (at column 5)"),
            ("udp::5000?interface=lo", 2, "this is about a group: say which one with ?multicast=239.1.2.3 (at column 11)"),
            ("udp::5000?multicast=239.1.1.1&interface=nope0", 71,
             "there is no interface of this name; `ip link` lists them (at column 31)"),
            ("udp::5000?multicast=239.1.1.1&ttl=300", 2,
             "this number is out of the option's bounds (the most is 255) (at column 35)"),
            ("udp::5000?reconnect", 2, "there is no connection here that could be lost and made again (at column 11)"),
            ("udp::5000?need=order", 2,
             "the network may change the order; info tells how many came late; use tcp:"),
            ("unix-dgram:@a?need=sync", 2, "a datagram is not answered when it is taken; use unix:, or a call"),
            ("tcp::5000?nodelay=maybe", 2, "this option is yes or no; by its name alone it is yes (at column 19)"),
            ("netlink:route", 2, "only the kernel sends here, to any number; open it to receive"),
            ("netlink:usb", 2, f"{heard} (at column 9)"),
            ("raw:127.0.0.1:5", 2, "an echo goes to a host, which is all that is said: raw:127.0.0.1, raw:[::1] (at column 14)"),
            (f"tcp:{HOST}:9?open", 69, "the host is there and nobody listens on that port")):
        expect_error(world, ["send", address, "hi"], code, f"{address}: {text}")
    expect_error(world, ["recv", "tcp:192.0.2.1:5000"], 71, "tcp:192.0.2.1:5000: this machine has no such address; "
                 "`ip address` lists those it has, * means all of them")
    for address in (f"tcp:{HOST}:9", f"udp:{HOST}:9"):
        world.run("info", address, code=1)
        world.run("create", address, code=2)
    for command in (["rm", f"udp:{HOST}:9"], ["set", "raw:127.0.0.1", "mode=0600"], ["create", "netlink:route"]):
        expect_error(world, command, 2, f"{command[1]}: it lives with its processes: there is nothing to make, change or "
                     "remove from outside")


@test
def ports_in_use_name_their_process(world):
    """Of udp; of tcp a test of tests/interop has it."""
    holder = world.start("recv", f"udp:{HOST}:5001")
    world.until(lambda: is_bound(5001), "the port is bound")
    late = world.start("recv", f"udp:{HOST}:5001")
    _, err = late.communicate(timeout=world.left())
    equal((late.returncode, err.decode().splitlines()),
          (71, [f"leat recv: udp:{HOST}:5001: somebody has this port already; choose another, or 0 for a free one",
                f"leat recv: udp:{HOST}:5001: process {holder.pid} (leat) of uid {os.geteuid()} has it"]))
    told = json.loads(world.run("info", "--json", f"udp:{HOST}:5001")[0])
    equal(told["owner"], {"pid": holder.pid, "uid": os.geteuid(), "gid": os.getegid()})


@test
def messages_over_the_network(world):
    for scheme in ("tcp", "udp"):
        receiver = world.start("recv", "--count", "2", "--with", "sender", f"{scheme}::0")
        address = chosen(world, receiver)
        world.run("send", address, "one", "two")
        out = world.finish(receiver)[0].decode()
        matches(out, rf"({scheme}:(?:127\.0\.0\.1|\[::1\]):\d+)\tone\n\1\ttwo\n", "output")
        receiver = world.start("recv", "--count", "1", "--json", f"{scheme}::0")
        world.run("send", chosen(world, receiver), "m")
        told = json.loads(world.finish(receiver)[0])
        equal((told["sender"], told["text"]), (None, "m"))
        matches(told["from"], rf"{scheme}:\S+:\d+", "from")
    address = world.address(scheme="unix-dgram")
    receiver = world.start("recv", "--count", "2", "--with", "sender", address)
    sender = world.start("send", address, "one", "two")  # waits for its receiver
    world.finish(sender)
    equal(world.finish(receiver)[0].decode(), f"{sender.pid}\tone\n{sender.pid}\ttwo\n")


@test
def a_group_hears(world):
    group = "udp::5002?multicast=239.255.9.9"
    receivers = [world.start("recv", "--count", "1", group) for _ in range(3)]
    local = f"{struct.unpack('=I', socket.inet_aton('239.255.9.9'))[0]:08X}:{5002:04X}"
    world.until(lambda: pathlib.Path("/proc/net/udp").read_text().count(f" {local} ") == 3, "three are in the group")
    world.run("send", group, "to all")
    for receiver in receivers:
        equal(world.finish(receiver)[0], b"to all\n")


@test
def what_udp_lost_is_told(world):
    receiver = world.start("recv", "--count", "5", "udp:127.0.0.1:0")
    port = int(chosen(world, receiver).rsplit(":", 1)[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        for number in (1, 2, 5, 4, 4, 6):
            text = str(number).encode()
            plain.sendto(struct.pack("<2sBBHHIB3xqQqQ", b"Lt", 1, 1, 0, 0, len(text), 0, 1, number, number, 0) + text,
                         ("127.0.0.1", port))
    out, err = receiver.communicate(timeout=world.left())
    equal((receiver.returncode, out), (0, b"1\n2\n5\n4\n6\n"))
    equal(err, b"leat recv: udp:127.0.0.1:0: messages: 1 lost on the way, 1 came after a later one, "
               b"1 came again and not taken twice\n")


@test
def calls_over_the_network(world):
    for address in ("tcp::0", "udp::0", world.address(scheme="unix-dgram")):
        responder = world.start("reply", "--count", "2", address, "--", "tr", "a-z", "A-Z")
        if address.endswith(":0"):
            address = chosen(world, responder)
        equal(world.run("call", address, "hello")[0], b"HELLO")
        equal(world.run("call", address, data=b"two\nlines")[0], b"TWO\nLINES")
        equal(world.finish(responder)[0], b"")
    _, err = world.run("call", f"udp:{HOST}:9", "m", code=69)
    check(err.startswith(f"leat call: udp:{HOST}:9: ".encode()), repr(err))


@test
def tcp_at_least_once(world):
    address = f"tcp:{HOST}:5003"
    receiver = world.start("recv", "--count", "2", address + "?acknowledge")
    sender = world.start("send", address + "?at-least-once", "a", "b", "c")
    equal(world.finish(receiver)[0], b"a\nb\n")
    receiver = world.start("recv", address + "?acknowledge")
    world.finish(sender)
    # An acknowledgement may be lost with its connection: then that message comes again.
    matches(world.finish(receiver)[0].decode(), r"(a\n)?(b\n)?c\n", "what the second one got")


@test
def tcp_reconnects(world):
    address = f"tcp:{HOST}:5004"
    receiver = world.start("recv", "--count", "1", address)
    sender = world.start("send", address + "?reconnect", stdin=subprocess.PIPE)
    sender.stdin.write(b"a\n")
    sender.stdin.flush()
    equal(world.finish(receiver)[0], b"a\n")
    world.until(lambda: not is_connected(5004), "the sender's kernel knows of the end")
    receiver = world.start("recv", address)
    equal(world.finish(sender, b"b\n")[1], b"")
    equal(world.finish(receiver)[0], b"b\n")


@test
def the_kernel_is_heard(world):
    """netlink: an interface goes down and up; where we have a network of our own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        receiver = world.start("recv", "--count", "1", "--format", "hex", "netlink:route")
        world.until(lambda: re.search(rf"^\S+ +0 +{receiver.pid} ", pathlib.Path("/proc/net/netlink").read_text(), re.M),
                    "its socket")
        flags = [struct.pack("16sh14x", b"lo", up) for up in (0, 1)]
        try:
            for one in flags:
                fcntl.ioctl(any_socket, SIOCSIFFLAGS, one)
        except PermissionError:
            raise Skip("needs root, to set an interface down") from None
    length, kind = struct.unpack("=IH", bytes.fromhex(world.finish(receiver)[0].decode())[:6])
    check(length >= 16 and kind in range(16, 28), f"kind {kind}")


@test
def echo_needs_a_right(world):
    """raw: refused with both ways to get it."""
    if os.geteuid() != 0:
        raise Skip("needs root, to become another user")
    os.chmod(world.folder, 0o755)
    program, environment = copy_for_others(world)
    groups = pathlib.Path("/proc/sys/net/ipv4/ping_group_range").read_text().split()
    if int(groups[0]) <= NOBODY <= int(groups[1]):
        raise Skip("net.ipv4.ping_group_range lets everybody")
    _, err = world.run("call", "raw:127.0.0.1", "m", user=NOBODY, group=NOBODY, extra_groups=[], code=71, cwd="/",
                       program=program, env=environment)
    check(b"CAP_NET_RAW" in err and b"net.ipv4.ping_group_range" in err, repr(err))
    shutil.rmtree(world.path("copy"))


# ---- what is at an address ----


@test
def info(world):
    address = world.address()
    expect_error(world, ["info", address], 1, f"{address}: nothing is there")
    receiver = world.start("recv", address)
    world.until(lambda: listens(world.path("a")), "a listener")
    told = json.loads(world.run("info", "--json", address)[0])
    equal((told["scheme"], told["pattern"], told["framing"], told["ends"]), ("unix", "queue", "leat", "n:1"))
    equal((told["largest_bytes"], told["owner"]["uid"]), (16 << 20, os.geteuid()))
    matches(told["mode"], "0[0-7]{3}")
    out = world.run("info", address)[0].decode()
    check(re.search(r"^transport +unix$", out, re.M) and re.search(r"^largest message, bytes +16777216$", out, re.M), out)
    world.run("send", address, "m")
    equal(world.finish(receiver)[0], b"m\n")


@test
def info_of_a_pipe(world):
    reading, writing = os.pipe()
    world.run("send", "pipe:fd=1", "m", stdout=writing)
    told = json.loads(world.run("info", "--json", "pipe:fd=0", stdin=reading)[0])
    equal((told["scheme"], told["capacity_bytes"], told["mode"], told["owner"]), ("pipe", 65536, None, None))
    equal(world.run("recv", "--count", "1", "pipe:fd=0", stdin=reading)[0], b"m\n", "what was there before")
    os.close(reading)
    os.close(writing)


@test
def set_and_rm(world):
    address = world.address()
    expect_error(world, ["set", address, "mode=0600"], 1, f"{address}: nothing is there")
    receiver = world.start("recv", address)
    world.until(lambda: listens(world.path("a")), "a listener")
    world.run("set", address, "mode=0640")
    equal(os.stat(world.path("a")).st_mode & 0o777, 0o640)
    _, err = world.run("set", address, "mode=0600", "depth=3", "mode=0644", code=2)
    check(err.startswith(f"leat set: {address}: ".encode()), repr(err))
    equal(os.stat(world.path("a")).st_mode & 0o777, 0o600, "after the first that fails")
    world.run("set", address, "mode=rwx", code=2)
    _, err = world.run("rm", address, code=1)
    check(err.startswith(f"leat rm: {address}: ".encode()), repr(err))
    receiver.kill()
    receiver.wait()
    check(os.path.exists(world.path("a")), "the file of a killed listener")
    _, err = world.run("rm", world.address("none"), address, code=1)
    equal(err, f"leat rm: {world.address('none')}: nothing is there\n".encode())
    check(not os.path.exists(world.path("a")), "the second was not removed")


@test
def foreign_files_are_left_alone(world):
    name = world.file("text", b"mine")
    for command in (["rm", f"unix:{name}"], ["recv", f"unix:{name}"]):
        process = world.start(*command)
        process.communicate(timeout=world.left())
        check(process.returncode in (1, 2, 71), f"{command}: {process.returncode}")
        equal(pathlib.Path(name).read_bytes(), b"mine")
    os.unlink(name)


@test
def create(world):
    for address in (world.address(), world.address(scheme="unix-stream"), "pipe:"):
        _, err = world.run("create", "--mode", "0660", "--new", address, code=2)
        matches(err.decode(), rf"leat create: {re.escape(address)}: [^\n]+\n")


@test
def transports(world):
    listed = json.loads(world.run("transports", "--json")[0])
    equal({one["scheme"] for one in listed}, {"pipe", "unix", "unix-stream", "unix-dgram", "inbox", "fifo", "mq", "sysv-mq",
                                              "log", "tcp", "udp", "shm", "netlink", "raw"})
    for one in listed:
        equal(sorted(row["number"] for row in one["rows"].values()), list(range(1, 19)), one["scheme"])
        for name, row in one["rows"].items():
            check(row["verdict"] == "yes" or row["why"], f"{one['scheme']} {one['framing']} {name}: no reason")
    table = world.run("transports")[0].decode().split("\n\n")[0].splitlines()
    equal(len(table), len(listed) + 1, "lines")
    check(max(map(len, table)) < 80, "wider than a terminal")
    equal(table[0].split(), ["TRANSPORT", "PATTERN", "FRAMING", "ENDS"] + [str(n) for n in range(1, 19)])
    for line, one in zip(table[1:], listed):
        marks = {"yes": "y", "peer": "p", "no": "-"}
        verdicts = [marks[row["verdict"]] for row in sorted(one["rows"].values(), key=lambda row: row["number"])]
        equal(line.split(), [one["scheme"], one["pattern"], one["framing"], one["ends"]] + verdicts)
    reasons = world.run("transports", "--why", "pipe")[0].decode()
    for one in listed:
        for row in one["rows"].values():
            if one["scheme"] == "pipe" and row["why"]:
                check(row["why"] in reasons, f"--why does not say {row['why']!r}")
    equal({one["scheme"] for one in json.loads(world.run("transports", "--json", "unix")[0])}, {"unix"})


# ---- the demo ----


def schemes(world):
    return {one["scheme"] for one in json.loads(world.run("transports", "--json")[0])
            if one["pattern"] == "queue" and one["framing"] == "leat"}


@test
def demo(world):
    environment = {**os.environ, "TMPDIR": world.folder}
    out, err = world.run("demo", env=environment, cwd=world.folder)
    equal(err, b"", "stderr")
    rows = dict(re.findall(r"^(\S+) .* (yes|\d+ lost)$", out.decode(), re.M))
    equal(set(rows), schemes(world), "one row for each transport")
    check(all(match == "yes" for scheme, match in rows.items() if scheme != "udp"), out)
    told = json.loads(world.run("demo", "--json", env=environment, cwd=world.folder)[0])
    equal({one["transport"] for one in told["transports"]}, schemes(world))
    check(told["match"] and all(one["match"] or one["transport"] == "udp" and one["lost"] > 0
                                for one in told["transports"]), str(told))
    texts = [path for path in pathlib.Path("/usr/share/common-licenses").iterdir()
             if path.is_file() and not path.is_symlink()]
    words = sum(len(re.findall(rb"[0-9A-Za-z\x80-\xff]+", path.read_bytes())) for path in texts)
    equal((told["texts"], told["words"]), (len(texts), words), "as counted here")
    for one in told["transports"]:
        check(one["messages"] > sum(path.read_bytes().count(b"\n") for path in texts), str(one))


def large_text(world):
    """Some seconds of work for the demo, with a line that is longer than any message of it."""
    os.mkdir(world.path("lib"))
    line = b"the quick brown fox jumps over the lazy dog, and again\n"
    return world.file("lib/text", line * 400000 + b"w" * 100000 + b"\n")


def remove_large_text(world):
    os.unlink(world.path("lib/text"))
    os.rmdir(world.path("lib"))


@test
def demo_with_long_lines(world):
    os.mkdir(world.path("lib"))
    world.file("lib/text", b"a, " + b"w" * 9000 + b" x" * 9000 + b"\n\n\0\n" + b"no newline")
    environment = {**os.environ, "TMPDIR": world.folder}
    check(json.loads(world.run("demo", "--json", env=environment, cwd=world.folder)[0])["match"], "no match")
    remove_large_text(world)


def start_demo(world, scheme):
    """A demo over one transport, with its five processes."""
    crew = []
    while len(crew) != 5:  # one that was over before we looked is of no use
        process = world.start("demo", scheme, env={**os.environ, "TMPDIR": world.folder}, cwd=world.folder)
        while len(crew) != 5 and process.poll() is None:
            check(world.left() > 0, "never: five children")
            os.sched_yield()
            crew = children_of(process.pid)
        if len(crew) != 5:
            world.finish(process)
    name, = (name for name in os.listdir(world.folder) if name.startswith("leat-demo-"))
    return process, crew, name


def system_v_queues():
    return pathlib.Path("/proc/sysvipc/msg").read_text().splitlines()[1:]


def nothing_is_left(world, name, queues):
    """No file, no queue of either kind, no inbox."""
    equal([left for left in os.listdir(world.folder) if left not in ("lib", "leat")], [], "left in the folder")
    equal(system_v_queues(), queues, "System V queues")
    for number, what in enumerate(("jobs", "results"), 1):
        expect_error(world, ["info", f"mq:/{name}-{what}-{number}"], 1, f"mq:/{name}-{what}-{number}: nothing is there")
    if os.path.exists(world.path("leat")):
        equal(os.listdir(world.path("leat")), [], "inboxes")


@test
def demo_loses_a_worker(world):
    large_text(world)
    queues = system_v_queues()
    for scheme in sorted(schemes(world)):
        process, crew, name = start_demo(world, scheme)
        os.kill(crew[1], signal.SIGKILL)
        out, err = world.finish(process, code=1)
        check(b"worker 1 was killed by signal 9\n" in err, f"{scheme}: {err!r}")
        check(re.search(rb" NO\n", out) and b"Not all counts" in out, f"{scheme}: {out!r}")
        nothing_is_left(world, name, queues)
    remove_large_text(world)


@test
def demo_is_stopped(world):
    large_text(world)
    queues = system_v_queues()
    for scheme in sorted(schemes(world)):
        for number in (signal.SIGTERM, signal.SIGINT):
            process, _, name = start_demo(world, scheme)
            process.send_signal(number)
            world.finish(process, code=-number)
            nothing_is_left(world, name, queues)
    remove_large_text(world)


@test
def demos_at_once(world):
    environment = {**os.environ, "TMPDIR": world.folder}
    queues = system_v_queues()
    several = [world.start("demo", "--json", env=environment, cwd=world.folder) for _ in range(3)]
    for process in several:
        check(json.loads(world.finish(process)[0])["match"], "no match")
    equal(system_v_queues(), queues, "System V queues")


@test
def demo_of_some(world):
    environment = {**os.environ, "TMPDIR": world.folder}
    told = json.loads(world.run("demo", "--json", "pipe", "mq", env=environment, cwd=world.folder)[0])
    equal([one["transport"] for one in told["transports"]], ["pipe", "mq"])
    expect_error(world, ["demo", "sysv"], 2, "sysv: no such transport; 'leat transports' lists them")
    for scheme in ("netlink", "raw"):
        expect_error(world, ["demo", scheme], 2,
                     f"{scheme}: the kernel is its other end, so no processes can share the work over it; "
                     "'leat demo' alone shows those that can")


def udp_sockets(pid):
    """Copies of a process's bound udp sockets, as a debugger gets them (pidfd_getfd(2)); none yet, or none any more: []."""
    found = []
    with contextlib.suppress(OSError):
        process = os.pidfd_open(pid)
        try:
            for number in os.listdir(f"/proc/{pid}/fd"):
                fd = libc.syscall(SYS_PIDFD_GETFD, process, int(number), 0)
                if fd < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
                    raise Skip("the descriptors of another process cannot be had here")
                if fd < 0:
                    continue
                one = None
                with contextlib.suppress(OSError):
                    one = socket.socket(fileno=fd)
                if one is None:
                    os.close(fd)
                elif one.family in (socket.AF_INET, socket.AF_INET6) and one.getsockname()[1]:
                    found.append(one)
                else:
                    one.close()
        finally:
            os.close(process)
    return found


def has_ipv6_loopback():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
            one.bind(("::1", 0))
            return True
    except OSError:
        return False


def lose_some(one):
    """By a filter: each datagram with a sequence of which the last byte is 7, but those that want a reply."""
    udp_header, flags, sequence = 8, 4, 24  # docs/wire.md
    code = ((0x30, 0, 0, udp_header + flags), (0x45, 2, 0, 2), (0x30, 0, 0, udp_header + sequence), (0x15, 1, 0, 7),
            (0x06, 0, 0, 65535), (0x06, 0, 0, 0))
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
    one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters)))


@test
def demo_tells_what_was_lost(world):
    """Over udp, whose declaration says that it may lose: it is counted, and no failure."""
    families = 1 + has_ipv6_loopback()
    large_text(world)
    process, crew, _ = start_demo(world, "udp")

    def filter_both():
        """Of each family, as loopback is two; what has its filter gets it again."""
        sockets = udp_sockets(crew[1])
        for one in sockets:
            lose_some(one)
            one.close()
        return len(sockets) == families

    world.until(filter_both, "both sockets of worker 1")
    out, err = world.finish(process)
    equal(err, b"", "stderr")
    lost = re.search(r"^udp +(\d+) .* (\d+) lost$", out.decode(), re.M)
    check(lost and 0 < int(lost[2]) < int(lost[1]), out)
    check("But for what was lost, all counts are what they are without IPC" in out.decode(), out)
    remove_large_text(world)


def without_queues():
    """A kernel that is built without POSIX queues, as a filter of system calls plays it: mq_open says ENOSYS."""
    filters = struct.pack("HBBIHBBIHBBIHBBI", 0x20, 0, 0, 0, 0x15, 0, 1, SYS_MQ_OPEN, 0x06, 0, 0, 0x00050026,
                          0x06, 0, 0, 0x7fff0000)
    buffer = ctypes.create_string_buffer(filters)
    program = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and libc.prctl(PR_SET_SECCOMP, 2, program) == 0, "seccomp")


@test
def demo_on_a_kernel_without_queues(world):
    if platform.machine() != "x86_64":
        raise Skip("the number of mq_open is known for x86-64")
    environment = {**os.environ, "TMPDIR": world.folder}
    out, err = world.run("demo", "mq", "pipe", env=environment, cwd=world.folder, preexec_fn=without_queues)
    equal(err, b"", "stderr")
    check(re.search(rb"^mq +not in this kernel$", out, re.M) and re.search(rb"^pipe .* yes$", out, re.M), repr(out))


# ---- running them ----


def run_one(function):
    """One test in a folder of its own; nothing may be left: no file, process or descriptor."""
    descriptors = os.listdir("/proc/self/fd")
    with tempfile.TemporaryDirectory(prefix="leat-cli-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        world = World(folder)
        try:
            function(world)
        finally:
            world.end()
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(world.path("leat"))  # that of bare names stays, empty
        equal(os.listdir(folder), [], "left in the folder")
    world.until(lambda: not adopted(), "the end of processes that were left behind")
    equal(os.listdir("/proc/self/fd"), descriptors, "descriptors")


def adopted():
    """Processes that outlived their parents come to us; those that have ended are reaped here."""
    for pid in children_of(os.getpid()):
        os.waitpid(pid, os.WNOHANG)
    return children_of(os.getpid())


def main():
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    libc.unshare(CLONE_NEWIPC)  # queues of our own; refused to an ordinary user: then they are merely shared
    own_network()
    words = sys.argv[2:]
    chosen = [one for one in tests if not words or any(word in one.__name__ for word in words)]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        name = function.__name__.replace("_", " ")
        try:
            run_one(function)
            print(f"ok {number} - {name}", flush=True)
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except Exception as why:  # an error of the test is a failure of it
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            text = str(why) if isinstance(why, Failed) else repr(why)
            print("\n".join(f"# {line}" for line in text.splitlines()), flush=True)
    sys.exit(1 if failed else 0)


main()
