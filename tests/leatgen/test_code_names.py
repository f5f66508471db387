#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The symbols of what leatgen writes: each that others see begins with the interface's prefix, and several interfaces go into one program. TAP."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from generator import FILES, ROOT, check, check_equal, flags_of, leatgen, print_json, write
from tap import TESTS, main, test  # noqa: E402


def objects(programs, directory, *flags):
    """Compile all C that is there: the objects."""
    made = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".c"):
            programs.run(["cc", "-O1", *flags, "-I", os.path.join(ROOT, "include"), "-c", name], cwd=directory)
            made.append(os.path.join(directory, name[:-2] + ".o"))
    return made


def symbols(programs, path, which):
    """Names of its global symbols: "--defined-only" or "--undefined-only"."""
    out = programs.run(["nm", "-g", "--format=posix", which, path]).decode()
    return {line.split()[0] for line in out.splitlines() if line}


def with_imports(path):
    """The file, and those beside it whose headers its own one includes."""
    with open(path, encoding="utf-8", errors="replace") as file:
        names = re.findall(r'^%#\s*include [<"](?:\w+/)*(\w+)\.h[>"]', file.read(), re.MULTILINE)
    beside = [os.path.join(os.path.dirname(path), name + ".x") for name in names]
    return [path, *(name for name in beside if os.path.exists(name))]


def prefixed(path):
    def test(programs, directory):
        flags = flags_of(path)
        for each in with_imports(path):
            leatgen(programs, directory, *flags, each)
        interface = print_json(programs, directory, *flags, path)
        base = os.path.basename(path)[:-2]
        allowed = {interface["prefix"], re.sub(r"\W", "_", base).lower()}
        for made in objects(programs, directory):
            if os.path.basename(made) not in (base + "_xdr.o", base + "_client.o", base + "_server.o"):
                continue
            defined = symbols(programs, made, "--defined-only")
            wrong = {name for name in defined if not any(name.startswith(prefix + "_") for prefix in allowed)}
            check_equal(wrong, set(), f"{os.path.basename(made)} defines names without the prefix of {allowed}")
            used = symbols(programs, made, "--undefined-only") - {"memcpy", "memcmp", "memchr", "memset", "_GLOBAL_OFFSET_TABLE_"}
            foreign = {name for name in used if not name.startswith(("leat_", "__stack_chk")) and not any(
                name.startswith(prefix + "_") for prefix in allowed)}
            check_equal(foreign, set(), f"{os.path.basename(made)} needs other than leat's")

    return "symbols: " + os.path.basename(path), test


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
    defined = symbols(programs, os.path.join(directory, "all.o"), "--defined-only")
    for prefix in ("one", "two"):
        check({f"{prefix}_get_1", f"{prefix}_1_server", f"{prefix}_1_program"} <= defined, f"{prefix}: {defined}")
    check_equal(len([name for name in defined if name.endswith("_schema")]), 2, "schemas")


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
    main([prefixed(path) for path in FILES] + TESTS)
