# SPDX-License-Identifier: MIT
"""What the interop tests share: TAP output, programs with a deadline, and waiting for events."""
import contextlib
import ctypes
import fcntl
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

DEADLINE_S = int(os.environ.get("LEAT_TEST_TIMEOUT_S", "60"))
CLONE_NEWNET = 0x40000000
IN_CREATE = 0x100
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
libc = ctypes.CDLL(None, use_errno=True)


class Skip(Exception):
    pass


class Failed(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failed(text)


def check_equal(got, want, what):
    check(got == want, f"{what}: got {got!r:.400}, want {want!r:.400}")


TESTS = []


def test(function):
    """Decorates a test: it is one of TESTS, called by its name."""
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def random_seed():
    """That of LEAT_TEST_SEED, or a new one; it is printed."""
    seed = int(os.environ.get("LEAT_TEST_SEED", "0")) or random.randrange(1, 1 << 32)
    print(f"# LEAT_TEST_SEED={seed}")
    return seed


def free_port(kind=socket.SOCK_STREAM):
    """Of the loopback: nobody is there now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, what):
    """For states of the kernel that no descriptor tells of."""
    limit = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        check(time.monotonic() < limit, f"never: {what}")
        os.sched_yield()
    return value


def line_of(stream):
    """The next line, before the deadline; the stream is unbuffered."""
    line = b""
    while not line.endswith(b"\n"):
        check(select.select([stream], [], [], DEADLINE_S)[0], f"no line came after {line!r}")
        byte = os.read(stream.fileno(), 1)
        check(byte, f"the end came after {line!r}")
        line += byte
    return line.decode().rstrip("\n")


def ended(program):
    """Its return code, as subprocess has it."""
    try:
        return program.wait(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        raise Failed(f"{program.args} did not end") from None


def own_network():
    """Abstract socket names and ports belong to a network name space: with one of our own, two runs at once do not meet."""
    if libc.unshare(CLONE_NEWNET) < 0:  # refused to an ordinary user: then they are merely shared
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def memory_for_queues():
    """A user's queues may have 800 KB together, which is ten of them, and other tests run beside these."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Watch:
    """Waits for a socket file to be listened on; made before the program that listens is started."""

    def __init__(self, path):
        self.path = path
        self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        check(self.fd >= 0, "inotify")
        libc.inotify_add_watch(self.fd, os.fsencode(os.path.dirname(path)), IN_CREATE)

    def listens(self):
        """The flag __SO_ACCEPTCON in /proc/net/unix: to connect as a probe would make a sender that came and went."""
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as table:
            return any(re.match(rf"\S+: \S+ \S+ 00010000 .* {re.escape(self.path)}$", line) for line in table)

    def wait(self, program=None):
        limit = time.monotonic() + DEADLINE_S
        with os.fdopen(self.fd, "rb", closefd=True):
            while not os.path.exists(self.path):
                left = limit - time.monotonic()
                check(left > 0 and select.select([self.fd], [], [], left)[0], f"nobody bound {self.path}")
                os.read(self.fd, 4096)
            while not self.listens():  # bind and listen are two system calls apart
                check(time.monotonic() < limit, f"nobody listens at {self.path}")
                check(program is None or program.poll() is None, "the program that was to listen has ended")
                os.sched_yield()


class Programs:
    """The programs of one test: each is ended and reaped when the test is over, however it went."""

    def __init__(self):
        self.all = []

    def start(self, argv, stdin=subprocess.DEVNULL, **more):
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True, **more}
        program = subprocess.Popen(argv, stdin=stdin, **more)
        self.all.append(program)
        return program

    def outcome(self, program, data=None):
        """Its return code, and what it said on stdout and on stderr."""
        try:
            out, err = program.communicate(data, timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise Failed(f"{program.args} did not end") from None
        return program.returncode, out, err

    def finish(self, program, data=None, status=0):
        code, out, err = self.outcome(program, data)
        check(code == status, f"{program.args}: status {code}, said {err!r}")
        return out

    def run(self, argv, data=None, status=0, **more):
        stdin = subprocess.DEVNULL if data is None else subprocess.PIPE
        return self.finish(self.start(argv, **{"stdin": stdin, **more}), data, status)

    def end(self):
        for program in self.all:
            with contextlib.suppress(ProcessLookupError):  # and what it started: a shell's background commands
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()
            for stream in (program.stdin, program.stdout, program.stderr):
                if stream:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()


def need(name):
    if shutil.which(name) is None:
        raise Skip(f"{name} is not installed")
    return name


def usual_signals():
    """Whoever started this may ignore or block some, as nohup does, and a shell for what it runs in the background, and children inherit that."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD,
                   signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def main(tests):
    """Run (name, function) pairs; each gets its programs and a directory of its own."""
    usual_signals()
    own_network()
    memory_for_queues()
    failed = 0
    print(f"1..{len(tests)}")
    for number, (name, function) in enumerate(tests, 1):
        programs = Programs()
        with tempfile.TemporaryDirectory(prefix="leat-interop-") as directory:
            os.environ["XDG_RUNTIME_DIR"] = directory
            descriptors = len(os.listdir("/proc/self/fd"))
            try:
                try:
                    function(programs, directory)
                finally:
                    programs.end()
                programs = None
                check_equal(len(os.listdir("/proc/self/fd")), descriptors, "descriptors of the test")
                print(f"ok {number} - {name}")
            except Skip as why:
                print(f"ok {number} - {name} # SKIP {why}")
            except (Failed, OSError, subprocess.SubprocessError, ValueError) as why:
                failed += 1
                print(f"not ok {number} - {name}")
                print("\n".join(f"# {line}" for line in str(why).splitlines()))
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
