#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leatgen --lint: each warning with its place and its name, and none for a file that gives no cause. TAP."""
import os
import re
import sys

sys.dont_write_bytecode = True
from generator import ROOT, check, check_equal, leatgen, read, write
from tap import TESTS, main, test  # noqa: E402

CLEAN = """\
const MOST = 16;
enum kind { NONE = 0, SOME = 1 };
struct entry { kind k; string name<MOST>; opaque id<8>; int numbers<MOST>; entry *next; };
program CLEAN_PROG {
    version CLEAN_V1 { void NOTHING(void) = 0; entry FIRST(kind) = 1; } = 1;
    version CLEAN_V2 { void NOTHING(void) = 0; entry FIRST(kind) = 1; } = 2;
} = 0x20000001;
"""


def lint(programs, directory, text):
    """(line, column, name) of each warning, in their order."""
    write(directory, "file.x", text)
    out, err = leatgen(programs, directory, "--lint", "file.x")
    check_equal(sorted(os.listdir(directory)), ["file.x"], "the folder")
    check_equal(out, "", "stdout")
    return [(int(line), int(column), name) for line, column, name in
            re.findall(r"^file\.x:(\d+):(\d+): warning: .* \[([\w-]+)\]$", err, re.MULTILINE)]


@test
def nothing_is_said_of_a_good_file(programs, directory):
    check_equal(lint(programs, directory, CLEAN), [], "warnings")


@test
def unbounded(programs, directory):
    text = "struct a {\n    string s<>;\n    opaque o<>;\n    int i<>;\n    int j<5>;\n};\ntypedef string t<>;\n"
    check_equal(lint(programs, directory, text), [(2, 12, "unbounded"), (3, 12, "unbounded"), (4, 9, "unbounded"),
                                                  (7, 16, "unbounded")], "warnings")
    text = "union u switch (int d) {\ncase 0:\n    opaque o<>;\n};\n"
    check_equal(lint(programs, directory, text), [(3, 12, "unbounded")], "warnings of a union")
    text = CLEAN.replace("FIRST(kind) = 1; } = 2", "FIRST(string name<>) = 1; } = 2")
    check_equal([name for _, _, name in lint(programs, directory, text)], ["unbounded"], "warnings of an argument")


@test
def procedure_0(programs, directory):
    text = CLEAN.replace("version CLEAN_V1 { void NOTHING(void)", "version CLEAN_V1 { int NOTHING(void)")
    check_equal(lint(programs, directory, text), [(5, 28, "procedure-0")], "warnings")
    text = CLEAN.replace("version CLEAN_V1 { void NOTHING(void)", "version CLEAN_V1 { void NOTHING(int)")
    check_equal(lint(programs, directory, text), [(5, 29, "procedure-0")], "warnings")


@test
def case(programs, directory):
    text = "struct a {\n    int name;\n    int Name;\n};\nstruct A {\n    int x;\n};\nconst ONE = 1;\nenum e {\n    One = 0\n};\n"
    check_equal(lint(programs, directory, text + "struct user { a one; A two; e three; };\n"),
                [(3, 9, "case"), (5, 8, "case"), (10, 5, "case")], "warnings")


@test
def two_of_one_name(programs, directory):
    text = "struct a {\n    string Name<>;\n    string name<>;\n};\n"
    check_equal(sorted(lint(programs, directory, text)), [(2, 12, "unbounded"), (3, 12, "case"), (3, 12, "unbounded")], "warnings")


@test
def unused(programs, directory):
    text = CLEAN.replace("program", "struct lonely { int a; };\nprogram", 1)
    check_equal(lint(programs, directory, text), [(4, 8, "unused")], "warnings")
    check_equal(lint(programs, directory, "struct lonely { int a; };\n"), [], "warnings of a file without a program")


@test
def no_zero(programs, directory):
    check_equal(lint(programs, directory, "enum e {\n    A = 1,\n    B = 2\n};\n"), [(1, 6, "no-zero")], "warnings")
    check_equal(lint(programs, directory, "enum e {\n    A = 1,\n    B = 0\n};\n"), [], "warnings")


@test
def version_gap(programs, directory):
    check_equal(lint(programs, directory, CLEAN.replace("} = 2;", "} = 3;")), [(6, 13, "version-gap")], "warnings")


@test
def program_number(programs, directory):
    for number, count in (("100003", 1), ("0x1fffffff", 1), ("0x20000000", 0), ("0x3fffffff", 0), ("0x40000000", 1), ("0x5fffffff", 1),
                          ("0x60000000", 1), ("0xffffffff", 1)):
        found = lint(programs, directory, CLEAN.replace("0x20000001", number))
        check_equal(found, [(7, 5, "program-number")] * count, f"warnings of the number {number}")


@test
def every_name_is_explained(_programs, _directory):
    names = set(re.findall(r"\[([a-z][a-z0-9-]+)\]\"", read(os.path.join(ROOT, "tools", "leatgen", "lint.c"))))
    explained = set(re.findall(r"^\| `\[([\w-]+)\]` \|", read(os.path.join(ROOT, "docs", "leatgen.md")), re.MULTILINE))
    check(names, "no names of warnings were found in lint.c")
    check_equal(explained, names, "the warnings that docs/leatgen.md explains")


if __name__ == "__main__":
    main(TESTS)
