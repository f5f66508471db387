# SPDX-License-Identifier: MIT
"""What the tests of leatgen's other outputs share: running it, and files to run it on."""
import glob
import json
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))
from tap import DEADLINE_S, Watch, check, check_equal, need  # noqa: E402, F401

LEATGEN = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leatgen")
# Every installed interface file that this machine has, and our own.
FILES = sorted(glob.glob(os.path.join(HERE, "accepted", "*.x")) + glob.glob("/usr/include/rpcsvc/*.x") +
               glob.glob("/usr/include/tirpc/rpc/*.x"))


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def leatgen(programs, directory, *arguments, status=0):
    """What it prints to stdout and to stderr."""
    program = programs.start([LEATGEN, *arguments], cwd=directory)
    out, err = program.communicate(timeout=DEADLINE_S)
    check(program.returncode == status,
          f"leatgen {' '.join(arguments)}: status {program.returncode}, not {status}; it said {err.decode(errors='replace')}")
    return out.decode(errors="surrogateescape"), err.decode(errors="replace")


def print_json(programs, directory, *arguments):
    out, _ = leatgen(programs, directory, "--print", "json", *arguments)
    return json.loads(out)


def without_places(data):
    """The interface as it would be in a file with other lines."""
    if isinstance(data, dict):
        return {key: without_places(value) for key, value in data.items() if key not in ("place", "file", "base")}
    return [without_places(value) for value in data] if isinstance(data, list) else data


def flags_of(path):
    """Options stand in a comment at the file's head: "leatgen: --extended"."""
    with open(path, encoding="utf-8", errors="replace") as source:
        found = re.match(r"/[/*] leatgen: (.*?)(?: \*/)?$", source.readline().rstrip())
    return [*(found.group(1).split() if found else []), "-I", os.path.dirname(path)]


ROOT = os.path.abspath(os.path.join(HERE, "..", ".."))
BUILD = os.path.abspath(os.environ.get("LEAT_BUILD_ROOT", os.path.join(ROOT, "build", "release")))
SANITIZE = os.environ.get("LEAT_SANITIZE", "none")
# A program that is linked with a library with sanitizers needs them too.
SANITIZER = [] if SANITIZE == "none" else [f"-fsanitize={SANITIZE}"]
WARNINGS = ["-std=c17", "-Wall", "-Wextra", "-Wconversion", "-Werror"]


def compile_c(programs, directory, name, *folders):
    """With each compiler; `folders` hold the system's headers, as it were: not what is warned of."""
    for compiler in ("gcc", "clang"):
        programs.run([compiler, *WARNINGS, "-I", os.path.join(ROOT, "include"), *(word for folder in folders for word in ("-isystem", folder)),
                      "-fsyntax-only", name], cwd=directory)


def link(programs, directory, program, *sources):
    for source in sources:
        compile_c(programs, directory, source)
    library = os.path.join(BUILD, "lib")
    programs.run(["cc", *SANITIZER, "-I", os.path.join(ROOT, "include"), "-o", program, *sources, "-L", library, "-lleat",
                  f"-Wl,-rpath,{library}"], cwd=directory)
    return os.path.join(directory, program)
