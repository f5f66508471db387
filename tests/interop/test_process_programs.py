#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples of processes and pipelines: each is run, and its output compared with the shell's of the same. Output is TAP. No test sleeps."""
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
from tap import DEADLINE_S, check, check_equal, main, need  # noqa: E402

BUILT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.environ["LEAT_EXAMPLES"]
PLAIN = {**os.environ, "LC_ALL": "C"}  # the order of sort(1), and the words of errors
PLAIN.pop("COLUMNS", None)  # ps(1) would cut its lines


def example(name, *arguments):
    return [os.path.join(BUILT, name), *arguments]


def start(programs, *argv, **more):
    return programs.start(argv, env=PLAIN, **more)


def run(programs, *argv, status=0):
    """What it wrote to standard output, and what it said."""
    program = start(programs, *argv)
    out, said = program.communicate(timeout=DEADLINE_S)
    check_equal(program.returncode, status, f"status, having said {said!r}")
    return out, said.decode()


def shell(programs, line):
    return programs.run(["sh", "-c", line], env=PLAIN)


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def copy_by_cat(programs, directory):
    data = os.urandom(300000)
    source, target = write(f"{directory}/from", data), f"{directory}/to"
    for old in (b"", b"x" * 400000):  # what is there is replaced
        write(target, old)
        check_equal(run(programs, *example("copy_by_cat", source, target)), (b"", ""), "said")
        check(read(target) == data, f"{len(read(target))} bytes were copied of {len(data)}")
    for paths, wrong in (((f"{directory}/none", target), "none: No such file"), ((source, f"{directory}/none/to"), "none/to: No such file"),
                         ((source, directory), ": Is a directory")):
        _, said = run(programs, *example("copy_by_cat", *paths), status=1)
        check(wrong in said, f"{paths}: it said {said!r}")
    check(read(target) == data, "the file was touched though nothing could be copied")
    _, said = run(programs, *example("copy_by_cat", source), status=2)
    check("usage" in said, f"it said {said!r}")


def who_sort(programs, _):
    """Somebody may log in meanwhile, so not against who(1) itself alone: one of our own, found by PATH, has always the same lines."""
    need("who")
    check_equal(run(programs, *example("who_sort"))[1], "", "said")


def who_sort_in_order(programs, directory):
    lines = "zoe\nadam\nmia\n"
    write(f"{directory}/who", f"#!/bin/sh\nprintf '{lines}'\n".encode())
    os.chmod(f"{directory}/who", 0o755)
    program = programs.start(example("who_sort"), env={**PLAIN, "PATH": f"{directory}:{os.environ['PATH']}"})
    check_equal(programs.finish(program), b"adam\nmia\nzoe\n", "output")
    os.remove(f"{directory}/who")
    program = programs.start(example("who_sort"), env={**PLAIN, "PATH": directory})
    check_equal(program.communicate(timeout=DEADLINE_S)[0], b"", "output")
    check_equal(program.returncode, 1, "status without who")


def cat_wc(programs, directory):
    one, two = write(f"{directory}/one", b"a\nb\n" * 50000), write(f"{directory}/two", b"no newline at its end\nx")
    check_equal(run(programs, *example("cat_wc", one, two)), (shell(programs, f"cat {one} {two} | wc -l"), ""), "output")
    out, said = run(programs, *example("cat_wc", one, f"{directory}/none"), status=1)
    check_equal(out, b"100000\n", "of what there was")
    check("none" in said and said.endswith("stage 1 ended with 1\n"), f"it said {said!r}")


def ps_grep(programs, directory):
    need("ps")
    found = f"{directory}/found"
    word = f"leat-{os.getpid()}-is-looked-for"
    named = start(programs, "sh", "-c", f"read line # {word}", stdin=subprocess.PIPE)
    check_equal(run(programs, *example("ps_grep", word, found)), (b"", ""), "said")
    lines = read(found).decode().splitlines()
    pids = {int(line.split()[1]) for line in lines if word in line}
    check(named.pid in pids, f"process {named.pid} was not found in {lines}")
    check(any("grep" in line for line in lines), f"grep's own line is missing in {lines}")
    named.communicate(timeout=DEADLINE_S)
    run(programs, *example("ps_grep", "\\(", found), status=2)  # 2>&1: what grep said of it is in the file
    check(b"grep: " in read(found), f"the file has {read(found)!r}")


def join_programs(programs, _):
    argv = example("join_programs")
    out, said = run(programs, *argv, "printf", r"b\na\n", "--", "sort")
    check_equal(out, b"a\nb\n", "output")
    check(re.fullmatch(r"printf exited with 0 after [\d.]+ ms\nsort exited with 0 after [\d.]+ ms\n", said), f"it said {said!r}")
    out, said = run(programs, *argv, "yes", "a b", "--", "head", "-n", "2",
                    status=128 + signal.SIGPIPE)  # as a shell with pipefail; and it ends, though `yes` never would
    check_equal(out, b"a b\na b\n", "output")
    check(said.startswith("yes was killed by SIGPIPE after "), f"it said {said!r}")


def join_programs_status(programs, _):
    argv = example("join_programs")
    run(programs, *argv, "sh", "-c", "exit 3", "--", "cat", status=3)
    run(programs, *argv, "sh", "-c", "exit 3", "--", "sh", "-c", "exit 4", status=4)
    run(programs, *argv, "true", "--", "sh", "-c", "kill -TERM $$", status=128 + signal.SIGTERM)
    for names in (("/none/there", "--", "cat"), ("cat", "--", "/none/there")):
        _, said = run(programs, *argv, *names, status=1)
        check(said.startswith("/none/there: "), f"it said {said!r}")
    for usage in ((), ("cat",), ("cat", "--"), ("--", "cat")):
        run(programs, *argv, *usage, status=2)


def two_way_child(programs, _):
    for kibibytes in (0, 1, 64, 4096):  # a pipe holds 64
        size = kibibytes * 1024
        out, _ = run(programs, *example("two_way_child", str(kibibytes)))
        check_equal(out.decode(), f"the parent read {size} bytes\nthe child read {size} bytes\n", "output")


def inherited(programs, _):
    want = b"the child does: sow\nthe child does: water\nthe child does: reap\n"
    check_equal(run(programs, *example("inherited")), (want, ""), "output")
    _, said = run(programs, *example("inherited", "child"), status=1)  # to whom nothing was handed down
    check(said.startswith("jobs: "), f"it said {said!r}")


if __name__ == "__main__":
    main([(test.__name__.replace("_", " "), test) for test in (
        copy_by_cat, who_sort, who_sort_in_order, cat_wc, ps_grep, join_programs, join_programs_status, two_way_child, inherited)])
