#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/worker.c, and what `leat send` says of jobs that nobody has acknowledged.

Usage: test_workers.py [LEAT [EXAMPLES-DIRECTORY]]. Output is TAP.
"""
import os
import shutil
import sys

sys.dont_write_bytecode = True
from tap import Watch, check, check_equal, main  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
BUILT = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else os.environ["LEAT_EXAMPLES"]
WORKER = os.path.join(BUILT, "worker")


def lines(program, count):
    return [program.stdout.readline().decode().rstrip("\n") for _ in range(count)]


def what_a_worker_left_comes_to_the_next(programs, directory):
    jobs = f"unix:{directory}/jobs"
    sender = programs.start([LEAT, "send", f"{jobs}?at-least-once", "1", "2", "3", "4", "5"])
    check_equal(programs.run([WORKER, f"{jobs}?acknowledge", "3"]), b"1\n2\n3\n", "the first worker")
    second = programs.start([WORKER, f"{jobs}?acknowledge"])
    got = lines(second, 3)
    check_equal(got[0], "again: 3", "what the first had left")
    check_equal([line.replace("again: ", "") for line in got], ["3", "4", "5"], "the second worker")
    programs.finish(sender)


def a_log_keeps_jobs_for_workers(programs, directory):
    jobs = f"log:{directory}/jobs"
    programs.run([LEAT, "send", jobs, "1", "2", "3"])
    worker = [WORKER, f"{jobs}?pattern=queue&acknowledge"]
    check_equal(programs.run([*worker, "2"]), b"1\n2\n", "the first worker")
    check_equal(programs.run([*worker, "2"]), b"again: 2\n3\n", "the second")
    check_equal(programs.run([*worker, "1"]), b"again: 3\n", "the third")


def send_says_what_is_in_doubt(programs, directory):
    jobs = f"unix:{directory}/jobs"
    listening = Watch(f"{directory}/jobs")
    worker = programs.start([WORKER, f"{jobs}?acknowledge", "2"])
    listening.wait(worker)
    sender = programs.start([LEAT, "send", "--timeout", "4s", f"{jobs}?at-least-once", "1", "2"])
    check_equal(programs.finish(worker), b"1\n2\n", "the worker")
    _, said = sender.communicate()
    check_equal(sender.returncode, 124, f"status, having said {said!r}")
    check(b"not acknowledged" in said and b"2 to 2" in said, f"said {said!r}")


if __name__ == "__main__":
    main([(test.__name__.replace("_", " "), test) for test in (
        what_a_worker_left_comes_to_the_next, a_log_keeps_jobs_for_workers, send_says_what_is_in_doubt)])
