#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""log: from the command line: what is sent outlives its sender, and `leat log` looks at a file and mends it. Output is TAP."""
import json
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import check, check_equal, main  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
MAGIC = b"\xb1Leatlog"


def path_in(directory):
    return os.path.join(directory, "log")


def address_in(directory, options=""):
    return f"log:{path_in(directory)}{options}"


def leat(*arguments):
    """(exit code, standard output, standard error)"""
    program = subprocess.run([LEAT, *arguments], capture_output=True, timeout=60)
    return program.returncode, program.stdout, program.stderr


def add(path, what):
    with open(path, "ab") as file:
        file.write(what)


def sent_before_and_received_later(programs, directory):
    address = address_in(directory)
    programs.run([LEAT, "send", address, "hello"])
    check_equal(programs.run([LEAT, "recv", "--count", "1", address]), b"hello\n", "what was stored")
    check_equal(programs.run([LEAT, "recv", "--count", "1", address]), b"hello\n", "what is still stored")


def across_a_kill(programs, directory):
    address = address_in(directory)
    sender = programs.start([LEAT, "send", address], stdin=subprocess.PIPE)
    receiver = programs.start([LEAT, "recv", "--count", "1", address])
    sender.stdin.write(b"first\n")
    sender.stdin.flush()
    check_equal(programs.finish(receiver), b"first\n", "while both are there")
    sender.send_signal(signal.SIGKILL)
    check_equal(sender.wait(), -signal.SIGKILL, "the sender's end")
    check_equal(programs.run([LEAT, "recv", "--count", "1", address]), b"first\n", "what was stored")


def verify_tells_right_from_torn_from_noise(programs, directory):
    path = path_in(directory)
    programs.run([LEAT, "send", address_in(directory), "one"])
    programs.run([LEAT, "send", address_in(directory), "two"])
    code, said, _ = leat("log", "verify", path)
    check_equal((code, said.count(b"\n")), (0, 1), "the verdict on a log that is right")
    check(b"2 messages" in said, said)
    add(path, b"noise")
    code, said, _ = leat("log", "verify", path)
    check_equal(code, 1, "the exit code with noise")
    check(b"1 stretch," in said, said)
    add(path, MAGIC)
    found = json.loads(leat("log", "verify", "--json", path)[1])
    check_equal([found[name] for name in ("messages", "stretches", "noise_bytes", "torn_end_bytes", "header")],
                [2, 1, 5, 8, True], "the findings")
    check_equal(leat("log", "cat", path), (0, b"one\ntwo\n", b""), "what is whole")


def truncate_cuts_what_is_torn(programs, directory):
    path = path_in(directory)
    programs.run([LEAT, "send", address_in(directory), "one"])
    size = os.path.getsize(path)
    add(path, MAGIC + b"torn")
    check_equal(leat("log", "truncate", "--json", path), (0, b'{\n  "cut_bytes": 12\n}\n', b""), "what was cut")
    check_equal(os.path.getsize(path), size, "the size")
    check_equal(leat("log", "truncate", path), (0, b"0 bytes cut off\n", b""), "a second time")
    check_equal(leat("log", "verify", path)[0], 0, "the verdict")


def truncate_waits_for_no_sender(programs, directory):
    path = path_in(directory)
    sender = programs.start([LEAT, "send", address_in(directory)], stdin=subprocess.PIPE)
    sender.stdin.write(b"one\n")
    sender.stdin.flush()
    check_equal(programs.run([LEAT, "recv", "--count", "1", address_in(directory)]), b"one\n", "what was sent")
    add(path, MAGIC)
    size = os.path.getsize(path)
    code, _, error = leat("log", "truncate", path)
    check_equal((code, os.path.getsize(path)), (1, size), "while it is there")
    check(b"senders have it open" in error, error)
    sender.stdin.close()
    check_equal(sender.wait(), 0, "the sender's end")
    check_equal(leat("log", "truncate", path)[:2], (0, b"8 bytes cut off\n"), "when it is gone")


def other_files_are_left_alone(_programs, directory):
    diary = os.path.join(directory, "diary")
    add(diary, b"dear diary\n")
    check_equal(leat("log", "verify", diary)[0], 1, "verify of a diary")
    code, _, error = leat("log", "truncate", diary)
    check_equal((code, os.path.getsize(diary)), (1, 11), "truncate of a diary")
    check(b"left alone" in error, error)
    code, _, error = leat("log", "cat", directory)
    check_equal(code, 1, "a directory")
    check_equal(leat("log", "cat", diary + "s")[0], 1, "no file")
    check_equal(leat("log", "verify", f"log:{diary}")[0], 2, "an address")
    check_equal(leat("log", "mend", diary)[0], 2, "another action")
    check_equal(leat("log", "verify")[0], 2, "no file named")


def wrong_options_are_explained(_programs, directory):
    for options, wanted in (("?rotate-age=24", b"s, m, h or d"), ("?retain-age=0s", b"s, m, h or d"),
                            ("?rotate=1k", b"number"), ("?durable=always", b"durable is none"),
                            ("?framing=raw", b"no such framing"), ("?need=who", b"unix:"), ("?need=sync", b"unix:")):
        code, _, error = leat("send", address_in(directory, options), "x")
        check(code != 0 and wanted in error, f"{options}: exit {code}, {error}")
    check(not os.path.exists(path_in(directory)), "nothing was made")


def a_rotated_log_is_made_told_and_removed(programs, directory):
    address = address_in(directory, "?rotate=4096&retain=1G&retain-age=7d&retain-files=9&rotate-age=1d&durable=group")
    programs.run([LEAT, "send", address], b"".join(b"%d\n" % n for n in range(200)))
    check(os.path.exists(path_in(directory) + ".3"), "rotated")
    found = json.loads(programs.run([LEAT, "info", "--json", address_in(directory)]))
    check_equal(found.get("queued_messages"), 200, "the messages")
    programs.run([LEAT, "rm", address_in(directory)])
    check_equal(os.listdir(directory), [], "what remains")


def nothing_counts_behind_a_seal(programs, directory):
    path = path_in(directory)
    numbers = b"".join(b"%d\n" % n for n in range(200))
    early = programs.start([LEAT, "send", address_in(directory)], stdin=subprocess.PIPE)
    receiver = programs.start([LEAT, "recv", "--count", "1", address_in(directory)])
    early.stdin.write(b"early\n")
    early.stdin.flush()
    check_equal(programs.finish(receiver), b"early\n", "it has the file open")
    programs.run([LEAT, "send", address_in(directory, "?rotate=4096&retain-files=1")], numbers)
    check(os.path.getsize(path) > 4096, "its length under a sender")
    found = json.loads(programs.run([LEAT, "log", "verify", "--json", path]))
    check_equal([found[name] for name in ("messages", "stretches", "noise_bytes", "torn_end_bytes", "sealed")],
                [0, 0, 0, 0, True], "the findings of a file that was emptied")
    early.stdin.write(b"late\n")
    early.stdin.close()
    check_equal(early.wait(), 0, "the end of one that has it open")
    check(b"late" in open(path, "rb").read(), "what it appended too late")
    code, said, _ = leat("log", "verify", path)
    check_equal(code, 0, said)
    check(b"0 messages" in said and b"do not count" in said, said)
    check_equal(leat("log", "cat", path), (0, b"", b""), "what is in it")
    sealed = next(name for name in sorted(os.listdir(directory)) if name != "log")
    before = leat("log", "cat", os.path.join(directory, sealed))
    add(os.path.join(directory, sealed), b"noise")
    check(before[1].count(b"\n") > 0, before)
    check_equal(leat("log", "verify", os.path.join(directory, sealed))[0], 0, "noise behind a seal")
    check_equal(leat("log", "cat", os.path.join(directory, sealed)), before, "what is before it")


TESTS = (sent_before_and_received_later, across_a_kill, verify_tells_right_from_torn_from_noise,
         truncate_cuts_what_is_torn, truncate_waits_for_no_sender, other_files_are_left_alone,
         wrong_options_are_explained, a_rotated_log_is_made_told_and_removed, nothing_counts_behind_a_seal)
main([(test.__name__, test) for test in TESTS])
