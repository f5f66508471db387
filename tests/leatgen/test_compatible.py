#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leatgen --check-compatible: one change at a time, and which line, of which level, where. TAP.

Status: 0 if nothing breaks on the wire, 1 if something does or in source.
"""
import re
import sys

sys.dont_write_bytecode = True
from generator import FILES, check, check_equal, flags_of, leatgen, write
from tap import TESTS, main, test  # noqa: E402

OLD = """\
const MOST = 16;
enum kind { NONE = 0, SOME = 1 };
typedef string name_type<MOST>;
struct entry {
    kind k;
    name_type name;
    opaque id<8>;
    int numbers[4];
    entry *next;
};
union found switch (kind k) {
case NONE:
    void;
case SOME:
    entry first;
};
program DIR_PROG {
    version DIR_V1 {
        void NOTHING(void) = 0;
        found LOOKUP(name_type) = 1;
        int PUT(entry, bool) = 2;
    } = 1;
    version DIR_V2 {
        void NOTHING(void) = 0;
    } = 2;
} = 0x20000001;
"""


def compare(programs, directory, old, new, status):
    """(line, column, level, text) of each line that is printed; 0, 0 of those without a place."""
    write(directory, "old.x", old)
    write(directory, "new.x", new)
    out, _ = leatgen(programs, directory, "--check-compatible", "old.x", "new.x", status=status)
    found = [re.fullmatch(r"new\.x(?::(\d+):(\d+))?: (wire|source|compatible): (.*)", line) for line in out.splitlines()]
    check(all(found), f"lines of another form: {out}")
    return [(int(one[1] or 0), int(one[2] or 0), one[3], one[4]) for one in found]


def change(name, levels, *pairs, line=None, words=""):
    """A test that makes the changes and wants these levels, the first of them in this line of the new file, with these words."""
    def run(programs, directory):
        new = OLD
        for before, after in pairs:
            check(before in new, f"{before} is not in the old file")
            new = new.replace(before, after)
        breaks = "wire" in levels or "source" in levels
        found = compare(programs, directory, OLD, new, 1 if breaks else 0)
        check_equal(sorted(level for _, _, level, _ in found), sorted(levels.split()), f"the levels of {found}")
        if line is not None:
            check(any(place == line for place, _, _, _ in found), f"none in line {line}: {found}")
        check(not levels or any(words in text for _, _, _, text in found), f"nothing says {words!r}: {found}")
    TESTS.append((name, run))


@test
def the_same_file_says_nothing(programs, directory):
    check_equal(compare(programs, directory, OLD, OLD, 0), [], "lines")


@test
def other_spellings_of_the_same_say_nothing(programs, directory):
    new = OLD.replace("const MOST = 16;", "const MOST = 0x10;").replace("opaque id<8>", "opaque id<010>").replace("\n", "\n\n")
    check_equal(compare(programs, directory, OLD, new, 0), [], "lines")


@test
def every_file_is_compatible_with_itself(programs, directory):
    for path in FILES:
        out, _ = leatgen(programs, directory, *flags_of(path), "--check-compatible", path, path)
        check_equal(out, "", f"lines of {path}")


change("type of a field", "wire", ("kind k;\n    name", "hyper k;\n    name"), line=5, words="`hyper`, was `kind` (old.x:5:10)")
change("wider field", "source", ("kind k;\n    name", "int k;\n    name"), line=5)
change("field removed", "wire", ("    opaque id<8>;\n", ""), line=4, words="`id` of `entry` is gone (old.x:7:12)")
change("field added", "wire", ("    opaque id<8>;\n", "    opaque id<8>;\n    int more;\n"), line=8, words="`more` of `entry` is new")
change("fields in another order", "wire wire", ("    name_type name;\n    opaque id<8>;\n", "    opaque id<8>;\n    name_type name;\n"), line=6)
change("field renamed", "source", ("opaque id<8>", "opaque identity<8>"), line=7, words="was called `id`")
change("bound lowered", "wire", ("opaque id<8>", "opaque id<7>"), line=7)
change("bound raised", "compatible", ("opaque id<8>", "opaque id<9>"), line=7)
change("bound by a constant", "wire source", ("MOST = 16", "MOST = 15"), line=3)
change("bound taken away", "compatible", ("opaque id<8>", "opaque id<>"), line=7)
change("size of an array", "wire", ("numbers[4]", "numbers[5]"), line=8)
change("fixed array to variable", "wire", ("numbers[4]", "numbers<4>"), line=8)
change("optional to array of one", "source", ("entry *next", "entry next<1>"), line=9)
change("optional to array of two", "source compatible", ("entry *next", "entry next<2>"), line=9)
change("opaque to string", "wire", ("opaque id<8>", "string id<8>"), line=7)
change("string to opaque", "source", ("string name_type", "opaque name_type"), line=3)
change("typedef taken off", "", ("    name_type name;", "    string name<16>;"))
change("typedef renamed", "source", ("name_type", "name_kind"), words="the type `name_type` is gone")
change("struct renamed", "source source source source", ("entry", "item"), words="`item`, was of `entry`")
change("enumerator's value", "wire wire compatible", ("SOME = 1", "SOME = 2"), line=2, words="`SOME` is 2, was 1")
change("enumerator added", "compatible", ("SOME = 1", "SOME = 1, MORE = 2"), line=2)
change("enumerator renamed", "source", ("SOME", "MANY"), line=2, words="its value 1 is `MANY`")
change("case removed", "wire", ("case SOME:\n    entry first;\n", ""), line=11, words="the case `SOME`")
change("case added", "compatible compatible", ("SOME = 1", "SOME = 1, MORE = 2"), ("case NONE:", "case MORE:\ncase NONE:"), line=12)
change("case filled", "wire", ("case NONE:\n    void;", "case NONE:\n    int x;"), line=12)
change("case falls to a default", "wire compatible", ("case SOME:\n    entry first;\n", "default:\n    void;\n"))
change("default added", "compatible", ("entry first;\n", "entry first;\ndefault:\n    void;\n"), line=16)
change("arm renamed", "source", ("entry first", "entry last"), line=15)
change("discriminant renamed", "source", ("switch (kind k)", "switch (kind which)"), line=11)
change("constant changed", "source wire", ("MOST = 16", "MOST = 15"), line=1)
change("constant removed", "source", ("const MOST = 16;\n", ""), ("<MOST>", "<16>"), words="the constant `MOST` is gone")
change("type removed", "source wire", ("typedef string name_type<MOST>;\n", ""), ("found LOOKUP(name_type)", "found LOOKUP(void)"), ("name_type name", "string name<16>"))
change("procedure added", "compatible", ("int PUT", "int MORE(void) = 3; int PUT"))
change("procedure removed", "wire", ("        found LOOKUP(name_type) = 1;\n", ""), line=18, words="`LOOKUP` (1) is gone")
change("procedure renamed", "source", ("LOOKUP", "FIND"), line=20)
change("procedure's number", "wire", ("bool) = 2", "bool) = 7"), line=21, words="number 7, was 2")
change("procedures changed places", "wire wire", ("(name_type) = 1", "(name_type) = 3"), ("bool) = 2", "bool) = 1"), ("_type) = 3", "_type) = 2"))
change("result changed", "wire", ("int PUT", "hyper PUT"), line=21)
change("result taken away", "wire", ("int PUT", "void PUT"), line=21)
change("argument added", "wire", ("entry, bool", "entry, bool, int"), line=21)
change("argument removed", "wire", ("entry, bool", "entry"), line=21)
change("argument changed", "wire", ("entry, bool", "entry, hyper"), line=21)
change("argument from none", "wire", ("void NOTHING(void) = 0;\n        found", "void NOTHING(int) = 0;\n        found"), line=19)
change("version added", "compatible", ("} = 2;\n}", "} = 2; version DIR_V3 { void NOTHING(void) = 0; } = 3;\n}"))
change("version removed", "wire", ("    version DIR_V2 {\n        void NOTHING(void) = 0;\n    } = 2;\n", ""), line=17)
change("version's number", "wire", ("} = 2;\n}", "} = 5;\n}"), line=23)
change("program's number", "wire", ("0x20000001", "0x20000002"), line=26)
change("program renamed", "source source", ("DIR_PROG", "FILE_PROG"))
change("program removed", "wire source", (OLD[OLD.index("program"):], ""))
change("struct to union", "wire", ("struct entry {\n    kind k;\n    name_type name;\n    opaque id<8>;\n    int numbers[4];\n    entry *next;\n};",
                                    "union entry switch (int a) {\ncase 0:\n    void;\n};"), line=4)


def check_one_break(programs, directory, text, before, after):
    """A long text is compatible with itself, and not with one that is changed in its first line."""
    check_equal(compare(programs, directory, text, text, 0), [], "lines")
    check(before in text, f"{before} is not in the old file")
    found = compare(programs, directory, text, text.replace(before, after), 1)
    check_equal([(line, level) for line, _, level, _ in found], [(1, "wire")], "lines of one change")


@test
def recursion_through_many_types_ends(programs, directory):
    count = 3000
    text = "".join(f"struct s{i} {{ s{(i + 1) % count} *next; s{(i * 7 + 1) % count} *other; int x; }};\n" for i in range(count))
    check_one_break(programs, directory, text, "int x; };\nstruct s1 ", "hyper x; };\nstruct s1 ")


@test
def a_chain_of_typedefs_is_no_recursion(programs, directory):
    text = "typedef int t0;\n" + "".join(f"typedef t{i} t{i + 1};\n" for i in range(2000)) + "struct s { t2000 x; };\n"
    check_one_break(programs, directory, text, "typedef int t0", "typedef hyper t0")


@test
def wrong_files(programs, directory):
    write(directory, "good.x", OLD)
    write(directory, "bad.x", "struct { int")
    for old, new, status in (("bad.x", "good.x", 1), ("good.x", "bad.x", 1), ("none.x", "good.x", 1)):
        out, err = leatgen(programs, directory, "--check-compatible", old, new, status=status)
        check(out == "" and ("bad.x" in err or "none.x" in err), f"it said {out}{err}")


if __name__ == "__main__":
    main(TESTS)
