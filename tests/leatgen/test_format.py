#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leatgen --format: the style, that nothing is lost and nothing changes its meaning, and what --in-place and --check do. TAP."""
import os
import random
import re
import sys

sys.dont_write_bytecode = True
from generator import FILES, check, check_equal, flags_of, leatgen, print_json, read, without_places, write
from tap import TESTS, main, random_seed, test  # noqa: E402

UGLY = """\
/* A directory,
 * listed. */
%#include <stddef.h>
#ifdef RPC_HDR
%#define DIR_MAX 7 \\
%        + 1
#endif


const NAME=255;/* bytes */
const LOW=-1 ;
enum kind{FILE_KIND=1,DIR_KIND/* a folder */,/* or */LINK_KIND=
0x10 /* a link
      * to something */};
struct entry
{
\tkind k;\t/* which
\t\t * kind */
  string name  <NAME>;opaque id [ 8 ];entry*next;
  union switch(int v){case 0:void;} more;


};
union found switch ( kind k ) {case FILE_KIND:case DIR_KIND:entry*entries;
default:
void; };
typedef struct{int a<>;}list;
typedef string path<>;
program DIR_PROG{version DIR_V1{
/* Nothing. */
void NOTHING(void)=0;
/*@idempotent*/found LOOKUP(path,kind)=1;}=1;version DIR_V2 { int A(void) = 1; } = 2;}=0x20000001;
/* the end */
"""

NEAT = """\
/* A directory,
 * listed. */
%#include <stddef.h>
#ifdef RPC_HDR
%#define DIR_MAX 7 \\
%        + 1
#endif

const NAME = 255; /* bytes */
const LOW = -1;
enum kind {
    FILE_KIND = 1,
    DIR_KIND /* a folder */, /* or */
    LINK_KIND = 0x10 /* a link
                      * to something */
};

struct entry {
    kind k; /* which
             * kind */
    string name<NAME>;
    opaque id[8];
    entry *next;
    union switch (int v) {
    case 0:
        void;
    } more;
};

union found switch (kind k) {
case FILE_KIND:
case DIR_KIND:
    entry *entries;
default:
    void;
};

typedef struct {
    int a<>;
} list;

typedef string path<>;
program DIR_PROG {
    version DIR_V1 {
        /* Nothing. */
        void NOTHING(void) = 0;
        /*@idempotent*/ found LOOKUP(path, kind) = 1;
    } = 1;
    version DIR_V2 {
        int A(void) = 1;
    } = 2;
} = 0x20000001;

/* the end */
"""


def formatted(programs, directory, *arguments):
    return leatgen(programs, directory, "--format", *arguments)[0]


@test
def the_style(programs, directory):
    write(directory, "ugly.x", UGLY)
    check_equal(formatted(programs, directory, "ugly.x"), NEAT, "the text")
    check_equal(read(os.path.join(directory, "ugly.x")), UGLY, "the file")


@test
def every_file_keeps_its_pieces_and_its_meaning(programs, directory):
    for path in FILES:
        flags = flags_of(path)
        once = formatted(programs, directory, *flags, path)
        copy = write(directory, os.path.basename(path), once)
        check_equal(re.sub(r"\s", "", once), re.sub(r"\s", "", read(path)), f"what is no white space in {path}")
        check_equal(formatted(programs, directory, *flags, copy), once, f"{path}, formatted again")
        before, after = (without_places(print_json(programs, directory, *flags, name)) for name in (path, copy))
        check_equal(after, before, f"the interface of {path}")


@test
def where_lines_end_before_is_forgotten(programs, directory):
    """The same pieces between other white space, without empty lines and comments: the same text."""
    generator = random.Random(random_seed())
    body = re.sub(r"/\*.*?\*/", " ", UGLY[UGLY.index("const NAME"):], flags=re.DOTALL)
    pieces = re.findall(r"\w+|[^\w\s]", body)
    write(directory, "plain.x", " ".join(pieces).replace("- 1", "-1"))
    want = formatted(programs, directory, "plain.x")
    for _ in range(20):
        text = ""
        for piece in pieces:
            both_words = text[-1:].isalnum() and piece[0].isalnum()
            text += generator.choice([" ", "\n", "\t", "  "] if both_words else ["", " ", "\n", "\t", "\r\n"])
            text += piece
        write(directory, "shaken.x", text)
        check_equal(formatted(programs, directory, "shaken.x"), want, "the text of the same pieces")


@test
def long_argument_lists_are_folded(programs, directory):
    arguments = ", ".join(f"unsigned hyper argument_number_{i}" for i in range(9))
    write(directory, "long.x", f"program P {{ version V {{ void F({arguments}) = 1; }} = 1; }} = 0x20000001;")
    out = formatted(programs, directory, "long.x")
    check(max(map(len, out.splitlines())) <= 100, f"a line is too long: {out}")
    check_equal(" ".join(out.split()).count("unsigned hyper argument_number_"), 9, "arguments")


@test
def branches_of_a_condition_begin_alike(programs, directory):
    write(directory, "branches.x", "#ifdef RPC_HDR\nconst A = 1;\n#else\nconst B = 2;\n#endif\n#if 0\nstruct x {\n#else\n"
          "struct y {\n#endif\nint a;\n};\nconst C = 3;\n")
    check_equal(formatted(programs, directory, "branches.x"),
                "#ifdef RPC_HDR\nconst A = 1;\n#else\nconst B = 2;\n#endif\n#if 0\nstruct x {\n#else\n"
                "struct y {\n#endif\n    int a;\n};\n\nconst C = 3;\n", "the text")


@test
def the_extended_language(programs, directory):
    text = "namespace a::b{//here\nenum deadline{A,B,};\nprogram P{version V{idempotent deadline  =5s int F(int)=1;}=1;}=0x20000001;\n}\n"
    want = ("namespace a::b { //here\nenum deadline {\n    A,\n    B,\n};\n\nprogram P {\n    version V {\n"
            "        idempotent deadline=5s int F(int) = 1;\n    } = 1;\n} = 0x20000001;\n}\n")
    write(directory, "more.x", text)
    check_equal(formatted(programs, directory, "--extended", "more.x"), want, "the text")
    write(directory, "more.x", want)
    check_equal(formatted(programs, directory, "--extended", "more.x"), want, "the text again")
    leatgen(programs, directory, "--format", "more.x", status=1)


@test
def a_file_with_an_error_is_refused_and_untouched(programs, directory):
    broken = "struct a {\n    int b\n};\nconst   X=1;\n"
    path = write(directory, "broken.x", broken)
    out, err = leatgen(programs, directory, "--format", "--in-place", "broken.x", status=1)
    check_equal(out, "", "stdout")
    check("broken.x:3:1: error:" in err, f"it said {err}")
    check_equal(read(path), broken, "the file")
    check_equal(sorted(os.listdir(directory)), ["broken.x"], "the folder")


@test
def in_place_changes_what_has_to_change(programs, directory):
    path = write(directory, "ugly.x", UGLY)
    out, _ = leatgen(programs, directory, "--format", "--in-place", "ugly.x")
    check_equal((out, read(path)), ("", NEAT), "stdout, the file")
    before = os.stat(path)
    leatgen(programs, directory, "--format", "--in-place", "ugly.x")
    after = os.stat(path)
    check_equal((after.st_ino, after.st_mtime_ns), (before.st_ino, before.st_mtime_ns), "a file that is in the format already")
    check_equal(os.listdir(directory), ["ugly.x"], "the folder")


@test
def check_says_which_files_would_change(programs, directory):
    write(directory, "ugly.x", UGLY)
    write(directory, "neat.x", NEAT)
    leatgen(programs, directory, "--format", "--check", "neat.x")
    out, err = leatgen(programs, directory, "--format", "--check", "neat.x", "ugly.x", status=1)
    check("ugly.x" in out + err and "neat.x" not in out + err, f"it said {out}{err}")
    check_equal(read(os.path.join(directory, "ugly.x")), UGLY, "the file")


@test
def an_empty_file_stays_empty(programs, directory):
    write(directory, "empty.x", "")
    check_equal(formatted(programs, directory, "empty.x"), "", "the text")
    write(directory, "comment.x", "\n\n   /* alone */\n\n\n")
    check_equal(formatted(programs, directory, "comment.x"), "/* alone */\n", "the text")


if __name__ == "__main__":
    main(TESTS)
