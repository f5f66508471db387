#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What leatgen calls things in C: prefixes, keywords, inline bodies, several programs, and names that come out equal. TAP."""
import os
import re
import sys

sys.dont_write_bytecode = True
from generator import attempt, check, check_equal, compile_c, compile_header, leatgen, messages, read, write  # noqa: E402
from tap import TESTS, main, test  # noqa: E402


def compiled(programs, directory, text, *options, name="file.x"):
    """The header without its comments, and what was said."""
    write(directory, name, text)
    _, said = leatgen(programs, directory, *options, name)
    return re.sub(r"/\*.*?\*/", "", read(os.path.join(directory, name[:-2] + ".h")), flags=re.S), said


def compile_all(programs, directory):
    """What was written: each source as C, by two compilers, and each header as C++."""
    names = sorted(os.listdir(directory))
    for name in names:
        if name.endswith(".c"):
            compile_c(programs, directory, name)
        elif name.endswith(".h"):
            compile_header(programs, directory, name, ["g++"])


def has(header, *words):
    for word in words:
        end = r"(?!\w)" if word[-1].isalnum() or word[-1] == "_" else ""
        check(re.search(rf"\b{re.escape(word)}{end}", header), f"`{word}` is not in\n{header}")


def warned(said):
    return messages(said, "warning")


def refused(programs, directory, text, *options, name="file.x"):
    """(line, column, text) of each error."""
    write(directory, name, text)
    return messages(leatgen(programs, directory, *options, name, status=1)[1], "error")


PROGRAM = "program %s { version V { void NULL(void) = 0; } = 3; } = 0x20000001;\n"


@test
def the_prefix_is_of_the_first_program(programs, directory):
    for name in ("DIR_PROGRAM", "DIR_PROG", "DIRPROGRAM", "DIRPROG", "DIR", "Dir_Prog"):
        header, said = compiled(programs, directory, "struct entry { int a; };\n" + PROGRAM % name)
        has(header, "struct dir_entry", "dir_entry_type", "dir_entry_encode", "dir_entry_decode", "dir_null_3", "struct dir_3_functions",
            "dir_3_server")
        check_equal(said, "", f"said of {name}")
    header, _ = compiled(programs, directory, "struct entry { int a; };\n" + PROGRAM % "PROGRAM")
    has(header, "struct program_entry")


@test
def without_a_program_it_is_of_the_file(programs, directory):
    for name, prefix in (("dir.x", "dir"), ("Dir-List.2.x", "dir_list_2"), ("9p.x", "x9p"), ("__a.x", "a"), ("_.x", "interface"),
                         ("ü.x", "interface"), ("auf-ü.x", "auf")):
        header, _ = compiled(programs, directory, "struct entry { int a; };\nconst MAX = 1;\n", name=name)
        has(header, f"struct {prefix}_entry", f"{prefix.upper()}_MAX")


@test
def an_option_or_the_namespace_goes_before(programs, directory):
    text = "struct entry { int a; };\n" + PROGRAM % "DIR_PROG"
    header, _ = compiled(programs, directory, text, "--prefix", "other")
    has(header, "struct other_entry", "other_null_3", "OTHER_DIR_PROG")
    text = "namespace a::b {\n" + text + "}\n"
    header, _ = compiled(programs, directory, text, "--extended")
    has(header, "struct a_b_entry", "a_b_null_3")
    header, _ = compiled(programs, directory, text, "--extended", "--prefix", "Q2")
    has(header, "struct Q2_entry")


@test
def a_prefix_that_cannot_be(programs, directory):
    write(directory, "file.x", "const A = 1;\n")
    for prefix in ("leat", "leat_xdr", "leat_rpc", "9a", "a-b", "", "_a", "a b"):
        status, _, said = attempt(programs, directory, "--prefix", prefix, "file.x")
        check(status in (1, 2), f"{prefix!r}: status {status}")
        check(b"prefix" in said, f"{prefix!r}: it said {said!r}")
    check_equal(os.listdir(directory), ["file.x"], "the folder")
    check("--prefix" in refused(programs, directory, "const A = 1;\n", name="leat.x")[0][2], "leat.x")


@test
def what_begins_with_the_prefix_gets_it_once(programs, directory):
    text = "struct dir_entry { int a; };\nconst DIR_MAX = 1;\nenum dir_kind { DIR_FILE };\nstruct dir { int a; };\nstruct dir_ { int a; };\n"
    header, _ = compiled(programs, directory, text, name="dir.x")
    has(header, "struct dir_entry", "DIR_MAX", "enum dir_kind", "DIR_FILE", "struct dir_dir", "struct dir_dir_")
    check("DIR_DIR" not in header and "dir_dir_entry" not in header, "a prefix twice")


@test
def what_is_of_c_gets_the_prefix(programs, directory):
    """Though it begins with it."""
    for name, text, *wanted in (("time.x", "typedef opaque time_t[4];\nstruct time_of { time_t at; };\n", "time_time_t[4]", "struct time_of {"),
                                ("path.x", "const PATH_MAX = 7;\nconst PATH_MOST = 8;\n", "PATH_PATH_MAX 7", "PATH_MOST 8")):
        header, _ = compiled(programs, directory, text, name=name)
        has(header, *wanted)


@test
def families_of_the_system_get_it_twice(programs, directory):
    for name in ("rpcb", "pmap", "xdr", "svc", "clnt", "auth", "key", "yp", "nis"):
        header, _ = compiled(programs, directory, f"struct {name}_entry {{ int a; }};\nconst {name.upper()}_MAX = 1;\n", name=name + ".x")
        has(header, f"struct {name}_{name}_entry", f"{name.upper()}_{name.upper()}_MAX")


@test
def inline_bodies_are_called_after_where_they_stand(programs, directory):
    text = """
struct entry { enum { NONE, SOME } kind; struct { struct { int a; } deep; } inner; };
union choice switch (int v) { case 1: struct { int a; } one; default: void; };
typedef struct { int a; } named;
typedef enum { RED } list<4>;
"""
    header, said = compiled(programs, directory, text, name="dir.x")
    has(header, "enum dir_entry_kind", "struct dir_entry_inner", "struct dir_entry_inner_deep", "struct dir_choice_one", "struct dir_named",
        "enum dir_list_item", "DIR_NONE")
    check_equal(said, "", "said")
    compile_all(programs, directory)


@test
def words_of_c_are_renamed_and_reported(programs, directory):
    text = "struct entry {\n    int class;\n    int unix;\n    int fine;\n};\nunion choice switch (int u) {\ncase 1:\n    int delete;\n};\n"
    header, said = compiled(programs, directory, text, name="dir.x")
    has(header, "class_", "unix_", "fine", "u_", "delete_")
    check_equal([place[:2] for place in warned(said)], [(2, 9), (3, 9), (6, 26), (8, 9)], "places")
    check("`class` is called `class_` in C" in said, said)
    header, _ = compiled(programs, directory, "struct entry { int class; int class_; int class__; };\n", name="dir.x")
    has(header, "class___", "class_", "class__")


KEYWORDS = """alignas alignof and and_eq asm auto bitand bitor break catch char8_t char16_t char32_t class co_await co_return co_yield compl concept
 consteval constexpr constinit const_cast continue decltype delete do dynamic_cast else explicit export extern for friend goto if
 inline mutable new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict return
 signed sizeof static static_assert static_cast template this thread_local throw true false try typeid typename typeof using virtual volatile
 wchar_t while xor xor_eq _Bool _Alignas _Atomic NULL EOF errno stdin stdout stderr unix linux major minor offsetof assert""".split()


@test
def every_keyword_may_be_a_field(programs, directory):
    fields = "".join(f"int {word};\n" for word in KEYWORDS)
    arms = "".join(f"case {number}: int {word};\n" for number, word in enumerate(KEYWORDS))
    text = f"struct all {{\n{fields}}};\nunion any switch (int d) {{\n{arms}}};\n"
    types = "".join(f"struct {word} {{ int a; }};\n" for word in KEYWORDS)
    procedures = "".join(f"void {word}(int) = {number};\n" for number, word in enumerate(KEYWORDS))
    consts = "".join(f"const c_{word} = {number};\n" for number, word in enumerate(KEYWORDS))
    text += types + consts + "program DIR { version V {\n" + procedures + "} = 1; } = 1;\n"
    _, said = compiled(programs, directory, "#include <errno.h>\n".replace("#", "%#") + "%#include <stdio.h>\n%#include <assert.h>\n" + text)
    check_equal(len(warned(said)), 2 * len(KEYWORDS), "how many were renamed")
    compile_all(programs, directory)


@test
def typedefs_that_are_called_as_a_function(programs, directory):
    text = "struct file { int a; };\nenum file_type { PLAIN };\ntypedef int file_encode;\ntypedef int dir_schema;\n"
    header, said = compiled(programs, directory, text, name="dir.x")
    has(header, "enum dir_file_type", "dir_file_type(", "dir_file_encode_", "dir_file_encode(", "dir_schema_")
    check_equal([place[:2] for place in warned(said)], [(3, 13), (4, 13)], "places")
    compile_all(programs, directory)


@test
def programs_and_versions_beside_each_other(programs, directory):
    version = "version V%d { void NULL(void) = 0; int GET(int a, string b<>) = 1; } = %d;\n"
    text = "".join(f"program {name} {{\n{version % (1, 1)}{version % (2, 2)}}} = {number};\n"
                   for number, name in enumerate(("DIR_PROG", "DIR_CALLBACK_PROG", "MOUNTPROG"), 7))
    header, said = compiled(programs, directory, text)
    has(header, "dir_null_1", "dir_null_2", "dir_callback_get_1", "dir_mount_get_2", "dir_mount_1_server", "struct dir_1_functions")
    check_equal(said, "", "said")
    compile_all(programs, directory)


@test
def equal_names_are_refused_with_both(programs, directory):
    text = "struct entry { int a; };\nstruct dir_entry { int a; };\n"
    errors = refused(programs, directory, text, name="dir.x")
    check_equal([error[:2] for error in errors], [(2, 8)], "places")
    check("`dir_entry`" in errors[0][2] and "`entry`" in errors[0][2], errors[0][2])
    has(compiled(programs, directory, text, "--prefix", "d", name="dir.x")[0], "struct d_entry", "struct d_dir_entry")


@test
def stubs_that_start_a_call_have_names(programs, directory):
    """What is made of a procedure may meet what is made of another, or a type."""
    text = "typedef int %s;\nprogram DIR { version V { int GET(int) = 1; } = 1; } = 0x20000001;\n"
    header, _ = compiled(programs, directory, text % "other", name="dir.x")
    has(header, "dir_get_1_start(")
    errors = refused(programs, directory, text % "get_1_start", name="dir.x")
    check_equal([error[:2] for error in errors], [(2, 31)], "places")
    check("`dir_get_1_start`" in errors[0][2] and "procedure `GET`" in errors[0][2], errors[0][2])


@test
def imported_names_are_as_in_their_header(programs, directory):
    base = "%sstruct entry { int a; };\nenum kind { FILE_KIND };\nconst MAX = 7;\n%s"
    user = '%%#include "base.h"\n%sstruct entry { int own; };\nstruct list { kind k[MAX]; };\n%s'
    for first, last, options, prefix in (("", "", (), "base"), ("namespace z {\n", "}\n", ("--extended",), "z"),
                                         ("", PROGRAM % "OTHER_PROG", (), "other")):
        write(directory, "base.x", base % (first, last))
        write(directory, "user.x", user % (first.replace("z", "y"), last.replace("OTHER", "USER")))
        leatgen(programs, directory, *options, "base.x", "user.x")
        has(read(os.path.join(directory, "user.h")), f"enum {prefix}_kind k[")
        compile_all(programs, directory)


@test
def a_given_prefix_is_for_all_files_of_the_command_line(programs, directory):
    write(directory, "base.x", "struct entry { int a; };\nconst MAX = 7;\n")
    write(directory, "user.x", '%#include "base.h"\nstruct list { entry e[MAX]; };\n')
    leatgen(programs, directory, "--prefix", "given", "./base.x", "user.x")
    has(read(os.path.join(directory, "user.h")), "struct given_entry e[GIVEN_MAX]")
    compile_all(programs, directory)
    leatgen(programs, directory, "--prefix", "given", "user.x")
    has(read(os.path.join(directory, "user.h")), "struct base_entry e[BASE_MAX]")


@test
def an_own_name_hides_an_imported_one(programs, directory):
    """Not for the imported interface itself, which means its own."""
    write(directory, "base.x", "const MAX = 7;\nstruct kind { int a; };\nstruct entry { opaque id<MAX>; kind k; };\nenum e { ONE = MAX };\n")
    write(directory, "user.x", '%#include "base.h"\nstruct two { entry e; opaque id<MAX>; };\nconst MAX = 5;\n')
    _, said = leatgen(programs, directory, "user.x", status=1)
    check("user.x:2:33: error: `MAX` is used before it is defined" in said, said)
    write(directory, "user.x", '%#include "base.h"\nconst MAX = 5;\nenum kind { A };\nstruct two { entry e; opaque id<MAX>; kind k; };\n')
    leatgen(programs, directory, "base.x", "user.x")
    has(read(os.path.join(directory, "user.h")), "struct base_entry e;", "enum user_kind k;", "USER_MAX 5")
    compile_all(programs, directory)


@test
def files_of_one_namespace_have_tables_of_their_own(programs, directory):
    write(directory, "one.x", "namespace n {\nstruct a { int a; };\n}\n")
    write(directory, "two.x", '%#include "one.h"\nnamespace n {\nstruct b { a x; };\n}\n')
    leatgen(programs, directory, "--extended", "one.x", "two.x")
    tables = [re.search(r"struct leat_xdr_schema (\w+);", read(os.path.join(directory, name)))[1] for name in ("one.h", "two.h")]
    check(tables[0] != tables[1], f"both are {tables[0]}")
    compile_all(programs, directory)


@test
def long_names_and_underscores(programs, directory):
    name = "n" * 1000
    text = f"struct {name} {{ int {name}; }};\nconst {name}_max = 1;\nstruct _x {{ int _y; int __z; }};\nenum e {{ {name}_one }};\n"
    header, said = compiled(programs, directory, text, name="dir.x")
    has(header, f"struct dir_{name}", f"DIR_{name}_max", "struct dir__x", f"DIR_{name}_one")
    check_equal(said, "", "said")
    compile_all(programs, directory)


if __name__ == "__main__":
    main(TESTS)
