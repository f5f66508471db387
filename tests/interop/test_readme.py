#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The README keeps its word: every block of shell in it is run as typed, what it prints is what the block of
text after it shows, the program in it is examples/first.c, and every file that it names is there. TAP.
"""
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
from tap import Skip, check, check_equal, libc, main  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUILD = os.environ.get("LEAT_BUILD_ROOT", os.path.join(ROOT, "build", "release"))
README = open(os.path.join(ROOT, "README.md"), encoding="utf-8").read()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell(block, shown):
    def test(programs, directory):
        for program in re.findall(r"\b(nc|socat|cc|pkg-config)\b", block):
            if shutil.which(program) is None:
                raise Skip(f"{program} is not installed")
        if "$(pkg-config" in block and os.environ.get("LEAT_SANITIZE", "none") != "none":
            raise Skip("a plain program cannot load a library with sanitizers")
        shutil.copy(os.path.join(ROOT, "examples", "first.c"), directory)
        # A library that is built and not installed is found as pkg-config and the loader are told here.
        environment = {
            **os.environ,
            "PATH": os.path.join(BUILD, "tools", "leat") + ":" + os.environ["PATH"],
            "PKG_CONFIG_PATH": os.path.join(BUILD, "meson-uninstalled"),
            "LD_LIBRARY_PATH": os.path.join(BUILD, "lib"),
        }
        out = programs.run(["sh", "-e", "-c", block], cwd=directory, env=environment)
        check_equal(out.decode(), shown, "output")

    return "README: " + block.splitlines()[0], test


def same_program(_programs, _directory):
    program, = (text for language, text in BLOCKS if language == "c")
    with open(os.path.join(ROOT, "examples", "first.c"), encoding="utf-8") as source:
        check_equal(program, source.read(), "the program of the README and examples/first.c")


def links(_programs, _directory):
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        check(os.path.exists(os.path.join(ROOT, target)), f"the README names {target}, which is not there")


def tests():
    found = [("README: its program is examples/first.c", same_program), ("README: its links", links)]
    for (language, text), (next_language, shown) in zip(BLOCKS, BLOCKS[1:] + [("", "")]):
        if language == "sh":
            found.append(shell(text, shown if next_language == "text" else ""))
    return found


if __name__ == "__main__":
    libc.unshare(0x08000000)  # CLONE_NEWIPC: queues of our own, where that is allowed
    main(tests())
