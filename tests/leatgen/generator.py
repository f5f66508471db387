# SPDX-License-Identifier: MIT
"""What the tests of leatgen share: running it, files to run it on, and compiling what it writes."""
import glob
import json
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))
from tap import Watch, check, check_equal, need  # noqa: E402, F401

LEATGEN = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leatgen")
OWN_FILES = sorted(glob.glob(os.path.join(HERE, "accepted", "*.x")))
# Every installed interface file that this machine has, and our own.
SYSTEM_FILES = sorted(glob.glob("/usr/include/rpcsvc/*.x") + glob.glob("/usr/include/tirpc/**/*.x", recursive=True))
FILES = OWN_FILES + SYSTEM_FILES


def write(directory, name, text):
    """Its folder is made, too."""
    path = os.path.join(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode(errors="surrogateescape"))
    return path


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def attempt(programs, directory, *arguments, **more):
    """The status, and what it prints to stdout and to stderr, as bytes."""
    return programs.outcome(programs.start([LEATGEN, *arguments], cwd=directory, **more))


def leatgen(programs, directory, *arguments, status=0, **more):
    """What it prints to stdout and to stderr."""
    code, out, err = attempt(programs, directory, *arguments, **more)
    check(code == status, f"leatgen {' '.join(arguments)}: status {code}, not {status}; it said {err.decode(errors='replace')}")
    return out.decode(errors="surrogateescape"), err.decode(errors="replace")


def messages(said, kind):
    """(line, column, text) of each "error" or "warning"."""
    return [(int(row), int(column), text) for row, column, text in re.findall(rf"^[^\s:]+:(\d+):(\d+): {kind}: (.*)$", said, re.MULTILINE)]


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


def with_imports(path):
    """The file, and those beside it whose headers its own one includes: their headers have to be there when its output is compiled."""
    with open(path, encoding="utf-8", errors="replace") as file:
        names = re.findall(r'^% *#\s*include\s*[<"](?:\w+/)*(\w+)\.h[>"]', file.read(), re.MULTILINE)
    beside = [os.path.join(os.path.dirname(path), name + ".x") for name in names]
    return [path, *(name for name in beside if os.path.exists(name))]


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


def compile_header(programs, directory, name, compilers=("g++", "clang++")):
    """As C++, alone and twice."""
    source = write(directory, name + ".cc", f'#include "{name}"\n#include "{name}"\n')
    for compiler in compilers:
        programs.run([compiler, "-Wall", "-Wextra", "-Werror", "-I", os.path.join(ROOT, "include"), "-fsyntax-only", source], cwd=directory)


def link(programs, directory, program, *sources):
    for source in sources:
        compile_c(programs, directory, source)
    library = os.path.join(BUILD, "lib")
    programs.run(["cc", *SANITIZER, "-I", os.path.join(ROOT, "include"), "-o", program, *sources, "-L", library, "-lleat",
                  f"-Wl,-rpath,{library}"], cwd=directory)
    return os.path.join(directory, program)


def symbols(programs, path, *options):
    """The names that nm(1) has, without their versions."""
    out = programs.run(["nm", "--format=posix", *options, path]).decode()
    return {line.split()[0].split("@")[0] for line in out.splitlines() if line}
