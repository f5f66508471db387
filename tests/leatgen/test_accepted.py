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
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))
from tap import check, check_equal, libc, main  # noqa: E402,F401

ACCEPTED = os.path.join(ROOT, "tests", "leatgen", "accepted")
BUILD = os.environ.get("LEAT_BUILD_ROOT", os.path.join(ROOT, "build", "release"))
LIBRARY = os.environ.get("LEAT_LIBRARY", os.path.join(BUILD, "lib"))
TIRPC = "/usr/include/tirpc"
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
COMPILERS = ["gcc", "clang"]


def system_files():
    found = sorted(glob.glob("/usr/include/rpcsvc/*.x") + glob.glob(TIRPC + "/**/*.x", recursive=True))
    check(len(found) >= 19, "rpcsvc-proto, libnsl-dev and libtirpc-dev are not all installed: their .x files are needed")
    return found


def own_files():
    return sorted(glob.glob(os.path.join(ACCEPTED, "*.x")))


def options_of(path):
    """Options stand in a comment at the file's head: "leatgen: --extended"."""
    with open(path, encoding="utf-8", errors="replace") as source:
        found = re.match(r"/[/*] leatgen: (.*?)(?: \*/)?$", source.readline().rstrip())
    return found.group(1).split() if found else []


def generate(programs, path, folder, **more):
    os.makedirs(folder, exist_ok=True)
    programs.run(["leatgen", *options_of(path), "-I", os.path.dirname(path), "-o", folder, path], **more)
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


def compile_c(programs, folder, *more_folders):
    sources = sorted(glob.glob(os.path.join(folder, "*.c")))
    check(sources, f"no C file came out in {folder}")
    for compiler in COMPILERS:
        programs.run([compiler, "-std=c17", *WARNINGS, *includes(folder, *more_folders), "-c", *sources], cwd=folder)


def compile_headers(programs, folder, *more_folders):
    """Each header alone, as C++; a .cc for each, as a header as the main file is warned of."""
    sources = []
    for header in sorted(glob.glob(os.path.join(folder, "*.h"))):
        sources.append(header[:-2] + ".cc")
        with open(sources[-1], "w", encoding="utf-8") as source:
            source.write(f'#include "{header}"\n#include "{header}"\nint main() {{ return 0; }}\n')
    check(sources, f"no header came out in {folder}")
    programs.run(["g++", "-Wall", "-Wextra", "-Werror", *includes(folder, *more_folders), "-fsyntax-only", *sources])


def imports_of(path):
    """The interfaces beside it whose headers it includes: their headers have to be there when its output is compiled."""
    with open(path, encoding="utf-8", errors="replace") as source:
        names = re.findall(r'^% *# *include "(\w+)\.h"', source.read(), re.MULTILINE)
    beside = (os.path.join(os.path.dirname(path), name + ".x") for name in names)
    return [name for name in beside if os.path.exists(name)]


def one(path):
    def test(programs, directory):
        folder = os.path.join(directory, "first")
        for other in imports_of(path):
            generate(programs, other, folder)
        first = generate(programs, path, folder)
        check_equal(generate(programs, path, folder), first, "a second run, which has nothing to write")
        for other in imports_of(path):
            generate(programs, other, os.path.join(directory, "second"))
        second = generate(programs, os.path.relpath(path), os.path.join(directory, "second"),
                          env={**os.environ, "LC_ALL": "C", "TZ": "Pacific/Apia", "HOME": "/nowhere"})
        check_equal(texts(second), texts(first), "the same in another folder, by another path")
        compile_c(programs, folder, os.path.dirname(path))
        compile_headers(programs, folder, os.path.dirname(path))

    return f"accepted: {os.path.basename(path)}", test


def symbols(programs, path, *options):
    out = programs.run(["nm", "--defined-only", "--format=posix", *options, path]).decode()
    return {line.split()[0].split("@")[0] for line in out.splitlines()
            if len(line.split()) > 1 and line.split()[1] in "TDBRVWCi"}


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
    headers = []
    for path in system_files() + own_files():
        generate(programs, path, directory)
        headers.append(os.path.splitext(os.path.basename(path))[0] + ".h")
    compile_c(programs, directory, ACCEPTED)
    objects = sorted(glob.glob(os.path.join(directory, "*.o")))
    for order in (["rpc/rpc.h", *headers], [*reversed(headers), "rpc/rpc.h"]):
        with open(os.path.join(directory, "main.c"), "w", encoding="utf-8") as source:
            source.write("".join(f"#include <{name}>\n" for name in order) + MAIN)
        programs.run(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", *includes(directory, ACCEPTED, TIRPC),
                      "main.c", *objects, "-o", "program", "-L", LIBRARY, "-lleat", "-ltirpc",
                      # a library with sanitizers, or of another libc, is looked at for what it has, and not run
                      "-Wl,--unresolved-symbols=ignore-in-shared-libs"], cwd=directory)
    # What a shared library defines as well, the program would override without a word.
    mine = set.union(*(symbols(programs, path, "--extern-only") for path in objects))
    check(len(mine) > len(headers), "hardly any symbols")
    for name in ("libtirpc.so", "libc.so.6"):
        theirs = symbols(programs, shared_library(programs, name), "--dynamic")
        check("xdr_void" in theirs or "printf" in theirs, f"{name} was not read")
        check_equal(sorted(mine & theirs), [], f"names that {name} has too")


def tests():
    return [one(path) for path in own_files() + system_files()] + [("all interfaces in one program with libtirpc", all_in_one)]


if __name__ == "__main__":
    main(tests())
