#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leat region: what it makes, shows, dumps, watches, locks, runs and removes, and what it says to wrong input.

Usage: test_region.py [LEAT]. Output is TAP. Shared memory is this script's own, where it may have such: a mount and an IPC name space. Else names have its
pid, and what looks at all regions of the machine is not tried. No test sleeps.
"""
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import DEADLINE_S, TESTS, Skip, check, check_equal, ended, libc, line_of, main, need, test, until  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
EXAMPLES = os.environ.get("LEAT_EXAMPLES", "")
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER = 0x20000, 0x8000000, 0x10000000
MS_REC_PRIVATE = 0x4000 | 0x40000
numbers = iter(range(1, 1000))
OWN = False
ROOT = os.getuid() == 0  # and not of a user name space


def own_memory():
    """/dev/shm and System V objects of this script alone."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS | CLONE_NEWIPC) < 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC) < 0:
            return False
        for kind, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with contextlib.suppress(OSError), open(f"/proc/self/{kind}", "w", encoding="ascii") as file:
                file.write(text)
    return (libc.mount(None, b"/", None, MS_REC_PRIVATE, None) == 0 and
            libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", 0, b"mode=1777,size=64m") == 0)


def name():
    """Of a region that no other test has."""
    return f"region:/cli-{os.getpid()}-{next(numbers)}"


def key():
    return f"0x{0x20000000 + os.getpid() * 64 + next(numbers) % 64:x}"


def leat(*arguments, **more):
    """(exit code, standard output, standard error) of leat region."""
    program = subprocess.run([LEAT, "region", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=DEADLINE_S, check=False, **more)
    return program.returncode, program.stdout.decode(), program.stderr.decode()


def good(*arguments, **more):
    """What it printed, having said nothing else."""
    code, out, err = leat(*arguments, **more)
    check_equal((code, err), (0, ""), f"{arguments}")
    return out


def told(*arguments):
    return json.loads(good(*arguments))


def refused(code, said, *arguments, **more):
    """This line and this code, and nothing on standard output."""
    check_equal(leat(*arguments, **more), (code, "", said + "\n"), f"{arguments}")


@contextlib.contextmanager
def region(*options, address=None):
    """One that is made, and removed at the end."""
    address = address or name()
    good("create", *options, address)
    try:
        yield address
    finally:
        leat("rm", "--force", address)


@contextlib.contextmanager
def removed(*addresses):
    try:
        yield addresses[0] if len(addresses) == 1 else addresses
    finally:
        for address in addresses:
            leat("rm", "--force", address)


def holder(programs, address, *lock):
    """A process that has the lock, until its input ends."""
    program = programs.start([LEAT, "region", "lock", address, *lock], stdin=subprocess.PIPE)
    check_equal(line_of(program.stdout), f"locked {lock[0] if lock else address}", "what it said")
    return program


def let_go(program):
    program.stdin.close()
    check_equal(ended(program), 0, "the holder's end")


def kill(program):
    program.kill()
    check_equal(ended(program), -signal.SIGKILL, "a killed one's end")


def state(address, lock):
    return {one["name"]: one for one in told("lock", "--json", address)}[lock]


# ---- help, and wrong use ----


@test
def help_says_what_there_is(_programs, _directory):
    out = good("--help")
    for part in ("create", "show", "dump", "watch", "lock", "run", "rm"):
        check(f"  region {part} " in out, f"{part} is missing")
        more = good(part, "--help")
        check(more.startswith(f"Usage: leat region {part} ") and "Exit: " in more and "Example: leat region " in more, more)
    check("\n  region " in subprocess.run([LEAT, "--help"], capture_output=True, check=True).stdout.decode(), "leat --help")


@test
def wrong_use_is_told(_programs, _directory):
    refused(2, "leat region: what to do is missing; 'leat region --help' lists it")
    refused(2, "leat region: make: is nothing that it does; 'leat region --help' lists what is", "make")
    refused(2, "leat region create: region:/x: how large? Say --size SIZE, or --locks N", "create", "region:/x")
    refused(2, "leat region create: region:/x: how large? Say --size SIZE, or --locks N", "create", "--size", 1, "--locks", 1,
            "region:/x")
    for wrong in ("0", "64q", "-1", "0x", "x", "0x8000000000000000"):
        refused(2, f"leat region create: --size: '{wrong}' is not a number of bytes; write 4096, 64k, 1M or 0x1000",
                "create", "--size", wrong, "region:/x")
    for wrong in ("0", "4097", "ten", "-1"):
        refused(2, f"leat region create: --locks: '{wrong}' is not a number of locks; write one from 1 to 4096",
                "create", "--locks", wrong, "region:/x")
    for wrong in ("9", "01777", "rw", "00600"):
        refused(2, f"leat region create: --mode: '{wrong}' is not a mode; write permission bits in octal, as 0660",
                "create", "--size", 1, "--mode", wrong, "region:/x")
    refused(2, "leat region create: anon:: would be gone with this command; a program makes it for its children",
            "create", "--size", 1, "anon:")
    refused(2, "leat region create: --count: is of a semaphore; a region has --size SIZE or --locks N",
            "create", "--count", 1, "region:/x")
    refused(2, "leat region create: sysv-sem:0x77: a semaphore has a count alone; write --count N",
            "create", "--size", 1, "sysv-sem:0x77")
    refused(2, "leat region run: region:/x: which of its locks? Say --lock NAME", "run", "region:/x", "--", "true")
    refused(2, "leat region run: --lock: a semaphore has no locks with names; leave it out",
            "run", "--lock", "a", "sysv-sem:0x77", "--", "true")
    refused(2, "leat region run: --mend: who shares a lock changes nothing, and mends nothing; leave --shared out",
            "run", "--lock", "a", "--shared", "--mend", "region:/x", "--", "true")
    refused(2, "leat region run: too few operands; write leat region run [OPTION]... --lock NAME ADDRESS -- COMMAND [ARG]...",
            "run", "--lock", "a", "region:/x")
    refused(2, "leat region lock: a: a semaphore has no locks with names; leave it out", "lock", "posix-sem:/x", "a")
    for address in (("region:/x", "a"), ("posix-sem:/x",)):
        refused(2, "leat region lock: --json: is for the list of a region's locks; to take one leave it out", "lock", "--json", *address)
    for option in ("--shared", "--nonblock", "--mend"):
        refused(2, "leat region lock: region:/x: which of its locks is to be taken? Write its name behind the address",
                "lock", option, "region:/x")
    for wrong in ("x" * 32, "a\nb"):
        code, _, err = leat("watch", "--part", wrong, "region:/x")
        check_equal(code, 2, err)
        check("is no name of a part; write 1 to 31 bytes without control characters, or '' for the whole" in err, err)
    refused(2, "leat region watch: --count: '0' is not a count; write a number from 1", "watch", "--count", 0, "region:/x")
    refused(2, "leat region show: --stale: lists all that are; leave the address out", "show", "--stale", "region:/x")
    refused(2, "leat region rm: what? Write an ADDRESS, or --stale", "rm")
    refused(2, "leat region rm: --stale: finds them itself; leave the address out", "rm", "--stale", "region:/x")


@test
def what_is_not_there_is_told(_programs, _directory):
    address = name()
    for part in ("show", "dump", "watch", "lock", "rm"):
        code, out, err = leat(part, address)
        check_equal((code, out), (1, ""), f"{part}: {err}")
        check(err.startswith(f"leat region {part}: {address}: ") and "no region is there" in err or "nothing is there" in err, err)
    code, _, err = leat("run", "--lock", "a", address + "?open", "--", "true")
    check_equal(code, 1, err)
    check_equal(leat("show", "region:")[0], 2, "no name")
    check_equal(leat("show", "nothing:/x")[0], 2, "no such scheme")


# ---- create, rm ----


@test
def several_are_shown_at_once(_programs, _directory):
    semaphore = f"posix-sem:/cli-{os.getpid()}-{next(numbers)}"
    with region("--size", 10) as a, region("--size", 20) as b, removed(semaphore):
        good("create", semaphore)
        check_equal([one["address"] for one in told("show", "--json", a, b, semaphore)], [a, b, semaphore], "an array")
        code, out, err = leat("show", "--json", a, "nothing:/x", b)
        check_equal((code, [one["address"] for one in json.loads(out)], err.count("\n")), (2, [a, b], 1), "those that are there")
        check_equal(leat("show", "--json", "nothing:/x")[:2], (2, ""), "no JSON of nothing")
        check_equal(leat("show", "--json", "nothing:/x", "nothing:/y")[:2], (2, "[]\n"), "of several")
        check_equal([text.split("\n")[0].split() for text in good("show", a, b).split("\n\n")],
                    [["address", a], ["address", b]], "for people")


@test
def names_that_are_no_text_are_told(programs, directory):
    """Of bytes that are no UTF-8, or that a terminal would obey."""
    odd = os.fsencode(f"map:{directory}/") + b"\xff\x1b[2J"
    want = f"map:{directory}/??[2J"

    def run(*arguments):
        return programs.run([LEAT, "region", *arguments], stdin=subprocess.DEVNULL)
    run("create", "--locks", "1", odd)
    run("run", "--lock", b"a\xfe", odd, "--", "true")
    check_equal(json.loads(run("show", "--json", odd))["address"], want, "show")
    check_equal(json.loads(run("dump", "--json", odd))["address"], want, "dump")
    check_equal(json.loads(run("dump", "--json", odd + b"?raw&length=4"))["hex"], b"leat".hex(), "dump as it is")
    check_equal([one["name"] for one in json.loads(run("lock", "--json", odd))], ["a?"], "lock")
    check(b"\x1b" not in run("show", odd), "no control character")
    run("rm", odd)
    with removed(name()) as address:
        good("create", "--size", 1, address + "\udcff")
        if OWN:
            check([one for one in told("show", "--json") if one["address"] == address + "?"], "in the list")
        good("rm", address + "\udcff")


@test
def what_is_there_already_is_told(_programs, _directory):
    stays = "; it stays as it is: take another name, or remove it first"
    with region("--size", 100) as address:
        refused(2, f"leat region create: {address}: a smaller region is there already{stays}", "create", "--size", 101, address)
        refused(2, f"leat region create: {address}: the region was made by a program that did not say what lies in it (its layout)"
                f"{stays}", "create", "--locks", 1, address)
        refused(2, f"leat region watch: {address}?raw: as it is (?raw) it tells of no changes; name a region of Leat",
                "watch", f"{address}?raw")
        good("create", "--size", 99, address)


@test
def regions_are_made_and_removed(_programs, directory):
    for address in (name(), f"map:{directory}/map", f"sysv-shm:{key()}"):
        with region("--size", "10k", "--mode", "0640", address=address):
            one = told("show", "--json", address)
            check_equal([one[k] for k in ("address", "kind", "size_bytes", "mode", "uid", "participants", "dead", "stale",
                                          "layout", "locks", "users")],
                        [address, "region", 10240, "0640", os.getuid(), 0, 0, True, None, [], []], address)
            good("create", "--size", "10k", address)  # it is there: it stays
            code, _, err = leat("create", "--new", "--size", "10k", address)
            check_equal((code, err), (1, f"leat region create: {address}: the region is there already\n"), "new")
            check_equal(good("rm", address), "", "rm")
            check_equal(leat("show", address)[0], 1, "gone")
            check(not one["lock_file"] or not os.path.exists(one["lock_file"]), "its lock file is gone too")


@test
def the_others_are_tried_after_a_failure(_programs, _directory):
    with region("--size", 1) as a, region("--size", 1) as b:
        code, _, _ = leat("rm", name(), a, "region:", b)
        check(code != 0, "one was wrong")
        check_equal([leat("show", a)[0], leat("show", b)[0]], [1, 1], "the others are gone")


@test
def without_memory_it_is_refused(_programs, _directory):
    if not OWN:
        raise Skip("no name spaces here")
    with removed(name()) as address:
        code, _, err = leat("create", "--size", "128M", address)
        check_equal(code, 71, err)
        check_equal([entry for entry in os.listdir("/dev/shm") if address.split("/")[1] in entry], [], "nothing is left")


@test
def what_is_no_region_is_left_alone(_programs, directory):
    path = f"{directory}/letter"
    with open(path, "w", encoding="ascii") as file:
        file.write("Dear Sir or Madam, " * 1000)
    refused(2, f"leat region rm: map:{path}: this is no region of Leat; --force removes it all the same", "rm", f"map:{path}")
    check(os.path.exists(path), "it is there")
    one = told("show", "--json", f"map:{path}")
    check_equal([one["kind"], one["size_bytes"], one["memory"]], ["foreign", 19000, path], "show")
    check("no region of Leat" in good("show", f"map:{path}"), "show for people")
    check(leat("dump", f"map:{path}")[0] in (1, 2), "dump without raw")
    check_equal(told("dump", "--json", "--length", 8, f"map:{path}?raw")["hex"], b"Dear Sir".hex(), "dump as it is")
    good("rm", "--force", f"map:{path}")
    check(not os.path.exists(path), "it is gone")


# ---- show ----


@test
def all_regions_are_listed(programs, _directory):
    if not OWN:
        raise Skip("no name spaces here: other tests have regions too")
    used, unused, segment = name(), name(), f"sysv-shm:{key()}"
    with region("--locks", 4, address=used), region("--size", 100, address=unused), region("--size", 10, address=segment):
        first = holder(programs, used, "a")
        kill(holder(programs, used, "b"))
        listed = {one["address"]: one for one in told("show", "--json")}
        check_equal(sorted(listed), sorted([used, unused, segment]), "addresses")
        check_equal([listed[used][k] for k in ("kind", "size_bytes", "participants", "dead", "layout", "stale", "state")],
                    ["region", 256, 1, 1, "leat locks 1", False, "in use"], "the used one")
        check_equal([listed[unused][k] for k in ("size_bytes", "participants", "dead", "layout", "stale", "state")],
                    [100, 0, 0, None, True, "stale"], "the unused one")
        stale = [one["address"] for one in told("show", "--stale", "--json")]
        check_equal(sorted(stale), sorted([unused, segment]), "stale")
        table = good("show").splitlines()
        check_equal(table[0].split(), ["ADDRESS", "KIND", "SIZE", "USERS", "DEAD", "LAYOUT", "STATE"], "head")
        check_equal(len(table), 4, "lines")
        check_equal(len(good("show", "--stale").splitlines()), 3, "stale lines")
        check_equal(sorted(good("rm", "--stale").splitlines()), sorted(f"removed {one}" for one in stale), "rm --stale")
        check_equal([one["address"] for one in told("show", "--json")], [used], "what is left")
        let_go(first)
        check_equal(good("rm", "--stale"), f"removed {used}\n", "now it is stale")
        check_equal(os.listdir("/dev/shm"), [], "nothing is left")


@test
def what_others_left_is_listed(programs, _directory):
    if not OWN:
        raise Skip("no name spaces here")
    need("ipcmk"), need("ipcs"), need("ipcrm")
    out = programs.run(["ipcmk", "-M", "4096"]).decode()
    number = re.search(r"\d+", out)[0]
    line = next(line for line in programs.run(["ipcs", "-m"]).decode().splitlines() if line.split()[1:2] == [number])
    address = f"sysv-shm:0x{int(line.split()[0], 16):x}"
    gone = name()
    with region("--size", 10, address=gone), region("--size", 10, address=f"sysv-shm:{key()}") as ours:
        os.unlink("/dev/shm/leat." + gone.split("/")[1])
        listed = {one["address"]: one for one in told("show", "--stale", "--json")}
        check_equal(sorted(listed), sorted([address, gone, ours]), "stale")
        check_equal([listed[address]["kind"], listed[address]["size_bytes"], listed[address]["participants"]],
                    ["segment", 4096, 0], "the segment")
        check_equal([listed[gone]["kind"], listed[gone]["lock_file"]],
                    ["lock-file", f"/dev/shm/leat.{gone.split('/')[1]}.lock"], "the lock file")
        check(f"0x{int(ours.split(':')[1], 16):08x}" in programs.run(["ipcs", "-m"]).decode(), "ipcs shows ours")
        check_equal(sorted(good("rm", "--stale").splitlines()), sorted([f"removed {gone}", f"removed {ours}"]), "without force")
        check_equal(good("rm", "--stale", "--force"), f"removed {address}\n", "with force")
        check(number not in [line.split()[1] for line in programs.run(["ipcs", "-m"]).decode().splitlines()[3:] if line],
              "ipcs shows it no more")


@test
def a_private_segment_is_listed_and_removed(programs, _directory):
    if not OWN:
        raise Skip("no name spaces here")
    number = libc.shmget(0, 8192, 0o1600)  # IPC_PRIVATE, IPC_CREAT
    check(number >= 0, "shmget")
    libc.shmat.restype = ctypes.c_void_p
    at = libc.shmat(number, None, 0)
    check_equal(told("show", "--json", "--stale"), [], "it is attached")
    one = told("show", "--json")[0]
    check_equal([one["address"], one["kind"], one["size_bytes"], one["participants"], one["state"]],
                [f"shmid {number}", "segment", 8192, 1, "in use"], "attached")
    check_equal(good("rm", "--stale", "--force"), "", "it stays")
    check_equal(libc.shmdt(ctypes.c_void_p(at)), 0, "shmdt")
    check_equal(good("rm", "--stale", "--force"), f"removed shmid {number}\n", "it goes")


@test
def who_waits_for_what_is_shown(programs, _directory):
    with region("--locks", 4) as address:
        first = holder(programs, address, "backup")
        second = programs.start([LEAT, "region", "lock", address, "backup"], stdin=subprocess.PIPE)
        until(lambda: state(address, "backup")["waiting"] == 1, "it waits")
        one = told("show", "--json", address)
        users = {user["pid"]: user for user in one["users"]}
        check_equal((users[first.pid]["waits_for"], users[second.pid]["waits_for"]), (None, "backup"), "who waits")
        check_equal([one["locks"][0][k] for k in ("name", "kind", "state", "owner_pid", "waiting", "owner_died")],
                    ["backup", "rwlock", "locked", first.pid, 1, False], "the lock")
        text = good("show", address)
        check(re.search(rf"^backup +locked +pid {first.pid} \(leat\) +1$", text, re.M), text)
        check(re.search(rf"^ *\d+ +{second.pid} +{os.getuid()} +leat +lives +backup$", text, re.M), text)
        check(re.search(r"^users +2 of at most 512, and 0 dead$", text, re.M), text)
        let_go(first)
        check_equal(line_of(second.stdout), "locked backup", "the second")
        let_go(second)


# ---- locks ----


@test
def the_command_runs_while_it_is_held(programs, _directory):
    with removed(name()) as address:  # made by the first that runs
        check_equal(good("run", "--lock", "a", address, "--", "echo", "one", "two"), "one two\n", "its output")
        for code in (0, 1, 42):
            check_equal(leat("run", "--lock", "a", address, "--", "sh", "-c", f"exit {code}")[0], code, "its code")
        check_equal(leat("run", "--lock", "a", address, "--", "sh", "-c", "kill -9 $$")[0], 137, "killed")
        check_equal(leat("run", "--lock", "a", address, "--", "/none/there")[0], 127, "not found")
        check_equal(leat("run", "--lock", "a", address, "--", "/dev/null")[0], 126, "no program")
        check_equal(state(address, "a")["state"], "free", "afterwards")
        one = holder(programs, address, "b")
        check_equal(leat("run", "--lock", "a", "--nonblock", address, "--", "true"), (0, "", ""), "another lock")
        refused(75, f"leat region run: b: pid {one.pid} (leat) has it", "run", "--lock", "b", "--nonblock", address, "--", "true")
        refused(124, f"leat region run: b: the deadline passed; pid {one.pid} (leat) has it",
                "run", "--lock", "b", "--timeout", "50ms", address, "--", "true")
        refused(75, f"leat region lock: b: pid {one.pid} (leat) has it", "lock", "--nonblock", address, "b")
        waiting = programs.start([LEAT, "region", "run", "--lock", "b", address, "--", "echo", "mine"])
        until(lambda: state(address, "b")["waiting"] == 1, "it waits")
        let_go(one)
        check_equal(programs.finish(waiting), b"mine\n", "its turn")


@test
def readers_share_it(programs, _directory):
    with region("--locks", 2) as address:
        reader = programs.start([LEAT, "region", "lock", "--shared", address, "a"], stdin=subprocess.PIPE)
        check_equal(line_of(reader.stdout), "locked a", "the reader")
        good("run", "--shared", "--nonblock", "--lock", "a", address, "--", "true")
        refused(75, "leat region run: a: 1 reader has it", "run", "--nonblock", "--lock", "a", address, "--", "true")
        check_equal([state(address, "a")[k] for k in ("state", "readers", "owner_pid")], ["shared", 1, None], "state")
        let_go(reader)
        good("run", "--nonblock", "--lock", "a", address, "--", "true")


@test
def a_killed_holder_is_told(programs, _directory):
    died = "its last owner died with it"
    with region("--locks", 2) as address:
        kill(holder(programs, address, "a"))
        check_equal([state(address, "a")[k] for k in ("state", "owner_died")], ["owner died", True], "state")
        text = f"leat region run: a: {died}, and what it protects may be half done; look at that, then say --mend"
        for _ in range(2):  # it is not forgotten by being told
            refused(65, text, "run", "--lock", "a", address, "--", "true")
        refused(65, text, "run", "--shared", "--lock", "a", address, "--", "true")
        refused(65, text.replace("region run", "region lock"), "lock", address, "a")
        going_on = f"leat region run: a: {died}; going on, as --mend says\n"
        show = ("sh", "-c", "echo $LEAT_OWNER_DIED; exit $0")
        check_equal(leat("run", "--mend", "--lock", "a", address, "--", *show, "3"), (3, "1\n", going_on), "it fails")
        check_equal(state(address, "a")["owner_died"], True, "so it is not mended")
        check_equal(leat("run", "--mend", "--lock", "a", address, "--", *show, "0"), (0, "1\n", going_on), "it succeeds")
        check_equal(good("run", "--mend", "--lock", "a", address, "--", *show, "0",
                         env={**os.environ, "LEAT_OWNER_DIED": "1"}), "\n", "so it is as new")
        check_equal(state(address, "a")["owner_died"], False, "mended")


@test
def a_killed_reader_leaves_nothing(programs, _directory):
    with region("--locks", 2) as address:
        reader = programs.start([LEAT, "region", "lock", "--shared", address, "a"], stdin=subprocess.PIPE)
        line_of(reader.stdout)
        kill(reader)
        good("run", "--lock", "a", address, "--", "true")


@test
def signals_are_passed_on(programs, _directory):
    with region("--locks", 2) as address:
        # wait is ended by a trap (POSIX.1-2017, 2.11)
        text = "sleep 1000 & trap 'kill $!; echo caught; exit 7' TERM; echo ready; wait"
        running = programs.start([LEAT, "region", "run", "--lock", "a", address, "--", "sh", "-c", text])
        check_equal(line_of(running.stdout), "ready", "the command")
        running.send_signal(signal.SIGTERM)
        check_equal(line_of(running.stdout), "caught", "the trap")
        check_equal(ended(running), 7, "its code")
        check_equal([state(address, "a")[k] for k in ("state", "owner_died")], ["free", False], "the lock")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
            one = programs.start([LEAT, "region", "lock", address, "a"], stdin=subprocess.PIPE)
            line_of(one.stdout)
            one.send_signal(number)
            check_equal(ended(one), 128 + number, "a holder that is told to end")
            check_equal([state(address, "a")[k] for k in ("state", "owner_died")], ["free", False], "given back")


@test
def what_is_ignored_ends_nothing(programs, _directory):
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with region("--locks", 1) as address:
        one = programs.start([LEAT, "region", "lock", address, "a"], stdin=subprocess.PIPE, preexec_fn=ignore)
        check_equal(line_of(one.stdout), "locked a", "the holder")
        one.send_signal(signal.SIGHUP)
        let_go(one)
        one = programs.start([LEAT, "region", "run", "--lock", "a", address, "--", "sh", "-c", "echo ready; read line; exit 5"],
                             stdin=subprocess.PIPE, preexec_fn=ignore)
        check_equal(line_of(one.stdout), "ready", "the command")
        one.send_signal(signal.SIGHUP)
        one.stdin.close()
        check_equal(ended(one), 5, "the command's end")


@test
def a_signal_that_ends_one_that_waits_hurts_nobody(programs, _directory):
    semaphore = f"posix-sem:/cli-{os.getpid()}-{next(numbers)}"
    with region("--locks", 1) as address, removed(semaphore):
        one = holder(programs, address, "a")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            waiting = programs.start([LEAT, "region", "run", "--lock", "a", address, "--", "true"])
            until(lambda: state(address, "a")["waiting"] == 1, "it waits")
            waiting.send_signal(number)
            check_equal(ended(waiting), -number, "its end")
        let_go(one)
        check_equal([state(address, "a")[k] for k in ("state", "owner_died", "waiting")], ["free", False, 0], "afterwards")
        reader = programs.start([LEAT, "region", "lock", "--shared", address, "a"], stdin=subprocess.PIPE)
        check_equal(line_of(reader.stdout), "locked a", "the reader")
        waiting = programs.start([LEAT, "region", "run", "--lock", "a", address, "--", "true"])
        until(lambda: state(address, "a")["waiting"] == 1, "it waits for the reader")
        waiting.send_signal(signal.SIGTERM)
        check_equal(ended(waiting), -signal.SIGTERM, "its end")
        let_go(reader)
        check_equal([state(address, "a")[k] for k in ("state", "owner_died", "waiting")], ["free", False, 0], "afterwards")
        good("create", "--count", 0, semaphore)
        waiting = programs.start([LEAT, "region", "run", semaphore, "--", "true"])
        waiting.send_signal(signal.SIGTERM)
        check_equal(ended(waiting), -signal.SIGTERM, "its end")


@test
def names_of_locks(programs, _directory):
    with region("--locks", 2) as address:
        for wrong in ("", "x" * 32, "a\nb"):
            code, _, err = leat("lock", address, wrong)
            check_equal(code, 2, err)
            check("is no name of a lock; write 1 to 31 bytes without control characters" in err, err)
        for right in ("x" * 31, "with spaces, and ü"):
            let_go(holder(programs, address, right))
        code, _, err = leat("lock", address, "third")
        check_equal((code, err), (71, "leat region lock: third: all 2 places for locks are taken; make a region with more by "
                                      "'leat region create --locks N'\n"), "full")
        check_equal([one["name"] for one in told("lock", "--json", address)], ["x" * 31, "with spaces, and ü"], "listed")
    with region("--size", 100) as address:
        refused(1, f"leat region lock: a: {address} has no locks; 'leat region create --locks N' makes a region that has",
                "lock", address, "a")
        check_equal([good("lock", address), told("lock", "--json", address)], ["", []], "none")


@test
def two_that_make_it_at_once_agree(programs, _directory):
    with removed(name()) as address:
        racing = [programs.start([LEAT, "region", "run", "--lock", f"lock {i % 2}", address, "--", "true"]) for i in range(8)]
        for one in racing:
            programs.finish(one)
        check_equal(sorted(one["name"] for one in told("lock", "--json", address)), ["lock 0", "lock 1"], "names")


# ---- semaphores ----


@test
def semaphores_are_shown_taken_and_removed(programs, _directory):
    for address in (f"sysv-sem:{key()}", f"posix-sem:/cli-{os.getpid()}-{next(numbers)}"):
        with removed(address):
            check_equal(leat("show", address)[0], 1, "nothing there")
            good("create", "--count", 2, "--mode", "0600", address)
            check_equal(told("show", "--json", address)["count"], 2, "count")
            first, second = holder(programs, address), holder(programs, address)
            check_equal(told("show", "--json", address)["count"], 0, "both are taken")
            refused(75, f"leat region run: {address}: all of them are taken", "run", "--nonblock", address, "--", "true")
            refused(124, f"leat region run: {address}: the deadline passed; all are taken",
                    "run", "--timeout", "50ms", address, "--", "true")
            let_go(first)
            check_equal(good("run", address, "--", "echo", "mine"), "mine\n", "one is free")
            let_go(second)
            check(re.search(r"^count +2$", good("show", address), re.M), "given back")
            if OWN:
                one = {one["address"]: one for one in told("show", "--json")}[address]
                check_equal([one["kind"], one["state"], one["stale"]], ["semaphore", "2", False], "listed")
            good("rm", address)
            check_equal(leat("show", address)[0], 1, "gone")


@test
def a_semaphore_with_no_count_is_shown(_programs, _directory):
    address = f"sysv-sem:{key()}"
    number = libc.semget(int(address.split(":")[1], 16), 1, 0o1600)  # IPC_CREAT
    check(number >= 0, "semget")
    with removed(address):
        check_equal(told("show", "--json", address)["count"], None, "JSON")
        check(re.search(r"^count +0; none was given yet$", good("show", address), re.M), "for people")
        good("create", "--count", 0, address)
        check_equal(told("show", "--json", address)["count"], 0, "given")
        check_equal(leat("run", "--nonblock", address, "--", "true")[0], 75, "none is free")


@test
def what_a_killed_one_took_comes_back(programs, _directory):
    with removed(f"sysv-sem:{key()}") as address:
        good("create", address)
        kill(holder(programs, address))
        check_equal(good("run", "--nonblock", address, "--", "echo", "mine"), "mine\n", "the kernel gave it back")


# ---- dump, watch ----


def exchange(programs, customer, address):
    """The example, which has said what it has; each command it is given is a transaction."""
    program = programs.start([os.path.join(EXAMPLES, "currency_exchange"), customer, address], stdin=subprocess.PIPE)
    return program


@test
def bytes_are_dumped_as_xxd_does(_programs, _directory):
    with region("--size", 40) as address:
        path = told("show", "--json", address)
        with open(path["memory"], "r+b") as file:
            file.seek(path["total_bytes"] - 40)
            file.write(b"Hello, world\x00\x01\xfe\xff" + bytes(range(0x20, 0x38)))
        check_equal(good("dump", address),
                    "00000000: 4865 6c6c 6f2c 2077 6f72 6c64 0001 feff  Hello, world....\n"
                    "00000010: 2021 2223 2425 2627 2829 2a2b 2c2d 2e2f   !\"#$%&'()*+,-./\n"
                    "00000020: 3031 3233 3435 3637                      01234567\n", "all")
        check_equal(good("dump", "--offset", "0x20", "--length", 3, address),
                    "00000020: 3031 32                                  012\n", "a part")
        check_equal(told("dump", "--json", "--offset", 4, "--length", 2, address),
                    {"address": address, "offset": 4, "length": 2, "hex": "6f2c"}, "JSON")
        check_equal(good("dump", "--offset", 40, address), "", "nothing at its end")
        refused(2, "leat region dump: --offset: it ends behind the end; the region has 40 (40 bytes)", "dump", "--offset", 41, address)
        refused(2, "leat region dump: --length: it ends behind the end; the region has 40 (40 bytes)",
                "dump", "--offset", 39, "--length", 2, address)


@test
def a_program_s_fields_are_dumped(programs, _directory):
    if not os.access(os.path.join(EXAMPLES, "currency_exchange"), os.X_OK):
        raise Skip("the examples are not built")
    with removed(name()) as address:
        program = exchange(programs, "ann", address)
        program.communicate(b"buy dollars 3\n", timeout=DEADLINE_S)
        one = told("dump", "--json", address)
        fields = {field["name"]: field for field in one["fields"]}
        check_equal([one["layout"], fields["open"]["values"], fields["stock"]["values"][:2], fields["stock"]["count"]],
                    ["exchange 1", [1], [10069, 497], 4], "values")
        check(fields["customers"]["hex"].startswith(b"ann\0".hex()), "what is no number is in hexadecimal")
        text = good("dump", address)
        check(re.search(r"^ *0 open 1$", text, re.M) and re.search(r"^ *8 stock 10069 497 \d+ \d+$", text, re.M), text)
        check(re.search(r"^ *40 customers 0x616e6e[0-9a-f]{122}\.\.\. \d+ bytes$", text, re.M), text)
        check(good("dump", "--hex", address).startswith("00000000: 0100 0000 0000 0000 "), "--hex")
        check_equal(told("show", "--json", address)["layout"], "exchange 1", "show")
        code, _, err = leat("create", "--locks", 1, address)
        check_equal(code, 2, f"another layout: {err}")


@test
def a_stranger_s_layout_does_no_harm(_programs, _directory):
    with region("--locks", 1) as address:
        path = told("show", "--json", address)
        with open(path["memory"], "r+b") as file:
            text = file.read()
            file.seek(path["total_bytes"] - 64)
            file.write(b"\xff" * 8 + b"ann\0\0\0\0\0" + (5).to_bytes(4, "little") + b"\x80" + bytes(43))
            file.seek(text.index(b"leat locks 1"))
            file.write(b"evil \x1b[2J\n* 0 64\nminus 0 8\ntext 8 1 8\nfive 16 4\nbyte 20 1\nfar 60 8\nhuge 0 99999999999999 9\n"
                       b"no number\nlock 1 16\nlocks 32 16 2\nzero 0 0\n\0")
        one = told("dump", "--json", address)
        check_equal({field["name"]: field.get("values", field.get("text", field.get("hex"))) for field in one["fields"]},
                    {"minus": [-1], "text": "ann", "five": [5], "byte": [-128], "far": None, "lock": "ff" * 7 + b"ann\0\0\0\0\0".hex() + "05",
                     "locks": "00" * 32}, "fields")
        out = good("dump", address)
        check("       0 minus 18446744073709551615 (-1)\n       8 text \"ann\"\n      16 five 5\n      20 byte 128 (-128)\n"
              "      60 far -\n" in out, out)
        check("\x1b" not in good("show", address), "no control character")
        check_equal([lock["name"] for lock in told("lock", "--json", address)], ["locks[0]", "locks[1]"], "locks of fields")
        good("run", "--lock", "locks[1]", address, "--", "true")
        refused(2, "leat region run: locks[1]: is a mutex, which nobody shares; leave --shared out",
                "run", "--shared", "--lock", "locks[1]", address, "--", "true")
        for wrong in ("locks", "locks[2]", "locks[01]", "lock", "minus"):
            check_equal(leat("run", "--lock", wrong, address, "--", "true")[0], 1, wrong)


@test
def changes_are_watched(programs, _directory):
    if not os.access(os.path.join(EXAMPLES, "currency_exchange"), os.X_OK):
        raise Skip("the examples are not built")
    with removed(name()) as address:
        program = exchange(programs, "ann", address)
        program.stdin.write(b"balance\n")
        program.stdin.flush()
        line_of(program.stdout)
        for options in ((), ("--json",)):
            watching = programs.start([LEAT, "region", "watch", "--count", "2", *options, address])
            first = line_of(watching.stdout)
            before = json.loads(first)["changes"] if options else int(first.split()[1])
            for change in (1, 2):
                program.stdin.write(b"buy dollars 1\n")
                program.stdin.flush()
                line = line_of(watching.stdout)
                if options:
                    one = json.loads(line)
                    check_equal([one["part"], one["changes"], one["more"]], ["", before + change, 1], "JSON")
                else:
                    check_equal(line, f"* {before + change} +1", "text")
            check_equal(ended(watching), 0, "after two")
        check_equal(leat("watch", "--timeout", "20ms", address)[::2],
                    (124, f"leat region watch: {address}: the deadline passed\n"), "nothing more")


def with_library(function):
    """A test that calls the library in this very process; a sanitizer has to be there before Python."""
    return function if os.environ.get("LEAT_SANITIZE") else test(function)


def opened(address):
    """The library, and a region by it."""
    try:
        library = ctypes.CDLL(os.path.join(os.environ.get("LEAT_LIBRARY", ""), "libleat.so.0"), use_errno=True)
    except OSError as why:
        raise Skip(f"libleat.so.0 does not load here: {why}") from None
    library.leat_region_close.restype = ctypes.c_void_p
    ours = ctypes.c_void_p()
    check_equal(library.leat_region_open(address.encode(), ctypes.c_size_t(0), None, ctypes.c_int64(0x7fffffffffffffff), None,
                                         ctypes.byref(ours)), 0, "open")
    return library, ours


@with_library
def parts_are_watched(programs, _directory):
    with region("--size", 64) as address:
        library, ours = opened(address)
        part, other = ctypes.c_uint32(), ctypes.c_uint32()
        check_equal(library.leat_part(ours, b"prices", ctypes.byref(part)), 0, "a part")
        check_equal(library.leat_part(ours, b"stock", ctypes.byref(other)), 0, "another")
        watching = programs.start([LEAT, "region", "watch", "--part", "stock", "--count", "1", address])
        all_of_it = programs.start([LEAT, "region", "watch", address])
        check_equal(line_of(watching.stdout), "stock 0", "one part")
        check_equal([line_of(all_of_it.stdout) for _ in range(3)], ["prices 0", "stock 0", "* 0"], "all of it")
        library.leat_part_changed(ours, part)
        check_equal(line_of(all_of_it.stdout), "prices 1 +1", "all of it")
        library.leat_part_changed(ours, other)
        check_equal(line_of(watching.stdout), "stock 1 +1", "one part")
        check_equal(ended(watching), 0, "the end of one")
        check_equal(line_of(all_of_it.stdout), "stock 1 +1", "all of it")
        library.leat_part_changed(ours, ctypes.c_uint32(0))
        check_equal(line_of(all_of_it.stdout), "* 1 +1", "the whole alone")
        check_equal([(one["name"], one["changes"]) for one in told("show", "--json", address)["parts"]],
                    [("", 3), ("prices", 1), ("stock", 1)], "show")
        check(re.search(r"^prices +1$", good("show", address), re.M), "show for people")
        library.leat_region_close(ours)


@with_library
def what_a_dead_publisher_began_hides_nothing(programs, _directory):
    """One was killed behind the first word of a part's name, others between the count of a part and that of the whole."""
    parts_at, part_bytes = 320, 48  # lib/shared/layout.h
    with region("--size", 64) as address:
        library, ours = opened(address)
        part = ctypes.c_uint32()
        with open(told("show", "--json", address)["memory"], "r+b", buffering=0) as file:
            os.pwrite(file.fileno(), b"a-long-p", parts_at + part_bytes + 16)
            check_equal((library.leat_part(ours, b"prices", ctypes.byref(part)), part.value), (0, 2), "a part behind it")
            watching = programs.start([LEAT, "region", "watch", "--count", "3", address])
            check_equal([line_of(watching.stdout) for _ in range(2)], ["prices 0", "* 0"], "at first")
            os.pwrite(file.fileno(), (3).to_bytes(8, "little"), parts_at + 2 * part_bytes)
        library.leat_part_changed(ours, ctypes.c_uint32(0))
        check_equal([line_of(watching.stdout) for _ in range(2)], ["prices 3 +3", "* 1 +1"], "the next change")
        library.leat_part_changed(ours, ctypes.c_uint32(0))
        check_equal(line_of(watching.stdout), "* 2 +1", "and the one after it")
        check_equal(ended(watching), 0, "the end")
        library.leat_region_close(ours)


@test
def another_user_without_permission_is_told(programs, _directory):
    if not ROOT or not OWN:
        raise Skip("only root can be another user")
    with region("--size", 64, "--mode", "0600") as address:
        os.chmod("/dev/shm", 0o1777)

        def as_nobody():
            os.setgid(65534)
            os.setuid(65534)
        program = programs.start([LEAT, "region", "show", address], preexec_fn=as_nobody)
        _, err = program.communicate(timeout=DEADLINE_S)
        if b"Permission denied" in err and b"leat" not in err.split(b":")[0]:
            raise Skip("another user cannot run it here")
        check_equal(program.returncode, 71, err)
        listing = programs.start([LEAT, "region", "show", "--json"], preexec_fn=as_nobody)
        out, err = listing.communicate(timeout=DEADLINE_S)
        one = {one["address"]: one for one in json.loads(out)}[address]
        check_equal([one["state"], one["stale"]], ["not permitted", False], err)
        cleaning = programs.start([LEAT, "region", "rm", "--stale", "--force"], preexec_fn=as_nobody)
        check_equal(cleaning.communicate(timeout=DEADLINE_S)[0], b"", "it removes nothing of another's")
        check_equal(told("show", "--json", address)["kind"], "region", "it is there")


if __name__ == "__main__":
    OWN = own_memory()
    main(TESTS)
