#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leat run: its language, its exit codes and files beside bash's, and what it does at a terminal.

Usage: test_run.py [WORD...]; with words only the tests whose names contain one. TAP on stdout. No test sleeps: each waits for
output, for the end of a process or for a state of the kernel, until a deadline.
"""
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import pty
import random
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import tap  # noqa: E402
from tap import DEADLINE_S, Failed, check, check_equal, need, until  # noqa: E402

LEAT = shutil.which("leat")
PR_SET_CHILD_SUBREAPER = 36
ENVIRONMENT = {**os.environ, "LC_ALL": "C"}
tests = []


def test(function):
    tests.append((function.__name__.replace("_", " "), function))
    return function


@contextlib.contextmanager
def started(argv, folder, **more):
    program = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, start_new_session=True,
                               **{"stdout": subprocess.PIPE, "env": ENVIRONMENT, **more})
    with program:
        try:
            yield program
        finally:
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGKILL)


def end_of(program, data=b""):
    """Exit code as a shell tells it, output and errors."""
    out, err = program.communicate(data, timeout=DEADLINE_S)
    return program.returncode if program.returncode >= 0 else 128 - program.returncode, out, err


def ended(argv, folder, data=b"", **more):
    with started(argv, folder, **more) as program:
        return end_of(program, data)


def leat_run(folder, *arguments, **more):
    return ended([LEAT, "run", *arguments], folder, **more)


# ---- processes, as /proc has them ----


def stat_of(pid):
    """State, parent and group; None: there is no such process."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[1]), int(fields[2])


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="latin-1").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def children_of(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def stages_of(pid, *names):
    """The children with these names, once all are there and have executed their programs."""
    def look():
        found = {name_of(child): child for child in children_of(pid)}
        return [found[name] for name in names] if all(name in found for name in names) else None
    return until(look, f"the children {names} of {pid}")


def in_state(pid, states):
    return until(lambda: (stat := stat_of(pid)) and stat[0] in states, f"{pid} in state {states}")


def is_gone(pid):
    """Those that outlived their parents come to us, and are reaped here."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return stat_of(pid) is None


# ---- the language ----


DOLLAR = "'$' stands for a value in a shell; put it in single quotes, or use sh -c"
BACKQUOTE = "'`' runs a command in a shell; put it in single quotes, or use sh -c"
BESIDE = "'&' and '&&' run commands beside and after each other in a shell; quote it, or use sh -c"
SEMICOLON = "';' ends a command in a shell; quote it, or use sh -c"
NEW_LINE = "a new line ends a command in a shell; quote it, or use sh -c"
HOME = "'~' stands for a home directory in a shell; quote it, or use sh -c"
COMMENT = "'#' begins a comment in a shell; quote it, or use sh -c"
BRACE = "a brace groups commands or words in a shell; quote it, or use sh -c"
KEYWORD = "this is a keyword of the shell; quote it, or use sh -c"
BUILTIN = "this is a command of the shell itself; use sh -c"
VARIABLE = "this sets a variable in a shell; write env before it, or use sh -c"
NO_COMMAND = "a command is missing here; for more than commands use sh -c"
NO_FILE = "the name of a file is missing here"
NO_DIGIT = "a descriptor, one digit, is missing after '>&'; use sh -c for more"
ONE_DIGIT = "a descriptor is one digit; put a blank behind a number, or use sh -c"
OPEN_QUOTE = "this quote is not closed; close it, or use sh -c"
ESCAPE = "a character is missing after the backslash; quote it, or use sh -c"


def pattern(character):
    return f"'{character}' stands for names of files in a shell; quote it, or use sh -c"


REFUSED = [
    ("echo $HOME", 6, DOLLAR), ("echo a$", 7, DOLLAR), ('echo "a $b"', 9, DOLLAR), ("echo $(ls)", 6, DOLLAR),
    ("echo `ls`", 6, BACKQUOTE), ('echo "`ls`"', 7, BACKQUOTE), ("cat < $f", 7, DOLLAR),
    ("ls *.c", 4, pattern("*")), ("ls a?", 5, pattern("?")), ("ls [ab]", 4, pattern("[")), ("[ -e x ]", 1, pattern("[")),
    ("ls ~", 4, HOME), ("ls ~/x", 4, HOME), ("make p=~/x", 8, HOME), ("make p=a:~/x", 10, HOME), ("ls > ~/x", 6, HOME),
    ("ls; ls", 3, SEMICOLON), ("ls ;", 4, SEMICOLON), ("ls & ls", 4, BESIDE), ("ls && ls", 4, BESIDE), ("ls &", 4, BESIDE),
    ("ls || ls", 4, "'||' runs a command when another fails in a shell; use sh -c"),
    ("ls |& cat", 4, "'|&' is no pipe of every shell; write 2>&1 |, or use sh -c"),
    ("(ls)", 1, "'(' begins a subshell in a shell; quote it, or use sh -c"),
    ("ls )", 4, "')' ends a subshell in a shell; quote it, or use sh -c"),
    ("ls <(ls)", 5, "'(' begins a subshell in a shell; quote it, or use sh -c"),
    ("{ ls", 1, BRACE), ("ls }", 4, BRACE), ("echo {a,b}", 6, BRACE), ("echo a{1..3}", 7, BRACE), ("echo {}}", 8, BRACE),
    ("ls # all", 4, COMMENT), ("#ls", 1, COMMENT), ("ls\nls", 3, NEW_LINE), ("ls\n", 3, NEW_LINE), ("ls \\\nx", 4, ESCAPE),
    ('ls "\\\nx"', 5, ESCAPE), ("ls \\", 4, ESCAPE), ("ls 'a", 4, OPEN_QUOTE), ('ls "a', 4, OPEN_QUOTE), ("ls 'a\"", 4, OPEN_QUOTE),
    ("cat << E", 5, "'<<' reads what follows in a script; use a file, or use sh -c"),
    ("cat <<< x", 5, "'<<<' is not every shell's; use a file, or use sh -c and printf"),
    ("cat <> x", 5, "'<>' is not known here; use sh -c"), ("cat <&3", 5, "'<&' is not known here; use sh -c"),
    ("ls >| x", 4, "'>|' is not known here; write '>', or use sh -c"), ("ls &> x", 4, BESIDE),
    ("ls >& x", 7, NO_DIGIT), ("ls 2>&-", 7, NO_DIGIT), ("ls 2>&", 7, NO_DIGIT), ("ls 2>&1>x", 7, NO_DIGIT), ('ls 2>&"1"', 7, NO_DIGIT),
    ("ls 2>&12", 7, NO_DIGIT), ("ls 12>x", 4, ONE_DIGIT), ("ls 10<x", 4, ONE_DIGIT),
    ("ls >", 5, NO_FILE), ("ls > | cat", 6, NO_FILE), ("ls < > x", 6, NO_FILE), ("ls >>> x", 6, NO_FILE), ("ls > 1> x", 6, NO_FILE),
    ("", 1, NO_COMMAND), ("  ", 3, NO_COMMAND), ("| ls", 1, NO_COMMAND), ("ls |", 5, NO_COMMAND), ("ls | | ls", 6, NO_COMMAND),
    ("> x", 4, NO_COMMAND), ("ls | > x", 9, NO_COMMAND),
    ("A=b ls", 1, VARIABLE), ("a_1=", 1, VARIABLE), ("A+=b ls", 1, VARIABLE), ("A='b c' ls", 1, VARIABLE), ("ls | A=b ls", 6, VARIABLE),
    ("> x A=b ls", 5, VARIABLE),
    ("if true", 1, KEYWORD), ("while x", 1, KEYWORD), ("for x", 1, KEYWORD), ("case x", 1, KEYWORD), ("! ls", 1, KEYWORD),
    ("ls | time ls", 6, KEYWORD), ("until x", 1, KEYWORD), ("function x", 1, KEYWORD),
    ("cd /", 1, BUILTIN), ("ls | exit 3", 6, BUILTIN), ("exec ls", 1, BUILTIN), (". x", 1, BUILTIN), (": x", 1, BUILTIN),
    ("read x", 1, BUILTIN), ("'cd' /", 1, BUILTIN),
    ("écho ü*", 7, pattern("*")),  # characters, not bytes
]


@test
def what_is_refused_and_where(_, folder):
    for line, column, text in REFUSED:
        code, out, err = leat_run(folder, line)
        shown = re.sub(r"[\x00-\x1f\x7f]", " ", line)
        check_equal((code, out), (2, b""), f"code and output of {line!r}")
        check_equal(err.decode(), f"leat run: column {column}: {text}\n  {shown}\n  {'^':>{column}}\n", f"said of {line!r}")
    check_equal(os.listdir(folder), [], "files made by lines that were refused")


@test
def all_that_is_interpreted_says_what_to_use(_, folder):
    for character in "$`*?[~;&(){}#<\n":
        for line in (f"echo {character} x", f"echo x | cat {character}"):
            code, _out, err = leat_run(folder, line)
            at = line.index(character) + 1
            check(code == 2 and f": column {at}: ".encode() in err or character == "<", f"{line!r}: {code}, {err!r}")
            check(b"use sh -c" in err or character == "<", f"{line!r}: {err!r}")


@test
def operands(_, folder):
    check_equal(leat_run(folder), (2, b"", b"leat run: too few operands; write leat run [OPTION]... COMMAND\n"), "none")
    check_equal(leat_run(folder, "echo", "a"),
                (2, b"", b"leat run: too many operands; write leat run [OPTION]... COMMAND\n"), "two")


# ---- beside bash ----


def state(folder):
    return {name: (pathlib.Path(folder) / name).read_bytes() for name in sorted(os.listdir(folder))}


def folder_with_files(folder, name):
    where = os.path.join(folder, name)
    shutil.rmtree(where, ignore_errors=True)
    os.mkdir(where)
    for file, text in (("text", b"b\na\nc\n"), ("old", b"old\n"), ("a b", b"blank\n"), ("script", b"#!/bin/sh\necho \"$@\"\n"),
                       ("plain", b"\x7fELF no program\n")):
        pathlib.Path(where, file).write_bytes(text)
    os.chmod(os.path.join(where, "script"), 0o755)
    return where


def both(folder, line, arguments=(), data=b"in\n"):
    """Run a line by bash and by us, each in a folder with the same files: the same code, output and files."""
    folders = [folder_with_files(folder, name) for name in ("bash", "leat")]
    with started(["bash", "--norc", "-o", "pipefail", "-c", line], folders[0]) as bash, \
            started([LEAT, "run", *arguments, line], folders[1]) as leat:
        wanted, ours = end_of(bash, data), end_of(leat, data)
    bash_files, our_files = (state(where) for where in folders)
    check_equal((ours[0], ours[1], our_files), (wanted[0], wanted[1], bash_files), f"code, output and files of {line!r} ({ours[2]!r})")


LINES = [
    "true", "false", "true | false", "false | true", "false | true | true", "cat", "cat | cat | cat", "cat text | sort | tail -n 1",
    "sh -c 'exit 3' | sh -c 'cat; exit 4' | cat", "sh -c 'exit 3' | cat", "sh -c 'kill -9 $$' | cat", "sh -c 'kill -SEGV $$' | cat",
    "cat text | sh -c 'cat; kill -TERM $$'", "yes | head -n 1", "yes | head -n 1 | cat", "nosuch", "nosuch | cat", "true | nosuch",
    "./script a 'b c' \"d\\\"e\" f\\ g", "./text", "./text | cat", "true | ./text", "./", "/", "./nosuch/x", "''", "true | ''",
    "echo a'b'\"c\"\\d", "printf '%s.' '' \"\" a'' '\\' \"\\\" \\\\ \\a\" \"a'b\"", "printf '%s.' a=b A=b -x=y {} a{}b ! a# a#b a~ b~c - -- %s ] ^ , @ : +",
    "printf '%s.' 'if' if \"!\" ! then", "'if'", "printf '%s.' 2 2 >x", "printf %s\\\\n a 2>x", "printf '%s.' a2>x", 
    "cat < text", "cat<text>out", "cat <text >out", "cat text > out", "cat text >> old", "cat text >old", "cat < 'a b'", "cat < a\\ b >\"c d\"",
    "sh -c 'echo out; echo err >&2' > out 2> err", "sh -c 'echo out; echo err >&2' > out 2>&1", "sh -c 'echo out; echo err >&2' 2>&1 > out",
    "sh -c 'echo out; echo err >&2' 2>&1 | sort", "sh -c 'echo out; echo err >&2' 2>> old", "sh -c 'echo three >&3' 3> out",
    "sh -c 'echo three >&3' 3>&1 | cat", "sh -c 'cat <&4' 4< text", "sh -c 'echo out; echo err >&2' 3>&1 1>&2 2>&3 | sed 's/^/x/'",
    "> out cat text", "2> err cat < text > out nosuch", "cat > out < nosuch", "cat < nosuch > out", "cat < nosuch | cat", "true | cat < nosuch",
    "cat < nosuch | sh -c 'exit 5'", "nosuch > out", "cat text > nosuch/x", "cat text > ''", "cat text > .", "cat < text < old", "cat text > x > y",
    "cat text >&2", "cat text 2>&7", "cat text 1>&1", "sort | uniq | wc -l", "grep nothing text", "grep nothing text | cat", "cat nosuch | sort",
    "sh -c 'exit 255'", "sh -c 'exit 126' | true", "head -c 100000 /dev/zero | cat | wc -c", "cat text | tee x | tee y | wc -l",
    "cat  text\t|\tcat", "  cat text  ", "cat text|cat|cat>out", "env A=b sh -c 'echo $A'", "find . ! -name text -name 'te*'",
]


@test
def same_as_bash(_, folder):
    need("bash")
    for line in LINES:
        both(folder, line)


OF_THE_STAGE = ["echo a | cat < /dev/stdin", "ls nosuch 2>/dev/stdout | wc -l", "sh -c 'echo out; echo err >&2' 2>out >/dev/stderr",
                "echo a | cat < /dev/fd/0 > out", "sh -c 'echo out; echo err >&2' 2>/proc/self/fd/1 | sort", "sh -c 'echo a >&3' 3>out >/dev/fd/3"]


@test
def names_of_descriptors_are_the_stages_as_in_bash(_, folder):
    need("bash")
    for line in OF_THE_STAGE:
        got = []
        for argv in (["bash", "--norc", "-o", "pipefail", "-c", line], [LEAT, "run", line]):
            where = folder_with_files(folder, "here")
            with open(os.path.join(where, "stdout"), "wb") as out, open(os.path.join(where, "text"), "rb") as text:  # files: pipes are FIFOs here
                done = subprocess.run(argv, stdin=text, stdout=out, stderr=subprocess.DEVNULL, cwd=where, env=ENVIRONMENT, timeout=DEADLINE_S, check=False)
            got.append((done.returncode, state(where)))
        check_equal(got[1], got[0], f"code and files of {line!r}")


@test
def same_as_bash_unbuffered(_, folder):
    need("bash")
    for line in LINES[::3]:
        both(folder, line, arguments=["--unbuffered"])


COMMON = ["cat", "sort", "tr ab xy", "sh -c 'cat; exit 3'", "sed s/a/q/", "wc -c", "sort -r", "sh -c 'cat >&2; exit 1'", "tr -d '\\n'"]
FIRST = ["cat text", "printf '%s\\n' WORD WORD", "cat", "cat < text", "cat < 'a b'", "sh -c 'exit 7' WORD", "cat nosuch", "cat < nosuch", "true", "false WORD",
         "./script WORD WORD"]
WORDS = ["a", "'b c'", '"d\'e"', "f\\ g", "''", "h'i'\"j\"", "'$k'", '"\\$l"', "'*'", "\\*", "m=n", "{}", "o~", "p#q", "'\\'", '"\\r"', "ü"]


def random_line(chooser):
    """A line without races: only the first command may leave its input unread, and no two write to one file."""
    stages = []
    for number in range(chooser.randint(1, 4)):
        text = chooser.choice(COMMON if number else FIRST)
        while "WORD" in text:
            text = text.replace("WORD", chooser.choice(WORDS), 1)
        for count, sign in enumerate(chooser.sample([">", ">>", "2>", "2>>", "2>&1", "3>&1", "3>"], chooser.choice([0, 0, 1, 1, 2]))):
            blank = chooser.choice(["", " ", "\t"])
            name = chooser.choice([f"f{number}{count}", f"'g {number}{count}'", f"h\\ {number}{count}"])
            text += f" {sign}" if "&" in sign else f" {sign}{blank}{name}"
        stages.append(text)
    return chooser.choice([" | ", "|", " |", "\t| "]).join(stages)


@test
def random_lines_same_as_bash(_, folder):
    need("bash")
    chooser = random.Random(6)
    for _number in range(48):
        both(folder, random_line(chooser))


# ---- what is said ----


@test
def what_cannot_be_started_is_said(_, folder):
    check_equal(leat_run(folder, "nosuch"), (127, b"", b"leat run: nosuch: no such command\n"), "not found")
    pathlib.Path(folder, "plain").write_bytes(b"no program\n")
    code, _out, err = leat_run(folder, "./plain")
    check_equal((code, err), (126, b"leat run: ./plain: Permission denied\n"), "not executable")
    code, _out, err = leat_run(folder, "cat < nosuch | cat 2>&7")
    check_equal((code, err), (1, b"leat run: nosuch: No such file or directory\nleat run: 2>&7: descriptor 7 is not open\n"), "redirections")
    code, _out, err = leat_run(folder, "--unbuffered", "true | cat > nosuch/x | cat")
    check_equal((code, err), (1, b"leat run: nosuch/x: No such file or directory\n"), "a redirection, unbuffered")
    os.unlink(os.path.join(folder, "plain"))


@test
def status_of_each(_, folder):
    code, out, err = leat_run(folder, "--status", "sh -c 'exit 3' | sh -c 'cat; kill -9 $$' | nosuch | cat")
    rows = err.decode().splitlines()
    check_equal((code, out), (127, b""), "code and output")
    check_equal(rows[0], "leat run: nosuch: no such command", "said first")
    check(re.fullmatch(r"COMMAND +END +WALL +USER +SYSTEM +MEMORY", rows[1]), rows[1])
    time_and_memory = r" +\d+\.\d{3} s" * 3 + r" +\d+ KiB"
    for row, pattern_of_row in zip(rows[2:], ["sh +exit 3" + time_and_memory, "sh +SIGKILL" + time_and_memory,
                                              r"nosuch +not started: No such file or directory" + " +-" * 4, "cat +exit 0" + time_and_memory], strict=True):
        check(re.fullmatch(pattern_of_row, row), f"{row!r} does not match {pattern_of_row!r}")


@test
def status_in_json(_, folder):
    code, out, err = leat_run(folder, "--json", "sh -c 'exit 3' | sh -c 'cat; kill -9 $$' | cat < nosuch")
    told = json.loads(err.decode().splitlines()[-1])
    check_equal((code, out, told["code"], told["expired"]), (1, b"", 1, False), "of the whole")
    got = [(stage["command"], stage["how"], stage["code"], stage["signal"], stage["error"]) for stage in told["stages"]]
    check_equal(got, [("sh", "exited", 3, None, None), ("sh", "killed", 137, "SIGKILL", None),
                      ("cat", "not started", 1, None, "No such file or directory")], "stages")
    check(all(stage["wall_ns"] > 0 and stage["memory_bytes"] > 0 for stage in told["stages"][:2]), err.decode())
    check_equal(leat_run(folder, "--json", "ls '")[0], 2, "code of what is refused")


@test
def a_fifo_is_opened_by_who_uses_it(_, folder):
    os.mkfifo(os.path.join(folder, "fifo"))
    check_equal(leat_run(folder, "sh -c 'echo a; echo b >&2' > fifo 2>&1 | sort fifo"), (0, b"a\nb\n", b""), "both ends in one line")
    check_equal(leat_run(folder, "--timeout", "50ms", "cat < fifo | cat"), (124, b"", b""), "one whose other end does not come")
    os.unlink(os.path.join(folder, "fifo"))


@test
def deadline(_, folder):
    check_equal(leat_run(folder, "--timeout", "1ms", "sleep 1000 | cat"), (124, b"", b""), "a deadline")
    check_equal(leat_run(folder, "--timeout", "1000s", "echo a | cat"), (0, b"a\n", b""), "one that is kept")


@test
def deadline_and_who_ignores_it(_, folder):
    code, out, err = leat_run(folder, "--timeout", "1ms", "--json", "sh -c 'trap \"\" TERM; exec sleep 1000' | cat")
    told = json.loads(err)
    check_equal((code, out, told["code"], told["expired"]), (124, b"", 124, True), "code")
    check(all(stage["signal"] in ("SIGKILL", "SIGTERM", None) for stage in told["stages"]), err.decode())


@test
def a_stage_that_left_the_group_is_reached(programs, _folder):
    need("setsid")
    program = start(programs, "cat | setsid sleep 1000", stdin=subprocess.PIPE)
    sleeper = stages_of(program.pid, "sleep")[0]
    os.kill(program.pid, signal.SIGTERM)
    programs.finish(program, status=-signal.SIGTERM)
    check(is_gone(sleeper), "the sleeper lives")


def limited(limit, folder):
    return leat_run(folder, "--json", "true", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))


@test
def what_cannot_be_started_for_want_of_descriptors(_, folder):
    for limit in range(5, 40):
        code, _out, err = limited(limit, folder)
        if code == 125:
            check_equal(json.loads(err.decode().splitlines()[-1])["stages"][0]["code"], 125, "the code that is told")
        if code in (0, 125):
            break
    check_equal(code, 125, f"code with {limit} descriptors: {err!r}")


# ---- in its own place ----


TELLS = "sh -c 'ls -l /proc/self/fd; grep Sig[BIC] /proc/self/status; env; kill -TERM $$'"


@test
def one_command_begins_in_our_place_as_it_does_beside_us(_, folder):
    def told(*options):
        reading, writing = os.pipe()
        os.dup2(writing, 17)
        hindered = subprocess.run([LEAT, "run", *options, TELLS], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  pass_fds=[17], cwd=folder, timeout=DEADLINE_S, check=False, env=ENVIRONMENT, start_new_session=True,
                                  preexec_fn=hinder)
        for fd in (reading, writing, 17):
            os.close(fd)
        return hindered.returncode, re.sub(rb"\d+ -> (pipe|/proc/).*|[A-Z][a-z]{2} +\d+ +\d+:\d+|\d{4}-\d\d-\d\d \d\d:\d\d", b"", hindered.stdout)

    def hinder():
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        for number in (signal.SIGUSR1, signal.SIGPIPE, signal.SIGCHLD, signal.SIGRTMIN + 3):
            signal.signal(number, signal.SIG_IGN)

    here, beside = told(), told("--timeout", "1000s")
    check_equal(here[1], beside[1], "descriptors, signals and environment")
    check(b"17 ->" not in here[1] and b"SigBlk:\t0000000000000000" in here[1] and b"SigIgn:\t0000000000000000" in here[1], here[1].decode())
    check_equal((here[0], beside[0]), (-signal.SIGTERM, 128 + signal.SIGTERM), "how it ends")


@test
def one_command_is_executed_in_our_place_if_nothing_is_left_to_do(programs, folder):
    for options, line, more, in_place in [
            ([], "sleep 1000", {}, True), ([], "sleep 1000 > x", {}, False), ([], "sleep 1000 | cat", {}, False), (["--status"], "sleep 1000", {}, False),
            (["--json"], "sleep 1000", {}, False), (["--unbuffered"], "sleep 1000", {}, False), (["--timeout", "1000s"], "sleep 1000", {}, False),
            *(([], "sleep 1000", {"preexec_fn": lambda number=number: signal.signal(number, signal.SIG_IGN)}, False)
              for number in (signal.SIGTSTP, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP))]:
        program = start(programs, *options, line, cwd=folder, **more)
        if in_place:
            until(lambda program=program: name_of(program.pid) == "sleep", f"{line} in the place of leat")
        else:
            check(stages_of(program.pid, "sleep") and name_of(program.pid) == "leat", f"{options} {line}")
        os.kill(program.pid, signal.SIGTERM)
        check_equal(program.wait(DEADLINE_S), -signal.SIGTERM, f"how {options} {line} ends")
    os.unlink(os.path.join(folder, "x"))


# ---- signals, without a terminal ----


def start(programs, *arguments, **more):
    return programs.start([LEAT, "run", *arguments], **more)


@test
def a_signal_ends_all_of_them(programs, _folder):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        program = start(programs, "sh -c 'sleep 1000; exit 0' | sleep 999")
        outer, sleeper = stages_of(program.pid, "sh", "sleep")
        inner = stages_of(outer, "sleep")[0]
        os.kill(program.pid, number)
        programs.finish(program, status=-number)
        for pid in (outer, sleeper, inner):
            until(lambda pid=pid: is_gone(pid), f"the end of {pid} by {number}")


@test
def what_it_was_started_to_ignore_it_leaves_alone(programs, _folder):
    program = start(programs, "cat", stdin=subprocess.PIPE,
                    preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    stages_of(program.pid, "cat")
    os.kill(program.pid, signal.SIGHUP)
    check_equal(programs.finish(program, b"data"), b"data", "output")


@test
def killed_it_leaves_no_stage_blocked(programs, _folder):
    for options in ([], ["--unbuffered"]):
        program = start(programs, *options, "cat | cat | tail -c 3", stdin=subprocess.PIPE)
        cats = until(lambda program=program: (all_of := children_of(program.pid)) and len(all_of) == 3 and
                     [name_of(pid) for pid in all_of].count("tail") == 1 and
                     [name_of(pid) for pid in all_of].count("cat") == 2 and all_of, "three stages")
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
        out, _err = program.communicate(b"x" * 100000 + b"end", timeout=DEADLINE_S)
        check_equal(out, b"" if options else b"end", "what came through")
        for pid in cats:
            until(lambda pid=pid: is_gone(pid), f"the end of {pid}")


# ---- unbuffered ----


def read_until(fd, wanted):
    got = b""
    limit = time.monotonic() + DEADLINE_S
    while wanted not in got:
        check(select.select([fd], [], [], max(0.0, limit - time.monotonic()))[0], f"{wanted!r} did not come, but {got!r}")
        more = os.read(fd, 4096)
        check(more, f"the end came instead of {wanted!r}, after {got!r}")
        got += more
    return got


def bytes_in(pipe):
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]


def is_drained(pid, reading):
    """It has read all that there is, and sleeps for more."""
    return bytes_in(reading) == 0 and stat_of(pid)[0] == "S"


@test
def lines_arrive_when_they_are_printed(programs, _folder):
    program = start(programs, "--unbuffered", "tr a b | tr b c | tr c d", stdin=subprocess.PIPE)
    for number in range(3):
        program.stdin.write(b"%da\n" % number)
        program.stdin.flush()
        check_equal(read_until(program.stdout.fileno(), b"\n"), b"%dd\n" % number, "line")
    check_equal(programs.finish(program, b"last"), b"lbst".replace(b"b", b"d"), "what had no end of line")


@test
def without_it_they_are_kept_back(programs, _folder):
    program = start(programs, "tr a b", stdin=subprocess.PIPE)
    until(lambda: name_of(program.pid) == "tr", "that it is tr")
    program.stdin.write(b"a\n")
    program.stdin.flush()
    until(lambda: is_drained(program.pid, program.stdin.fileno()), "that tr has read the line")
    check(not select.select([program.stdout], [], [], 0)[0], "tr has written its line to a pipe at once")
    check_equal(programs.finish(program, b""), b"b\n", "output")


@test
def unbuffered_bytes_are_as_they_are(_, folder):
    data = bytes(range(256)) * 1000 + b"\r\n\x03\x04\x1a\n"
    code, out, err = leat_run(folder, "--unbuffered", "cat | cat | cat", data=data)
    check_equal((code, len(out), out == data, err), (0, len(data), True, b""), "a quarter of a megabyte of all bytes")
    code, out, _err = leat_run(folder, "--unbuffered", "sh -c 'test -t 1 && stty size <&1'")
    check_equal((code, out), (0, b"24 80\n"), "the size that is taken for granted")


@test
def unbuffered_what_is_put_out_after_a_signal_comes_out(programs, _folder):
    for number in (signal.SIGINT, signal.SIGTERM):
        program = start(programs, "--unbuffered", "sh -c 'trap \"seq 20000; exit 0\" INT TERM; echo ready; read x'", stdin=subprocess.PIPE)
        read_until(program.stdout.fileno(), b"ready\n")
        os.kill(program.pid, number)
        check_equal(read_until(program.stdout.fileno(), b"\n20000\n").count(b"\n"), 20000, f"lines after {number}")
        programs.finish(program)


@test
def unbuffered_an_output_that_fails_is_told(_, folder):
    for end, code in ((0, 71), (3, 71), (77, 77)):
        line = f"sh -c 'trap \"\" PIPE; echo a; exit {end}'"  # else SIGPIPE may come before its end
        with open("/dev/full", "wb") as full:
            check_equal(leat_run(folder, "--unbuffered", line, stdout=full)[::2],
                        (code, b"leat run: standard output: No space left on device\n"), f"code and errors of {line}")
    reading, writing = os.pipe()
    os.close(reading)
    code, _out, err = leat_run(folder, "--unbuffered", "echo a", stdout=writing)
    os.close(writing)
    check_equal((code, err), (128 + signal.SIGPIPE, b""), "a broken pipe")
    code, _out, err = ended(["sh", "-c", f"exec '{LEAT}' run --unbuffered 'env echo a' >&-"], folder)
    check_equal((code, b"echo" in err and b"leat" not in err), (1, True), f"without an output: {err!r}")


@test
def unbuffered_it_ends_with_its_stages(programs, _folder):
    """Whoever else has the terminal open writes on, and is always ahead of us."""
    program = start(programs, "--unbuffered", "sh -c 'yes & read x'", stdin=subprocess.PIPE)
    stage = stages_of(program.pid, "sh")[0]
    until(lambda: bytes_in(program.stdout.fileno()) > 50000 and stat_of(program.pid)[0] == "S", "that it has filled its pipe")
    program.stdin.close()
    until(lambda: not (stat := stat_of(stage)) or stat[0] == "Z", "the end of the stage")
    program.stdin = None
    total, more = 0, b" "
    while more:
        until(lambda: stat_of(program.pid)[0] in "SZ", "that it sleeps")
        more = os.read(program.stdout.fileno(), 4096)
        total += len(more)
        check(total < 1 << 19, "it goes on")
    programs.finish(program, status=1)  # read has found the end


# ---- at a terminal ----


class Terminal:
    """A shell in a pseudo-terminal of its own, at which something types."""

    def __init__(self, argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(PS1="@ ", PS2="", ENV="", TERM="dumb", HISTFILE="", HOME="/nonexistent", LC_ALL="C")
            os.environ["PATH"] = os.path.dirname(LEAT) + ":" + os.environ["PATH"]
            os.execvp(argv[0], argv)
        self.seen = b""
        self.told = 0

    def expect(self, wanted):
        """Read up to what matches, from where the last expectation ended."""
        limit = time.monotonic() + DEADLINE_S
        while not (found := re.compile(wanted.encode()).search(self.seen, self.told)):
            ready = select.select([self.fd], [], [], max(0.0, limit - time.monotonic()))[0]
            check(ready, f"{wanted!r} did not come, but {self.seen[self.told:]!r}")
            try:
                self.seen += os.read(self.fd, 4096)
            except OSError:
                raise Failed(f"the end came instead of {wanted!r}, after {self.seen[self.told:]!r}") from None
        self.told = found.end()
        return found

    def type(self, text):
        os.write(self.fd, text.encode())

    def line(self, text):
        """Its echo is not looked for: the shell's prompt may come in the middle of it."""
        self.type(text + "\r")

    def tell(self, what="$?"):
        """What the shell says of a variable; the quotes keep the echo of the line apart from the answer."""
        self.line(f"echo to''ld:{what}:")
        return self.expect(r"told:([^:\r]*):\r\n")[1].decode()

    def foreground(self):
        return os.tcgetpgrp(self.fd)

    def leat(self, *names):
        """Our command in this shell, and its stages."""
        pid = until(lambda: next((child for child in children_of(self.pid) if name_of(child) == "leat"), None), "leat run")
        return pid, stages_of(pid, *names)

    def end(self):
        os.close(self.fd)  # a hang-up for all
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@contextlib.contextmanager
def shell(name):
    need(name)
    terminal = Terminal({"dash": ["dash", "-i"], "bash": ["bash", "--norc", "--noprofile", "--noediting", "-i"]}[name])
    try:
        terminal.expect("@ ")
        yield terminal
    finally:
        for child in children_of(terminal.pid):
            for pid in [*children_of(child), child]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        terminal.end()


def for_each_shell(function):
    for name in ("dash", "bash"):
        def one(_programs, _folder, name=name):
            with shell(name) as terminal:
                function(terminal)
        tests.append((f"{function.__name__.replace('_', ' ')}, {name}", one))
    return function


@for_each_shell
def ctrl_c_ends_the_foreground_job_alone(terminal):
    terminal.line("sleep 999 &")
    other = stages_of(terminal.pid, "sleep")[0]
    terminal.line("leat run 'sleep 1000 | cat'")
    _leat, (sleeper, _cat) = terminal.leat("sleep", "cat")
    group = stat_of(sleeper)[2]
    until(lambda: terminal.foreground() == group, "the stages in the foreground")
    terminal.type("\x03")
    until(lambda: terminal.foreground() == terminal.pid, "the shell in the foreground")
    check_equal(terminal.tell(), "130", "code")
    check(stat_of(other), "the job in the background has ended too")


@for_each_shell
def ctrl_z_stops_it_and_fg_continues_it(terminal):
    terminal.line("leat run 'cat | cat'")
    leat, _cats = terminal.leat("cat")
    cats = until(lambda: len(all_of := children_of(leat)) == 2 and all_of, "two cats")
    until(lambda: terminal.foreground() == stat_of(cats[0])[2], "the stages in the foreground")
    terminal.type("one\r")
    terminal.expect(r"one\r\none\r\n")
    terminal.type("\x1a")
    terminal.expect("leat run: stopped by SIGTSTP; fg or SIGCONT continues it\r\n")
    until(lambda: terminal.foreground() == terminal.pid, "the shell in the foreground")
    check_equal([stat_of(pid)[0] for pid in (leat, *cats)], ["T"] * 3, "states")
    check_equal(terminal.tell("stopped"), "stopped", "the shell")
    terminal.line("fg")
    until(lambda: terminal.foreground() == stat_of(cats[0])[2], "the stages in the foreground again")
    terminal.type("two\r")
    terminal.expect(r"two\r\ntwo\r\n")
    terminal.type("\x1a")
    terminal.expect("leat run: stopped by SIGTSTP")
    until(lambda: terminal.foreground() == terminal.pid, "the shell in the foreground once more")
    terminal.line("fg")
    until(lambda: terminal.foreground() == stat_of(cats[0])[2], "the stages in the foreground once more")
    terminal.type("\x04")
    until(lambda: terminal.foreground() == terminal.pid, "the shell in the foreground at the end")
    check_equal(terminal.tell(), "0", "code")


@for_each_shell
def in_the_background_it_does_not_take_the_terminal(terminal):
    terminal.line("leat run 'sleep 1000' &")
    leat, (sleeper,) = terminal.leat("sleep")
    check_equal(terminal.foreground(), terminal.pid, "who is in the foreground")
    check(stat_of(sleeper)[2] not in (terminal.pid, stat_of(leat)[2]), "its stage has no group of its own")
    terminal.line("fg")
    until(lambda: terminal.foreground() in (stat_of(sleeper)[2], stat_of(leat)[2]), "the job in the foreground")
    terminal.type("\x03")
    until(lambda: terminal.foreground() == terminal.pid, "the shell in the foreground")
    check_equal(terminal.tell(), "130", "code")


@for_each_shell
def who_reads_after_fg_gets_the_terminal(terminal):
    terminal.line("leat run \"sh -c 'sleep 1000; cat'\" &")
    leat, (outer,) = terminal.leat("sh")
    sleeper = stages_of(outer, "sleep")[0]
    terminal.line("fg")
    until(lambda: terminal.foreground() != terminal.pid, "the job in the foreground")
    os.kill(sleeper, signal.SIGKILL)
    terminal.type("four\r")
    terminal.expect(r"four\r\n(.*\r\n)?four\r\n")
    until(lambda: terminal.foreground() == stat_of(outer)[2], "the stage in the foreground")
    check(stat_of(leat)[0] != "T", "it has stopped")
    terminal.type("\x04")
    until(lambda: terminal.foreground() == terminal.pid, "the shell in the foreground")
    check_equal(terminal.tell(), "0", "code")


@for_each_shell
def who_reads_in_the_background_is_stopped(terminal):
    terminal.line("leat run cat &")
    leat, (cat,) = terminal.leat("cat")
    terminal.expect("leat run: stopped by SIGTTIN; fg or SIGCONT continues it\r\n")
    in_state(leat, "T")
    check_equal(terminal.foreground(), terminal.pid, "who is in the foreground")
    terminal.line("fg")
    until(lambda: terminal.foreground() == stat_of(cat)[2], "the stage in the foreground")
    terminal.type("three\r\x04")
    terminal.expect(r"three\r\nthree\r\n")
    until(lambda: terminal.foreground() == terminal.pid, "the shell in the foreground")
    check_equal(terminal.tell(), "0", "code")


@for_each_shell
def beside_others_it_is_their_guest(terminal):
    terminal.line("leat run 'sleep 1000 | cat' | cat")
    leat, (sleeper, _cat) = terminal.leat("sleep", "cat")
    check_equal(stat_of(sleeper)[2], stat_of(leat)[2], "the group of its stage")
    check_equal(terminal.foreground(), stat_of(leat)[2], "the foreground")
    terminal.type("\x1a")
    in_state(sleeper, "T")
    in_state(leat, "T")
    until(lambda: terminal.foreground() == terminal.pid, "the shell in the foreground")
    terminal.line("fg")
    in_state(sleeper, "S")
    in_state(leat, "S")
    until(lambda: terminal.foreground() == stat_of(leat)[2], "the job in the foreground")
    terminal.type("\x03")
    until(lambda: is_gone(sleeper) and terminal.foreground() == terminal.pid, "the end of the job")
    check_equal(terminal.tell("still here"), "still here", "the shell")


@for_each_shell
def killed_it_leaves_the_terminal_to_the_shell(terminal):
    terminal.line("leat run 'sleep 1000'")
    leat, (sleeper,) = terminal.leat("sleep")
    until(lambda: terminal.foreground() == stat_of(sleeper)[2], "the stage in the foreground")
    os.kill(leat, signal.SIGKILL)
    until(lambda: terminal.foreground() == terminal.pid, "the shell in the foreground")
    check_equal(terminal.tell(), "137", "code")
    os.kill(sleeper, signal.SIGKILL)
    until(lambda: is_gone(sleeper), "the end of what it left")


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    words = sys.argv[1:]
    tap.main([one for one in tests if not words or any(word in one[0] for word in words)])


main()
