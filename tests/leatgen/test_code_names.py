#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The symbols of what leatgen writes: one interface twice in one program, and what is read-only. Those of every file: test_accepted.py. TAP."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from generator import ROOT, check, check_equal, leatgen, symbols, write
from tap import TESTS, main, test  # noqa: E402


def objects(programs, directory, *flags):
    """Compile all C that is there: the objects."""
    made = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".c"):
            programs.run(["cc", "-O1", *flags, "-I", os.path.join(ROOT, "include"), "-c", name], cwd=directory)
            made.append(os.path.join(directory, name[:-2] + ".o"))
    return made


@test
def two_prefixes_in_one_program(programs, directory):
    """The same interface twice: nothing is defined twice, but the tables that client and server share."""
    write(directory, "dir.x", "struct e { string n<>; e *next; }; program DIR { version V { e GET(e, int) = 1; } = 1; } = 0x20000001;\n")
    for prefix in ("one", "two"):
        folder = os.path.join(directory, prefix)
        os.mkdir(folder)
        leatgen(programs, directory, "--prefix", prefix, "-o", prefix, "dir.x")
    made = [path for prefix in ("one", "two") for path in objects(programs, os.path.join(directory, prefix))]
    programs.run(["ld", "-r", "-o", "all.o", *made], cwd=directory)
    defined = symbols(programs, os.path.join(directory, "all.o"), "--extern-only", "--defined-only")
    for prefix in ("one", "two"):
        check({f"{prefix}_get_1", f"{prefix}_1_server", f"{prefix}_1_program"} <= defined, f"{prefix}: {defined}")
    check_equal(len([name for name in defined if name.endswith("_schema")]), 2, "schemas")


@test
def what_is_not_used_is_not_there(programs, directory):
    """The stubs that start a call stand in the header: a program that includes it has none of them, also without optimization; one that uses one has that."""
    write(directory, "dir.x", "program DIR { version V { int GET(int, int) = 1; void PUT(int) = 2; } = 1; } = 0x20000001;\n")
    leatgen(programs, directory, "dir.x")
    write(directory, "none.c", '#include "dir.h"\n')
    write(directory, "one.c", '#include "dir.h"\nint put(struct leat_rpc_client *a, struct leat_rpc_call *b) { return dir_put_1_start(a, 1, b); }\n')
    found = {}
    for path in objects(programs, directory, "-O0"):
        found[os.path.basename(path)] = {name for name in symbols(programs, path) if name.endswith("_start")} - {"leat_rpc_start"}
    check_equal(found, {**{name: set() for name in found}, "one.o": {"dir_put_1_start"}}, "stubs that start")
    check("none.o" in found and "dir_client.o" in found, found)


@test
def tables_are_read_only(programs, directory):
    """With --small there is nothing to relocate at load but the pointers of the one structure that names the tables."""
    write(directory, "dir.x", "enum k { A, B }; struct e { k a; string n<>; e *next; };\n")
    leatgen(programs, directory, "--small", "dir.x")
    made, = objects(programs, directory, "-fPIC")
    out = subprocess.run(["readelf", "-rW", made], capture_output=True, check=True).stdout.decode()
    check_equal(len(re.findall(r"R_\w+", out)), 4, f"relocations: {out}")
    out = subprocess.run(["size", "-A", made], capture_output=True, check=True).stdout.decode()
    check(re.search(r"^\.data\s+0\s", out, re.M) and re.search(r"^\.text\s+0\s", out, re.M), f"sections: {out}")


if __name__ == "__main__":
    main(TESTS)
