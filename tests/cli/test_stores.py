#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Queues, named pipes and logs at the command: what outlives its processes, in one table, and what each says to wrong input.

Usage: test_stores.py [LEAT]. Output is TAP; in a name space of its own where that is allowed. No test sleeps.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from tap import DEADLINE_S, TESTS, Skip, check, check_equal, libc, main, test  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
CLONE_NEWIPC = 0x08000000
STORES = {  # and an address in a folder
    "fifo": "fifo:{0}/store",
    "mq": f"mq:/leat-cli-{os.getpid()}",
    "sysv-mq": "sysv-mq:{0}#9",
    "log": "log:{0}/store",
}
KEEP = ("mq", "sysv-mq", "log")  # messages without anyone to have them open


def leat(*arguments, **more):
    """(exit code, standard output, standard error)"""
    program = subprocess.run([LEAT, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE_S,
                             check=False, **more)
    return program.returncode, program.stdout, program.stderr.decode()


def refused(code, pattern, *arguments):
    """One line that matches, nothing on standard output."""
    got, out, said = leat(*arguments)
    check_equal((got, out), (code, b""), f"{arguments}, which said {said!r}: exit code and output")
    check(said.count("\n") == 1 and re.search(pattern, said), f"{arguments} said {said!r}, wanted {pattern!r}")


def each(schemes=STORES):
    """A test for each store, with its address; nothing of it remains, however the test ends."""

    def decorate(function):
        def of_scheme(scheme):
            def test(programs, directory):
                address = STORES[scheme].format(directory)
                try:
                    function(programs, address)
                finally:
                    leat("rm", address)

            return f"{scheme}: {function.__name__.replace('_', ' ')}", test

        TESTS.extend(of_scheme(scheme) for scheme in schemes)
        return function

    return decorate


@each()
def made_told_changed_removed(programs, address):
    refused(1, "nothing is there|no queue|no such log", "info", address)
    refused(1, "nothing is there|no queue|no such log", "rm", address)
    refused(1, "nothing is there|no queue|no such log", "set", address, "mode=0600")
    programs.run([LEAT, "create", "--mode", "0640", "--new", address])
    programs.run([LEAT, "create", "--mode", "0600", address])  # there already: left as it is
    refused(1, "already", "create", "--new", address)
    told = json.loads(programs.run([LEAT, "info", "--json", address]))
    check_equal((told["scheme"], told["mode"], told["owner"]["uid"]), (address.split(":")[0], "0640", os.geteuid()), "told")
    programs.run([LEAT, "set", address, "mode=0600"])
    check(re.search(rb"^mode +0600$", programs.run([LEAT, "info", address]), re.M), "the mode as people see it")
    refused(2, "mode", "set", address, "colour=red")
    refused(2, "octal", "set", address, "mode=rwx")
    programs.run([LEAT, "rm", address])
    refused(1, "nothing is there|no queue|no such log", "rm", address)


@each(KEEP)
def sent_before_received_later(programs, address):
    """Also what a killed sender had sent; and what an earlier one sent comes first."""
    programs.run([LEAT, "send", "--type", "3", address, "hello"])
    sender = programs.start([LEAT, "send", "--type", "4", address], stdin=subprocess.PIPE)
    sender.stdin.write(b"and then\n")
    sender.stdin.flush()
    check_equal(programs.run([LEAT, "recv", "--count", "2", "--with", "type", address]), b"3\thello\n4\tand then\n", "both")
    sender.send_signal(signal.SIGKILL)
    sender.wait()
    programs.run([LEAT, "send", address, "later"])
    if not address.startswith("log:"):  # which keeps what was read
        check_equal(programs.run([LEAT, "recv", "--drain", address]), b"later\n", "after the kill")
        check_equal(leat("recv", "--drain", address)[0], 1, "nothing is left")


@each()
def drained_is_what_is_there_and_nothing_is_made(programs, address):
    for also in ("", "?mode=0600", "?open"):
        refused(1, "nothing is there", "recv", "--drain", address + also)
        refused(1, "nothing is there", "recv", "--drain", "--timeout", "50ms", address + also)
    check_equal(leat("info", address)[0], 1, "--drain made something")
    check_equal(leat("recv", "--drain", f"{address}?create"), (1, b"", ""), "asked for, so made")
    check_equal(leat("recv", "--drain", address), (1, b"", ""), "there, and empty")
    refused(1, "already|exist", "recv", "--drain", f"{address}?new")


@each()
def senders_are_told_as_such(programs, address):
    receiver = programs.start([LEAT, "recv", "--count", "2", f"{address}{'' if address.startswith('fifo') else '?end'}"])
    sender = programs.start([LEAT, "send", f"{address}{'' if address.startswith('fifo') else '?end'}"], stdin=subprocess.PIPE)
    sender.stdin.write(b"one\n")
    sender.stdin.flush()
    check_equal(receiver.stdout.readline(), b"one\n", "received")
    told = json.loads(programs.run([LEAT, "info", "--json", address]))
    log = address.startswith("log:")  # which does not count them
    check_equal((told["senders"], told["connections"]), (None if log else 1, None), "one sender, no connection")
    check_equal(re.search(rb"^senders +1$", programs.run([LEAT, "info", address]), re.M) is None, log, "as people see it")
    programs.finish(sender, b"two\n")
    programs.finish(receiver)
    told = json.loads(programs.run([LEAT, "info", "--json", address]))
    check(told["senders"] in (0, None), f"{told['senders']} senders, and it is gone")


@each(("sysv-mq",))
def senders_that_are_not_counted_are_unknown(programs, address):
    sender = programs.start([LEAT, "send", address], stdin=subprocess.PIPE)
    sender.stdin.write(b"one\n")
    sender.stdin.flush()
    programs.run([LEAT, "recv", "--count", "1", address])  # so it is there, without ?end
    check_equal(json.loads(programs.run([LEAT, "info", "--json", address]))["senders"], None, "senders")
    programs.finish(sender, b"")


@each(("mq", "sysv-mq"))
def what_cannot_be_written_is_not_taken(programs, address):
    """One message at most: the others are somebody else's to take."""
    programs.run([LEAT, "send", address, "1", "2", "3"])
    closed = subprocess.run(["sh", "-c", '"$@" >&-', "-", LEAT, "recv", "--drain", address], capture_output=True,
                            timeout=DEADLINE_S, check=False)
    check_equal((closed.returncode, closed.stderr), (71, b"leat recv: standard output: Bad file descriptor\n"), "closed")
    check_equal(json.loads(programs.run([LEAT, "info", "--json", address]))["queued_messages"], 3, "none is taken")
    with open("/dev/full", "wb") as disk:
        full = subprocess.run([LEAT, "recv", "--drain", address], stdout=disk, stderr=subprocess.PIPE, timeout=DEADLINE_S,
                              check=False)
    check_equal((full.returncode, full.stderr), (71, b"leat recv: standard output: No space left on device\n"), "full")
    check_equal(programs.run([LEAT, "recv", "--drain", address]), b"2\n3\n", "one is lost")


@each(KEEP)
def a_deadline_is_the_end_where_none_was_asked_for(programs, address):
    programs.run([LEAT, "send", address, "hello"])
    check_equal(programs.run([LEAT, "recv", "--timeout", "50ms", address]), b"hello\n", "without ?end")
    sender = programs.start([LEAT, "send", f"{address}?end"], stdin=subprocess.PIPE)
    sender.stdin.write(b"again\n")
    sender.stdin.flush()
    there = 2 if address.startswith("log:") else 1  # a log keeps what was read
    programs.run([LEAT, "recv", "--count", str(there), address])
    programs.run([LEAT, "recv", "--timeout", "50ms", f"{address}?end"], status=124)  # the sender stays
    programs.finish(sender, b"")


@each()
def json_tells_all(programs, address):
    programs.run([LEAT, "create", address])
    if address.startswith("fifo:"):
        receiver = programs.start([LEAT, "recv", "--json", "--count", "1", address])
        programs.run([LEAT, "send", "--type", "7", "--priority", "2", address, "text"])
        line = programs.finish(receiver)
    else:
        programs.run([LEAT, "send", "--type", "7", "--priority", "2", address, "text"])
        check_equal(json.loads(programs.run([LEAT, "info", "--json", address]))["queued_messages"], 1, "queued")
        line = programs.run([LEAT, "recv", "--json", "--count", "1", address])
    message = json.loads(line)
    check_equal((message["type"], message["priority"], message["text"], message["sender"]), (7, 2, "text", None), "told")


@each(("fifo", "mq", "sysv-mq"))
def broadcast_is_refused_and_names_the_log(_programs, address):
    refused(2, "log:", "send", f"{address}?pattern=broadcast", "x")
    refused(2, "log:", "recv", f"{address}?pattern=broadcast")


@each()
def what_it_cannot_do_is_refused(programs, address):
    programs.run([LEAT, "create", address])
    refused(2, "use unix:", "recv", f"{address}?need=who")
    refused(2, "use unix:", "send", f"{address}?need=fds", "x")
    refused(2, "reply|call", "call", "--timeout", "50ms", address, "x")
    refused(2, "exist|has no|option", "send", f"{address}?backlog=3", "x")
    if not address.startswith("fifo:"):
        refused(2, "use unix:", "send", "--sync", address, "x")


@each()
def new_and_open_are_kept(programs, address):
    for command in (["recv", "--timeout", "50ms"], ["send"]):
        tail = ["x"] if command == ["send"] else []
        code, _, said = leat(*command, f"{address}?open", *tail)
        check(code in (1, 69, 71) and said.count("\n") == 1, f"{command} ?open: {code}, {said!r}")
    check_equal(leat("info", address)[0], 1, "?open made something")
    programs.run([LEAT, "create", address])
    refused(1, "already|exist", "recv", "--timeout", "50ms", f"{address}?new")


@test
def wrong_addresses_are_explained(_programs, directory):
    for address, pattern in (
            ("mq:orders", "mq:/orders"), ("mq:/a/b", "slash|/"), ("mq:", "mq:/"),
            ("sysv-mq:orders", "key|#"), (f"sysv-mq:{directory}", "#"), (f"sysv-mq:{directory}#0", "1 to 255"),
            (f"sysv-mq:{directory}#256", "255"), ("sysv-mq:0", "key|private"), ("fifo:", "path|name"),
            ("log:", "path|name"), (f"log:{directory}/l?from=yesterday", "start"),
            (f"log:{directory}/l?durable=always", "none, each|group"), (f"log:{directory}/l?rotate=1", "number"),
            ("inbox:me", "pid"), ("inbox:0", "pid"), ("mq:/q?depth=x", "depth")):
        refused(2, pattern, "recv", "--timeout", "50ms", address)
    check_equal(os.listdir(directory), [], "made")


@test
def sizes_beyond_the_limits_name_them(programs, directory):
    big = "x" * 9000
    path = os.path.join(directory, "big")
    with open(path, "w", encoding="ascii") as file:
        file.write(big)
    for address, pattern in ((STORES["mq"], "8144 bytes; .*msgsize_max"), (STORES["sysv-mq"], "8144 bytes; .*msgmax"),
                             ("log:{0}/store?size=100", "100 bytes; .*[?]size=")):
        address = address.format(directory)
        try:
            for what in ([address, big], ["--file", path, address], ["--lines", path, address]):
                refused(71, pattern, "send", *what)
        finally:
            leat("rm", address)
    fifo = STORES["fifo"].format(directory)
    receiver = programs.start([LEAT, "recv", "--count", "1", fifo])
    refused(71, "4048 bytes; .*[?]exclusive", "send", fifo, big)
    check_equal(programs.finish(receiver), b"", "nothing came, and the sender is gone")
    refused(2, "msgsize_max", "create", STORES["mq"].format(directory) + "?size=1G")


@test
def full_is_told(programs, directory):
    for scheme in ("mq", "sysv-mq"):
        address = STORES[scheme].format(directory)
        try:
            programs.run([LEAT, "create", address + ("?depth=2" if scheme == "mq" else "")])
            if scheme == "sysv-mq":
                programs.run([LEAT, "set", address, "capacity=100"])  # two headers and two bytes
            programs.run([LEAT, "send", address, "1", "2"])
            refused(75, "full", "send", "--when-full", "fail", address, "3")
            refused(124, "deadline", "send", "--timeout", "50ms", address, "3")
            code, _, said = leat("send", "--when-full", "drop-old", address, "3")
            check(code == 0 and "1 message dropped" in said, f"{scheme}: {code}, {said}")
            check_equal(programs.run([LEAT, "recv", "--drain", address]), b"2\n3\n", f"{scheme}: what is left")
        finally:
            leat("rm", address)


@each()
def follow_goes_on_behind_an_end(programs, address):
    asked = address if address.startswith("fifo:") else address + "?end"
    receiver = programs.start([LEAT, "recv", "--follow", "--count", "2", asked])
    for text in (b"one", b"two"):  # each the only sender, and gone before the next comes
        programs.run([LEAT, "send", asked, text])
        check_equal(receiver.stdout.readline(), text + b"\n", "received")
    check_equal(programs.finish(receiver), b"", "and nothing else")


@test
def permission_is_refused(_programs, directory):
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    os.chmod(directory, 0o755)
    program = shutil.copy(LEAT, os.path.join(directory, "leat"))
    for scheme, address in STORES.items():
        address = address.format(directory)
        try:
            check_equal(leat("create", "--mode", "0600", address)[0], 0, f"create {address}")
            for command in (["send", address, "x"], ["recv", "--timeout", "50ms", address], ["rm", address],
                            ["set", address, "mode=0666"]):
                done = subprocess.run([program, *command], user=65534, group=65534, extra_groups=[], capture_output=True,
                                      timeout=DEADLINE_S, check=False)
                if b"error while loading" in done.stderr:
                    raise Skip("the library cannot be read by others")
                check(done.returncode == 71 and done.stderr.count(b"\n") == 1, f"{command}: {done}")
                check(re.search(rb"owner|mode|ask", done.stderr), f"{command}: not what to do: {done}")
        finally:
            leat("rm", address)
    os.unlink(program)


@test
def an_inbox_of_a_process(programs, directory):
    receiver = programs.start([LEAT, "recv", "--count", "1", "--with", "sender", "inbox:"])
    sender = programs.start([LEAT, "send", f"inbox:{receiver.pid}", "dear process"])  # waits for it
    programs.finish(sender)
    check_equal(programs.finish(receiver), b"%d\tdear process\n" % sender.pid, "received")
    refused(2, "inbox:", "recv", f"inbox:{os.getpid()}")
    refused(2, "whose", "send", "inbox:", "x")
    refused(69, "no receiver", "send", "--timeout", "50ms", f"inbox:{receiver.pid}", "x")
    refused(1, "nothing is there", "info", f"inbox:{receiver.pid}")


if __name__ == "__main__":
    libc.unshare(CLONE_NEWIPC)  # refused to an ordinary user: then the names are merely shared
    main(TESTS)
