#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What leatgen writes: as the files in golden/ have it (LEATGEN_UPDATE=1 accepts what it writes now), the same from wherever it runs, without a
warning from any compiler as C and, the headers, as C++. That it does the right thing when it runs is tests/rpc/test_generated_kinds.c. TAP.
"""
import glob
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
from generator import HERE, check, check_equal, compile_c, compile_header, flags_of, leatgen, read, write
from tap import TESTS, Skip, main, test  # noqa: E402

GOLDEN = os.path.join(HERE, "golden")
INTERFACES = sorted(glob.glob(os.path.join(GOLDEN, "*.x")))


def generate(programs, directory, path, *flags):
    """Into a folder of its own: the names of the files."""
    os.makedirs(directory, exist_ok=True)
    leatgen(programs, directory, *flags_of(path), *flags, path)
    return sorted(os.listdir(directory))


def golden(path):
    def test(programs, directory):
        base = os.path.basename(path)[:-2]
        folder = os.path.join(directory, "out")
        names = generate(programs, folder, path)
        if os.environ.get("LEATGEN_UPDATE"):
            for name in names:
                shutil.copyfile(os.path.join(folder, name), os.path.join(GOLDEN, name))
        wanted = sorted(os.path.basename(name) for name in glob.glob(os.path.join(GOLDEN, base + "[._]*")) if not name.endswith(".x"))
        check_equal(names, wanted, "the files")
        for name in names:
            got, want = read(os.path.join(folder, name)).splitlines(), read(os.path.join(GOLDEN, name)).splitlines()
            for number, pair in enumerate(zip(got, want), 1):
                check_equal(pair[0], pair[1], f"{name}:{number}")
            check_equal(len(got), len(want), f"lines of {name}")
            if name.endswith(".c"):
                compile_c(programs, folder, name)
            else:
                compile_header(programs, folder, name)

    return "as golden: " + os.path.basename(path), test


def variants(path):
    def test(programs, directory):
        for flags in (["--borrow"], ["--small"], ["--small", "--borrow"], ["--prefix", "other"]):
            folder = os.path.join(directory, "_".join(flags))
            for name in generate(programs, folder, path, *flags):
                if name.endswith(".c"):
                    compile_c(programs, folder, name)

    return "each option: " + os.path.basename(path), test


@test
def the_same_from_wherever_it_runs(programs, directory):
    """Another folder, a relative name, other search folders: no path gets into the output."""
    os.makedirs(os.path.join(directory, "deep", "er"))
    for path in INTERFACES:
        name = os.path.basename(path)
        shutil.copy(path, os.path.join(directory, "deep"))
        generate(programs, os.path.join(directory, "one"), path)
        flags = flags_of(path)[:-2]
        leatgen(programs, os.path.join(directory, "deep"), *flags, "-I", "/tmp", "-o", "er", name)
        leatgen(programs, directory, *flags, "-o", "./deep/er", f"deep/../deep/{name}")
    ours = sorted(os.listdir(os.path.join(directory, "one")))
    check_equal(sorted(os.listdir(os.path.join(directory, "deep", "er"))), ours, "the files")
    for name in ours:
        check_equal(read(os.path.join(directory, "deep", "er", name)), read(os.path.join(directory, "one", name)), name)


@test
def all_in_one_file(programs, directory):
    """Headers and codecs of several interfaces do not meet, even in one translation unit."""
    names = []
    for path in INTERFACES:
        names += generate(programs, directory, path)
    sources = sorted({name for name in names if name.endswith("_xdr.c")})
    check(len(sources) == len(INTERFACES), f"the codecs: {sources}")
    write(directory, "all.c", "".join(f'#include "{name}"\n' for name in sources))
    compile_c(programs, directory, "all.c")


@test
def hostile_comments(programs, directory):
    """What would end a comment in C, begin another one, or is no text."""
    write(directory, "notes.x", b"/* \xa9 Latin-1, \xc3\xa9 UTF-8, a tab\t, a bell \x07, // a line, /* a beginning,\r\n"
          b" a line's end \\\n and ?\?/\n*/\nconst A = 1;\n"
          b"struct s {\n    int a; /* \\ */\n    /** first\n     ** second **/\n    int b;\n};\n")
    leatgen(programs, directory, "notes.x")
    compile_c(programs, directory, "notes_xdr.c")
    compile_header(programs, directory, "notes.h")


@test
def comments_of_arms_are_kept(programs, directory):
    """Wherever they stand: before and behind each label, before and behind the declaration; of void arms too."""
    write(directory, "arms.x", """\
union u switch (int k) {
/* word 1 */
case 1: /* word 2 */
    int x; /* word 3 */
/* word 4 */
case 2: /* word 5 */
/* word 6 */
case 3: /* word 7 */
    /* word 8 */
    int y;
case 4: /* word 9 */ void;
default: /* word 10 */
    void; /* word 11 */
};
union v switch (int k) { case 1: /* word 12 */ void; /* word 13 */ default: /* word 14 */ void; };
""")
    leatgen(programs, directory, "arms.x")
    text = read(os.path.join(directory, "arms.h"))
    found = [int(number) for number in re.findall(r"word (\d+)", text)]
    check_equal(found, list(range(1, 15)), "the comments")
    check(re.search(r"word 3\n\s*\*/\n\s*int32_t x;", text), "word 3 is not before its member")
    check(re.search(r"word 9 \*/\n\s*/\* void: 4 \*/", text), "word 9 is not before its label")
    compile_c(programs, directory, "arms_xdr.c")
    compile_header(programs, directory, "arms.h")


@test
def procedures_are_told_at_stub_and_member(programs, directory):
    """The comment and the attributes of each procedure stand right before its stub, and before the member that carries it out."""
    write(directory, "told.x", """\
program P { version V {
    /* Does it. */
    /*@idempotent*/ /*@deadline=1500ms*/ int BOTH(int) = 1;
    /*@stream*/ int ONE(int) = 2; /* Behind it. */
    /*@deadline=120s*/ int TIME(int) = 3;
    int PLAIN(int) = 4;
    /*@deadline=1ns*/ int LEAST(int) = 5;
} = 1; } = 0x20000001;
""")
    leatgen(programs, directory, "told.x")
    text = read(os.path.join(directory, "told.h"))
    at = ", with LEAT_RPC_TIMEOUT."
    told = {"both": ["Does it.", "Idempotent: it may be tried again. Deadline: 1500ms" + at], "one": ["Behind it.", "Stream: of results."],
            "time": ["Deadline: 2m" + at], "plain": [], "least": ["Deadline: 1ns" + at]}
    for name, lines in told.items():
        for declared in (rf"^int p_{name}_1\(", rf"^ +int \(\*{name}\)\("):
            before = text[:re.search(declared, text, re.MULTILINE).start()].splitlines()
            comment = [line.strip(" /*") for line in before[-len(lines) - 2 if len(lines) > 1 else -1:]] if lines else []
            check_equal([line for line in comment if line], lines, f"the comment before {declared}")
            check(lines or not before[-1].endswith("*/"), f"a comment before {declared}")
    compile_header(programs, directory, "told.h")


@test
def order_does_not_matter(programs, directory):
    """Types before those that they use, in circles by pointers, arms and lists, with typedefs before and behind what they name."""
    write(directory, "order.x", """\
struct last { first f; alias a; list l; pair p[2]; tag t; };
typedef struct node *list;
typedef first alias;
typedef first pair[2];
struct node { alias a; pair p; list next; };
struct first { kind k; choice *c; rows r; };
typedef row rows<4>;
struct row { second *s; };
struct second { third t; };
struct third { rows more; tag of; };
union choice switch (kind k) { case ONE: last l; case TWO: choice again; case THREE: choice several[2]; default: void; };
typedef kind tag;
enum kind { ONE = 1, TWO = 2, THREE = 3, FOUR = 4 };
struct lonely { lonely *next; };
struct a { b *other; };
struct b { a *other; };
""")
    leatgen(programs, directory, "order.x")
    compile_c(programs, directory, "order_xdr.c")
    compile_header(programs, directory, "order.h")


@test
def large_interfaces(programs, directory):
    """More than 64 KiB of names of fields; deep chains of types."""
    text = "".join(f"struct part_{i} {{ {' '.join(f'int member_of_{i}_{j};' for j in range(6))} }};\n" for i in range(1000))
    write(directory, "large.x", text)
    leatgen(programs, directory, "--small", "large.x")
    compile_c(programs, directory, "large_xdr.c")
    text = "typedef int t0;\n" + "".join(f"typedef t{i} t{i + 1};\n" for i in range(20000)) + "struct s { t20000 t; };\n"
    write(directory, "deep.x", text)
    leatgen(programs, directory, "--small", "deep.x")
    check(" s_type" not in read(os.path.join(directory, "deep.h")), "a name without the prefix")


@test
def nothing_at_all(programs, directory):
    """An interface of constants alone, or of nothing."""
    write(directory, "constants.x", "const A = 1;\n")
    write(directory, "empty.x", "")
    leatgen(programs, directory, "constants.x", "empty.x")
    for name in ("constants", "empty"):
        compile_c(programs, directory, name + "_xdr.c")
        compile_header(programs, directory, name + ".h")


if __name__ == "__main__":
    if not shutil.which("clang"):
        raise Skip("clang is not installed")
    main([golden(path) for path in INTERFACES] + [variants(path) for path in INTERFACES] + TESTS)
