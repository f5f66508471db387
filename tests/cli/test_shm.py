#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""shm: at the command, as somebody who is new to it would try it: every subcommand, right and wrong.

Usage: test_shm.py [LEAT]. Output is TAP. No test sleeps.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import DEADLINE_S, TESTS, Watch, check, check_equal, main, test  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")


def start(programs, *arguments, **more):
    return programs.start([LEAT, *arguments], **more)


def run(programs, *arguments, data=None, status=0):
    return programs.run([LEAT, *arguments], data, status)


def ended(program, status):
    """Its output, and what it said."""
    out, err = program.communicate(timeout=DEADLINE_S)
    check_equal(program.returncode, status, f"status of {program.args[1:]}, having said {err!r}")
    return out, err.decode()


def refused(programs, status, text, *arguments):
    """The exact line, and nothing on standard output."""
    said = ended(start(programs, *arguments), status)
    check_equal(said, (b"", f"leat {arguments[0]}: {text}\n"), f"{arguments}: output and what it said")


def transfer(programs, send, receive, data=None):
    """What recv printed of what send sent."""
    receiver = start(programs, "recv", *receive)
    run(programs, "send", *send, data=data)
    return programs.finish(receiver)


def listening(programs, path, *arguments):
    watch = Watch(path)
    receiver = start(programs, *arguments)
    watch.wait(receiver)
    return receiver


def stopped(program):
    """It is there, and takes nothing."""
    program.send_signal(signal.SIGSTOP)
    limit = time.monotonic() + DEADLINE_S
    while pathlib.Path(f"/proc/{program.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "T":
        check(time.monotonic() < limit, "it does not stop")
        os.sched_yield()


# ---- wrong input, and what is said about it ----


@test
def wrong_addresses(programs, _directory):
    power = "a ring's size is a power of two: ring=256k, ring=1M (at column 10)"
    number = "a number is wanted here, with k, M or G if you like: 64k, 1M (at column 15)"
    cases = [
        ("shm:", 2, "a path or a name is wanted after the colon: /run/jobs, jobs, or @jobs (at column 5)"),
        ("shm:@", 2, "an abstract name has 1 to 107 bytes after the @ (at column 5)"),
        ("shm:/none/there/jobs", 71, "its directory does not exist; make it first (at column 5)"),
        ("shm:/tmp/", 2, "that is a directory; a name is wanted after the last / (at column 5)"),
        ("shm:jobs?ring=100k", 2, "this number is out of the option's bounds (the least is 131072) (at column 15)"),
        ("shm:jobs?ring=2G", 2, "this number is out of the option's bounds (the most is 1073741824) (at column 15)"),
        ("shm:jobs?ring=300k", 2, power),
        ("shm:jobs?ring=262145", 2, power),
        ("shm:jobs?ring=", 2, number),
        ("shm:jobs?ring=-1", 2, number),
        ("shm:jobs?ring=1x", 2, number),
        ("shm:jobs?size=2G", 2, "this number is out of the option's bounds (the most is 1073741824) (at column 15)"),
        ("shm:jobs?mode=999", 2, "permission bits are wanted here, in octal: 0660 (at column 15)"),
        ("shm:@jobs?mode=0660", 2, "an abstract name has no permissions; use a path (at column 11)"),
        ("shm:jobs?exclusive", 2, "this transport has no such option (at column 10)"),
        ("shm:jobs?who=message", 2,
         "messages do not pass the kernel here, which could say who sent each; use unix:, or ?who=connection (at column 10)"),
        ("shm:jobs?framing=raw", 2, "this transport has no such framing; `leat transports` lists them"),
        ("shm:jobs?pattern=broadcast", 2, "here each message is taken by one receiver; to reach every one use log:"),
        ("unix:jobs?ring=256k", 2, "this transport has no such option (at column 11)"),
    ]
    for address, status, text in cases:
        refused(programs, status, f"{address}: {text}", "recv", address)
    refused(programs, 2, "shm:jobs: a socket lives with its processes: there is nothing to make before a receiver opens it", "create", "shm:jobs")
    refused(programs, 2, "shm:@jobs: an abstract name goes with its listener", "rm", "shm:@jobs")


@test
def nobody_is_there(programs, directory):
    address = f"shm:{directory}/none"
    refused(programs, 69, f"{address}: no receiver came", "send", "--timeout", "1ms", address, "x")
    refused(programs, 69, f"{address}?open: no receiver is there", "send", address + "?open", "x")
    refused(programs, 1, f"{address}: nothing is there", "info", address)
    refused(programs, 1, f"{address}: nothing is there", "rm", address)
    refused(programs, 124, f"{address}: the deadline passed and no message came", "recv", "--timeout", "1ms", address)
    check_equal(os.listdir(directory), [], "left")


@test
def somebody_is_there(programs, directory):
    path = f"{directory}/jobs"
    receiver = listening(programs, path, "recv", f"shm:{path}")
    refused(programs, 71, f"shm:{path}: somebody receives there already", "recv", f"shm:{path}")
    refused(programs, 1, f"shm:{path}?new: it exists already; leave ?new away, or remove it", "recv", f"shm:{path}?new")
    refused(programs, 1, f"shm:{path}: its listener lives, and the name goes with it", "rm", f"shm:{path}")
    run(programs, "send", f"shm:{path}", "still here")
    check_equal(programs.finish(receiver), b"still here\n", "output")


@test
def the_same_name_by_another_scheme(programs, directory):
    """Both ends are told, and the receiver goes on. A sender is told as soon as the receiver looked at what it sent."""
    path = f"{directory}/jobs"
    for theirs, ours in (("unix", "shm"), ("shm", "unix")):
        receiver = listening(programs, path, "recv", "--follow", "--count", "1", f"{theirs}:{path}")
        sender = start(programs, "send", f"{ours}:{path}", stdin=subprocess.PIPE)
        sender.stdin.write(b"one\n")
        sender.stdin.flush()
        check_equal(receiver.stderr.readline().decode(),
                    f"leat recv: {theirs}:{path}: process {sender.pid} was cut off: it broke the protocol "
                    "(are its scheme, ?framing= and ?size= as here?); the others go on\n", "the receiver")
        with contextlib.suppress(BrokenPipeError):  # it may know already
            sender.stdin.write(b"two\n")
            sender.stdin.flush()
        check_equal(ended(sender, 71)[1], f"leat send: {ours}:{path}: the other end took what was sent for a breach of the protocol, or is "
                                          "no receiver of Leat: say the same scheme, ?size= and ?framing= at both ends\n", "the sender")
        run(programs, "send", f"{theirs}:{path}", "right")
        check_equal(programs.finish(receiver), b"right\n", "what came")
    receiver = listening(programs, path, "recv", f"shm:{path}")
    _, said = ended(start(programs, "send", f"unix-stream:{path}", "x"), 71)
    check("the socket there is of another type" in said, f"it said {said!r}")
    run(programs, "send", f"shm:{path}", "right")
    programs.finish(receiver)


@test
def larger_than_the_other_end_takes(programs, directory):
    address = f"shm:{directory}/jobs"
    name = f"{directory}/file"
    pathlib.Path(name).write_bytes(bytes(200000))
    for what in (("--file", name), ("x" * 100000,)):  # in parts, and in one piece
        receiver = start(programs, "recv", "--follow", "--count", "1", address + "?size=64k")
        sender = start(programs, "send", "--sync", address, *what)
        said = ended(sender, 71)[1]
        check("say the same scheme, ?size= and ?framing=" in said, f"the sender said {said!r}")
        run(programs, "send", address, "small")
        out, said = ended(receiver, 0)
        check(out == b"small\n" and f"process {sender.pid} was cut off" in said, f"{out!r}, said {said!r}")
    receiver = start(programs, "recv", address)
    refused(programs, 71, f"{name}: it is larger than the largest message here, 65536 bytes; open both ends with a larger ?size=",
            "send", address + "?size=64k", "--file", name)
    check_equal(programs.finish(receiver), b"", "output")
    os.unlink(name)


# ---- messages of all kinds ----


@test
def names_of_all_kinds(programs, directory):
    for address in ("shm:bare", f"shm:{directory}/path", f"shm:@leat-cli-{os.getpid()}", f"shm:{directory}/a%3fb%20c"):
        check_equal(transfer(programs, [address, "one", "", "two words"], [address]), b"one\n\ntwo words\n", address)
    check_equal(os.listdir(directory), ["leat"], "left")


@test
def bytes_of_all_kinds(programs, _directory):
    address = "shm:jobs"
    check_equal(transfer(programs, [address], [address, "--format", "hex"], b"a\n\nlast"), b"61\n\n6c617374\n", "lines")
    check_equal(transfer(programs, [address, "--each", "nul"], [address, "--format", "hex"], b"a\nb\0\0\xff\xfe"), b"610a62\n\nfffe\n", "nul")
    for size in (0, 1, 65535, 65536, 65537, 3000000):
        data = os.urandom(size)
        for ring in ("", "?ring=128k"):
            got = transfer(programs, [address + ring, "--each", "all"], [address, "--format", "raw"], data)
            check(got == data, f"{size} bytes came as {len(got)} others")
    data = os.urandom(1 << 16) * 272  # 17 MiB
    got = transfer(programs, [address + "?size=32M", "--each", "all"], [address + "?size=32M", "--format", "raw"], data)
    check(got == data, f"17 MiB came as {len(got)} other bytes")


@test
def types_priorities_and_who(programs, _directory):
    receiver = start(programs, "recv", "--json", "shm:jobs")
    sender = start(programs, "send", "--type", str(2**63 - 1), "--priority", "32767", "shm:jobs", "a")
    programs.finish(sender)
    told = json.loads(programs.finish(receiver))
    check_equal([told[key] for key in ("type", "priority", "text")], [2**63 - 1, 32767, "a"], "message")
    check_equal(told["sender"], {"pid": sender.pid, "uid": os.geteuid(), "gid": os.getegid()}, "sender")
    receiver = listening(programs, f"{os.environ['XDG_RUNTIME_DIR']}/leat/jobs", "recv", "--follow", "--type", "3", "--count", "1", "shm:jobs")
    run(programs, "send", "--type", "1", "shm:jobs", "no")
    run(programs, "send", "--type", "3", "shm:jobs", "yes")
    check_equal(programs.finish(receiver), b"yes\n", "of type 3")


@test
def every_way_to_wait(programs, directory):
    lines = b"".join(b"%d\n" % number for number in range(5000))
    for ours in ("adaptive", "spin", "sleep"):
        for theirs in ("adaptive", "spin", "sleep"):
            with open(f"{directory}/out", "w+b") as out:
                receiver = start(programs, "recv", f"shm:jobs?wait={ours}", stdout=out)
                run(programs, "send", f"shm:jobs?wait={theirs}", data=lines)
                programs.finish(receiver)
                out.seek(0)
                check(out.read() == lines, f"{ours} and {theirs}: other lines came")


@test
def either_may_listen(programs, directory):
    check_equal(transfer(programs, ["shm:jobs?listen", "a"], ["shm:jobs?connect"]), b"a\n", "the sender listens")
    check_equal(transfer(programs, ["shm:jobs?pattern=pair", "a"], ["shm:jobs?pattern=pair"]), b"a\n", "a pair")
    replier = start(programs, "reply", "--count", "1", "shm:jobs?pattern=pair", "--", "wc", "-c")
    check_equal(run(programs, "call", "shm:jobs?pattern=pair", "four").strip(), b"4", "of a pair")
    programs.finish(replier)
    check_equal(os.listdir(f"{directory}/leat"), [], "left")


# ---- calls ----


@test
def calls(programs, _directory):
    replier = start(programs, "reply", "--count", "3", "shm:jobs", "--", "tr", "a-z", "A-Z")
    check_equal(run(programs, "call", "shm:jobs", "hello"), b"HELLO", "reply")
    check_equal(run(programs, "call", "shm:jobs", data=b"x\0y"), b"X\0Y", "reply")
    told = json.loads(run(programs, "call", "--json", "--type", "7", "shm:jobs", "hello"))
    check_equal((told["type"], told["text"], told["sender"]["pid"]), (7, "HELLO", replier.pid), "reply as JSON")
    programs.finish(replier)


@test
def calls_that_fail(programs, directory):
    path = f"{directory}/jobs"
    receiver = listening(programs, path, "recv", "--follow", f"shm:{path}")  # which never answers
    refused(programs, 124, f"shm:{path}: the deadline passed before the reply; whether it was carried out is unknown",
            "call", "--timeout", "100ms", f"shm:{path}", "hello")
    receiver.kill()
    receiver.wait(DEADLINE_S)
    os.mkfifo(f"{path}.fifo")
    replier = start(programs, "reply", f"shm:{path}", "--", "sh", "-c", f"echo >{path}.started; exec cat {path}.fifo")
    caller = start(programs, "call", f"shm:{path}", "hello")
    limit = time.monotonic() + DEADLINE_S
    while not os.path.exists(f"{path}.started"):
        check(time.monotonic() < limit and caller.poll() is None, "the command is not started")
        os.sched_yield()
    os.killpg(replier.pid, signal.SIGKILL)
    check_equal(ended(caller, 69)[1], f"leat call: shm:{path}: the receiver is gone; whether it did what was asked is unknown\n", "it said")


# ---- full, synchronous, again ----


@test
def full(programs, directory):
    """The receiver is stopped: what the ring holds goes out, then it is as the sender wants it."""
    path = f"{directory}/jobs"
    lines = b"".join(b"%063d\n" % number for number in range(3000))
    receiver = listening(programs, path, "recv", f"shm:{path}")
    stopped(receiver)
    said = ended(start(programs, "send", "--timeout", "100ms", f"shm:{path}?ring=128k", "--lines", write(directory, lines)), 124)[1]
    check("the deadline passed" in said, f"it said {said!r}")
    failing = start(programs, "send", "--when-full", "fail", f"shm:{path}?ring=128k", "--lines", f"{directory}/lines")
    check("it is full; try later, or wait with --when-full wait" in ended(failing, 75)[1], "it does not say so")
    said = ended(start(programs, "send", "--when-full", "drop-new", f"shm:{path}?ring=128k", "--lines", f"{directory}/lines"), 0)[1]
    dropped = re.fullmatch(rf"leat send: shm:{path}\?ring=128k: it was full: (\d+) messages dropped\n", said)
    check(dropped and 0 < int(dropped[1]) < 3000, f"it said {said!r}")
    refused(programs, 2, f"shm:{path}: a sender cannot take what others have sent here; let it wait, or drop the newest",
            "send", "--when-full", "drop-old", f"shm:{path}", "x")
    receiver.send_signal(signal.SIGCONT)
    got = programs.finish(receiver).splitlines()
    check(got.count(lines[:63]) >= 2 and len(got) < 9000, f"{len(got)} lines came")  # the first may have had no time to send
    os.unlink(f"{directory}/lines")


def write(directory, data):
    pathlib.Path(f"{directory}/lines").write_bytes(data)
    return f"{directory}/lines"


@test
def synchronous(programs, directory):
    path = f"{directory}/jobs"
    receiver = listening(programs, path, "recv", "--follow", f"shm:{path}")
    stopped(receiver)
    said = ended(start(programs, "send", "--sync", "--timeout", "100ms", f"shm:{path}", "a"), 124)[1]
    check("the deadline passed; whether it was taken is unknown" in said, f"it said {said!r}")
    receiver.send_signal(signal.SIGCONT)
    run(programs, "send", "--sync", f"shm:{path}", "b")
    line = receiver.stdout.readline()
    check_equal(receiver.stdout.readline() if line == b"a\n" else line, b"b\n", "what was taken")


@test
def at_least_once(programs, directory):
    """Whoever takes one and is killed before it acknowledges it has it again, marked, or its successor has."""
    path = f"{directory}/jobs"
    sender = start(programs, "send", f"shm:{path}?at-least-once", "one", "two", "three")
    check_equal(run(programs, "recv", "--count", "1", f"shm:{path}?acknowledge"), b"one\n", "first")
    check_equal(run(programs, "recv", f"shm:{path}?acknowledge"), b"two\nthree\n", "the rest")
    programs.finish(sender)


@test
def connects_again(programs, directory):
    path = f"{directory}/jobs"
    receiver = listening(programs, path, "recv", f"shm:{path}")
    sender = start(programs, "send", f"shm:{path}?reconnect", stdin=subprocess.PIPE)
    sender.stdin.write(b"one\n")
    sender.stdin.flush()
    check_equal(receiver.stdout.readline(), b"one\n", "line")
    receiver.kill()
    receiver.wait(DEADLINE_S)
    receiver = start(programs, "recv", f"shm:{path}")
    out, err = sender.communicate(b"two\n", timeout=DEADLINE_S)
    check_equal((sender.returncode, out), (0, b""), f"sender, which said {err!r}")
    check_equal(programs.finish(receiver), b"two\n", "after it")


# ---- what is told, and who goes away ----


@test
def told_of_a_listener(programs, directory):
    path = f"{directory}/jobs"
    receiver = listening(programs, path, "recv", f"shm:{path}?mode=0640")
    told = json.loads(run(programs, "info", "--json", f"shm:{path}"))
    check_equal([told[key] for key in ("scheme", "pattern", "framing", "ends", "largest_bytes", "connections", "mode")],
                ["shm", "queue", "leat", "n:1", 16 << 20, 0, "0640"], "told")
    run(programs, "set", f"shm:{path}", "mode=0600")
    check_equal(os.stat(path).st_mode & 0o777, 0o600, "mode")
    receiver.kill()
    receiver.wait(DEADLINE_S)
    refused(programs, 1, f"shm:{path}: its listener is gone and left the file; the next opener takes it over", "info", f"shm:{path}")
    run(programs, "rm", f"shm:{path}")
    check_equal(os.listdir(directory), [], "left")


@test
def the_reader_of_the_output_goes(programs, directory):
    """As `leat recv shm:jobs | head -n 1`: the sender is told."""
    path = f"{directory}/jobs"
    line = programs.start(["sh", "-c", '"$0" recv "$1" | head -n 1', LEAT, f"shm:{path}"])
    sender = start(programs, "send", f"shm:{path}", stdin=subprocess.PIPE)
    try:
        _, err = sender.communicate(b"line\n" * 100000, timeout=DEADLINE_S)
    except BrokenPipeError:
        err = sender.stderr.read()
        sender.wait(DEADLINE_S)
    check_equal((sender.returncode, err.decode()), (69, f"leat send: shm:{path}: the receiver is gone\n"), "the sender")
    check_equal(programs.finish(line), b"line\n", "output")


@test
def demo(programs, _directory):
    told = json.loads(run(programs, "demo", "--json", "shm"))
    check(told["match"] and [one["transport"] for one in told["transports"]] == ["shm"], f"{told}")


if __name__ == "__main__":
    main(TESTS)
