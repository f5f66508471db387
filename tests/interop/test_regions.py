#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples of regions: each is run, some of their processes are killed, and what they print is compared.

Usage: test_regions.py [LEAT [EXAMPLES-DIRECTORY]]. Output is TAP. No test sleeps.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from tap import DEADLINE_S, TESTS, check, check_equal, libc, main, test, until  # noqa: E402

BUILT = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else os.environ["LEAT_EXAMPLES"]
KEY = 0x1E000000 + os.getpid()
IPC_RMID = 0
NAME = f"leat-interop-{os.getpid()}"
LETTERS = b"abcdefghijklmnopqrstuvwxyz\n"


def start(programs, name, *arguments, **more):
    return programs.start([os.path.join(BUILT, name), *arguments], **more)


def segment():
    return libc.shmget(KEY, ctypes.c_size_t(0), 0)


def files_of(kind, directory):
    """Where its memory lies, if that is a file, and its lock file."""
    return {"region": [f"/dev/shm/leat.{NAME}", f"/dev/shm/leat.{NAME}.lock"],
            "sysv-shm": [f"/dev/shm/leat.sysv-{KEY:#x}.lock"],
            "map": [f"{directory}/memory", f"{directory}/memory.leat-lock"]}[kind]


@contextlib.contextmanager
def region(kind, directory):
    """An address of that kind; nothing of it is left."""
    try:
        yield {"region": f"region:/{NAME}", "sysv-shm": f"sysv-shm:{KEY:#x}", "map": f"map:{directory}/memory"}[kind]
    finally:
        if segment() >= 0:
            libc.shmctl(segment(), IPC_RMID, None)
        for path in files_of(kind, directory):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def nothing_left(kind, directory):
    left = [path for path in files_of(kind, directory) if os.path.exists(path)]
    check(not left and segment() < 0, f"left: {left or 'the segment'}")


def on_each(function):
    """A test for each kind of memory."""
    for kind in ("region", "sysv-shm", "map"):
        def run(programs, directory, kind=kind):
            with region(kind, directory) as address:
                function(programs, directory, kind, address)
        TESTS.append((f"{kind}: {function.__name__.replace('_', ' ')}", run))
    return function


def asleep(program):
    """Ours, in a call that waits."""
    state = pathlib.Path(f"/proc/{program.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    return state == "S"


def participants(address):
    shown = subprocess.run(["leat", "region", "show", "--json", address], capture_output=True, timeout=DEADLINE_S, check=False)
    return json.loads(shown.stdout)["participants"] if shown.returncode == 0 else 0


def kill(program):
    program.kill()
    program.communicate(timeout=DEADLINE_S)


# ---- letters ----


def letters(programs, first, second, address):
    both = {role: start(programs, "region_letters", role, address) for role in (first, second)}
    check_equal(programs.finish(both["client"]), LETTERS, "what the client read")
    check_equal(programs.finish(both["server"]), b"the client answered: *\n", "what the server said")


@on_each
def letters_are_answered_whoever_is_first(programs, directory, kind, address):
    letters(programs, "server", "client", address)
    nothing_left(kind, directory)
    letters(programs, "client", "server", address)
    nothing_left(kind, directory)


@on_each
def letters_are_answered_after_a_server_and_a_client_were_killed(programs, directory, kind, address):
    for role in ("server", "client"):
        program = start(programs, "region_letters", role, address)
        until(lambda program=program: os.path.exists(files_of(kind, directory)[-1]) and asleep(program), "it waits")
        kill(program)
        letters(programs, "server", "client", address)
        nothing_left(kind, directory)


# ---- the exchange ----


class Customer:
    def __init__(self, programs, name, address):
        self.program = start(programs, "currency_exchange", name, address, stdin=-1)

    def says(self, text, answer):
        self.program.stdin.write(text.encode() + b"\n")
        self.program.stdin.flush()
        if answer:
            check_equal(self.program.stdout.readline().decode(), answer + "\n", text)


def stock_and_balance(crowns, dollars, euros, pounds):
    return f"{crowns} crowns, {dollars} dollars, {euros} euros, {pounds} pounds"


@on_each
def money_changes_hands_and_outlives_its_owner(programs, _directory, _kind, address):
    ann, bob = (Customer(programs, name, address) for name in ("ann", "bob"))
    ann.says("balance", stock_and_balance(1000, 0, 0, 0))
    bob.says("buy euros 10", None)
    bob.says("balance", stock_and_balance(750, 0, 10, 0))
    ann.says("stock", stock_and_balance(10250, 500, 490, 500))
    ann.says("buy pounds 35", "there is not so much")
    ann.says("sell euros 1", "there is not so much")
    ann.says("lend euros 1", "buy or sell dollars, euros or pounds, as 'buy dollars 3'; balance; stock")
    ann.says("buy pounds 34", None)
    ann.says("balance", stock_and_balance(14, 0, 0, 34))
    kill(ann.program)
    bob.says("stock", stock_and_balance(11236, 500, 490, 466))
    ann = Customer(programs, "ann", address)
    ann.says("sell pounds 4", None)
    ann.says("balance", stock_and_balance(130, 0, 0, 30))
    bob.says("sell euros 10", None)
    bob.says("balance", stock_and_balance(1000, 0, 0, 0))
    check_equal([programs.finish(one.program) for one in (ann, bob)], [b"", b""], "what else they said")


@test
def a_region_of_another_program_is_refused(programs, directory):
    with region("region", directory) as address:
        server = start(programs, "region_letters", "server", address)
        until(lambda: os.path.exists(files_of("region", directory)[-1]) and asleep(server), "the server waits")
        customer = start(programs, "currency_exchange", "ann", address)
        _, said = customer.communicate(timeout=DEADLINE_S)
        check(customer.returncode == 1 and said.startswith(f"{address}: ".encode()), f"it said {said!r}")


# ---- numbers ----


@test
def region_numbers_are_in_the_file_and_in_memory(programs, _directory):
    check_equal(programs.run([os.path.join(BUILT, "region_numbers")]).decode().splitlines(), [
        "times 10 in memory, read from the file: 10 20 30 40 50",
        "the first one written to the file, in memory: 99 20 30 40 50",
        "added by two children: 20000 40000 60000 80000 100000"], "output")


# ---- producers and consumers ----


@on_each
def producers_fill_the_buffer_sleep_and_are_woken(programs, directory, kind, address):
    """Nothing is taken until all of them sleep; one that was killed meanwhile holds up nobody."""
    items = 2000
    producers = [start(programs, "region_producer", str(items), address) for _ in range(3)]
    for producer in producers:
        line = producer.stderr.readline().decode()
        full = re.fullmatch(r"full after (\d+) items; waiting for room\n", line)
        check(full and int(full[1]) <= 64, f"it said {line!r}")
        until(lambda producer=producer: asleep(producer), "a producer sleeps")
    kill(start(programs, "region_producer", "1", address))
    consumer = start(programs, "region_consumer", "3", address)
    for producer in producers:
        out = programs.finish(producer).decode()
        check(re.fullmatch(rf"{items} items put; the buffer was full [1-9]\d* times\n", out), f"it printed {out!r}")
    want = f"{3 * items} items, their numbers add up to {3 * items * (items + 1) // 2}\n"
    check_equal(programs.finish(consumer).decode(), want, "what the consumer printed")
    nothing_left(kind, directory)


@on_each
def consumers_share_what_there_is(programs, directory, kind, address):
    """All of them end when the last producer has, whoever of them took its last item; one removes the region."""
    items = 500
    consumers = [start(programs, "region_consumer", "2", address) for _ in range(3)]
    until(lambda: participants(address) == 3, "all of them have it open")
    producers = [start(programs, "region_producer", str(items), address) for _ in range(2)]
    for producer in producers:
        programs.finish(producer)
    taken = [re.fullmatch(r"(\d+) items, their numbers add up to (\d+)\n", programs.finish(one).decode()) for one in consumers]
    check(all(taken), f"they printed {taken}")
    check_equal([sum(int(one[i]) for one in taken) for i in (1, 2)], [2 * items, items * (items + 1)], "all of them")
    nothing_left(kind, directory)


# ---- the editor ----


class Editor:
    def __init__(self, programs, path):
        self.programs = programs
        self.program = start(programs, "shared_editor", path, stdin=-1)

    def types(self, *lines):
        self.program.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.program.stdin.flush()

    def shows(self, *lines):
        """After some changes, of which several may be shown at once."""
        want = [f"---- {len(lines)} lines\n", *(f"{number:3} {line}\n" for number, line in enumerate(lines, 1))]
        shown = []
        while shown != want:
            line = self.program.stdout.readline().decode()
            check(line, f"it ended; shown last: {shown}, not {want}")
            shown = ([] if line.startswith("---- ") else shown) + [line]

    def answers(self, text):
        """The same text may be shown once more: a change is seen by who was told of the one before it."""
        while re.match(r"---- | *\d+ ", line := self.program.stdout.readline().decode()):
            pass
        check_equal(line, f"{text}\n", "answer")


@test
def what_one_terminal_types_all_shared_editors_show(programs, directory):
    path = f"{directory}/notes.txt"
    pathlib.Path(path).write_text("first\nsecond\n", encoding="utf-8")
    editors = [Editor(programs, path) for _ in range(3)]
    for editor in editors:
        editor.shows("first", "second")
    editors[0].types("a third")
    for editor in editors:
        editor.shows("first", "second", "third")
    editors[1].types("i 1 title", "c 3 the second", "d 2")
    for editor in editors:
        editor.shows("title", "the second", "third")
    editors[2].types("d 9")
    editors[2].answers("?")
    for length in (100, 200):  # its end is no command
        editors[2].types("a " + "x" * length + "d 1")
        editors[2].answers("too long: a line has at most 99 bytes")
    kill(editors[2].program)  # what it changed stays, and what it would have is not there
    editors[1].types("w")
    editors[1].answers("written")
    check_equal(pathlib.Path(path).read_text(encoding="utf-8"), "title\nthe second\nthird\n", "the file")
    editors[0].types("a not written", "q")
    editors[0].shows("title", "the second", "third", "not written")
    editors[1].shows("title", "the second", "third", "not written")
    kill(editors[1].program)
    programs.finish(editors[0].program)
    again = Editor(programs, path)
    again.shows("title", "the second", "third", "not written")
    again.program.stdin.close()
    check_equal(again.program.wait(DEADLINE_S), 0, "end")


if __name__ == "__main__":
    libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
    main(TESTS)
