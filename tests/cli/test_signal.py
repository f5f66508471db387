#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leat signal: what it lists, sends, shows, watches, waits for and holds back, and what it says to wrong input.

Usage: test_signal.py [LEAT]. Output is TAP. Nothing is signalled but what a test started: targets by name or by user are tried in a
process name space of its own alone. No test sleeps.
"""
import contextlib
import json
import os
import pty
import pwd
import re
import resource
import select
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import DEADLINE_S, TESTS, Skip, check, check_equal, ended, line_of, main, test  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")


def leat(*arguments, **more):
    """(exit code, standard output, standard error) of leat signal."""
    program = subprocess.run([LEAT, "signal", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=DEADLINE_S, check=False, **more)
    return program.returncode, program.stdout.decode(), program.stderr.decode()


def refused(code, said, *arguments, **more):
    """This line and this code, and nothing on standard output."""
    check_equal(leat(*arguments, **more), (code, "", said + "\n"), f"{arguments}")


def python(programs, text, **more):
    """A Python program that has said "ready"; what it sets up comes before."""
    program = programs.start([sys.executable, "-u", "-c", "import os, signal, sys, threading\n" + text],
                             stdin=subprocess.PIPE, **more)
    check_equal(line_of(program.stdout), "ready", "what the child said first")
    return program


def gone():
    """The number of a process that has ended: its own group is gone with it."""
    program = subprocess.Popen(["true"], start_new_session=True)
    program.wait()
    return program.pid


SLEEP = "print('ready')\nsys.stdin.read()\n"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP


@test
def all_signals_are_listed(_programs, _directory):
    code, out, err = leat("list", "--json")
    check_equal((code, err), (0, ""), "list")
    told = {entry["name"]: entry for entry in json.loads(out)}
    check_equal({name: entry["number"] for name, entry in told.items() if not entry["real_time"] and hasattr(signal, name)},
                {s.name: int(s) for s in signal.Signals if s not in (signal.SIGRTMIN, signal.SIGRTMAX)}, "as Python has them")
    check_equal(sorted(name for name, entry in told.items() if not entry["catchable"]), ["SIGKILL", "SIGSTOP"], "uncatchable")
    check_equal((told["SIGTERM"]["action"], told["SIGSEGV"]["action"], told["SIGTSTP"]["action"], told["SIGCONT"]["action"],
                 told["SIGCHLD"]["action"]), ("terminate", "core", "stop", "continue", "ignore"), "actions")
    check_equal([entry["number"] for entry in told.values() if entry["real_time"]],
                [*range(signal.SIGRTMIN, signal.SIGRTMAX + 1)], "real-time ones")
    check_equal((told["SIGRTMIN"]["number"], told["SIGRTMIN+3"]["number"]), (signal.SIGRTMIN, signal.SIGRTMIN + 3), "names")
    code, out, _ = leat("list")
    check_equal(len(out.splitlines()), len(told) + 1, "lines of the table")
    check(re.search(r"^ *15 +SIGTERM +terminate +yes +\S", out, re.M), "SIGTERM's line")
    check(re.search(r"^ *9 +SIGKILL +terminate +no +\S", out, re.M), "SIGKILL's line")


@test
def some_are_listed_by_any_of_their_names(_programs, _directory):
    code, out, _ = leat("list", "--json", "TERM", "sigint", 9, "RTMIN+3", "RTMAX-1")
    check_equal((code, [entry["number"] for entry in json.loads(out)]),
                (0, sorted([15, 2, 9, signal.SIGRTMIN + 3, signal.SIGRTMAX - 1])), "numbers")
    refused(2, "leat signal list: TRM: no such signal; 'leat signal list' lists them", "list", "TERM", "TRM")


@test
def help_says_what_there_is(_programs, _directory):
    code, out, err = leat("--help")
    check_equal((code, err), (0, ""), "help")
    for part in ("list", "send", "show", "watch", "wait", "shield"):
        check(f"  signal {part} " in out, f"{part} is missing")
        code, more, err = leat(part, "--help")
        check_equal((code, err), (0, ""), f"help of {part}")
        check(more.startswith(f"Usage: leat signal {part} ") and "Exit" in more and "Example: leat signal " in more, more)
    check("signal" in subprocess.run([LEAT, "--help"], capture_output=True, check=True).stdout.decode(), "leat --help")


@test
def wrong_use_is_told(_programs, _directory):
    refused(2, "leat signal: what to do is missing; 'leat signal --help' lists it")
    refused(2, "leat signal: kill: is nothing that it does; 'leat signal --help' lists what is", "kill")
    refused(2, "leat signal send: too few operands; write leat signal send [OPTION]... SIGNAL "
               "PID|-PGID|PID/TID|@NAME|user:NAME...", "send", "TERM")
    refused(2, "leat signal send: KILLL: no such signal; 'leat signal list' lists them", "send", "--then", "KILLL", "TERM", 1)
    refused(2, "leat signal send: --after: says when --then is; write --then KILL, say", "send", "--after", "1s", "TERM", 1)
    refused(2, "leat signal send: --after: '5' is not a duration; write 250ms, 3s or 1m", "send", "--after", 5, "TERM", 1)
    refused(2, "leat signal send: --timeout: nothing is waited for; write --wait, or --then",
            "send", "--timeout", "1s", "TERM", 1)
    refused(2, "leat signal send: --value: '2147483648' is not a value; write a number from -2147483648 to 2147483647",
            "send", "--value", 2147483648, "TERM", 1)
    refused(2, "leat signal send: --value: no process can catch SIGKILL, so none would read it; leave it out",
            "send", "--value", 1, "KILL", 1)
    refused(2, "leat signal watch: --interval: '1us' is too short; write 1ms or more", "watch", "--interval", "1us", 1)
    refused(2, "leat signal wait: KILL: cannot be caught, blocked or ignored by any process; choose another", "wait", "KILL")
    refused(2, "leat signal shield: STOP: cannot be caught, blocked or ignored by any process; choose another",
            "shield", "STOP", "true")
    refused(2, "leat signal shield: CHLD: tells of COMMAND itself and is not passed on; choose another",
            "shield", "CHLD", "true")
    refused(2, "leat signal wait: NOPE: no such signal; 'leat signal list' lists them", "wait", "NOPE")
    refused(2, "leat signal show: self: is no process; write its number, or PID/TID", "show", "self")
    refused(2, "leat signal watch: 1/1: is no process; write its number", "watch", "1/1")


@test
def wrong_targets_are_told(_programs, _directory):
    """Nothing is sent: the signal is 0 for none of these, and each is refused before."""
    for target, said in {
        "sleep": "is no target; write PID, -PGID, PID/TID, @NAME or user:NAME",
        "12x": "is no process; write its number, or PID/TID",
        "99999999999": "is no process; write its number, or PID/TID",
        "0": "is no process; write its number, or PID/TID",
        "12/": "is no process; write its number, or PID/TID",
        "-1": "would be every process, and is never sent to; write a group's number, as -4711",
        "-0": "would be the group of this command itself, and is never sent to; write a group's number, as -4711",
        "@": "a name is missing; write @sshd, say",
        "user:no/such": "no such user; write a name that 'getent passwd' lists, or a uid",
        "user:": "no such user; write a name that 'getent passwd' lists, or a uid",
    }.items():
        refused(2, f"leat signal send: {target}: {said}", "send", "URG", target)
    refused(2, "leat signal send: -12x: no such option, or it needs no value; 'leat signal send --help' lists them, and '--' "
               "goes before an operand that begins with '-'", "send", "URG", "-12x")
    refused(2, "leat signal send: -12x: is no process group; write '-' and its number, as -4711", "send", "URG", "--", "-12x")
    refused(2, "leat signal send: TRM: no such signal; 'leat signal list' lists them", "send", "TRM", gone())


@test
def what_is_not_there_is_told(_programs, _directory):
    pid = gone()
    refused(1, f"leat signal send: {pid}: no such process; it has ended, or the number is wrong ('ps -e' lists them)",
            "send", "TERM", pid)
    refused(1, f"leat signal send: -{pid}: no such process group; 'ps -eo pgid,pid,args' lists them", "send", "TERM", f"-{pid}")
    refused(1, f"leat signal send: {pid}/{pid}: no such process, or no such thread of it; 'leat signal show PID' lists its "
               "threads", "send", "--value", 1, "TERM", f"{pid}/{pid}")
    refused(1, f"leat signal send: @no-such-{pid}: no process has this name; 'ps -eo pid,comm' lists them",
            "send", "TERM", f"@no-such-{pid}")
    refused(1, "leat signal send: user:4294967000: this user has no process", "send", "TERM", "user:4294967000")
    for part in ("show", "watch"):
        refused(1, f"leat signal {part}: {pid}: no such process, or no such thread of it; 'ps -eL' lists them", part, pid)
    refused(2, f"leat signal send: -{pid}: the kernel sends no value to a group; name each process, or leave --value out",
            "send", "--value", -7, "RTMIN", f"-{pid}")


@test
def all_targets_are_tried(programs, _directory):
    pid = gone()
    first, last = python(programs, SLEEP), python(programs, SLEEP)
    code, out, err = leat("send", "TERM", first.pid, pid, last.pid)
    check_equal((code, out, err.count("\n")), (1, "", 1), "one is not there")
    check_equal((ended(first), ended(last)), (-signal.SIGTERM, -signal.SIGTERM), "both others")


@test
def not_permitted_is_told(programs, _directory):
    if os.geteuid() != 0:
        raise Skip("only root has processes that another user may not signal")
    # The command is reached by the other user through this descriptor, wherever it is.
    with open(LEAT, "rb") as command:
        mine = python(programs, SLEEP)

        def said(*arguments):
            program = subprocess.run([f"/proc/self/fd/{command.fileno()}", "signal", "send", *arguments], user=65534, group=65534,
                                     extra_groups=[], pass_fds=[command.fileno()], capture_output=True, timeout=DEADLINE_S,
                                     stdin=subprocess.DEVNULL, check=False)
            return program.returncode, program.stderr.decode()

        try:
            answers = [said("TERM", str(mine.pid)), said("--value", "1", "TERM", str(mine.pid)),
                       said("--wait", "TERM", f"-{mine.pid}"), said("TERM", f"{mine.pid}/{mine.pid}")]
        except PermissionError:
            raise Skip("the command cannot be executed by another user here") from None
    check(all("error while loading" not in err for _, err in answers), "the library cannot be read")
    other = "not permitted: it is another user's, who may signal it, or root\n"
    check_equal(answers, [(71, f"leat signal send: {mine.pid}: {other}"), (71, f"leat signal send: {mine.pid}: {other}"),
                          (71, f"leat signal send: -{mine.pid}: not permitted: no process of this group may be signalled by this "
                               "user; its own user may, or root\n"),
                          (71, f"leat signal send: {mine.pid}/{mine.pid}: {other}")], "refusals")


RECEIVE = """
signals = {signal.SIGUSR1, signal.SIGRTMIN + 3}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print('ready')
for _ in range(%d):
    what = signal.sigwaitinfo(signals)
    # Python does not show the value.
    print(what.si_signo, what.si_code, what.si_pid, what.si_uid)
"""


@test
def values_are_received(programs, _directory):
    """By another program of ours, which prints them; that they are sent with sigqueue(3) a foreign one sees."""
    receiver = programs.start([LEAT, "signal", "wait", "RTMIN+3", "USR1", "--count", "5"])
    check_equal(line_of(receiver.stderr), f"leat signal wait: process {receiver.pid} waits for 5", "ready")
    for arguments in (["--value", "7", "RTMIN+3", receiver.pid], ["--value", "-7", "RTMIN+3", receiver.pid],
                      ["--value=0x10", "USR1", f"{receiver.pid}/{receiver.pid}"], ["RTMIN+3", receiver.pid],
                      ["RTMIN+3", f"{receiver.pid}/{receiver.pid}"]):
        sender = programs.start([LEAT, "signal", "send", *map(str, arguments)])
        programs.finish(sender)
        value = re.search(r"--value[ =](\S+)", " ".join(map(str, arguments)))
        name = "SIGUSR1" if "USR1" in arguments else "SIGRTMIN+3"
        code = "SI_TKILL" if not value and "/" in str(arguments[-1]) else "SI_QUEUE"  # real-time ones with 0, if not said
        tail = f" value={int(value[1], 0) if value else 0}" if code == "SI_QUEUE" else ""
        check_equal(line_of(receiver.stdout), f"{name} pid={sender.pid} uid={os.getuid()} code={code}{tail}", "a signal")
    check_equal(ended(receiver), 0, "exit code")


@test
def a_foreign_program_receives_values(programs, _directory):
    receiver = python(programs, RECEIVE % 3)
    for arguments in (["--value", "1", "RTMIN+3"], ["--value", "1", "USR1"], ["USR1"]):
        sender = programs.start([LEAT, "signal", "send", *arguments, str(receiver.pid)])
        programs.finish(sender)
        number = signal.SIGUSR1 if "USR1" in arguments else signal.SIGRTMIN + 3
        code = -1 if "--value" in arguments else 0
        check_equal(line_of(receiver.stdout), f"{number:d} {code} {sender.pid} {os.getuid()}", "signal, code, sender")
    check_equal(ended(receiver), 0, "exit code")


@test
def a_full_queue_is_told(programs, _directory):
    """The limit is the receiver's, counted over all of its user: with none at all it is full whatever else there is."""
    receiver = python(programs, "import resource\nresource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))\n"
                                "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})\n" + SLEEP)
    full = "the queue of its user is full; try again when some were taken, or raise the limit (RLIMIT_SIGPENDING is 0)"
    for target in (receiver.pid, f"{receiver.pid}/{receiver.pid}"):
        refused(75, f"leat signal send: {target}: {full}", "send", "--value", 1, "RTMIN", target)
        refused(75, f"leat signal send: {target}: {full}", "send", "RTMIN", target)
    check_equal(leat("send", "--value", 1, "URG", receiver.pid), (0, "", ""), "an ordinary one is never refused")


@test
def a_group_is_signalled_without_dashes(programs, _directory):
    leader = python(programs, "import subprocess\nchild = subprocess.Popen(['sleep', '1000'])\nprint('ready', flush=True)\n"
                              "signal.signal(signal.SIGTERM, lambda *_: None)\nos.write(1, b'set\\n')\n"
                              "print(child.wait(), flush=True)\n")
    check_equal(line_of(leader.stdout), "set", "the leader catches it")
    check_equal(leat("send", "--wait", "TERM", f"-{leader.pid}"), (0, "", ""), "the group, and waited for")
    check_equal(leader.poll(), 0, "the leader had ended")
    check_equal(line_of(leader.stdout), str(-signal.SIGTERM), "its child was ended by the signal too")
    other = python(programs, SLEEP)
    check_equal(leat("send", f"-{os.getpid() + 10**9}", "TERM")[0], 2, "the signal comes first")
    check_equal(leat("send", "--then", "KILL", "TERM", f"-{other.pid}", "--after", "1h"), (0, "", ""), "between options")
    check_equal(ended(other), -signal.SIGTERM, "ended by the first")


@test
def a_value_may_be_negative(programs, _directory):
    """--value takes what follows it, also where -N is an operand."""
    receiver = programs.start([LEAT, "signal", "wait", "RTMIN"])
    line_of(receiver.stderr)
    check_equal(leat("send", "RTMIN", receiver.pid, "--value", "-5"), (0, "", ""), "sent")
    check(line_of(receiver.stdout).endswith(" value=-5"), "the value")


@test
def waits_until_ended(programs, _directory):
    child = python(programs, SLEEP)
    check_equal(leat("send", "--wait", "--timeout", "1h", "TERM", child.pid), (0, "", ""), "ended")
    with open(f"/proc/{child.pid}/stat", encoding="ascii") as stat:
        check_equal(stat.read().rsplit(")", 1)[1].split()[0], "Z", "it had ended: it is a zombie until we wait")
    deaf = python(programs, DEAF)
    refused(124, f"leat signal send: {deaf.pid}: has not ended before the deadline; 'leat signal show {deaf.pid}' tells what it "
                 "blocks and ignores, '--then KILL' ends it", "send", "--wait", "--timeout", "10ms", "TERM", deaf.pid)
    check_equal(deaf.poll(), None, "it lives")


@test
def escalates(programs, _directory):
    deaf, willing = python(programs, DEAF), python(programs, SLEEP)
    code, out, err = leat("send", "--then", "KILL", "--after", "1ms", "TERM", deaf.pid)
    check_equal((code, out, err), (0, "", f"leat signal send: {deaf.pid}: has not ended: SIGKILL follows\n"), "escalated")
    check_equal(ended(deaf), -signal.SIGKILL, "by the second")
    check_equal(leat("send", "--then", "KILL", "--after", "1h", "TERM", willing.pid), (0, "", ""), "not needed")
    check_equal(ended(willing), -signal.SIGTERM, "by the first")


@test
def escalates_to_a_whole_group(programs, _directory):
    """Every member, and also the one that a member starts in its handler."""
    leader = python(programs, "import subprocess\n"
                              "signal.signal(signal.SIGTERM, lambda *_: subprocess.Popen(['sleep', '1000']))\nprint('ready')\n"
                              "for _ in range(2):\n"
                              "    subprocess.Popen(['sh', '-c', 'trap \"\" TERM; echo set; exec sleep 1000'])\n"
                              "while True: signal.pause()\n", stderr=subprocess.DEVNULL)
    for _ in range(2):
        check_equal(line_of(leader.stdout), "set", "a deaf child")
    code, out, err = leat("send", "--then", "KILL", "--after", "50ms", "TERM", f"-{leader.pid}")
    check_equal((code, out), (0, ""), f"escalated, and said {err}")
    check(re.search(rf"^leat signal send: {leader.pid} \(of -{leader.pid}\): has not ended: SIGKILL follows$", err, re.M), err)
    check_equal(ended(leader), -signal.SIGKILL, "the leader")
    check_equal(select.select([leader.stdout], [], [], DEADLINE_S)[0], [leader.stdout], "the end of its output")
    while os.read(leader.stdout.fileno(), 100):  # up to the end: all of the group are gone
        pass


@test
def what_was_not_sent_the_first_is_not_sent_the_second(programs, _directory):
    """The processes of a group are held before it is signalled: more than there are descriptors for, and nothing is sent."""
    leader = python(programs, "for _ in range(12):\n    os.fork() or (signal.pause(), os._exit(0))\n" + SLEEP)
    code, out, err = leat("send", "--then", "KILL", "--after", "1ms", "--timeout", "1h", "TERM", f"-{leader.pid}",
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10)))
    check_equal((code, out, err.count("\n")), (71, "", 1), f"refused, and said {err}")
    check(err.startswith(f"leat signal send: -{leader.pid}: "), err)
    with open(f"/proc/{leader.pid}/task/{leader.pid}/children", encoding="ascii") as children:
        children = [int(pid) for pid in children.read().split()]
    check_equal(len(children), 12, "children")
    for pid in (leader.pid, *children):
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            check(stat.read().rsplit(")", 1)[1].split()[0] not in "ZX", f"{pid} has ended")
    check_equal(leat("send", "--wait", "KILL", f"-{leader.pid}"), (0, "", ""), "all of them")


IN_NAME_SPACE = """
import os, signal, subprocess, sys
leat, directory, user = sys.argv[1:]
reading, writing = os.pipe()  # never written to
os.symlink("/bin/sh", directory + "/leat-sleeper")
def sleeper(**more):
    return subprocess.Popen([directory + "/leat-sleeper", "-c", "read line; :"], stdin=reading, **more)  # it has been executed
def send(*arguments):
    print(subprocess.run([leat, "signal", "send", "--wait", *arguments]).returncode, flush=True)
mine, theirs = [sleeper(), sleeper()], sleeper(user=65534)
other = subprocess.Popen(["cat"], stdin=reading)
send("USR1", user)
print([child.poll() for child in mine], theirs.wait(), other.poll(), flush=True)
send("TERM", "@leat-sleeper")
print([child.wait() for child in mine], other.poll(), flush=True)
theirs = sleeper(user=65534)
send("TERM", "user:65534")
print(theirs.wait(), other.poll(), flush=True)
"""


@test
def by_name_and_by_user(programs, directory):
    if os.geteuid() != 0:
        raise Skip("only root has a name space of its own")
    os.chmod(directory, 0o755)
    unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("a process name space is refused")
    try:
        name = pwd.getpwuid(65534).pw_name
    except KeyError:
        name = "65534"
    out = programs.run([*unshare, sys.executable, "-c", IN_NAME_SPACE, LEAT, directory, f"user:{name}"])
    check_equal(out.decode().splitlines(), ["0", f"[None, None] {-signal.SIGUSR1} None", "0",
                                            f"[{-signal.SIGTERM}, {-signal.SIGTERM}] None", "0", f"{-signal.SIGTERM} None"],
                "by user, by name, by uid")


MASKS = """
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGRTMIN + 3, signal.SIG_IGN)
def other():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, *range(signal.SIGRTMIN + 5, signal.SIGRTMIN + 9)})
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)
    print(threading.get_native_id())
    sys.stdin.read()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGALRM})
thread = threading.Thread(target=other)
print('ready')
os.kill(os.getpid(), signal.SIGALRM)
thread.start()
thread.join()
"""


@test
def shows_each_thread(programs, _directory):
    child = python(programs, MASKS)
    thread = int(line_of(child.stdout))
    code, out, err = leat("show", "--json", child.pid)
    check_equal((code, err), (0, ""), "show")
    told = json.loads(out)
    check_equal((told["pid"], told["pending"]), (child.pid, ["SIGALRM"]), "the process")
    check("SIGUSR1" in told["caught"] and "SIGUSR1" not in told["ignored"], told["caught"])
    check({"SIGHUP", "SIGPIPE", "SIGRTMIN+3"} <= set(told["ignored"]), told["ignored"])
    check(told["queued"] >= 2 and told["queued_limit"] > 0, "the queue")
    check_equal({t["thread"]: (t["pending"], t["blocked"]) for t in told["threads"]},
                {child.pid: ([], ["SIGALRM", "SIGTERM"]),
                 thread: (["SIGUSR2"], ["SIGUSR2", "SIGALRM", "SIGTERM", *[f"SIGRTMIN+{n}" for n in range(5, 9)]])}, "threads")
    code, out, _ = leat("show", child.pid)
    lines = [line.split() for line in out.splitlines()]
    check_equal(lines[0][:2], ["process", str(child.pid)], "the first line")
    check_equal(lines[1], ["pending", "for", "any", "SIGALRM"], "pending")
    check_equal(lines[-6:], [["thread", str(child.pid)], ["pending", "-"], ["blocked", "SIGALRM", "SIGTERM"],
                             ["thread", str(thread)], ["pending", "SIGUSR2"],
                             ["blocked", "SIGUSR2", "SIGALRM", "SIGTERM", "SIGRTMIN+5..SIGRTMIN+8"]], "threads as text")
    check_equal([t["thread"] for t in json.loads(leat("show", "--json", f"{child.pid}/{thread}")[1])["threads"]], [thread], "one")
    refused(1, f"leat signal show: {child.pid}/{os.getpid()}: no such process, or no such thread of it; 'ps -eL' lists them",
            "show", f"{child.pid}/{os.getpid()}")
    refused(1, f"leat signal send: {thread}: is no process but a thread of one; write the number of its process, or PID/TID",
            "send", "TERM", thread)
    check_equal(child.poll(), None, "it was not touched")


@test
def a_name_cannot_pass_for_a_line(programs, _directory):
    child = python(programs, "import ctypes\nctypes.CDLL(None).prctl(15, b'a\\nthread 1\\x1b', 0, 0, 0)\n" + SLEEP)
    code, out, _ = leat("show", child.pid)
    check_equal((code, out.splitlines()[0]), (0, f"process {child.pid} (a?thread 1?)"), "the name")


STEPS = """
print('ready')
for line in sys.stdin:
    exec(line)
    print('done')
"""


def until(stream, *wanted):
    """Lines up to the one that is wanted."""
    lines = []
    while not lines or lines[-1] not in wanted:
        lines.append(line_of(stream))
    return lines


@test
def watches_changes_and_the_end(programs, _directory):
    child, other = python(programs, STEPS), python(programs, SLEEP)
    watch = programs.start([LEAT, "signal", "watch", "--interval", "5ms", str(child.pid), str(other.pid)])
    first = until(watch.stdout, f"{other.pid} caught +SIGINT")
    check(any(re.match(rf"{child.pid} ignored .*\+SIGPIPE", line) for line in first), f"what was there: {first}")
    for step, line in (("signal.signal(signal.SIGUSR1, signal.SIG_IGN)", f"{child.pid} ignored +SIGUSR1"),
                       ("signal.signal(signal.SIGUSR1, print)", f"{child.pid} ignored -SIGUSR1"),
                       ("signal.signal(signal.SIGUSR1, signal.SIG_DFL)", f"{child.pid} caught -SIGUSR1"),
                       ("signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})", f"{child.pid}/{child.pid} blocked +SIGTERM"),
                       ("os.kill(os.getpid(), signal.SIGTERM)", f"{child.pid} pending +SIGTERM")):
        child.stdin.write((step + "\n").encode())
        child.stdin.flush()
        until(watch.stdout, line)
    other.stdin.close()
    until(watch.stdout, f"{other.pid} ended")
    check_equal(watch.poll(), None, "one lives")
    child.kill()
    until(watch.stdout, f"{child.pid} ended")
    check_equal((ended(watch), watch.stdout.read(), watch.stderr.read()), (0, b"", b""), "the end of all")


@test
def watches_in_json(programs, _directory):
    child = python(programs, STEPS)
    watch = programs.start([LEAT, "signal", "watch", "--json", "--interval", "5ms", str(child.pid)])
    told = json.loads(line_of(watch.stdout))
    check_equal((told["pid"], told["thread"], told["what"], told["removed"]), (child.pid, None, "ignored", []), "the first")
    child.stdin.write(b"signal.signal(signal.SIGUSR1, print)\n")
    child.stdin.flush()
    while told["added"] != ["SIGUSR1"]:
        told = json.loads(line_of(watch.stdout))
    check_equal((told["pid"], told["what"], told["removed"]), (child.pid, "caught", []), "the change")
    child.stdin.close()
    while told["what"] != "ended" or told["thread"]:
        told = json.loads(line_of(watch.stdout))
    check_equal(ended(watch), 0, "exit code")


@test
def a_watch_has_a_deadline(programs, _directory):
    child = python(programs, SLEEP)
    code, _, err = leat("watch", "--timeout", "1ms", child.pid)
    check_equal((code, err), (124, "leat signal watch: the deadline passed before all had ended\n"), "deadline")


@test
def waits_for_the_third(programs, _directory):
    waiter = programs.start([LEAT, "signal", "wait", "INT", "--count", "3", "--json"])
    check_equal(line_of(waiter.stderr), f"leat signal wait: process {waiter.pid} waits for 3", "ready")
    for n in range(3):
        check_equal(waiter.poll(), None, f"it waits after {n}")
        waiter.send_signal(signal.SIGINT)
        told = json.loads(line_of(waiter.stdout))  # taken, so that the next one is not the same
        del told["time"]
        check_equal(told, {"signal": "SIGINT", "number": 2, "pid": os.getpid(), "uid": os.getuid(), "code": "SI_USER",
                           "value": None}, "one")
    check_equal(ended(waiter), 0, "after the third")


@test
def waiting_has_a_deadline(programs, _directory):
    code, out, err = leat("wait", "INT", "TERM", "--count", 3, "--timeout", "1ms")
    check_equal((code, out, err.splitlines()[-1]), (124, "", "leat signal wait: the deadline passed; 0 of 3 came"), "deadline")
    waiter = programs.start([LEAT, "signal", "wait", "TERM"])  # one, if not said
    line_of(waiter.stderr)
    waiter.terminate()
    check_equal(ended(waiter), 0, "one")


COUNT = ("seen = []\nsignal.signal(signal.SIGINT, lambda *_: print('INT', flush=True))\n"
         "signal.signal(signal.SIGUSR1, lambda *_: print('USR1', flush=True))\nprint('ready')\n"
         "while True: signal.pause()\n")


def shield(programs, text, *options, **more):
    program = programs.start([LEAT, "signal", "shield", *options, "--", sys.executable, "-u", "-c",
                              "import os, signal, sys, termios\n" + text], **more)
    check_equal(line_of(program.stdout), "ready", "the command said first")
    return program


@test
def a_shield_lets_the_third_through(programs, _directory):
    program = shield(programs, COUNT, "INT", "--count", "3")
    for n in (1, 2):
        program.send_signal(signal.SIGINT)
        check_equal(line_of(program.stderr), f"leat signal shield: SIGINT {n} of 3 is held back", "held back")
    program.send_signal(signal.SIGUSR1)  # others pass at once
    check_equal(line_of(program.stdout), "USR1", "the first that it sees")
    program.send_signal(signal.SIGINT)
    check_equal(line_of(program.stdout), "INT", "the third")
    program.send_signal(signal.SIGINT)  # and it is counted anew
    check_equal(line_of(program.stderr), "leat signal shield: SIGINT 1 of 3 is held back", "held back")
    program.terminate()
    check_equal(ended(program), 128 + signal.SIGTERM, "ended by a signal")


@test
def a_shield_ends_as_its_command(programs, _directory):
    check_equal(leat("shield", "INT", "--count", 3, "--", "sh", "-c", "echo out; echo err >&2; exit 7"), (7, "out\n", "err\n"), "7")
    check_equal(leat("shield", "INT", "--", "sh", "-c", "kill -9 $$"), (137, "", ""), "killed")
    check_equal(leat("shield", "INT", "--", "cat", input=None), (0, "", ""), "its input is ours")
    for code, program in ((127, "/no/such"), (126, "/")):
        got, out, err = leat("shield", "INT", program)
        check_equal((got, out, err.count("\n")), (code, "", 1), f"{program}, which said {err}")
        check(err.startswith(f"leat signal shield: {program}: "), err)


class Terminal:
    """A pseudo-terminal of whose session the program is the leader; what it writes there is read here."""

    def __init__(self, programs, argv):
        self.master, slave = pty.openpty()

        def lead():
            os.setsid()
            os.close(os.open(os.ttyname(0), os.O_RDWR))  # it becomes the controlling terminal

        try:
            self.program = programs.start(argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=False,
                                          preexec_fn=lead)
        finally:
            os.close(slave)
        self.seen = ""

    def until(self, text):
        while text not in self.seen:
            check(select.select([self.master], [], [], DEADLINE_S)[0], f"{text!r} did not come after {self.seen!r}")
            try:
                some = os.read(self.master, 4096)
            except OSError:
                some = b""
            check(some, f"the end came, and no {text!r}, after {self.seen!r}")
            self.seen += some.decode()
        before, self.seen = self.seen.split(text, 1)
        return before

    def type(self, keys):
        os.write(self.master, keys)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.master)


def in_terminal(programs, text, *options):
    return Terminal(programs, [LEAT, "signal", "shield", *options, "--", sys.executable, "-u", "-c",
                               "import os, signal, sys, termios\n" + text])


@test
def a_shield_holds_back_ctrl_c(programs, _directory):
    with in_terminal(programs, "signal.signal(signal.SIGINT, signal.SIG_DFL)\nprint('ready')\nwhile True: signal.pause()\n",
                     "INT", "--count", "3") as terminal:
        terminal.until("ready")
        for n in (1, 2):
            terminal.type(b"\x03")
            terminal.until(f"SIGINT {n} of 3 is held back")
        check_equal(terminal.program.poll(), None, "it lives")
        terminal.type(b"\x03")
        check_equal(ended(terminal.program), 128 + signal.SIGINT, "the third")


@test
def a_shield_carries_what_is_typed(programs, _directory):
    with in_terminal(programs, "print('ready')\nfor line in sys.stdin: print('got', line.strip())\nprint('over')\n",
                     "INT", "--count", "2") as terminal:
        terminal.until("ready")
        terminal.type(b"hello\n")
        terminal.until("got hello")
        terminal.type(b"\x03")
        terminal.until("1 of 2 is held back")
        terminal.type(b"more\n")
        terminal.until("got more")
        terminal.type(b"\x04")
        terminal.until("over")
        check_equal(ended(terminal.program), 0, "exit code")


@test
def a_program_that_wants_the_terminal_is_told_of(programs, _directory):
    with in_terminal(programs, "print('ready')\nos.read(os.open('/dev/tty', os.O_RDONLY), 1)\n", "INT") as terminal:
        terminal.until("wants the terminal for itself, which the shield keeps, and was killed; start it without a shield")
        check_equal(ended(terminal.program), 71, "exit code")


JOB = r"""
import os, signal, subprocess, sys
# A shell with one job: puts it into the foreground, sees it stop, and goes on with it.
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
def foreground(group):
    os.tcsetpgrp(0, group)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    foreground(os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status = os.waitpid(job, os.WUNTRACED)
print('stopped', os.WIFSTOPPED(status), flush=True)
command = int(open(os.environ['PID_FILE']).read())
state = ''
while state != 'T':  # the stop is on its way to it
    state = open(f'/proc/{command}/stat').read().rsplit(')', 1)[1].split()[0]
print('command', state, flush=True)
foreground(job)
os.kill(-job, signal.SIGCONT)
_, status = os.waitpid(job, 0)
foreground(os.getpgrp())
print('ended', os.waitstatus_to_exitcode(status), flush=True)
"""


@test
def a_shield_stops_and_goes_on_with_its_command(programs, directory):
    os.environ["PID_FILE"] = f"{directory}/pid"
    text = ("import os, sys\nopen(os.environ['PID_FILE'], 'w').write(str(os.getpid()))\nprint('ready', flush=True)\n"
            "print('got', sys.stdin.readline().strip(), flush=True)\n")
    with Terminal(programs, [sys.executable, "-c", JOB, LEAT, "signal", "shield", "INT", "--", sys.executable, "-c",
                             text]) as terminal:
        terminal.until("ready")
        terminal.type(b"\x1a")
        terminal.until("stopped True")
        terminal.until("command T")
        terminal.type(b"again\n")
        terminal.until("got again")
        terminal.until("ended 0")
        with contextlib.suppress(OSError):
            while os.read(terminal.master, 100):
                pass


FG = r"""
import os, signal, sys
# What bash's fg does to a job that runs in the background: the foreground, and no SIGCONT.
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
print(os.read(0, 100), flush=True)  # when the command has told that it runs
os.tcsetpgrp(0, job)
_, status = os.waitpid(job, 0)
os.tcsetpgrp(0, os.getpgrp())
print('ended', os.waitstatus_to_exitcode(status), flush=True)
"""
READ = "import sys\nprint('ready', flush=True)\nprint('got', sys.stdin.readline().strip(), flush=True)\n"


@test
def a_shield_that_is_given_the_foreground_carries_what_is_typed(programs, _directory):
    with Terminal(programs, [sys.executable, "-c", FG, LEAT, "signal", "shield", "INT", "--", sys.executable, "-c",
                             READ]) as terminal:
        terminal.until("ready")
        terminal.type(b"first\n")
        terminal.until("b'first")
        terminal.type(b"second\n")
        terminal.until("got second")
        terminal.until("ended 0")


@test
def a_terminal_that_is_not_the_controlling_one_is_the_commands(programs, _directory):
    master, slave = pty.openpty()
    try:
        # Without a controlling terminal at all: every process may read this one.
        program = shield(programs, "print('ready')\nprint(os.isatty(0), input())", "INT", stdin=slave)
        os.write(master, b"typed\n")
        check_equal(line_of(program.stdout), "True typed", "it read the terminal itself")
        check_equal(ended(program), 0, "exit code")
    finally:
        os.close(master)
        os.close(slave)


main(TESTS)
