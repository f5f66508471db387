#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/rpc.md keeps its word (guide.py). Its unit files start the example that they are for; its table of limits has each field; and what it links to is
there. TAP."""
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
from generator import ROOT, check, check_equal, read, write
from guide import Guide
from tap import main  # noqa: E402

GUIDE = Guide("rpc.md")


def unit_files(programs, directory):
    """systemd can read them, where it is installed."""
    for name in ("files.socket", "files.service"):
        write(directory, name, GUIDE.file(name).replace("/usr/local/bin/files_serve", "/bin/true"))
    program, folder = re.search(r"^ExecStart=(\S+) (\S+)$", GUIDE.file("files.service"), re.MULTILINE).groups()
    check(os.path.exists(os.path.join(ROOT, "examples", os.path.basename(program) + ".c")) and folder.startswith("/"), "what is started")
    listens = re.findall(r"^ListenStream=(\S+)$", GUIDE.file("files.socket"), re.MULTILINE)
    check(len(listens) == 2 and listens[0].startswith("/") and listens[1].isdigit(), f"where it listens: {listens}")
    if shutil.which("systemd-analyze"):
        programs.run(["systemd-analyze", "verify", "--man=no", "files.socket", "files.service"], cwd=directory)


def limits(_programs, _directory):
    header = read(os.path.join(ROOT, "include", "leat", "rpc.h"))
    body = re.search(r"struct leat_rpc_server_options \{(.*?)\n\};", header, re.DOTALL).group(1)
    fields = set(re.findall(r"^ +\w+ (\w+);", body, re.MULTILINE)) - {"size", "threads"}
    check(len(fields) > 8, f"the header has {fields}")
    check_equal(sorted(set(re.findall(r"^\| `(\w+_(?:max|ns))` \|", GUIDE.text, re.MULTILINE))), sorted(fields), "the table of limits")


def links(_programs, _directory):
    """Every file that the page names is there."""
    for name in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", GUIDE.text):
        check(os.path.exists(os.path.join(ROOT, "docs", name)), name)


if __name__ == "__main__":
    main(GUIDE.tests() + [("the unit files", unit_files), ("the limits", limits), ("the links", links)])
