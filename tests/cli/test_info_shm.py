#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leat info of shm: who has the channel and what each counts, what a stranger's pages are worth, and what a channel would take.

Usage: test_info_shm.py [LEAT]. Output is TAP. No test sleeps: what other processes count is asked for until it is there.
"""
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import DEADLINE_S, TESTS, Skip, Watch, check, check_equal, main, test  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
PAGE = os.sysconf("SC_PAGESIZE")
COUNTERS_AT = 1984  # in a page of counters


def leat(*arguments, **more):
    """(exit code, standard output, standard error)"""
    program = subprocess.run([LEAT, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=DEADLINE_S, check=False, **more)
    return program.returncode, program.stdout.decode(), program.stderr.decode()


def info(address):
    code, out, said = leat("info", "--json", address)
    check(code == 0, f"info of {address}: {code}, said {said!r}")
    return json.loads(out)


def until(address, condition, what):
    """What info says as soon as that is so."""
    limit = time.monotonic() + DEADLINE_S
    while True:
        told = info(address)
        with contextlib.suppress(IndexError):
            if condition(told):
                return told
        check(time.monotonic() < limit, f"{what} is never told: {told}")


def receiver(programs, directory, **more):
    """An address and who listens there."""
    path = os.path.join(directory, "jobs")
    watch = Watch(path)
    program = programs.start([LEAT, "recv", "--follow", f"shm:{path}"], stdout=subprocess.DEVNULL, **more)
    watch.wait(program)
    return f"shm:{path}", program


def sender(programs, address):
    return programs.start([LEAT, "send", address], stdin=subprocess.PIPE)


def put(program, *lines):
    program.stdin.write("".join(line + "\n" for line in lines).encode())
    program.stdin.flush()


def of(told, pid):
    return next((party for party in told["parties"] if party["pid"] == pid), None)


@test
def each_party_is_told_with_what_it_counts(programs, directory):
    address, listens = receiver(programs, directory)
    sends = sender(programs, address)
    put(sends, "one", "two", "three")
    told = until(address, lambda told: len(told["parties"]) == 2 and told["parties"][1]["sent"] == 3 and
                 told["parties"][0]["received"] == 3 and told["queued_bytes"] is not None, "what was sent")
    first, second = told["parties"]
    check_equal((first["pid"], first["role"], first["listens"], first["ring_bytes"]),
                (listens.pid, "receives", True, 16 << 10), "the listener")
    check_equal((second["pid"], second["role"], second["listens"], second["ring_bytes"]),
                (sends.pid, "sends", False, 256 << 10), "the sender")
    check_equal((second["sent_bytes"], first["received_bytes"]), (11, 11), "bytes")
    check_equal((first["connections"], second["connections"], told["queued_bytes"]), (1, 1, 0), "connections, and what waits")
    code, out, _ = leat("info", address)
    check(code == 0 and "COMMAND" in out and "receives" in out and "sends" in out, f"the table: {out}")
    check("Not every party" not in out, f"all are seen: {out}")


@test
def what_waits_for_a_stopped_receiver_is_told(programs, directory):
    address, listens = receiver(programs, directory)
    sends = sender(programs, address)
    put(sends, "begin")
    until(address, lambda told: told["parties"][0]["received"] == 1, "the first")
    os.kill(listens.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, listens.pid, os.WSTOPPED | os.WNOWAIT)
    put(sends, *["abcd"] * 5)
    told = until(address, lambda told: of(told, sends.pid)["sent"] == 6, "what was sent to it")
    check_equal(told["queued_bytes"], 20, "what waits")
    os.kill(listens.pid, signal.SIGCONT)
    until(address, lambda told: told["queued_bytes"] == 0 and told["parties"][0]["received"] == 6, "the rest")


@test
def a_killed_party_is_gone_and_counted_by_the_other(programs, directory):
    address, listens = receiver(programs, directory)
    sends, other = sender(programs, address), sender(programs, address)
    put(sends, "x")
    put(other, "yy")
    until(address, lambda told: told["parties"][0]["received"] == 2 and len(told["parties"]) == 3, "both")
    sends.kill()
    sends.wait()
    told = until(address, lambda told: told["parties"][0]["hung_up"] == 1, "that it went")
    check_equal([party["pid"] for party in told["parties"]], [listens.pid, other.pid], "who is left")
    check_equal((told["parties"][0]["connections"], told["parties"][0]["quarantined"]), (1, 0), "its connections")
    until(address, lambda told: told["queued_bytes"] == 0, "that nothing waits")


@test
def watching_tells_rates_until_the_channel_is_gone(programs, directory):
    address, listens = receiver(programs, directory)
    watches = programs.start([LEAT, "info", "--watch", "--interval", "10ms", "--json", address])
    for _ in range(2):
        told = json.loads(watches.stdout.readline())
        check_equal([party["pid"] for party in told["parties"]], [listens.pid], "who is told")
        check(told["interval_ns"] > 0, f"the interval: {told['interval_ns']}")
        check_equal(told["parties"][0]["per_second"]["received"], 0, "the rate of nothing")
    listens.kill()
    listens.wait()
    programs.finish(watches)


@test
def watching_prints_columns_and_ends_at_its_deadline(programs, directory):
    address, _ = receiver(programs, directory)
    code, out, said = leat("info", "--watch", "--interval", "1ms", "--timeout", "1ms", address)
    check_equal((code, "the deadline passed" in said), (124, True), "the deadline")
    watches = programs.start([LEAT, "info", "--watch", "--interval", "1ms", address])
    check(b"RECEIVED/S" in watches.stdout.readline(), "the heading")
    check(b"receives" in watches.stdout.readline(), "a line")


def page_of(path, version=1, words=8, counters=b"", ended=True, flags=1):
    """A page of counters, as any process may make one."""
    address = os.fsencode(path)
    head = b"LEATCNT\0" + version.to_bytes(4, "little") + words.to_bytes(4, "little") + (1).to_bytes(4, "little")
    head += flags.to_bytes(4, "little") + bytes(4 * 8) + (address if ended else address.ljust(COUNTERS_AT, b"/"))
    return (head.ljust(COUNTERS_AT, b"\0")[:COUNTERS_AT] + counters).ljust(PAGE, b"\0")[:PAGE]


FORGER = """
import fcntl, os, sys
for line in sys.stdin:
    seals, size, text = line.split()
    fd = os.memfd_create("leat-counters", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, bytes.fromhex(text)[:int(size)])
    fcntl.fcntl(fd, 1033, int(seals))
    print("made", flush=True)
"""
SEALED = 1 | 2 | 4 | 16  # SEAL, SHRINK, GROW, FUTURE_WRITE


def forge(forger, page, seals=SEALED, size=PAGE):
    forger.stdin.write(f"{seals} {size} {page.hex()}\n".encode())
    forger.stdin.flush()
    check_equal(forger.stdout.readline(), b"made\n", "the forger")


@test
def a_strangers_page_is_numbers_and_nothing_more(programs, directory):
    address, listens = receiver(programs, directory)
    path = os.path.realpath(os.path.join(directory, "jobs"))
    forger = programs.start([sys.executable, "-u", "-c", FORGER], stdin=subprocess.PIPE)
    for page, seals, size in ((page_of(path), SEALED & ~16, PAGE), (page_of(path), SEALED, 100),
                              (page_of(path, version=2), SEALED, PAGE), (page_of(path, words=4), SEALED, PAGE),
                              (page_of(path, ended=False), SEALED, PAGE), (page_of(path + "x"), SEALED, PAGE),
                              (page_of(""), SEALED, PAGE), (b"\xff" * PAGE, SEALED, PAGE)):
        forge(forger, page, seals, size)
    check_equal([party["pid"] for party in info(address)["parties"]], [listens.pid], "what is no page of it")
    forge(forger, page_of(path, counters=b"\xff" * 8 * 20, flags=0xffffffff))
    told = info(address)
    check_equal(sorted(party["pid"] for party in told["parties"]), sorted([listens.pid, forger.pid]), "what may be one")
    check_equal(of(told, forger.pid)["sent"], 2**63 - 1, "the most that is told")
    code, out, said = leat("info", address)
    check_equal((code, said), (0, ""), "the table")
    check(str(2**64 - 1) in out, f"its numbers: {out}")


@test
def other_users_are_told_that_they_do_not_see_all(programs, directory):
    if os.geteuid() != 0:
        raise Skip("only root can be another user")
    address, _ = receiver(programs, directory)
    os.chmod(directory, 0o755)
    command = shutil.copy(LEAT, os.path.join(directory, "leat"))
    os.chmod(command, 0o755)
    try:
        program = subprocess.run([command, "info", address], user=65534, group=65534, extra_groups=[],
                                 capture_output=True, stdin=subprocess.DEVNULL, timeout=DEADLINE_S, check=False, cwd="/")
    except PermissionError:
        raise Skip("the temporary directory is root's alone") from None
    out = program.stdout.decode()
    check(program.returncode == 0 and "Not every party can be seen" in out, f"{program.returncode}: {out} {program.stderr}")
    check("queued bytes" not in out, f"what waits is not known: {out}")


# ---- what it would take ----


def dry(address, **more):
    code, out, said = leat("info", "--dry-run", "--json", address, **more)
    return code, json.loads(out), said


@test
def what_a_channel_takes_is_told_before(programs, directory):
    code, told, said = dry("shm:jobs?ring=1M&connections=20")
    check_equal((code, said, told["fits"]), (0, "", True), "it fits")
    check_equal(told["sender_bytes"], (1 << 20) + 2 * PAGE, "a sender")
    check_equal(told["receiver_bytes"], (16 << 10) + 2 * PAGE, "its receiver")
    check_equal(told["bytes"], 20 * (told["sender_bytes"] + told["receiver_bytes"]), "all of them")
    check_equal((told["receiver_mappings"], told["receiver_descriptors"]), (81, 86), "what the receiver holds")
    _, told, _ = dry("shm:jobs?ring=2M&connections=20")
    check_equal(told["receiver_descriptors"], 106, "and of large rings, until they were passed once")
    check(any(limit["name"] == "MemAvailable" for limit in told["limits"]), f"the machine: {told['limits']}")
    _, told, _ = dry("shm:jobs?pattern=pair&ring=128k")
    check_equal((told["sender_ring_bytes"], told["receiver_ring_bytes"]), (128 << 10, 128 << 10), "a pair")
    check_equal(os.listdir(directory), [], "what it made")


@test
def what_does_not_fit_is_said_by_the_limit(programs, directory):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    code, told, said = dry("shm:jobs?connections=200", preexec_fn=limit)
    check_equal((code, told["fits"]), (1, False), "too many descriptors")
    check("RLIMIT_NOFILE leaves" in said, f"what it said: {said}")
    code, told, said = dry("shm:jobs?ring=1G&connections=1000000")
    check_equal((code, told["fits"]), (1, False), "too much memory")
    code, out, _ = leat("info", "--dry-run", "shm:jobs?ring=1G&connections=1000000")
    check(code == 1 and "MemAvailable" in out and " no" in out, f"the table: {out}")


@test
def wrong_usage_is_said(programs, directory):
    for code, pattern, arguments in ((2, "write one of them", ("--watch", "--dry-run", "shm:jobs")),
                                     (2, "less than 1ms", ("--watch", "--interval", "0s", "shm:jobs")),
                                     (2, "power of two", ("--dry-run", "shm:jobs?ring=200k")),
                                     (71, "only of shm:", ("--dry-run", "unix:jobs")),
                                     (71, "only the parties of shm:", ("--watch", "unix:jobs")),
                                     (1, "no such file|nothing is there|does not exist", ("--watch", f"shm:{directory}/jobs"))):
        got, out, said = leat("info", *arguments)
        check_equal((got, out), (code, ""), f"{arguments}, which said {said!r}")
        check(any(part in said for part in pattern.split("|")), f"{arguments} said {said!r}")


def make_group(limit):
    """A memory cgroup, of either version, and the name of its limit."""
    for root, name in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        group = f"{root}/leat-test-{os.getpid()}"
        if not os.path.exists(f"{root}/cgroup.procs"):
            continue
        with contextlib.suppress(OSError):
            os.mkdir(group)
            try:
                with open(f"{group}/{name}", "r+", encoding="ascii") as file:
                    file.write(str(limit))
                return group, name
            except OSError:
                os.rmdir(group)
    raise Skip("no memory cgroup can be made here")


@contextlib.contextmanager
def memory_group(limit):
    group, name = make_group(limit)
    try:
        yield group, name
    finally:
        os.rmdir(group)


@test
def a_ring_that_a_memory_cgroup_has_no_room_for_is_refused(programs, directory):
    with memory_group(256 << 20) as (group, name):
        def join():
            with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(os.getpid()))

        address = f"shm:{directory}/jobs?ring=1G"
        code, _, said = leat("send", address, "x", preexec_fn=join)
        check(code == 71 and name in said and "does not fit" in said, f"{code}, said {said!r}")
        code, told, _ = dry(address, preexec_fn=join)
        check_equal((code, told["fits"]), (1, False), "the dry run")
        check(any(limit["name"] == name and not limit["fits"] for limit in told["limits"]), f"{told['limits']}")


if not LEAT:
    raise SystemExit("usage: test_info_shm.py LEAT")
main(TESTS)
