#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The front of leatgen: its command line, the preprocessor, the language and what is said about mistakes. TAP."""
import os
import random
import sys

sys.dont_write_bytecode = True
from generator import attempt, check, check_equal, leatgen, messages, print_json, read, write  # noqa: E402
from tap import TESTS, main, random_seed, test, until  # noqa: E402


def parsed(programs, directory, text, *arguments):
    """The interface as data, and its definitions by name."""
    write(directory, "t.x", text)
    interface = print_json(programs, directory, *arguments, "t.x")
    return interface, {definition["name"]: definition for definition in interface["definitions"] if definition["name"]}


def mistakes(programs, directory, text, *arguments, name="t.x"):
    """[(line, column, message)] of all errors."""
    write(directory, name, text)
    before = os.listdir(directory)
    _, err = leatgen(programs, directory, *arguments, name, status=1)
    check_equal(sorted(os.listdir(directory)), sorted(before), "files")
    return messages(err, "error")


def expect(found, wanted):
    """Places exactly; messages by a part of them."""
    check_equal([mistake[:2] for mistake in found], [mistake[:2] for mistake in wanted], f"the places of {found}")
    for mistake, want in zip(found, wanted):
        check(want[2] in mistake[2], f"{want[2]!r} is not in {mistake[2]!r}")


# ---- the command line ----


@test
def help_and_version_go_to_standard_output(programs, directory):
    out, err = leatgen(programs, directory, "--help")
    check(out.startswith("usage: leatgen") and not err, "help")
    for option in ("--prefix", "--extended", "--borrow", "--small", "--depfile", "--outputs", "--format", "--lint",
                   "--check-compatible", "--print json", "--skeleton"):
        check(option in out, f"{option} is not in the help")
    check_equal(leatgen(programs, directory, "-h"), (out, ""), "-h")
    check("-h, --help" in out, "-h is not in the help")
    check(leatgen(programs, directory, "--version")[0].startswith("leatgen "), "version")
    check_equal(leatgen(programs, directory, "--nonsense", "--help", status=2)[0], "", "standard output of wrong use")


@test
def wrong_use_is_2_with_the_way_out(programs, directory):
    write(directory, "a.x", "const A = 1;")
    for arguments in ([], ["--nonsense", "a.x"], ["-q", "a.x"], ["-o"], ["-o", "", "a.x"], ["--depfile", "", "a.x"], ["-D", "1", "a.x"], ["-D", "a b", "a.x"],
                      ["--prefix", "9a", "a.x"], ["--prefix", "", "a.x"], ["--print", "xml", "a.x"], ["--in-place", "a.x"],
                      ["--check", "a.x"], ["--lint", "--format", "a.x"], ["--format", "--check", "--in-place", "a.x"],
                      ["--lint", "--depfile", "d", "a.x"], ["--print", "json", "a.x", "a.x"], ["--check-compatible", "a.x"]):
        out, err = leatgen(programs, directory, *arguments, status=2)
        check(not out and err.startswith("leatgen: ") and "--help" in err, f"{arguments}: {out!r} {err!r}")
    check_equal(os.listdir(directory), ["a.x"], "files")


@test
def a_full_standard_output_is_an_error(programs, directory):
    write(directory, "a.x", "const A = 1;")
    for arguments in (["--help"], ["--version"], ["--outputs", "a.x"], ["--print", "json", "a.x"], ["--format", "a.x"]):
        with open("/dev/full", "wb") as full:
            status, _, err = attempt(programs, directory, *arguments, stdout=full)
        check_equal(status, 1, f"status of {arguments}")
        check(b"standard output" in err, f"{arguments}: {err!r}")


@test
def several_files_are_all_checked_before_one_is_written(programs, directory):
    write(directory, "good.x", "const A = 1;")
    write(directory, "bad.x", "struct { };")
    write(directory, "other.x", "struct b { nothing x; };")
    _, err = leatgen(programs, directory, "good.x", "bad.x", "other.x", status=1)
    check("bad.x:1:" in err and "other.x:1:12" in err, err)
    check_equal(sorted(os.listdir(directory)), ["bad.x", "good.x", "other.x"], "files")
    write(directory, "bad.x", "struct a { int b; };")
    leatgen(programs, directory, "good.x", "bad.x")
    check_equal(sorted(name for name in os.listdir(directory) if not name.endswith(".x")),
                ["bad.h", "bad_xdr.c", "good.h", "good_xdr.c"], "files")


@test
def outputs_are_those_that_are_written(programs, directory):
    write(directory, "a.x", "const A = 1;")
    write(directory, "b.x", "program P { version V { void F(void) = 1; } = 1; } = 0x20000001;")
    os.mkdir(os.path.join(directory, "out"))
    out, _ = leatgen(programs, directory, "-o", "out", "--outputs", "a.x", "b.x")
    check_equal(os.listdir(os.path.join(directory, "out")), [], "what --outputs wrote")
    leatgen(programs, directory, "-o", "out", "a.x", "b.x")
    check_equal(sorted(out.split()), sorted("out/" + name for name in os.listdir(os.path.join(directory, "out"))), "outputs")


@test
def a_depfile_names_all_that_was_read(programs, directory):
    write(directory, "in/a #1$.x", '#include "part.x"\n%#include "other.h"\n%#include "c.h"\nstruct s { other o; opaque b<LIMIT>; };')
    write(directory, "in/part.x", "const PART = 1;")
    write(directory, "in/other.x", "typedef int other;")
    write(directory, "in/c.h", "#define LIMIT 7\n")
    os.mkdir(os.path.join(directory, "o ut"))
    leatgen(programs, directory, "-o", "o ut", "--depfile", "d", "in/a #1$.x")
    text = read(os.path.join(directory, "d"))
    check(text.startswith("o\\ ut/a\\ \\#1$$.h o\\ ut/a\\ \\#1$$_xdr.c:"), text)
    rule, *included = text.replace("\\\n", " ").splitlines()
    check_equal(rule.split(":")[1].split(), ["in/a\\", "\\#1$$.x", "in/part.x", "in/other.x", "in/c.h"], "what was read")
    check_equal(included, ["in/part.x:", "in/other.x:", "in/c.h:"], "the rules of what was included")


MAKEFILE = """made := a.h a_xdr.c b.h b_xdr.c
$(made) &: a.x b.x
\tleatgen --depfile d a.x b.x
\techo ran >>log
\ttouch $(made)
-include d
"""
NINJA = """rule generate
  command = leatgen --depfile d a.x b.x && echo ran >>log
  depfile = d
  restat = 1
  MORE
build a.h a_xdr.c b.h b_xdr.c: generate a.x b.x
"""


def rebuilds(programs, directory, command):
    """A changed included file is seen; so is one that has been renamed, or is missing."""
    def build(runs, what, status=0):
        code, out, err = programs.outcome(programs.start(command, cwd=directory))
        said = (out + err).decode()
        check_equal(code, status, f"the status of {command} with {what}; it said {said}")
        check_equal(len(read(os.path.join(directory, "log")).splitlines()), runs, f"runs with {what}; it said {said}")
        return said

    def change(name, text):
        """As late as what is made next at most, and later than what was made."""
        made = max(os.stat(os.path.join(directory, each)).st_mtime_ns for each in os.listdir(directory))
        until(lambda: os.stat(write(directory, name, text)).st_mtime_ns > made, "the file system's clock moves")

    write(directory, "a.x", '#include "part.x"\nstruct a { opaque a<PART>; };')
    write(directory, "b.x", '%#include "c.h"\n%#include "a.h"\nstruct b { opaque b<LIMIT>; a c; };')
    write(directory, "part.x", "const PART = 1;")
    write(directory, "c.h", "#define LIMIT 7\n")
    build(1, "nothing made yet")
    build(1, "nothing changed")
    change("part.x", "const PART = 2;")
    build(2, "a changed included file")
    build(2, "nothing changed again")
    change("c.h", "#define LIMIT 8\n")
    build(3, "a changed header")
    change("c.h", "#define LIMIT 8\n/* and that changes no output */\n")
    build(4, "a header that changes nothing")
    build(4, "nothing changed after that")
    os.rename(os.path.join(directory, "part.x"), os.path.join(directory, "other.x"))
    change("a.x", '#include "other.x"\nstruct a { opaque a<PART>; };')
    build(5, "a renamed file")
    build(5, "nothing changed after the rename")
    os.remove(os.path.join(directory, "other.x"))
    check("a.x:1:2: error: `other.x`" in build(5, "a file that is missing", status=2 if command[0] == "make" else 1), "it is not leatgen who says what is missing")


@test
def make_follows_the_depfile(programs, directory):
    write(directory, "Makefile", MAKEFILE)
    rebuilds(programs, directory, ["make"])


@test
def ninja_follows_the_depfile(programs, directory):
    for name, more in (("file", ""), ("log", "deps = gcc")):
        inner = os.path.join(directory, name)
        write(directory, os.path.join(name, "build.ninja"), NINJA.replace("MORE", more))
        rebuilds(programs, inner, ["ninja"])


# ---- inputs ----


@test
def strange_inputs(programs, directory):
    for name, text in (("empty", b""), ("no_end", b"struct a { int b; };"), ("percent", b"%"), ("splice", b"%a\\"), ("hash", b"#"),
                       ("mark", b"\xef\xbb\xbfstruct a { int b; };\r\n/* \xe4 */ struct c {\r\n int d;\r\n};\r\n%x \\\r\n y\r\n"),
                       ("comment", b"/* \0 */ const A = 1; /* \xff */"), ("semicolons", b";;; const A = 1;; struct a {; int b;;};")):
        path = write(directory, name + ".x", text)
        leatgen(programs, directory, "-o", directory, path)
    for name, what in ((".", "Is a directory"), ("missing.x", "No such file")):
        _, err = leatgen(programs, directory, name, status=1)
        check(f"cannot read `{name}`" in err and what in err, err)
    with open(os.path.join(directory, "large.x"), "wb") as file:
        file.truncate((100 << 20) + 1)
    check("larger than 100 MB" in leatgen(programs, directory, "large.x", status=1)[1], "a large file")


@test
def hostile_inputs_end_with_errors(programs, directory):
    doubled = "".join(f"#define A{i} A{i - 1} A{i - 1}\n#define B{i} (B{i - 1}+B{i - 1})\n" for i in range(1, 60))
    for text in ("struct a {" + "struct {" * 100000 + "int a;" + "} x;" * 100000 + "};", "#if " + "(" * 100000 + "1\n#endif\n",
                 "#if " + "!" * 100000 + "1\n#endif\n", "#if " + "1?" * 100000 + "1\n#endif\n", "#if 1\n" * 1000, "{" * 100000, "}" * 100000,
                 doubled + "#define A0 x\nstruct a { A59 };", doubled + "#define B0 1\nconst A = B59;",
                 "#define S S\nconst Q = S;", "#define T U\n#define U T\nconst Q = T;", "/*", "/*@", "/*@a", '"', "'", "-", "\0",
                 '#include "t.x"\n#include "t.x"\n', "struct a { int " + "x" * 1000000 + " }", "const A = " + "9" * 100000 + ";"):
        found = mistakes(programs, directory, text)
        check(found, f"no error: {text[:40]!r}")
        check(all(len(message) < 4000 for _, _, message in found), f"long messages: {text[:40]!r}")


@test
def random_inputs_end(programs, directory):
    """Pieces of the language in any order: an error or not, but an end, and never a crash."""
    source = random.Random(random_seed())
    pieces = ["struct", "union", "enum", "switch", "case", "default", ":", ";", "{", "}", "(", ")", "<", ">", "[", "]", "*", ",", "=", "a",
              "B", "5", "-1", "0x", "void", "string", "opaque", "unsigned", "hyper", "program", "version", "typedef", "const", "\n", "\n#if 1\n",
              "\n#else\n", "\n#endif\n", "\n#define a b\n", "\n%x\n", "/*@idempotent*/", "/* c */", "//", "\"", "'", "\\\n", "namespace", "int"]
    for _ in range(150):
        text = " ".join(source.choice(pieces) for _ in range(source.randrange(200)))
        write(directory, "t.x", text)
        status, _, _ = attempt(programs, directory, "-o", directory, "t.x", *source.choice([[], ["--extended"]]))
        check(status in (0, 1), f"status {status} of {text!r}")


@test
def a_large_interface_is_compiled(programs, directory):
    """What takes quadratic time does not come to an end here before the deadline."""
    text = "".join(f"/* doc */ struct s{i} {{ int a; s{max(i - 1, 0)} *next; }};\n#define M{i} {i}\n" for i in range(15000))
    write(directory, "t.x", text + "".join(f"const C{i} = M{i % 15000};\n" for i in range(100000)))
    out, _ = leatgen(programs, directory, "--outputs", "t.x")
    check_equal(out, "t.h\nt_xdr.c\n", "outputs")


# ---- messages ----


@test
def a_message_shows_the_line_and_a_caret(programs, directory):
    write(directory, "t.x", "\tstruct a {\tint \t5; };\n")
    _, err = leatgen(programs, directory, "t.x", status=1)
    check_equal(err, "t.x:1:18: error: the name of a field expected, but found `5`\n"
                     "    1 |         struct a {      int     5; };\n"
                     "      |                                 ^\n", "the message")
    write(directory, "t.x", "/* something else */ " * 20 + "struct 555 { int a; };" + " /* something else */" * 20)
    _, err = leatgen(programs, directory, "t.x", status=1)
    lines = err.splitlines()
    check("555" in lines[1] and len(lines[1]) < 130 and lines[1].endswith("...") and "| ..." in lines[1], err)
    check_equal(lines[1][lines[2].index("^"):][:3], "555", "what the caret points at")
    check("^~~" in lines[2], err)


@test
def bytes_that_a_terminal_would_obey_are_not_shown(programs, directory):
    write(directory, "t.x", b'const A = "\x1b[31m\x9b\xc2\x9b\xe4\xc3\xa4\x7f" 5;\n#error \x1b[2J \xff\n')
    status, _, err = attempt(programs, directory, "t.x")
    check_equal(status, 1, "status")
    err.decode("utf-8")
    check(not any(byte < 32 and byte != 10 or byte == 127 for byte in err), f"control characters in {err!r}")
    check("ä".encode() in err and b"#error ?[2J ?" in err, f"{err!r}")


@test
def errors_come_once_and_at_most_100(programs, directory):
    write(directory, "t.x", "".join(f"struct a{i} {{ int; }};\n" for i in range(250)))
    _, err = leatgen(programs, directory, "t.x", status=1)
    check_equal(err.count(": error: "), 100, "errors")
    check(err.rstrip().endswith("too many errors: 150 more"), err[-100:])


@test
def the_chain_of_files_is_told(programs, directory):
    write(directory, "inc/inner.x", "const A = ;\n")
    write(directory, "middle.x", "\n#include <inner.x>\n")
    write(directory, "t.x", '#include "middle.x"\nconst B = 1;\n')
    _, err = leatgen(programs, directory, "-I", "inc", "t.x", status=1)
    check_equal([line for line in err.splitlines() if " | " not in line],
                ["inc/inner.x:1:11: error: a number or the name of one expected, but found `;`",
                 "middle.x:2:2: note: included from here", "t.x:1:2: note: included from here"], "messages")


@test
def after_an_error_the_rest_is_read(programs, directory):
    expect(mistakes(programs, directory, "struct 5 { int a; };\n"
                    "struct t { int a b; int c; string *d; opaque e; t bar[1][2]; };\n"
                    "enum e { A B, C = x y, D = };\n"
                    "union u switch (int v) { case 1: int b; cases 2: int d; case 3 int; case 4: void; };\n"
                    "program P { version V { void A(void) = ; void B(void) 5; void C(void) = 3; } = 1 } = 5;\n"
                    "struct z { int a; }\nstruct y { int a; };\nfoo;\nstruct x { int 6; };\n"),
           [(1, 8, "name of a structure"), (2, 18, "`;`"), (2, 36, "pointer to a string"), (2, 46, "opaque needs"), (2, 57, "typedef"),
            (3, 12, "`,` or `}`"), (3, 21, "`,` or `}`"), (3, 28, "a number"), (4, 41, "`case`"), (4, 64, "`:`"),
            (5, 40, "a number"), (5, 55, "`=`"), (5, 82, "`;`"), (7, 1, "`;`"), (8, 1, "const, enum"), (9, 16, "name of a field")])


@test
def words_of_the_language_are_no_names(programs, directory):
    for word in ("struct", "version", "program", "string", "opaque", "case", "default", "void", "bool", "unsigned", "long"):
        expect(mistakes(programs, directory, f"struct a {{ hyper {word if word != 'long' else 'char'}; }};"), [(1, 18, "word of the language")])


@test
def long_long_is_hyper(programs, directory):
    for before, after, column in (("", "", 17), ("unsigned ", "", 26), ("", " int", 17), ("", " unsigned", 17)):
        expect(mistakes(programs, directory, f"struct a {{ {before}long long{after} x; }};"), [(1, column, f"say `{before}hyper`")])
    _, found = parsed(programs, directory, "struct a { long int b; unsigned long int c; long d; };")
    check_equal([field["type"] for field in found["a"]["fields"]], ["int", "unsigned int", "int"], "types")


@test
def what_rpcgen_refuses_too(programs, directory):
    for text, column, message in (("struct a { string b[5]; };", 19, "<N>"), ("struct a { opaque b; };", 19, "opaque needs"),
                                  ("struct a { int *b[3]; };", 18, "typedef"), ("struct a { int b<1><2>; };", 20, "typedef"),
                                  ("struct a { void b; };", 12, "void"), ("struct a { int b[]; };", 18, "number"),
                                  ("struct a { };", 12, "at least one field"), ("enum a { };", 10, "enumerator"),
                                  ("union a switch (int b) { };", 26, "at least one"), ("union a { int b; };", 9, "`switch`"),
                                  ("typedef void a;", 9, "void"), ("typedef struct b { int c; } d;", 16, "no name"),
                                  ("program P { version V { int F(void, int) = 1; } = 1; } = 1;", 31, "void stands alone"),
                                  ("union a switch (int b) { case 1: default: void; };", 34, "arm of its own")):
        expect(mistakes(programs, directory, text), [(1, column, message)])


# ---- the language ----


@test
def types_by_their_names(programs, directory):
    words = {"int": "int", "unsigned": "unsigned int", "unsigned int": "unsigned int", "unsigned long int": "unsigned int", "long": "int",
             "unsigned hyper": "unsigned hyper", "hyper": "hyper", "u_int": "unsigned int", "u_long": "unsigned int", "int64_t": "hyper",
             "uint64_t": "unsigned hyper", "u_int64_t": "unsigned hyper", "quad_t": "hyper", "u_longlong_t": "unsigned hyper",
             "bool_t": "bool", "quadruple": "quadruple", "rpcprog_t": "unsigned int", "float": "float", "double": "double"}
    _, by_name = parsed(programs, directory, "struct a {" + "".join(f"{word} f{i};" for i, word in enumerate(words)) + "};")
    types = [field["type"] for field in by_name["a"]["fields"]]
    same = {}
    for word, found in zip(words, types):
        same.setdefault(words[word], set()).add(found)
    for kind, found in same.items():
        check_equal(len(found), 1, f"types that are {kind}: {found}")
    check_equal(len({next(iter(found)) for found in same.values()}), len(same), f"types that differ: {same}")


@test
def a_file_may_define_the_names_that_are_known(programs, directory):
    _, by_name = parsed(programs, directory, "typedef unsigned int uint32_t; typedef opaque int64_t[8]; struct a { uint32_t b; int64_t c; };")
    check("uint32_t" not in by_name, "a typedef that says what is known is left out")
    check_equal(by_name["a"]["fields"][1]["type_name"], "int64_t", "the type of c")


@test
def a_typedef_of_a_body_is_that_body(programs, directory):
    _, by_name = parsed(programs, directory, "typedef struct { int a; } s; typedef enum { A } e; typedef union switch (int b) { default: void; } u;")
    check_equal([by_name[name]["kind"] for name in "seu"], ["struct", "enum", "union"], "kinds")


@test
def numbers_in_all_manners(programs, directory):
    text = "const A = 0x1F; const B = -0x10; const C = 017; const D = 'a'; const E = A; const F = 18446744073709551615; const G = -9223372036854775808;"
    _, by_name = parsed(programs, directory, text)
    check_equal([by_name[name]["value"] for name in "ABCDEFG"], [31, -16, 15, 97, 31, 2**64 - 1, -2**63], "values")


@test
def comments_become_documentation(programs, directory):
    interface, by_name = parsed(programs, directory, """/* The file. */

/*
 * Before,
 * in lines.
 *
 * And more.
 */
struct a {
    int b; /* behind */
    /** before */ int c;
    int d;

    /* far away */

    int e;
};
/* no longer near */

const F = 1; /* behind F */
enum g { H, /* behind H */ I /* behind I */ };
program P { version V {
    /* Calls. */
    /*@idempotent*/ void J(void) = 1;
} = 1; } = 0x20000001;
""")
    check_equal(interface["documentation"], "The file.", "the file's")
    check_equal(by_name["a"]["documentation"], "Before,\nin lines.\n\nAnd more.", "the structure's")
    check_equal([field["documentation"] for field in by_name["a"]["fields"]], ["behind", "before", None, None], "the fields'")
    check_equal(by_name["F"]["documentation"], "behind F", "the constant's")
    check_equal([one["documentation"] for one in by_name["g"]["enumerators"]], ["behind H", "behind I"], "the enumerators'")
    check_equal(by_name["P"]["versions"][0]["procedures"][0]["documentation"], "Calls.", "the procedure's")


@test
def attributes_of_procedures(programs, directory):
    frame = "program P {{ version V {{ {} }} = 1; }} = 0x20000001;"
    _, by_name = parsed(programs, directory, frame.format(
        "/*@idempotent*/ /*@deadline=250ms*/ void A(void) = 1; /*@stream*/ int B(void) = 2; /*@idempotent, @deadline=2m*/ int C(void) = 3;"))
    found = [(one["idempotent"], one["stream"], one["deadline_ns"]) for one in by_name["P"]["versions"][0]["procedures"]]
    check_equal(found, [(True, False, 250000000), (False, True, None), (True, False, 120000000000)], "attributes")
    for text, column, message in (("/*@idempotant*/ void A(void) = 1;", 28, "not an attribute"), ("/*@deadline=5*/ void A(void) = 1;", 28, "deadline=5s"),
                                  ("/*@deadline=0s*/ void A(void) = 1;", 28, "deadline=5s"), ("idempotent void A(void) = 1;", 25, "--extended")):
        expect(mistakes(programs, directory, frame.format(text)), [(1, column, message)])


@test
def extensions_need_the_option(programs, directory):
    for text, line, column in (("// a\nconst B = 1;", 1, 1), ("enum a { B, };", 1, 11), ("namespace a { const B = 1; }", 1, 1), ("package a;", 1, 1)):
        expect(mistakes(programs, directory, text), [(line, column, "--extended")])
        parsed(programs, directory, text, "--extended")
    interface, by_name = parsed(programs, directory, "package a.b; namespace c::d {\n// Says.\n// More.\nstruct e { int f; }; }", "--extended")
    check_equal((interface["package"], interface["namespace"], by_name["e"]["documentation"]), ("a_b", "c_d", "Says.\nMore."), "names")
    expect(mistakes(programs, directory, "namespace a { const B = 1; } namespace c { const D = 1; }", "--extended"), [(1, 30, "one namespace")])
    expect(mistakes(programs, directory, "namespace a { const B = 1;", "--extended"), [(1, 27, "`}`")])


# ---- the preprocessor ----


@test
def conditions_decide_what_is_read(programs, directory):
    for condition, holds in (("1", True), ("0", False), ("defined(A)", True), ("defined A && !defined(B)", True), ("A == 5", True), ("B", False),
                             ("A > 4 ? 0 : 1", False), ("(A << 2 | 1) == 21", True), ("-A < 0 || 1/0", False), ("A % 3 == 2 && ~0 == -1", True),
                             ("0x10 == 16 && 010 == 8 && 'a' == 97 && 1UL", True), ("E == 5", True)):
        if "1/0" in condition:
            expect(mistakes(programs, directory, f"#define A 5\n#if {condition}\n#endif\n"), [(2, 2, "condition")])
            continue
        _, by_name = parsed(programs, directory, f"#define A 5\n#define E A\n#if {condition}\nconst YES = 1;\n#else\nconst NO = 1;\n#endif\n")
        check_equal(list(by_name), ["YES" if holds else "NO"], f"what `#if {condition}` leaves")


@test
def what_is_left_out_is_not_looked_at(programs, directory):
    _, by_name = parsed(programs, directory, "#if 0\nit's \"not\n/* #endif\n*/ @ \\\n#endif\n#if nonsense (\n#endif\n#else\n#ifdef A\n#error no\n"
                        "#elif defined B\n#include \"none\"\n#else\nconst C = 1;\n#endif\n#endif\n")
    check_equal(list(by_name), ["C"], "names")


@test
def names_that_are_defined(programs, directory):
    _, by_name = parsed(programs, directory, "#define N 5\n#define TWICE (N*2) /* twice */\n#define TYPE unsigned \\\n int\n#define NONE\n#define OF(x) x\n"
                        "struct a { TYPE b[TWICE]; NONE int c<N>; opaque d<O>; };\n#undef N\nconst N = -O;", "-D", "O=3", "-D", "P")
    check_equal([field["bound"] for field in by_name["a"]["fields"]], [10, 5, 3], "bounds")
    check_equal(by_name["N"]["value"], -3, "a name that is not defined any more")
    expect(mistakes(programs, directory, "#define F(x) x\nconst A = F(3);"), [(2, 11, "parameters"), (2, 12, "a number")])


@test
def a_sum_without_parentheses_is_not_torn_apart(programs, directory):
    """In C, 2 * N is 13 here, and whoever wrote it meant 16: neither is taken."""
    own = "#define N 5 + 3\n#define ALONE N\n#define SAFE (N) * 2\n%#define M 4 + 4\n%#define TORN M * 2\n"
    _, by_name = parsed(programs, directory, own + "struct a { int b[ALONE]; int c[SAFE]; int d[M]; };\n#if (N) == 8\nconst Z = 1;\n#endif\n")
    check_equal([field["bound"] for field in by_name["a"]["fields"]], [8, 16, 8], "bounds")
    check("Z" in by_name, "a sum in parentheses")
    expect(mistakes(programs, directory, own + "#if 2 * N == 16\n#endif\n"), [(6, 2, "condition")])
    expect(mistakes(programs, directory, own + "const Z = TORN;"), [(6, 11, "`TORN` is not defined")])


@test
def outputs_of_conditions(programs, directory):
    interface, _ = parsed(programs, directory, "%all\n#ifdef RPC_HDR\n%header\n#else\n%no header\n#endif\n#if defined(RPC_CLNT) || defined(RPC_SVC)\n%calls\n"
                          "#elif defined RPC_XDR\n%xdr\n#ifdef RPC_TBL\n%never\n#endif\n#else\n%rest\n#ifndef RPC_HDR\n%never\n#endif\n#endif\n"
                          "#if RPC_SVC\nstruct a { int b; };\n#endif\n")
    found = {one.get("text") or one["name"]: one["outputs"] for one in interface["definitions"]}
    check_equal(found, {"all": ["header", "xdr", "client", "server"], "header": ["header"], "no header": ["xdr", "client", "server"],
                        "calls": ["client", "server"], "xdr": ["xdr"], "rest": ["header"], "a": ["server"]}, "outputs")


@test
def lines_for_the_output_stay_as_they_are(programs, directory):
    interface, _ = parsed(programs, directory, '%#define A(x) \\\n%  (x) /* don\'t */\nstruct s {\n%  // "within\n int b;\n  %indented\n};\n')
    check_equal([(one["kind"], one.get("text")) for one in interface["definitions"]],
                [("verbatim", "#define A(x) \\\n  (x) /* don't */"), ("verbatim", '  // "within'), ("verbatim", "indented"), ("struct", None)], "definitions")


@test
def mistakes_in_directives(programs, directory):
    expect(mistakes(programs, directory, "#else\n#endif\n#elif 1\n#define\n#define 5\n#ifdef\n#endif\n#if\n#endif\n#foo\n# error stop here\n#include\n"
                    "#include <none.h>\n#pragma once\n#\n#if 1\n#else\n#else\n#endif\n#if 1\n"),
           [(1, 2, "without"), (2, 2, "without"), (3, 2, "without"), (4, 2, "a name"), (5, 2, "a name"), (6, 2, "a name"), (8, 2, "condition"),
            (10, 2, "not a directive"), (11, 3, "stop here"), (12, 2, "NAME"), (13, 2, "-I"), (18, 2, "already"), (20, 2, "no #endif")])


@test
def markers_of_lines_rename_what_follows(programs, directory):
    write(directory, "t.x", '# 1 "a.x"\n# 1 "<built-in>" 3\n# 7 "dir/b.x" 2\nconst A = ;\n#line 20\nconst B = ;\n')
    _, err = leatgen(programs, directory, "t.x", status=1)
    check_equal([line.split(" error")[0] for line in err.splitlines() if " error" in line], ["dir/b.x:7:11:", "dir/b.x:20:11:"], "places")
    check("    7 | const A = ;" in err and "   20 | const B = ;" in err, err)


# ---- what is imported ----


@test
def another_interface_is_known_but_not_written(programs, directory):
    write(directory, "inc/other.x", '%#include "deeper.h"\n%verbatim\nconst LIMIT = 3; struct other { deeper a<LIMIT>; };')
    write(directory, "inc/deeper.x", '%#include "other.h"\ntypedef int deeper;')
    interface, by_name = parsed(programs, directory, '%#include <other.h>\nstruct a { other b[LIMIT]; deeper c; };', "-I", "inc")
    check_equal({name: one["imported"] for name, one in by_name.items()}, {"deeper": True, "LIMIT": True, "other": True, "a": False}, "imported")
    check_equal([one["text"] for one in interface["definitions"] if one["kind"] == "verbatim"], ["#include <other.h>"], "lines for the output")


@test
def a_folder_of_the_build_is_no_hindrance(programs, directory):
    write(directory, "types.x", "typedef opaque hash[32];")
    _, by_name = parsed(programs, directory, '%#include "xdr/types.h"\nstruct a { hash b; };')
    check(by_name["hash"]["imported"], "types.x is imported")
    write(directory, "xdr/types.h", "#define ONE 1\n")
    expect(mistakes(programs, directory, '%#include "xdr/types.h"\nstruct a { hash b<ONE>; };'), [(2, 12, "hash")])


@test
def an_error_in_an_imported_file_is_told_there(programs, directory):
    write(directory, "other.x", "struct a { int; };")
    write(directory, "t.x", '%#include "other.h"\n')
    _, err = leatgen(programs, directory, "t.x", status=1)
    check("other.x:1:15: error" in err and "t.x:1:1: note: included from here" in err, err)


@test
def constants_of_c_headers(programs, directory):
    write(directory, "c.h", "#ifndef C_H\n#define C_H\n#include \"d.h\"\n#define A (B + 1) /* a */\n#define TEXT \"a\"\n#define CALL(x) 3\n"
          "#if 0\n#define A 9\n#endif\n#ifdef __cplusplus\n#define A 10\n#endif\n#ifdef X\n#define TWO 1\n#else\n#define TWO 2\n#endif\n"
          "enum { E, F = 1 << 4, /* , */ G, H = sizeof(int), I };\ntypedef enum tag { J = -3, K } t; // enum { L }\n#endif\n")
    write(directory, "d.h", '#include "c.h"\n#define B 0x10u\n#define LOOP LOOP2\n#define LOOP2 LOOP\n')
    text = '%#include "c.h"\n%#include <limits.h>\n%#define OWN (A * 2)\nconst '
    for name, value in (("A", 17), ("B", 16), ("E", 0), ("F", 16), ("G", 17), ("J", -3), ("K", -2), ("OWN", 34), ("PATH_MAX", 4096), ("MAXNETNAMELEN", 255)):
        _, by_name = parsed(programs, directory, f"{text}Z = {name};")
        check_equal(by_name["Z"]["value"], value, name)
    for name in ("TEXT", "CALL", "TWO", "H", "I", "L", "LOOP", "NEVER"):
        expect(mistakes(programs, directory, f"{text}Z = {name};"), [(4, 11, f"`{name}` is not defined")])


if __name__ == "__main__":
    main(TESTS)
