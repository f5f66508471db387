#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""System V queues with programs that we did not write: ipcmk, ipcs, and a C program of ten lines with plain msgsnd.

Also the example programs. Usage: test_sysv_queues.py [LEAT [EXAMPLES-DIRECTORY]]. Output is TAP; in a name space of its own where
that is allowed.
"""
import json
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
from tap import check, check_equal, libc, main, need  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
BUILT = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else os.environ["LEAT_EXAMPLES"]
CLONE_NEWIPC = 0x08000000
KEY = "0x1ea70001"
QUEUE = f"sysv-mq:{KEY}"

TEN_LINES = r"""
#include <sys/msg.h>
int main(void) {
        struct { long type; char text[16]; } message = { 7, "plain msgsnd" };
        int queue = msgget(0x1ea70001, 0);
        if (queue < 0 || msgsnd(queue, &message, 12, 0) < 0)
                return 1;
        return 0;
}
"""


def queues(programs):
    """What ipcs shows: of each key the identifier, owner, permissions, bytes, messages."""
    out = programs.run([need("ipcs"), "-q"]).decode()
    return {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith("0x")}


def ipcs_shows_ours(programs, directory):
    programs.run([LEAT, "create", "--mode", "0600", QUEUE])
    programs.run([LEAT, "send", "--type", "3", QUEUE, "hello"])
    programs.run([LEAT, "send", QUEUE, "second"])
    check_equal(queues(programs)[KEY][2:], ["600", str(2 * 48 + 11), "2"], "permissions, bytes, messages")
    told = json.loads(programs.run([LEAT, "info", "--json", QUEUE]))
    check_equal([(m["type"], m["size_bytes"], bytes.fromhex(m["first_bytes_hex"])) for m in told["messages"]],
                [(3, 5, b"hello"), (1, 6, b"second")], "what waits")
    check(re.search(rb"3 +5 hello", programs.run([LEAT, "info", QUEUE])), "info shows it to people too")
    check_equal(programs.run([LEAT, "recv", "--count", "1", QUEUE]), b"hello\n", "received later")
    programs.run([LEAT, "rm", QUEUE])
    check(KEY not in queues(programs), "it is gone")
    programs.run([LEAT, "rm", QUEUE], status=1)


def rm_removes_theirs(programs, directory):
    before = set(queues(programs))
    programs.run([need("ipcmk"), "-Q", "-p", "0640"])
    (key,) = set(queues(programs)) - before
    check_equal(json.loads(programs.run([LEAT, "info", "--json", f"sysv-mq:{key}"]))["mode"], "0640", "mode")
    programs.run([LEAT, "set", f"sysv-mq:{key}", "mode=0600", "capacity=1k"])
    check_equal(queues(programs)[key][2], "600", "mode as ipcs shows it")
    programs.run([LEAT, "rm", f"sysv-mq:{key}"])
    check(key not in queues(programs), "it is gone")


def ten_lines(programs, directory):
    with open(os.path.join(directory, "ten.c"), "w", encoding="ascii") as source:
        source.write(TEN_LINES)
    programs.run([need("cc"), "-o", os.path.join(directory, "ten"), source.name])
    programs.run([LEAT, "create", QUEUE])
    programs.run([os.path.join(directory, "ten")])
    check_equal(programs.run([LEAT, "recv", "--count", "1", "--with", "type", QUEUE]), b"7\tplain msgsnd\n", "received")
    waiting = programs.start([LEAT, "recv", "--count", "1", QUEUE])
    programs.run([os.path.join(directory, "ten")])
    check_equal(programs.finish(waiting), b"plain msgsnd\n", "received by one that may be waiting")
    programs.run([LEAT, "rm", QUEUE])


def a_removed_queue_is_told(programs, directory):
    programs.run([LEAT, "create", QUEUE])
    waiting = programs.start([LEAT, "recv", f"{QUEUE}?open"])
    programs.run([LEAT, "send", QUEUE, "it is there"])
    check_equal(waiting.stdout.readline(), b"it is there\n", "its first message")
    programs.run([need("ipcrm"), "-Q", KEY])
    check_equal(programs.finish(waiting, status=71), b"", "nothing more")


def the_end_and_temporary(programs, directory):
    lines = b"".join(b"%d\n" % i for i in range(100))
    sender = programs.start([LEAT, "send", "--each", "line", f"{QUEUE}?end&temporary"], stdin=-1)
    receiver = programs.start([LEAT, "recv", f"{QUEUE}?end&temporary"])
    sender.stdin.write(lines)
    sender.stdin.flush()
    got = b"".join(receiver.stdout.readline() for _ in range(100))
    programs.finish(sender)
    check_equal(got + programs.finish(receiver), lines, "all lines, and the end")
    check(KEY not in queues(programs), "it went with its last party")


def three_programs(programs, directory):
    queue = f"sysv-mq:{directory}#77"
    run = lambda name, **more: programs.run([os.path.join(BUILT, name), queue], **more)
    run("queue_creator")
    run("queue_sender")
    check_equal(run("queue_receiver"), b"one\ntwo\nthree\n", "received")


def typed_messages(programs, directory):
    out = programs.run([os.path.join(BUILT, "typed_messages"), f"sysv-mq:{directory}#78"]).decode()
    check_equal([re.split(r"  +", line)[1] for line in out.splitlines()],
                ["type 3: three", "type 5: five", "type 3: three again", "type 7: seven", "nothing", "type 9: nine"],
                "what each way of receiving takes")


if __name__ == "__main__":
    libc.unshare(CLONE_NEWIPC)  # refused to an ordinary user: then the key is merely shared
    main([(test.__name__.replace("_", " "), test) for test in (
        ipcs_shows_ours, rm_removes_theirs, ten_lines, a_removed_queue_is_told, the_end_and_temporary, three_programs,
        typed_messages)])
