#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shared memory where it is used: its examples, between users, between containers, in sandboxes.

Usage: test_shared_memory.py [LEAT [EXAMPLES-DIRECTORY]]. Output is TAP. No test sleeps.
"""
import ctypes
import os
import pathlib
import platform
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from tap import DEADLINE_S, Skip, Watch, check, check_equal, libc, main, need, until  # noqa: E402

LEAT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else shutil.which("leat")
BUILT = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else os.environ["LEAT_EXAMPLES"]
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 38, 22
MEMFD_CREATE, MEMBARRIER, PIDFD_OPEN = 319, 324, 434  # x86-64
GLOBAL_EXPEDITED = 2


def said(program, status):
    """What it wrote to standard error before it ended."""
    _, err = program.communicate(timeout=DEADLINE_S)
    check_equal(program.returncode, status, f"status, having said {err!r}")
    return err.decode()


def write_line(program, text):
    program.stdin.write(text.encode() + b"\n")
    program.stdin.flush()


# ---- the examples ----


def start_example(programs, name, *arguments):
    return programs.start([os.path.join(BUILT, name), *arguments])


def letters(first, second):
    def test(programs, _directory):
        both = {name: start_example(programs, name) for name in (first, second)}
        check_equal(programs.finish(both["letters_client"]), b"abcdefghijklmnopqrstuvwxyz\n", "what the client read")
        check_equal(programs.finish(both["letters_server"]), b"the client answered: *\n", "what the server said")

    return f"examples/{first} first, then {second}", test


def letters_without_an_answer(programs, directory):
    """The server of shmget(2) would look for the '*' for ever."""
    path = f"{directory}/letters"
    server = start_example(programs, "letters_server", f"shm:{path}?pattern=pair&listen")
    client = programs.start([LEAT, "recv", "--count", "1", f"shm:{path}?pattern=pair&connect"])
    check_equal(programs.finish(client), b"a\n", "the first letter")
    check("gone" in said(server, 1), "it was not told that the client is gone")


def state_of(program):
    return pathlib.Path(f"/proc/{program.pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[0]


def bounded_buffer(programs, directory):
    """While the consumer is stopped each producer fills its buffer, and no more, and sleeps. Then all of it comes, once."""
    path, items = f"{directory}/buffer", 10000
    watch = Watch(path)
    consumer = start_example(programs, "bounded_consumer", f"shm:{path}?wait=sleep")
    watch.wait(consumer)
    consumer.send_signal(signal.SIGSTOP)
    until(lambda: state_of(consumer) == "T", "the consumer stops")
    producers = [start_example(programs, "bounded_producer", str(items), f"shm:{path}?ring=128k&wait=sleep") for _ in range(3)]
    for producer in producers:
        line = producer.stderr.readline().decode()
        full = re.fullmatch(r"full after (\d+) items; waiting for room\n", line)
        check(full and 1000 < int(full[1]) * 64 <= 128 << 10, f"it said {line!r}")
        until(lambda producer=producer: state_of(producer) == "S", "a producer sleeps")
    consumer.send_signal(signal.SIGCONT)
    for producer in producers:
        out = programs.finish(producer).decode()
        check(re.fullmatch(rf"{items} items sent; the buffer was full [1-9]\d* times\n", out), f"it printed {out!r}")
    want = f"{3 * items} items, their numbers add up to {3 * items * (items + 1) // 2}\n"
    check_equal(programs.finish(consumer).decode(), want, "what the consumer printed")


# ---- one at each end, whatever lies between them ----


def lines_wake(receiver, sender, count=20):
    """Each line is sent when the one before it was printed: every one finds the receiver asleep, or about to be."""
    for number in range(count):
        write_line(sender, str(number))
        check_equal(receiver.stdout.readline().decode(), f"{number}\n", "line")


def talk(programs, receive, send):
    """receive(*arguments) and send(...) start leat at one end and at the other. Messages come, and each learns that the other died."""
    receiver, sender = receive("recv"), send("send", stdin=subprocess.PIPE)
    lines_wake(receiver, sender)
    programs.kill(receiver)
    write_line(sender, "nobody takes this")
    check("the receiver is gone" in said(sender, 69), "it was not told so")
    receiver, sender = receive("recv"), send("send", stdin=subprocess.PIPE)
    lines_wake(receiver, sender, 1)
    programs.kill(sender)
    check_equal(programs.finish(receiver), b"", "what came after the end")


def call(programs, reply, ask):
    replier = reply("reply", "--count", "1", after=("--", "tr", "a-z", "A-Z"))
    check_equal(programs.finish(ask("call", after=("hello",))), b"HELLO", "the answer")
    programs.finish(replier)


def bulk(programs, receive, send):
    """More than the ring holds, so that the sender waits for room too."""
    data = b"".join(b"%d\n" % number for number in range(100000))
    with tempfile.TemporaryFile() as file:
        receiver, sender = receive("recv", stdout=file), send("send", stdin=subprocess.PIPE)
        programs.finish(sender, data)
        programs.finish(receiver)
        file.seek(0)
        check(file.read() == data, "not all lines came")


class Killing:
    """The programs of tap, and one more verb."""

    def __init__(self, programs):
        self.programs = programs
        self.start, self.finish = programs.start, programs.finish

    def kill(self, program):
        """The program itself: unshare(1) stands before those in containers."""
        children = pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(children[0]) if children else program.pid, signal.SIGKILL)
        program.wait(DEADLINE_S)


# ---- users ----


class Users:
    """Two that share a group, and one who is not in it. The command lies where they reach it, as a clone below /root does not."""

    one, two, stranger, group = 61001, 61002, 61003, 61009

    def __init__(self, programs, directory):
        if os.geteuid() != 0:
            raise Skip("needs root, to become other users")
        self.programs, self.directory = programs, directory
        os.chmod(directory, 0o755)
        os.mkdir(f"{directory}/copy", 0o755)
        shutil.copy(LEAT, f"{directory}/copy/leat")
        libraries = subprocess.run(["ldd", LEAT], stdout=subprocess.PIPE, check=True, text=True).stdout
        for library in re.findall(r"=> (/\S+/libleat\.so\S*)", libraries):
            shutil.copy(library, f"{directory}/copy")

    def place(self, owner, mode):
        """The address in a folder of this user's, whose files belong to the group."""
        folder = f"{self.directory}/place"
        os.mkdir(folder)
        os.chown(folder, owner, self.group)
        os.chmod(folder, 0o2755)
        return f"shm:{folder}/jobs?mode={mode}"

    def start(self, user, command, address, *arguments, after=(), **more):
        groups = [] if user == self.stranger else [self.group]
        return self.programs.start([f"{self.directory}/copy/leat", command, *arguments, address, *after], user=user, group=user,
                                   extra_groups=groups, umask=0, cwd="/",
                                   env={**os.environ, "LD_LIBRARY_PATH": f"{self.directory}/copy"}, **more)

    def ends(self, address, receiver, sender):
        return [lambda command, *arguments, user=user, **more: self.start(user, command, address, *arguments, **more)
                for user in (receiver, sender)]


def two_users(mode):
    def test(programs, directory):
        users = Users(programs, directory)
        address = users.place(users.one, mode)
        ends = users.ends(address, users.one, users.two)
        talk(Killing(programs), *ends)
        call(programs, *ends)
        bulk(programs, *ends)

    return f"two users, mode={mode}: messages, calls, and the death of either", test


def who_sent(programs, directory):
    users = Users(programs, directory)
    address = users.place(users.one, "0666")
    receiver = users.start(users.one, "recv", address, "--json")
    sender = users.start(users.stranger, "send", address, after=("hello",))
    programs.finish(sender)
    want = f'"sender":{{"pid":{sender.pid},"uid":{users.stranger},"gid":{users.stranger}}}'
    check(want in programs.finish(receiver).decode(), "the sender is another")


def kept_out(mode, whom):
    def test(programs, directory):
        users = Users(programs, directory)
        address = users.place(users.one, mode)
        watch = Watch(f"{directory}/place/jobs")
        receiver = users.start(users.one, "recv", address)
        watch.wait(receiver)
        refused = said(users.start(getattr(users, whom), "send", address, after=("hello",)), 71)
        check_equal(refused, f"leat send: {address}: its permissions do not let you connect; ask its owner for ?mode=0660 or the like\n",
                    "what it said")
        programs.finish(users.start(users.one, "send", address, after=("from its owner",)))
        check_equal(programs.finish(receiver), b"from its owner\n", "what came")

    return f"mode={mode} keeps the {'other user of the group' if whom == 'two' else whom} out, and says what to do", test


def a_folder_of_others(programs, directory):
    users = Users(programs, directory)
    address = users.place(users.one, "0666")
    refused = said(users.start(users.stranger, "recv", address), 71)
    check_equal(refused, f"leat recv: {address}: nothing may be made in that directory; choose another, or ask its owner\n", "what it said")


# ---- containers ----

# A root of its own with programs, /proc and nothing else of this machine but one folder; a pid, network, IPC and user name space of its own.
CONTAINER = """set -e
root=$1 shared=$2 copy=$3; shift 3
mount -t tmpfs none "$root"
mkdir "$root/proc" "$root/shared" "$root/copy"
for one in usr bin lib lib32 lib64; do
        if [ -h "/$one" ]; then cp -P "/$one" "$root/$one"
        elif [ -d "/$one" ]; then mkdir "$root/$one"; mount --rbind "/$one" "$root/$one"
        fi
done
mount --rbind "$shared" "$root/shared"
mount --rbind "$copy" "$root/copy"
mount -t proc proc "$root/proc"
exec chroot "$root" /copy/leat "$@"
"""


class Containers:
    def __init__(self, programs, directory):
        need("unshare")
        self.programs, self.directory, self.count = programs, directory, 0
        for name in ("shared", "copy"):
            os.mkdir(f"{directory}/{name}")
        shutil.copy(LEAT, f"{directory}/copy/leat")
        libraries = subprocess.run(["ldd", LEAT], stdout=subprocess.PIPE, check=True, text=True).stdout
        for library in re.findall(r"=> (/\S+/libleat\.so\S*)", libraries):
            shutil.copy(library, f"{directory}/copy")
        probe = self.start("--version")
        _, err = probe.communicate(timeout=DEADLINE_S)
        if probe.returncode != 0:
            raise Skip(f"no container can be made here: {err.decode().strip()}")

    def start(self, *arguments, after=(), **more):
        """leat, as process 1 of a container of its own."""
        self.count += 1
        root = f"{self.directory}/root-{self.count}"
        os.mkdir(root)
        address = [] if arguments[0] == "--version" else ["shm:/shared/jobs"]
        return self.programs.start(["unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork",
                                    "--kill-child=KILL", "sh", "-c", CONTAINER, "-", root, f"{self.directory}/shared",
                                    f"{self.directory}/copy", *arguments, *address, *after],
                                   env={**os.environ, "LD_LIBRARY_PATH": "/copy"}, **more)

    def outside(self, command, *arguments, after=(), **more):
        return self.programs.start([LEAT, command, *arguments, f"shm:{self.directory}/shared/jobs", *after], **more)


def two_containers(programs, directory):
    containers = Containers(programs, directory)
    ends = containers.start, containers.start
    talk(Killing(programs), *ends)
    call(programs, *ends)
    bulk(programs, *ends)


def container_and_host(receiver_is_inside):
    def test(programs, directory):
        containers = Containers(programs, directory)
        ends = [containers.start, containers.outside]
        talk(Killing(programs), *(ends if receiver_is_inside else reversed(ends)))

    return f"{'receiver' if receiver_is_inside else 'sender'} in a container, the other one outside: messages, and the death of either", test


def nobody_by_that_number(programs, directory):
    """A process of another container has no pid in this one."""
    containers = Containers(programs, directory)
    receiver = containers.start("recv", "--json")
    programs.finish(containers.start("send", after=("hello",)))
    check('"sender":{"pid":0,"uid":' in programs.finish(receiver).decode(), "the sender has a pid")


def without_proc(programs, directory):
    if "LEAT_SANITIZE" in os.environ:
        raise Skip("a sanitizer needs /proc itself")

    def end(command, *arguments, after=(), **more):
        return programs.start(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
                               'mount -t tmpfs none /proc && exec "$@"', "-", LEAT, command, *arguments,
                               f"shm:{directory}/jobs", *after], **more)

    _, err = (probe := end("transports")).communicate(timeout=DEADLINE_S)
    if probe.returncode != 2:  # too many operands: so it was started
        raise Skip(f"/proc cannot be hidden here: {err.decode().strip()}")
    talk(Killing(programs), end, end)
    call(programs, end, end)
    bulk(programs, end, end)


# ---- sandboxes: a filter of system calls says EPERM ----


def refuse(number, argument=None):
    """For preexec_fn. argument: only where the first argument is that."""
    load, jump, back = 0x20, 0x15, 0x06
    allow, error = (back, 0, 0, 0x7fff0000), (back, 0, 0, 0x00050001)
    rules = [(load, 0, 0, 0), (jump, 0, 1 if argument is None else 3, number)]
    if argument is not None:
        rules += [(load, 0, 0, 16), (jump, 0, 1, argument)]
    rules += [error, allow]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    program = struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code))

    def install(keep=code):  # the rules live as long as this does
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 or libc.prctl(PR_SET_SECCOMP, 2, program) < 0:
            os._exit(99)

    return install


def sandboxed(programs, directory, filtered, install):
    """The ends, the receiver first; filtered: which of them is in the sandbox."""
    if platform.machine() != "x86_64":
        raise Skip("the numbers of system calls are those of x86-64")

    def end(which):
        return lambda command, *arguments, after=(), **more: programs.start(
            [LEAT, command, *arguments, f"shm:{directory}/jobs", *after], preexec_fn=install if which in filtered else None, **more)

    return end("receiver"), end("sender")


def forbidden(name, filtered, number, argument=None):
    def test(programs, directory):
        ends = sandboxed(programs, directory, filtered, refuse(number, argument))
        talk(Killing(programs), *ends)
        call(programs, *ends)
        bulk(programs, *ends)

    return f"without {name} {'of both' if len(filtered) == 2 else 'of the ' + filtered[0]} it works all the same", test


def forbidden_memory(programs, directory):
    receive, send = sandboxed(programs, directory, ("receiver", "sender"), refuse(MEMFD_CREATE))
    for start, command, after in ((receive, "recv", ()), (receive, "reply", ("--", "cat")), (send, "call", ("hello",))):
        check_equal(said(start(command, after=after), 71),
                    f"leat {command}: shm:{directory}/jobs: this process may not make memory files; "
                    "let its sandbox allow memfd_create(2), or use unix:\n", "what it said")
    check_equal(os.listdir(directory), [], "left")


def tests():
    both = ("receiver", "sender")
    return [
        letters("letters_server", "letters_client"),
        letters("letters_client", "letters_server"),
        ("examples/letters_server: the client goes without an answer", letters_without_an_answer),
        ("examples/bounded_producer and bounded_consumer", bounded_buffer),
        two_users("0660"),
        two_users("0666"),
        ("who sent, when it is another user", who_sent),
        kept_out("0600", "two"),
        kept_out("0660", "stranger"),
        ("a folder that is another user's, and what to do", a_folder_of_others),
        ("two containers that share a folder: messages, calls, and the death of either", two_containers),
        container_and_host(True),
        container_and_host(False),
        ("a process of another container has no pid", nobody_by_that_number),
        ("without /proc it works all the same", without_proc),
        *(forbidden("membarrier", which, MEMBARRIER) for which in (both, ("receiver",), ("sender",))),
        *(forbidden("membarrier's command at the time of the sleep", which, MEMBARRIER, GLOBAL_EXPEDITED) for which in (both, ("sender",))),
        forbidden("pidfd_open", both, PIDFD_OPEN),
        ("without memfd_create it is refused, and says what to do", forbidden_memory),
    ]


if __name__ == "__main__":
    main(tests())
