#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Interfaces that are right are accepted: those of accepted/, with everything that people write in such files, and all that Debian's
rpcsvc-proto, libnsl-dev and libtirpc-dev install. What comes out compiles without a warning, is the same wherever and
however often it is made, and links into one program with libtirpc. TAP.
"""
import glob
import os
import re
import sys

sys.dont_write_bytecode = True
from generator import BUILD, HERE, OWN_FILES, ROOT, SYSTEM_FILES, WARNINGS, check, check_equal, flags_of, print_json, symbols, with_imports  # noqa: E402
from tap import main  # noqa: E402

ACCEPTED = os.path.join(HERE, "accepted")
LIBRARY = os.environ.get("LEAT_LIBRARY", os.path.join(BUILD, "lib"))
TIRPC = "/usr/include/tirpc"


def generate(programs, path, folder, **more):
    os.makedirs(folder, exist_ok=True)
    programs.run(["leatgen", *flags_of(path), "-o", folder, path], **more)
    return contents(folder)


def contents(folder):
    """Of each file: when it was written, and its bytes."""
    found = {}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        with open(path, "rb") as output:
            found[name] = (os.stat(path).st_mtime_ns, output.read())
    return found


def texts(found):
    return {name: text for name, (_, text) in found.items()}


def includes(*folders):
    return [word for folder in (os.path.join(ROOT, "include"), *folders) for word in ("-I", folder)]


def compile_c(programs, folder, compiler, action, *more_folders):
    sources = sorted(glob.glob(os.path.join(folder, "*.c")))
    check(sources, f"no C file came out in {folder}")
    programs.run([compiler, *WARNINGS, *includes(folder, *more_folders), action, *sources], cwd=folder)


def compile_headers(programs, folder, *more_folders):
    """Each header alone, as C++; a .cc for each, as a header as the main file is warned of."""
    sources = []
    for header in sorted(glob.glob(os.path.join(folder, "*.h"))):
        sources.append(header[:-2] + ".cc")
        with open(sources[-1], "w", encoding="utf-8") as source:
            source.write(f'#include "{header}"\n#include "{header}"\nint main() {{ return 0; }}\n')
    check(sources, f"no header came out in {folder}")
    programs.run(["g++", "-Wall", "-Wextra", "-Werror", *includes(folder, *more_folders), "-fsyntax-only", *sources])


RUNTIME = {"memcpy", "memcmp", "memchr", "memset", "_GLOBAL_OFFSET_TABLE_"}


def check_symbols(programs, folder, path):
    """Each that others see begins with the interface's prefix, and what is not defined is leat's, or of every program."""
    base = os.path.splitext(os.path.basename(path))[0]
    prefixes = {print_json(programs, folder, *flags_of(path), path)["prefix"], re.sub(r"\W", "_", base).lower()}
    begins = tuple(prefix + "_" for prefix in prefixes)
    made = [name for name in (f"{base}_xdr.o", f"{base}_client.o", f"{base}_server.o") if os.path.exists(os.path.join(folder, name))]
    check(made, f"no object of {base}")
    for name in made:
        defined, used = (symbols(programs, os.path.join(folder, name), "--extern-only", which) for which in ("--defined-only", "--undefined-only"))
        check_equal({one for one in defined if not one.startswith(begins)}, set(), f"{name} defines names without a prefix of {prefixes}")
        check_equal({one for one in used - RUNTIME if not one.startswith(("leat_", "__stack_chk", *begins))}, set(), f"{name} needs other than leat's")


def one(path):
    def test(programs, directory):
        folder, again = (os.path.join(directory, name) for name in ("first", "second"))
        *_, first = (generate(programs, each, folder) for each in reversed(with_imports(path)))
        check_equal(generate(programs, path, folder), first, "a second run, which has nothing to write")
        for other in with_imports(path)[1:]:
            generate(programs, other, again)
        second = generate(programs, os.path.relpath(path), again, env={**os.environ, "LC_ALL": "C", "TZ": "Pacific/Apia", "HOME": "/nowhere"})
        check_equal(texts(second), texts(first), "the same in another folder, by another path")
        compile_c(programs, folder, "gcc", "-c", os.path.dirname(path))
        compile_c(programs, folder, "clang", "-fsyntax-only", os.path.dirname(path))  # its objects: all_in_one
        compile_headers(programs, folder, os.path.dirname(path))
        check_symbols(programs, folder, path)

    return f"accepted: {os.path.basename(path)}", test


def shared_library(programs, name):
    """Where the compiler finds it; libc.so is a script of the linker."""
    path = programs.run(["gcc", "-print-file-name=" + name]).decode().strip()
    check(os.path.isabs(path), f"{name} is not installed")
    return path


MAIN = """
int main(void) {
        return 0;
}
"""


def all_in_one(programs, directory):
    """Every interface that the system installs and every one of ours, in one folder, one program and one source file."""
    check(len(SYSTEM_FILES) >= 19, "rpcsvc-proto, libnsl-dev and libtirpc-dev are not all installed: their .x files are needed")
    headers = []
    for path in SYSTEM_FILES + OWN_FILES:
        generate(programs, path, directory)
        headers.append(os.path.splitext(os.path.basename(path))[0] + ".h")
    compile_c(programs, directory, "clang", "-c", ACCEPTED)
    objects = sorted(glob.glob(os.path.join(directory, "*.o")))
    for order in (["rpc/rpc.h", *headers], [*reversed(headers), "rpc/rpc.h"]):
        with open(os.path.join(directory, "main.c"), "w", encoding="utf-8") as source:
            source.write("".join(f"#include <{name}>\n" for name in order) + MAIN)
        programs.run(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", *includes(directory, ACCEPTED, TIRPC),
                      "main.c", *objects, "-o", "program", "-L", LIBRARY, "-lleat", "-ltirpc",
                      # a library with sanitizers, or of another libc, is looked at for what it has, and not run
                      "-Wl,--unresolved-symbols=ignore-in-shared-libs"], cwd=directory)
    # What a shared library defines as well, the program would override without a word.
    mine = set.union(*(symbols(programs, path, "--extern-only", "--defined-only") for path in objects))
    check(len(mine) > len(headers), "hardly any symbols")
    for name in ("libtirpc.so", "libc.so.6"):
        theirs = symbols(programs, shared_library(programs, name), "--dynamic", "--defined-only")
        check("xdr_void" in theirs or "printf" in theirs, f"{name} was not read")
        check_equal(sorted(mine & theirs), [], f"names that {name} has too")


if __name__ == "__main__":
    main([one(path) for path in OWN_FILES + SYSTEM_FILES] + [("all interfaces in one program with libtirpc", all_in_one)])
