#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/leatgen.md keeps its word (guide.py); the three build files build the program. The manual page names the same options as --help. TAP."""
import os
import re
import sys

sys.dont_write_bytecode = True
from generator import ROOT, check, check_equal, leatgen, need, read, write
from guide import Guide
from tap import main, until  # noqa: E402

GUIDE = Guide("leatgen.md")
BUILD_FILES = ("Makefile", "meson.build", "CMakeLists.txt")


def build(builder, *commands):
    """The build file makes both programs, and they speak with each other; a second run has nothing to do, also after a change without effect."""
    def test(programs, directory):
        need(builder)
        for name in ("phone.x", "phone_server_main.c", "phone_client_main.c", *BUILD_FILES):
            write(directory, name, GUIDE.file(name))
        for command in commands:
            programs.run(command.split(), cwd=directory, env=GUIDE.environment())
        folder = directory if builder == "make" else os.path.join(directory, "build")
        out = programs.run(["sh", "-e", "-c", "./phone_server unix:@built & ./phone_client unix:@built Ada; kill $!"], cwd=folder,
                           env=GUIDE.environment())
        check_equal(out, b"Ada: 555 0100\n", "what the client said")
        times = {name: os.stat(os.path.join(folder, name)).st_mtime_ns for name in ("phone.h", "phone_xdr.c", "phone_server")}
        programs.run(commands[-1].split(), cwd=directory, env=GUIDE.environment())
        check_equal({name: os.stat(os.path.join(folder, name)).st_mtime_ns for name in times}, times, "times after a second run")
        interface = os.path.join(directory, "phone.x")
        until(lambda: os.utime(interface) or os.stat(interface).st_mtime_ns > max(times.values()), "the file system's clock moves")
        for more in (1, 0):
            before = GUIDE.runs()
            programs.run(commands[-1].split(), cwd=directory, env=GUIDE.environment())
            check_equal(GUIDE.runs() - before, more, "runs of leatgen when the interface is newer, and its outputs stay as they are" if more else
                        "runs of leatgen after that")
    return f"it builds with {builder}", test


def options_of(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--cflags", "--libs"}  # pkg-config's


def same_options(programs, directory):
    """--help, the page and the guide's table have the same ones."""
    helped = options_of(leatgen(programs, directory, "--help")[0])
    page = read(os.path.join(ROOT, "man", "leatgen.1.scd")).replace("\\", "")
    table = GUIDE.text[GUIDE.text.index("## The command"):GUIDE.text.index("## Types")]
    check(len(helped) > 10, f"--help names {helped}")
    check_equal(sorted(helped - options_of(page)), [], "options that the manual page has not")
    check_equal(sorted(options_of(page) - helped), [], "options that only the manual page has")
    check_equal(sorted(helped - options_of(table)), [], "options that the guide has not")


if __name__ == "__main__":
    main(GUIDE.tests(leave_out=BUILD_FILES) + [
        build("make", "make phone_server phone_client"), build("meson", "meson setup build", "meson compile -C build"),
        build("cmake", "cmake -S . -B build", "cmake --build build"), ("the options", same_options)])
