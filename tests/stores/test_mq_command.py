#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mq: from the command line, and with a C program that knows nothing of Leat at the other end. Output is TAP."""
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import check, check_equal, libc, main, need  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
NAME = f"/leat-command-{os.getpid()}"
QUEUE = f"mq:{NAME}"

PLAIN_SENDER = r"""
#include <fcntl.h>
#include <mqueue.h>
#include <string.h>

int main(int argc, char **argv) {
    mqd_t queue = mq_open(argv[1], O_WRONLY | O_CREAT, 0600, NULL);
    for (int i = 2; queue >= 0 && i < argc; i++)
        mq_send(queue, argv[i], strlen(argv[i]), (unsigned)i);
    return queue < 0;
}
"""


def queue_test(function):
    """Nothing of the queue remains, however the test ends."""

    def run(programs, directory):
        try:
            function(programs, directory)
        finally:
            libc.mq_unlink(os.fsencode(NAME))

    return run


@queue_test
def sent_before_and_received_later(programs, _):
    programs.run([LEAT, "send", QUEUE, "hello"])
    check_equal(programs.run([LEAT, "recv", "--count", "1", QUEUE]), b"hello\n", "what was stored")


@queue_test
def across_a_kill(programs, _):
    sender = programs.start([LEAT, "send", QUEUE], stdin=subprocess.PIPE)
    receiver = programs.start([LEAT, "recv", "--count", "1", QUEUE])
    sender.stdin.write(b"first\n")
    sender.stdin.flush()
    check_equal(programs.finish(receiver), b"first\n", "while both are there")
    programs.run([LEAT, "send", QUEUE, "hello"])
    sender.send_signal(signal.SIGKILL)
    check_equal(sender.wait(), -signal.SIGKILL, "the sender's end")
    check_equal(programs.run([LEAT, "recv", "--count", "1", QUEUE]), b"hello\n", "what was stored")


@queue_test
def urgent_ones_first(programs, _):
    for priority, text in ((0, "ordinary"), (9, "urgent"), (9, "urgent too")):
        programs.run([LEAT, "send", "--priority", str(priority), QUEUE, text])
    out = programs.run([LEAT, "recv", "--count", "3", QUEUE])
    check_equal(out, b"urgent\nurgent too\nordinary\n", "the order")


@queue_test
def a_plain_program_sends(programs, directory):
    compiler = need("cc")
    source, program = os.path.join(directory, "plain.c"), os.path.join(directory, "plain")
    with open(source, "w", encoding="ascii") as file:
        file.write(PLAIN_SENDER)
    programs.run([compiler, "-o", program, source, "-lrt"])
    programs.run([program, NAME, "low", "high"])
    check_equal(programs.run([LEAT, "recv", "--count", "2", QUEUE]), b"high\nlow\n", "what mq_send sent")


@queue_test
def made_told_set_and_removed(programs, _):
    programs.run([LEAT, "create", "--mode", "0640", f"{QUEUE}?depth=3&size=100"])
    told = programs.run([LEAT, "info", "--json", QUEUE])
    for part in (b'"depth": 3', b'"largest_bytes": 100', b'"mode": "0640"', b'"queued_messages": 0'):
        check(part in told, f"{part} is not in {told}")
    programs.run([LEAT, "set", QUEUE, "mode=0600"])
    check(b'"mode": "0600"' in programs.run([LEAT, "info", "--json", QUEUE]), "the mode that was set")
    programs.run([LEAT, "rm", QUEUE])
    programs.run([LEAT, "rm", QUEUE], status=1)


def wrong_names_are_explained(programs, _):
    program = programs.start([LEAT, "send", "mq:orders", "x"])
    error = program.communicate()[1]
    check(b"try mq:/orders" in error, f"said {error}")
    check(program.returncode != 0, "its status")


@queue_test
def a_broadcast_is_refused_and_names_log(programs, _):
    program = programs.start([LEAT, "send", f"{QUEUE}?pattern=broadcast", "x"])
    error = program.communicate()[1]
    check(b"log:" in error, f"said {error}")


TESTS = (sent_before_and_received_later, across_a_kill, urgent_ones_first, a_plain_program_sends,
         made_told_set_and_removed, wrong_names_are_explained, a_broadcast_is_refused_and_names_log)
main([(test.__closure__[0].cell_contents.__name__ if test.__closure__ else test.__name__, test) for test in TESTS])
