#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leat bench: it runs over each transport, what it writes adds up, and nothing of it remains. No test looks at a time or a ratio.

Usage: test_bench.py [LEAT]. Output is TAP; in a name space of its own where that is allowed. No test sleeps.
"""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import termios
import time
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import DEADLINE_S, TESTS, check, check_equal, libc, main, test  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
CLONE_NEWIPC = 0x08000000
TRANSPORTS = ("pipe", "fifo", "unix-stream", "unix", "inbox", "unix-dgram", "sysv-mq", "mq", "log", "tcp", "udp")
QUICK = ("--rounds", "3", "--round-time", "200us", "--placement", "free")
SVG = "{http://www.w3.org/2000/svg}"


def each(function):
    """A test for each transport."""
    for scheme in TRANSPORTS:
        TESTS.append((f"{scheme}: {function.__name__.replace('_', ' ')}",
                      lambda programs, directory, scheme=scheme: function(programs, directory, scheme)))
    return function


def own_folder(directory):
    """A folder for what the command makes, and the environment that names it: it must be empty afterwards."""
    folder = os.path.join(directory, "tmp")
    os.mkdir(folder)
    return folder, {**os.environ, "TMPDIR": folder}


def bench(programs, directory, *arguments, status=0):
    """The JSON of a run that leaves nothing behind."""
    folder, environment = own_folder(directory)
    path = os.path.join(directory, "results.json")
    out = programs.run([LEAT, "bench", *arguments, "--json", path], status=status, env=environment)
    check_equal(os.listdir(folder), [], "left in the folder")
    check_equal(queues(), [], "System V queues left")
    os.rmdir(folder)
    with open(path, encoding="utf-8") as file:
        return json.load(file), out.decode()


def queues():
    with open("/proc/sysvipc/msg", encoding="ascii") as table:
        return table.read().splitlines()[1:]


def near(got, want, what):
    check(abs(got - want) <= 1e-6 * max(abs(got), abs(want)), f"{what}: got {got}, want {want}")


def quartiles(values):
    ordered = sorted(values)

    def part(share):
        at = share * (len(ordered) - 1)
        below = int(at)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (at - below) * (ordered[above] - ordered[below])

    return part(0.25), part(0.75)


def check_spread(told, values, what):
    near(told["median"] if "median" in told else told["ratio"], statistics.median(values), f"{what}: median")
    near(told["quartile_low"], quartiles(values)[0], f"{what}: first quartile")
    near(told["quartile_high"], quartiles(values)[1], f"{what}: third quartile")


def check_cell(cell, rounds):
    """Each number follows from those of the rounds."""
    entrants = {one["name"]: one for one in cell["entrants"]}
    check_equal(cell["rounds"], rounds, "rounds")
    for one in entrants.values():
        check(one["measured"], f"{one['name']} was not measured: {one}")
        for list_name in ("rounds", "cpu_ns", "sleeps"):
            check_equal(len(one[list_name]), rounds, f"{one['name']}: {list_name}")
        check(all(value > 0 for value in one["rounds"]), f"nothing was measured: {one}")
        check_spread(one, one["rounds"], one["name"])
        if cell["measure"] != "messages":
            check(0 < one["p50_ns"] <= one["p99_ns"] <= one["p999_ns"], f"order of {one}")
        else:
            near(one["bytes_per_second"], one["median"] * cell["size"], "bytes")
    for told in cell["comparisons"]:
        of, to = entrants[told["of"]], entrants[told["to"]]
        check_spread(told, [a / b for a, b in zip(of["rounds"], to["rounds"])], f"{told['of']} / {told['to']}")
    return {(told["of"], told["to"]) for told in cell["comparisons"]}


@each
def measured_and_what_is_told_adds_up(programs, directory, scheme):
    told, out = bench(programs, directory, scheme, *QUICK, "--size", "64")
    check_equal([(cell["transport"], cell["measure"], cell["size"], cell["placement"]) for cell in told["cells"]],
                [(scheme, "messages", 64, "free"), (scheme, "round-trip", 64, "free")], "cells")
    check_equal(check_cell(told["cells"][0], 3), {("leat", "bare"), ("leat, many", "bare")}, "of messages")
    check_equal(check_cell(told["cells"][1], 3),
                {("leat", "bare"), ("leat", "bare, spinning"), ("leat, sleeping", "bare")}, "of round trips")
    check(re.search(rf"^{scheme} +64 leat / bare ", out, re.M), f"what people see: {out}")


@each
def the_largest_that_it_carries(programs, directory, scheme):
    """A message that is too large is measured as large as it may be, and once."""
    told, _ = bench(programs, directory, scheme, *QUICK, "--size", "64k,1M")
    cells = told["cells"]
    check(1 <= len(cells) <= 2 and all(cell["measure"] == "messages" for cell in cells), f"cells: {cells}")
    sizes = [cell["size"] for cell in cells]
    check(len(set(sizes)) == len(sizes) and all(1024 < size <= 1 << 20 for size in sizes), f"sizes: {sizes}")
    for cell in cells:
        check_equal(check_cell(cell, 3), {("leat", "bare")}, "comparisons")


@each
def once_in_one_process(programs, directory, scheme):
    folder, environment = own_folder(directory)
    for more in ([], ["--batch", "64"], ["--bare"]):
        out = programs.run([LEAT, "bench", scheme, "--once", "65", *more], env=environment)
        check_equal(out, b"", f"{more}: output")
        check_equal((os.listdir(folder), queues()), ([], []), f"{more}: left")


SHM_TRIPS = {("leat", "bare"), ("leat", "bare, spinning"), ("leat", "bare, futex"), ("leat, sleeping", "bare"),
             ("leat, sleeping", "bare, futex"), ("leat, spinning", "bare, spinning")}


@test
def shm_has_its_own_ways_to_wait_and_sizes_and_openings(programs, directory):
    """Also larger than the bare ring holds at once; nobody spins for a whole slice on one core."""
    told, out = bench(programs, directory, "shm", "--rounds", "3", "--round-time", "200us", "--placement", "one-core")
    small, large = (48, 64, 1024), (65536, 1 << 20)
    check_equal([(cell["measure"], cell["size"]) for cell in told["cells"]],
                [one for size in small for one in (("messages", size), ("round-trip", size))] +
                [("messages", size) for size in large] + [("opening", 1)], "cells")
    for cell in told["cells"]:
        wanted = SHM_TRIPS if cell["measure"] == "round-trip" else {("leat", "bare")}
        if cell["measure"] == "messages" and cell["size"] in small:
            wanted = wanted | {("leat, many", "bare")}
        check_equal(check_cell(cell, 3), wanted, f"{cell['measure']} of {cell['size']}")
    check(re.search(r"^From before the open to the first message .*\n.*\nshm +1 leat / bare ", out, re.M), f"what people see: {out}")
    the_largest_that_it_carries(programs, directory, "shm")
    once_in_one_process(programs, directory, "shm")


@test
def peers_of_shm_are_measured_or_told_to_be_absent(programs, directory):
    told, _ = bench(programs, directory, "shm", *QUICK, "--size", "64", "--peers")
    there = {one["name"] for cell in told["cells"] for one in cell["entrants"]}
    absent = {one["name"] for one in told["absent"]}
    for name in ("ZeroMQ", "nng", "Boost.Interprocess", "Boost.Lockfree", "iceoryx"):
        check(({name, f"{name}, spinning"} & there) or name in absent, f"{name}: {there}, absent {absent}")
    check(not {"nanomsg", "sd-bus", "D-Bus"} & there, f"they carry over sockets: {there}")
    spinning = {name for name in there if "spinning" in name and "leat" not in name and "bare" not in name}
    for cell in told["cells"]:
        pairs = check_cell(cell, 3)
        if cell["measure"] == "round-trip":
            check({("leat, spinning", name) for name in spinning} <= pairs, f"spinning beside spinning: {pairs}")


WAYS = {"start": ["leat", "posix_spawn", "fork"], "pipeline": ["leat", "leat run", "vfork", "dash -c"],
        "one": ["leat run", "dash -c"], "bytes": ["leat", "leat run", "vfork", "dash -c"]}
GOALS = {("start", "leat", "posix_spawn"): 1.05, ("pipeline", "leat", "dash -c"): 0.7, ("pipeline", "leat run", "dash -c"): 1.0,
         ("bytes", "leat", "dash -c"): 1.05, ("bytes", "leat run", "dash -c"): 1.05}


@test
def processes_are_measured_and_what_is_told_adds_up(programs, directory):
    told, out = bench(programs, directory, "processes", "--rounds", "3", "--round-time", "100us", "--memory", "1M")
    check_equal((told["rounds"], told["memory_bytes"], told["stopped"]), (3, 1 << 20, False), "head")
    check_equal({race["name"]: [one["name"] for one in race["entrants"]] for race in told["races"]}, WAYS, "races")
    goals = {}
    for race in told["races"]:
        entrants = {one["name"]: one for one in race["entrants"]}
        check_equal((race["rounds"], race["why_not"]), (3, None), "rounds")
        for one in entrants.values():
            check(one["measured"] and one["why_not"] is None and one["runs_per_round"] >= 1, f"{race['name']}: {one}")
            check(len(one["rounds"]) == len(one["cpu_ns"]) == 3 and all(value > 0 for value in one["rounds"]), f"{one}")
            check_spread(one, one["rounds"], one["name"])
        for comparison in race["comparisons"]:
            of, to = comparison["of"], comparison["to"]
            for key, ratio in (("rounds", "ratio"), ("cpu_ns", "cpu_ratio")):
                pairs = zip(entrants[of][key], entrants[to][key])
                near(comparison[ratio], statistics.median(a / b if b else 0 for a, b in pairs), f"{of} / {to}: {ratio}")
            if comparison["at_most"] is not None:
                goals[race["name"], of, to] = comparison["at_most"]
                aim = "met" if comparison["ratio"] <= comparison["at_most"] else "missed"
                check(re.search(rf"^{race['name']} +{of} / {to} .* {comparison['at_most']:.2f} {aim}$", out, re.M), out)
    check_equal(goals, GOALS, "goals")
    for way in ([], ["--bare"]):
        check_equal(programs.run([LEAT, "bench", "processes", "--once", "2", *way]), b"", "of --once")


CONTESTS = {"mutex": ["leat", "pthread", "robust"], "contended": ["leat", "robust"], "read": ["leat", "pthread"],
            "snapshot": ["leat", "copy"], "commit": ["leat", "leat, touch", "robust"],
            "semaphore": ["leat", "leat, undo", "sem_t", "semop"], "buffer": ["leat", "pthread"], "flow": ["leat", "pthread"],
            "cell": ["leat", "pthread"], "counter": ["leat", "atomic"], "attach": ["leat", "shm_open"]}
REGION_GOALS = {("mutex", "leat", "pthread"): 1.5, ("mutex", "leat", "robust"): 1.0, ("contended", "leat", "robust"): 1.0,
                ("contended", "leat", "both"): 0.3, ("snapshot", "leat", "copy"): 2.0, ("commit", "leat", "robust"): 4.0}
OF_TWO = ("contended", "flow")
XDR_CONTESTS = {"encode": ["leat", "by hand", "rpcgen", "small"], "decode": ["leat", "by hand", "rpcgen", "small"],
                "borrow": ["leat", "by hand", "rpcgen"]}
XDR_GOALS = {("encode", "leat", "rpcgen"): 4.0, ("decode", "leat", "rpcgen"): 5.0, ("borrow", "leat", "rpcgen"): 10.0,
             ("encode", "small", "rpcgen"): 2.0, ("decode", "small", "rpcgen"): 2.0}
XDR_GOALS.update({(name, "leat", "by hand"): 0.85 for name in XDR_CONTESTS})


def objects_of(pid):
    """What a run of that number has in /dev/shm."""
    return [name for name in os.listdir("/dev/shm") if f"leat-bench-{pid}" in name]


def check_comparison(contest, comparison, out):
    """Returns what it aims at."""
    entrants = {one["name"]: one for one in contest["entrants"]}
    of, to = comparison["of"], comparison["to"]
    values = (entrants[of]["shares"] if to == "both" else
              [a / b for a, b in zip(entrants[of]["rounds"], entrants[to]["rounds"])])
    near(comparison["ratio"], statistics.median(values), f"{of} / {to}")
    near(comparison["quartile_low"], quartiles(values)[0], f"{of} / {to}: low")
    near(comparison["quartile_high"], quartiles(values)[1], f"{of} / {to}: high")
    more = contest["name"] == "contended" or contest["name"] in XDR_CONTESTS
    check_equal(comparison["better"], "more" if more else "less", "better")
    goal = comparison["goal"]
    if goal is not None:
        met = comparison["ratio"] >= goal if more else comparison["ratio"] <= goal
        shown = f"{of}: slower / both" if to == "both" else f"{of} / {to}"
        aim = f"{'at least' if more else 'at most'} {f'{goal:.2f}':.4} {'met' if met else 'missed'}"
        check(re.search(rf"^{contest['name']} +{shown} .* {aim}$", out, re.M), out)
    return goal


@test
def a_region_is_measured_and_what_is_told_adds_up(programs, directory):
    program = programs.start([LEAT, "bench", "region", "--rounds", "3", "--round-time", "100us", "--json",
                              f"{directory}/results.json"])
    out = programs.finish(program).decode()
    with open(f"{directory}/results.json", encoding="utf-8") as file:
        told = json.load(file)
    check_equal(objects_of(program.pid), [], "left")
    two = len(os.sched_getaffinity(0)) > 1
    check_equal({one["name"]: [way["name"] for way in one["entrants"]] for one in told["contests"]}, CONTESTS, "contests")
    goals = {}
    for contest in told["contests"]:
        measured = two or contest["name"] not in OF_TWO
        check_equal((contest["rounds"], contest["why_not"] is None), (3 if measured else 0, measured), "rounds")
        for one in contest["entrants"] if measured else []:
            check(one["measured"] and one["why_not"] is None and len(one["rounds"]) == 3, f"{contest['name']}: {one}")
            check(all(value > 0 for value in one["rounds"]), f"{contest['name']}: {one}")
            check(all(0 <= share <= 0.5 for share in one["shares"]), f"{contest['name']}: {one}")
            check_spread(one, one["rounds"], one["name"])
        for comparison in contest["comparisons"]:
            goal = check_comparison(contest, comparison, out)
            if goal is not None:
                goals[contest["name"], comparison["of"], comparison["to"]] = goal
    check_equal(goals, {what: goal for what, goal in REGION_GOALS.items() if two or what[0] not in OF_TWO}, "goals")


@test
def generated_code_is_measured_and_rpcgen_is_where_it_is_there(programs, directory):
    there = all(map(shutil.which, ("rpcgen", "cc"))) and os.path.exists("/usr/include/tirpc/rpc/rpc.h")
    there = there and "address" not in os.environ.get("LEAT_SANITIZE", "")  # it has a libtirpc of its own, half of one
    program = programs.start([LEAT, "bench", "xdr", "--rounds", "3", "--round-time", "100us", "--json",
                              f"{directory}/results.json"])
    out = programs.finish(program, status=0 if there else 1).decode()
    with open(f"{directory}/results.json", encoding="utf-8") as file:
        told = json.load(file)
    check_equal({one["name"]: [way["name"] for way in one["entrants"]] for one in told["contests"]}, XDR_CONTESTS, "contests")
    goals = {}
    for contest in told["contests"]:
        for one in contest["entrants"]:
            measured = there or one["name"] != "rpcgen"
            check(one["measured"] == measured and (one["why_not"] is None) == measured, f"{contest['name']}: {one}")
            check(all(value > 0 for value in one["rounds"]), f"{contest['name']}: {one}")
            if measured:
                check_spread(one, one["rounds"], one["name"])
        for comparison in contest["comparisons"] if there else []:
            goal = check_comparison(contest, comparison, out)
            if goal is not None:
                goals[contest["name"], comparison["of"], comparison["to"]] = goal
    check_equal(goals, XDR_GOALS if there else {}, "goals")
    refused = programs.start([LEAT, "bench", "xdr", "--once", "1"])
    programs.finish(refused, status=2)


@test
def a_second_process_that_is_killed_is_noticed_and_an_interrupt_ends_it(programs, _directory):
    if len(os.sched_getaffinity(0)) < 2:
        return  # there is none
    program = programs.start([LEAT, "bench", "region", "--rounds", "2000", "--round-time", "100us"])
    limit = time.monotonic() + DEADLINE_S
    while not parties_of(program.pid):
        check(time.monotonic() < limit and program.poll() is None, "it does not begin")
        os.sched_yield()
    os.kill(parties_of(program.pid)[0], signal.SIGKILL)
    line = program.stderr.readline().decode()
    check(re.fullmatch("leat bench: (contended|flow): [a-z]+: .*\n", line), f"it said {line!r}")
    os.killpg(program.pid, signal.SIGTERM)
    out, _ = program.communicate(timeout=DEADLINE_S)
    check_equal(program.returncode, -signal.SIGTERM, "end")
    check(out.startswith(b"Stopped early. ") and b": not measured: " in out, f"shown: {out!r}")
    check_equal(objects_of(program.pid), [], "left")


def memory_there():
    with open("/proc/meminfo", encoding="ascii") as told:
        return int(re.search(r"^MemAvailable: +(\d+) kB$", told.read(), re.M)[1]) * 1024


@test
def an_interrupt_ends_it_between_programs(programs, _directory):
    """And what there is no memory for is told, if there is none for it."""
    most = 64 << 30
    lacking = memory_there() < most
    program = programs.start([LEAT, "bench", "processes", "--rounds", "10000", "--memory", str(most) if lacking else "4k"])
    limit = time.monotonic() + DEADLINE_S
    while not read_file(f"/proc/{program.pid}/task/{program.pid}/children"):
        check(time.monotonic() < limit and program.poll() is None, "it does not begin")
        os.sched_yield()
    os.killpg(program.pid, signal.SIGTERM)  # to the program that it has just started, too
    out, said = program.communicate(timeout=DEADLINE_S)
    check_equal((program.returncode, said), (-signal.SIGTERM, b""), "end")
    check(out.startswith(b"Stopped early. "), f"shown: {out!r}")
    check(not lacking or b"not measured:\n    there is not so much memory here" in out, f"shown: {out!r}")


@test
def the_claim_follows_from_what_was_measured(programs, directory):
    told, out = bench(programs, directory, "pipe", "sysv-mq", "unix", *QUICK, "--size", "64")
    for claim in told["claims"]:
        medians = {cell["transport"]: one["median"] for cell in told["cells"] for one in cell["entrants"]
                   if cell["measure"] == claim["measure"] and one["name"] == "bare"}
        speed = medians if claim["measure"] == "messages" else {name: 1 / ns for name, ns in medians.items()}
        holds = speed["pipe"] > speed["sysv-mq"] > speed["unix"] and speed["unix"] <= speed["pipe"] / 2
        check_equal(claim["holds"], holds, f"{claim} of {speed}")
        check(re.search(rf"free, [a-z ]+/s: {'TRUE' if holds else 'FALSE'}: with", out), f"what people see: {out}")
    told, out = bench(programs, directory, "pipe", *QUICK, "--size", "64")
    check(all(claim["holds"] is None for claim in told["claims"]) and "not decided" in out, f"of a pipe alone: {out}")


@test
def peers_are_measured_or_told_to_be_absent(programs, directory):
    told, out = bench(programs, directory, "unix", *QUICK, "--size", "64", "--peers")
    there = {one["name"] for cell in told["cells"] for one in cell["entrants"]}
    absent = {one["name"] for one in told["absent"]}
    peers = {"ZeroMQ", "nng", "nanomsg", "sd-bus", "D-Bus", "Boost.Interprocess", "iceoryx"}  # Boost.Lockfree stands beside shm: alone
    check_equal((there | absent) & peers, peers, "told")
    check_equal(there & absent, set(), "both")
    for cell in told["cells"]:
        check({("leat", name) for name in there & peers} <= check_cell(cell, 3), f"comparisons of {cell}")
    for name in absent:
        check(re.search(rf"^{re.escape(name)}: not (installed: apt-get install|measured: .*(apt-get install|start)) ", out, re.M),
              f"{name}: {out}")


@test
def a_peer_that_cannot_be_made_is_told(programs, directory):
    """Without a compiler Boost.Interprocess is not there, and the rest is measured; nor does a folder remain."""
    folder, environment = own_folder(directory)
    program = programs.start([LEAT, "bench", "unix", *QUICK, "--size", "64", "--peers"],
                             env={**environment, "PATH": directory})
    out = program.communicate(timeout=DEADLINE_S)[0].decode()
    check(re.search("^Boost.Interprocess: not measured: .*apt-get install g[+][+] libboost-dev$", out, re.M), out)
    check(re.search("^unix +64 leat / bare ", out, re.M), out)
    check_equal(os.listdir(folder), [], "left")


@test
def the_plot_shows_each_comparison(programs, directory):
    path = os.path.join(directory, "plot.svg")
    told, _ = bench(programs, directory, "pipe", "mq", *QUICK, "--size", "64,64k", "--plot", path)
    root = xml.etree.ElementTree.parse(path).getroot()
    bars = [one for one in root.iter(f"{SVG}rect") if one.get("class") != "back"]
    check_equal(len(bars), sum(len(cell["comparisons"]) for cell in told["cells"]), "bars")
    width, height = (float(root.get(name)) for name in ("width", "height"))
    for bar in bars:
        x, y, wide, high = (float(bar.get(name)) for name in ("x", "y", "width", "height"))
        check(0 <= x and x + wide <= width and 0 <= y and y + high <= height, f"a bar outside: {bar.attrib}")
    check("prefers-color-scheme:dark" in root.find(f"{SVG}style").text, "dark")


def refused(code, pattern, *arguments, **more):
    """One line that matches, nothing on standard output."""
    done = subprocess.run([LEAT, "bench", *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE_S,
                          check=False, **more)
    said = done.stderr.decode()
    check_equal((done.returncode, done.stdout), (code, b""), f"{arguments}, which said {said!r}: code and output")
    check(said.count("\n") == 1 and re.search(pattern, said), f"{arguments} said {said!r}, wanted {pattern!r}")


@test
def wrong_input_is_told(_programs, directory):
    refused(2, "carrier-pigeon: no such transport; 'leat transports'", "carrier-pigeon")
    refused(2, "netlink: it carries what the kernel tells", "netlink")
    for sizes in ("0", "", "64,", "x", "64q", "65M", "-1", "1,2,3,4,5,6,7,8,9", "99999999999999999999"):
        refused(2, "--size: '.*' are not sizes; write up to 8", "pipe", "--size", sizes)
    for rounds in ("0", "-1", "", "10001", "1.5", "two"):
        refused(2, "--rounds: .* write one from 1 to 10000", "pipe", "--rounds", rounds)
    for batch in ("0", "1025"):
        refused(2, "--batch: .* from 1 to 1024", "pipe", "--batch", batch)
    for wait in ("busy", ""):
        refused(2, "--wait: .* spin, adaptive or sleep", "pipe", "--wait", wait)
    for placement in ("three-cores", "", "free,", "one"):
        refused(2, "--placement: .* one-core, two-cores or free", "pipe", "--placement", placement)
    for duration in ("20", "20s", "99us", "10001ms", "ms", "1.5ms", "99999999999999ms"):
        refused(2, "--round-time: .* as 20ms", "pipe", "--round-time", duration)
    refused(2, "--once: write one transport", "--once", "5")
    refused(2, "--once: write one transport", "pipe", "unix", "--once", "5")
    for more in (["--json", "x"], ["--plot", "x"], ["--peers"]):
        refused(2, "--once: it measures nothing", "unix", "--once", "5", *more)
    refused(2, "--bare: it belongs to --once", "pipe", "--bare")
    refused(2, "--peers: other libraries stand beside unix, unix-stream and shm", "pipe", "mq", "--peers")
    refused(2, "--plot: it is the file of --json", "pipe", "--json", "x", "--plot", "x")
    refused(2, "region: it is measured by itself", "pipe", "region")
    refused(2, "region: it is measured by itself", "region", "processes")
    for more in (["--size", "64"], ["--placement", "free"], ["--batch", "2"], ["--wait", "spin"], ["--peers"], ["--plot", "x"]):
        refused(2, "region: --size, .* are for transports", "region", *more)
    for more in (["--once", "1"], ["--bare"], ["--memory", "1M"]):
        refused(2, "region: --once and --bare are for transports", "region", *more)
    refused(2, "processes: it is measured by itself", "pipe", "processes")
    for more in (["--size", "64"], ["--placement", "free"], ["--batch", "2"], ["--wait", "spin"], ["--peers"], ["--plot", "x"]):
        refused(2, "processes: --size, .* are for transports", "processes", *more)
    for memory in ("0", "4095", "65G", "", "x", "1M,1M"):
        refused(2, "--memory: .* from 4k to 64G", "processes", "--memory", memory)
    refused(2, "--memory: it belongs to 'leat bench processes'", "pipe", "--memory", "1M")
    refused(2, "--once: it measures nothing", "processes", "--once", "1", "--json", "x")
    refused(2, "--bare: it belongs to --once", "processes", "--bare")
    refused(2, "unix:/run/x: it is an address; write a transport alone", "unix:/run/x")
    check(not os.path.exists("x"), "a file of what was refused")
    for option in ("--json", "--plot"):  # before it measures for minutes
        refused(71, "No such file|no such", "pipe", option, os.path.join(directory, "none", "file"))


def use_one_cpu():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@test
def with_one_cpu_it_says_what_cannot_be(programs, directory):
    refused(2, "there is one CPU here for us; write --placement one-core", "pipe", "--placement", "two-cores",
            preexec_fn=use_one_cpu)
    path = os.path.join(directory, "results.json")
    program = programs.start([LEAT, "bench", "pipe", "--rounds", "1", "--round-time", "200us", "--size", "64", "--json", path],
                             preexec_fn=use_one_cpu)
    _, said = program.communicate(timeout=DEADLINE_S)
    check_equal(program.returncode, 0, "code")
    check(re.fullmatch(rb"leat bench: there is one CPU.*nothing is measured on two cores\n", said), f"said {said!r}")
    with open(path, encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    check_equal({(cell["placement"], *cell["cpus"]) for cell in cells},
                {("one-core", *[min(os.sched_getaffinity(0))] * 2)}, "placements")


def read_file(path):
    """Nothing of a process that is gone."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def parties_of(pid):
    """Those that carry messages, by their names: a sanitizer may have a child of the command's too."""
    children = read_file(f"/proc/{pid}/task/{pid}/children").split()
    return [int(child) for child in children if read_file(f"/proc/{child}/comm").startswith("bench-")]


@test
def a_process_that_is_killed_is_noticed(programs, directory):
    """In each comparison, until there is none left: the run ends, tells it, and leaves nothing."""
    folder, environment = own_folder(directory)
    program = programs.start([LEAT, "bench", "sysv-mq", "--rounds", "10000", "--placement", "free", "--size", "64"],
                             env=environment)
    limit = time.monotonic() + DEADLINE_S
    while program.poll() is None:
        check(time.monotonic() < limit, "it does not end though all of its processes are killed")
        for child in parties_of(program.pid):
            with contextlib.suppress(ProcessLookupError):  # it was reaped meanwhile
                os.kill(child, signal.SIGKILL)
        os.sched_yield()
    out, said = program.communicate()
    check_equal(program.returncode, 1, f"code, having said {said!r}")
    check(re.search(rb"sysv-mq, leat: the (send|receiv)ing process was killed by signal 9\n", said), f"said {said!r}")
    check(b"not measured" in out, f"shown: {out!r}")
    check_equal((os.listdir(folder), queues()), ([], []), "left")


@test
def an_interrupt_ends_it_and_what_there_is_is_shown(programs, directory):
    folder, environment = own_folder(directory)
    path = os.path.join(directory, "results.json")
    program = programs.start([LEAT, "bench", "sysv-mq", "--rounds", "10000", "--placement", "free", "--size", "64", "--json",
                              path], env=environment)
    limit = time.monotonic() + DEADLINE_S
    while len(parties_of(program.pid)) < 6:  # ours, many and bare, two processes each: the rounds begin
        check(time.monotonic() < limit and program.poll() is None, "it does not begin")
        os.sched_yield()
    os.killpg(program.pid, signal.SIGTERM)  # to all, as a terminal does; SIGINT may have been ignored when we were started
    out, said = program.communicate(timeout=DEADLINE_S)
    check_equal((program.returncode, said), (-signal.SIGTERM, b""), "end")
    check(out.startswith(b"Stopped early. "), f"shown: {out!r}")
    try:
        os.killpg(program.pid, 0)
        check(False, "processes are left")
    except ProcessLookupError:
        pass
    check_equal((os.listdir(folder), queues()), ([], []), "left")
    with open(path, encoding="utf-8") as file:
        check_equal(json.load(file)["stopped"], True, "stopped")


@test
def on_a_terminal_it_tells_how_far_it_is_and_control_c_ends_it(programs, directory):
    folder, environment = own_folder(directory)
    ours, its = pty.openpty()
    program = programs.start([LEAT, "bench", "pipe", "--rounds", "10000", "--placement", "free", "--size", "64"],
                             env=environment, stdin=its, stderr=its, preexec_fn=own_terminal)
    os.close(its)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        told = b""
        while not re.search(rb"measuring pipe, messages, 64 bytes, free \(1 of at most 2\)", told):
            check(select.select([terminal], [], [], DEADLINE_S)[0], f"told: {told!r}")
            told += terminal.read(4096)
        os.write(terminal.fileno(), b"\x03")
        out = program.communicate(timeout=DEADLINE_S)[0]
    check_equal(program.returncode, -signal.SIGINT, "end")
    check(out.startswith(b"Stopped early. "), f"shown: {out!r}")
    check_equal(os.listdir(folder), [], "left")


def own_terminal():
    """Standard input is the terminal of this session, and interrupts are not ignored, as they may be of who started us."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    libc.unshare(CLONE_NEWIPC)  # refused to an ordinary user: then the queues are merely shared
    main(TESTS)
