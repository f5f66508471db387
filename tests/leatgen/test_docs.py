#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/leatgen.md keeps its word: a block behind <!-- NAME --> is that file, every block of shell is run in the page's order, in one folder, and
prints what the block of text after it shows; the three build files build the program. The manual page names the same options as --help. TAP.
"""
import os
import re
import shutil
import stat
import sys
import tempfile

sys.dont_write_bytecode = True
from generator import BUILD, LEATGEN, ROOT, SANITIZER, check, check_equal, leatgen, need, read, write
from tap import main, until  # noqa: E402

GUIDE = read(os.path.join(ROOT, "docs", "leatgen.md"))
BLOCKS = re.findall(r"(?:^<!-- (\S+) -->\n)?^```(\w*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
BUILD_FILES = ("Makefile", "meson.build", "CMakeLists.txt")
FOLDER = tempfile.TemporaryDirectory(prefix="leat-docs-")


def tool(name, text):
    """Made once: build systems look at the time of what they run."""
    path = os.path.join(FOLDER.name, ".tools", name)
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(os.path.dirname(path), name, f"#!/bin/sh\n{text}\n")
        os.chmod(path, stat.S_IRWXU)
    return path


def environment():
    """A library that is built and not installed is found so; `cc` has the sanitizers that the library has; and leatgen counts its runs."""
    compiler = tool("cc", f'exec {shutil.which("gcc")} {" ".join(SANITIZER)} "$@"')
    tool("leatgen", f'echo run >>"{FOLDER.name}/.runs"\nexec {LEATGEN} "$@"')
    return {
        **os.environ,
        "CC": compiler,
        "PATH": os.pathsep.join([os.path.dirname(compiler), os.path.join(BUILD, "tools", "leatgen"), os.path.join(BUILD, "tools", "leat"), os.environ["PATH"]]),
        "PKG_CONFIG_PATH": os.path.join(BUILD, "meson-uninstalled"),
        "LD_LIBRARY_PATH": os.path.join(BUILD, "lib"),
    }


def save(name, text):
    def test(_programs, _directory):
        write(FOLDER.name, name, text)
    return f"the file {name}", test


def shell(text, shown):
    def test(programs, _directory):
        out = programs.run(["sh", "-e", "-c", text], cwd=FOLDER.name, env=environment())
        check_equal(out.decode(), shown, "output")
    return "$ " + text.splitlines()[0], test


def runs():
    return len(read(os.path.join(FOLDER.name, ".runs")).splitlines())


def build(builder, *commands):
    """The build file makes both programs, and they speak with each other; a second run has nothing to do, also after a change without effect."""
    def test(programs, directory):
        need(builder)
        for name in ("phone.x", "phone_server_main.c", "phone_client_main.c", *BUILD_FILES):
            write(directory, name, next(text for file, _, text in BLOCKS if file == name))
        for command in commands:
            programs.run(command.split(), cwd=directory, env=environment())
        folder = directory if builder == "make" else os.path.join(directory, "build")
        out = programs.run(["sh", "-e", "-c", "./phone_server unix:@built & ./phone_client unix:@built Ada; kill $!"], cwd=folder,
                           env=environment())
        check_equal(out, b"Ada: 555 0100\n", "what the client said")
        times = {name: os.stat(os.path.join(folder, name)).st_mtime_ns for name in ("phone.h", "phone_xdr.c", "phone_server")}
        programs.run(commands[-1].split(), cwd=directory, env=environment())
        check_equal({name: os.stat(os.path.join(folder, name)).st_mtime_ns for name in times}, times, "times after a second run")
        interface = os.path.join(directory, "phone.x")
        until(lambda: os.utime(interface) or os.stat(interface).st_mtime_ns > max(times.values()), "the file system's clock moves")
        for more in (1, 0):
            before = runs()
            programs.run(commands[-1].split(), cwd=directory, env=environment())
            check_equal(runs() - before, more, "runs of leatgen when the interface is newer, and its outputs stay as they are" if more else
                        "runs of leatgen after that")
    return f"it builds with {builder}", test


def options_of(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--cflags", "--libs"}  # pkg-config's


def same_options(programs, directory):
    """--help, the page and the guide's table have the same ones."""
    helped = options_of(leatgen(programs, directory, "--help")[0])
    page = read(os.path.join(ROOT, "man", "leatgen.1.scd")).replace("\\", "")
    table = GUIDE[GUIDE.index("## The command"):GUIDE.index("## Types")]
    check(len(helped) > 10, f"--help names {helped}")
    check_equal(sorted(helped - options_of(page)), [], "options that the manual page has not")
    check_equal(sorted(options_of(page) - helped), [], "options that only the manual page has")
    check_equal(sorted(helped - options_of(table)), [], "options that the guide has not")


def tests():
    found = []
    for (name, language, text), (_, next_language, shown) in zip(BLOCKS, BLOCKS[1:] + [("", "", "")]):
        if name in BUILD_FILES:
            continue
        if name:
            found.append(save(name, text))
        elif language == "sh":
            found.append(shell(text, shown if next_language == "text" else ""))
    return found + [build("make", "make phone_server phone_client"), build("meson", "meson setup build", "meson compile -C build"),
                    build("cmake", "cmake -S . -B build", "cmake --build build"), ("the options", same_options)]


if __name__ == "__main__":
    main(tests())
