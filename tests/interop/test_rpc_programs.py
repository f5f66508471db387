#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/directory_serve.c and directory_look_up.c: remote calls by an interface file, over several transports.

Usage: test_rpc_programs.py [EXAMPLES-DIRECTORY]. Output is TAP.
"""
import os
import sys

sys.dont_write_bytecode = True
from tap import Watch, check, check_equal, main  # noqa: E402

BUILT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.environ["LEAT_EXAMPLES"]
SERVE = os.path.join(BUILT, "directory_serve")
LOOK_UP = os.path.join(BUILT, "directory_look_up")


def talk(programs, address):
    check_equal(programs.run([LOOK_UP, address, "find", ""]), b"", "an empty directory")
    check_equal(programs.run([LOOK_UP, address, "add", "ada", "person", "ada@example.org"]), b"added\n", "a person")
    check_equal(programs.run([LOOK_UP, address, "add", "aula", "room", "300"]), b"added\n", "a room")
    check_equal(programs.run([LOOK_UP, address, "add", "ada", "room", "1"]), b"it is there already\n", "twice")
    check_equal(programs.run([LOOK_UP, address, "find", "a"]), b"ada: ada@example.org\naula: 300 seats\n", "both")
    check_equal(programs.run([LOOK_UP, address, "find", "au"]), b"aula: 300 seats\n", "one")


def over(scheme):
    def test(programs, directory):
        address = f"{scheme}:{directory}/directory"
        listening = Watch(f"{directory}/directory")
        server = programs.start([SERVE, address])
        listening.wait(server)
        talk(programs, address)

    return f"calls over {scheme}", test


def a_call_that_breaks_the_interface_is_not_sent(programs, directory):
    address = f"unix:{directory}/directory"
    listening = Watch(f"{directory}/directory")
    listening.wait(programs.start([SERVE, address]))
    status, _, said = programs.outcome(programs.start([LOOK_UP, address, "add", "x" * 65, "room", "1"]))
    check_equal(status, 1, "status")
    check(b"did not run" in said, f"said {said!r}")


if __name__ == "__main__":
    main([over("unix"), over("unix-stream"), over("shm"),
          ("a call that breaks the interface is not sent", a_call_that_breaks_the_interface_is_not_sent)])
