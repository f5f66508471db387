#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fifo: and inbox: with programs that we did not write, and the examples. Usage: test_fifo_programs.py [LEAT [EXAMPLES]]

cat, printf and the shell at the other end of a named pipe, both ways; what `leat create`, set, info and rm do; every
example about them, its output compared. Output is TAP. No test sleeps.
"""
import json
import os
import shutil
import signal
import stat
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import check, check_equal, main, need  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
BUILT = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else os.environ["LEAT_EXAMPLES"]


def plain_receives(programs, directory):
    """printf 'a\\nb\\n' | leat send, and cat: either may come first."""
    path = os.path.join(directory, "f")
    os.mkfifo(path)
    cat = programs.start([need("cat"), path])
    programs.run(["sh", "-c", f"printf 'a\\nb\\n' | {LEAT} send 'fifo:{path}?framing=lines'"])
    check_equal(programs.finish(cat), b"a\nb\n", "cat's output")


def plain_receives_later(programs, directory):
    path = os.path.join(directory, "f")
    os.mkfifo(path)
    leat = programs.start([LEAT, "send", f"fifo:{path}?framing=lines", "a", "b"])
    check_equal(programs.run([need("cat"), path]), b"a\nb\n", "cat's output")
    programs.finish(leat)


def plain_sends(programs, directory):
    path = os.path.join(directory, "f")
    os.mkfifo(path)
    writer = programs.start(["sh", "-c", f"printf 'a\\nb\\n' > {path}"])  # blocks in open until somebody reads
    check_equal(programs.run([LEAT, "recv", f"fifo:{path}?framing=lines"]), b"a\nb\n", "output")
    programs.finish(writer)


def several_plain_senders(programs, directory):
    """The end is when the last of them has gone: the shell holds it open meanwhile."""
    path = os.path.join(directory, "f")
    os.mkfifo(path)
    script = f"exec 3>{path}; for i in 1 2 3; do echo $i >&3; done; (echo 4; echo 5) >{path}; echo 6 >&3"
    writer = programs.start(["sh", "-c", script])
    check_equal(programs.run([LEAT, "recv", f"fifo:{path}?framing=lines"]), b"1\n2\n3\n4\n5\n6\n", "output")
    programs.finish(writer)


def between_leats(programs, directory):
    address = "fifo:" + os.path.join(directory, "f")
    receiver = programs.start([LEAT, "recv", address])
    programs.run([LEAT, "send", address, "hello", "", "world"])
    check_equal(programs.finish(receiver), b"hello\n\nworld\n", "output")


def killed_sender(programs, directory):
    """What it sent before stays, and its death is the end."""
    address = "fifo:" + os.path.join(directory, "f")
    receiver = programs.start([LEAT, "recv", address])
    sender = programs.start([LEAT, "send", address], stdin=subprocess.PIPE)
    sender.stdin.write(b"hello\n")
    sender.stdin.flush()
    check_equal(receiver.stdout.readline(), b"hello\n", "output")
    sender.send_signal(signal.SIGKILL)
    sender.wait()
    check_equal(programs.finish(receiver), b"", "the rest")


def create_set_info_rm(programs, directory):
    path = os.path.join(directory, "f")
    address = "fifo:" + path
    programs.run([LEAT, "create", "--mode", "0640", address])
    check(stat.S_ISFIFO(os.stat(path).st_mode), "no fifo was made")
    check_equal(stat.S_IMODE(os.stat(path).st_mode), 0o640, "mode")
    programs.run([LEAT, "set", address, "mode=0600"])
    check_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")
    end = os.open(path, os.O_RDWR)
    os.write(end, b"12345")
    programs.run([LEAT, "set", address, "capacity=128k"])
    info = json.loads(programs.run([LEAT, "info", "--json", address]))
    os.close(end)
    check_equal((info["capacity_bytes"], info["queued_bytes"], info["mode"]), (131072, 5, "0600"), "info")
    programs.run([LEAT, "rm", address])
    check(not os.path.exists(path), "it is still there")


def a_file_is_left_alone(programs, directory):
    path = os.path.join(directory, "f")
    with open(path, "w", encoding="ascii") as file:
        file.write("precious")
    for command in (["send", "fifo:" + path, "x"], ["recv", "fifo:" + path], ["rm", "fifo:" + path]):
        program = subprocess.run([LEAT, *command], capture_output=True, check=False)
        check(program.returncode != 0 and b"left alone" in program.stderr, f"{command}: {program.stderr}")
    with open(path, encoding="ascii") as file:
        check_equal(file.read(), "precious", "the file")


def broadcast_names_the_log(_programs, directory):
    program = subprocess.run([LEAT, "recv", f"fifo:{directory}/f?pattern=broadcast"], capture_output=True, check=False)
    check(program.returncode != 0 and b"log:" in program.stderr, program.stderr)


# ---- the examples ----

def strangers(programs, directory):
    path = os.path.join(directory, "strangers")
    writer = programs.start([os.path.join(BUILT, "fifo_writer"), path, "hello", "big world"])
    reader = programs.start([os.path.join(BUILT, "fifo_reader"), path])
    check_equal(programs.finish(reader), b"hello\nbig world\n", "output")
    check_equal(programs.finish(writer), b"", "output of the writer")
    check(not os.path.exists(path), "it was left behind")


def three_fifos(programs, directory):
    """who prints what it likes, perhaps nothing: its lines are counted, not compared."""
    need("who")
    text = os.path.join(directory, "text")
    listed = os.path.join(directory, "listed")
    os.mkdir(listed)
    with open(text, "w", encoding="ascii") as file:
        file.write("one\ntwo\n")
    out = programs.run([os.path.join(BUILT, "three_fifos"), listed, text]).decode().splitlines()
    check_equal([line for line in out if line.startswith("ls: ")],
                ["ls: cat.fifo", "ls: ls.fifo", "ls: who.fifo"], "from ls")
    check_equal([line for line in out if line.startswith("cat: ")], ["cat: one", "cat: two"], "from cat")
    check(all(line.startswith(("ls: ", "cat: ", "who: ")) for line in out), out)
    check_equal(os.listdir(listed), [], "left behind")


def mailbox(programs, _directory):
    box = programs.start([os.path.join(BUILT, "mailbox")])
    check_equal(box.stdout.readline(), f"mailbox {box.pid}\n".encode(), "its name")
    sender = programs.start([os.path.join(BUILT, "mailbox"), str(box.pid), "dear process"])
    check_equal(programs.finish(box), f"from {sender.pid}: dear process\n".encode(), "the letter")
    programs.finish(sender)


def shared_offset(programs, _directory):
    want = (b'shared offset, before the seek:    0 bytes: ""\n'
            b'shared offset, after the seek:     5 bytes: "child"\n'
            b'two offsets:                       5 bytes: "meild"\n'
            b'two offsets and O_APPEND:          7 bytes: "childme"\n')
    check_equal(programs.run([os.path.join(BUILT, "shared_offset")]), want, "output")


def tests():
    return [
        ("fifo framing=lines: cat receives", plain_receives),
        ("fifo framing=lines: cat comes later", plain_receives_later),
        ("fifo framing=lines: printf sends", plain_sends),
        ("fifo framing=lines: several plain senders, one end", several_plain_senders),
        ("fifo: between two leats", between_leats),
        ("fifo: a killed sender", killed_sender),
        ("fifo: create, set, info, rm", create_set_info_rm),
        ("fifo: a file is left alone", a_file_is_left_alone),
        ("fifo: broadcast names the log", broadcast_names_the_log),
        ("examples/fifo_writer and fifo_reader", strangers),
        ("examples/three_fifos", three_fifos),
        ("examples/mailbox", mailbox),
        ("examples/shared_offset", shared_offset),
    ]


if __name__ == "__main__":
    main(tests())
