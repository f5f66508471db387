#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples of signals: each is run, driven by kill(2), and its output compared. Output is TAP. No test sleeps."""
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
from tap import Skip, check, check_equal, main  # noqa: E402

BUILT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.environ["LEAT_EXAMPLES"]


def example(name, *arguments):
    return [os.path.join(BUILT, name), *arguments]


def clean():
    """Signals as a shell's foreground job has them, whatever runs these tests."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTSTP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def start(programs, *argv):
    return programs.start(argv, preexec_fn=clean)


def line(program):
    return program.stdout.readline().decode()


def third_interrupt(programs, _):
    program = start(programs, *example("third_interrupt"))
    check_equal(line(program), "ready\n", "first line")
    for n in (1, 2, 3):
        program.send_signal(signal.SIGINT)
        check_equal(line(program), f"interrupt {n} of 3\n", "line")
    check_equal(programs.finish(program), b"", "rest")


def handler_truth(programs, _):
    program = start(programs, *example("handler_truth"))
    who = f"from process {os.getpid()} of user {os.getuid()} (SI_USER)\n"
    check_equal(line(program), "ready\n", "first line")
    program.send_signal(signal.SIGINT)
    check_equal(line(program), f"SIGINT: interrupt from the keyboard (Ctrl-C); {who}", "line")
    program.send_signal(signal.SIGTSTP)
    check_equal(line(program), f"SIGTSTP: stop from the keyboard (Ctrl-Z); {who}", "line")
    _, status = os.waitpid(program.pid, os.WUNTRACED)  # it stops in earnest
    check(os.WIFSTOPPED(status), f"it did not stop: {status}")
    program.send_signal(signal.SIGCONT)
    check_equal(line(program), "it goes on\n", "line")
    program.send_signal(signal.SIGTERM)
    check_equal(programs.finish(program).decode(), f"SIGTERM: asks it to end; {who}", "line")


def fault(programs, _):
    clean_run = {"preexec_fn": clean}
    out = programs.run(example("fault", "segv"), **clean_run).decode()
    check_equal(out, "SIGSEGV (memory access where nothing is mapped, or not so): SEGV_MAPERR, at address 0x10\n"
                "the child was killed by SIGSEGV\n", "output")
    out = programs.run(example("fault", "fpe"), **clean_run).decode()
    code = "FPE_INTDIV" if os.uname().machine in ("x86_64", "i686") else "SI_TKILL"
    check(re.fullmatch(rf"SIGFPE \(arithmetic error.*\): {code}, at address 0x[0-9a-f]+\n"
                       r"the child was killed by SIGFPE\n", out), f"output: {out}")


def alarm(programs, _):
    out = programs.run(example("alarm"), preexec_fn=clean).decode()
    check_equal(out, "SIGALRM (SI_KERNEL)\n" + "".join(f"tick {n}\n" for n in range(1, 6)), "output")


def family(programs, _):
    for count in (1, 4, 60):
        out = programs.run(example("family", str(count)), preexec_fn=clean).decode()
        want = [f"child {n} was killed by SIGINT (CLD_KILLED)" if n % 2 else f"child {n} exited with {n}"
                for n in range(1, count + 1)]
        check_equal(sorted(out.splitlines()), sorted(want), "output")
    programs.run(example("family", "0"), status=1)

    def burden():
        """A child that it did not start, and SIGINT ignored as in a shell's background."""
        clean()
        stranger = os.fork() or os._exit(7)
        os.waitid(os.P_PID, stranger, os.WEXITED | os.WNOWAIT)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    out = programs.run(example("family", "2"), preexec_fn=burden).decode()
    check_equal(sorted(out.splitlines()), ["child 1 was killed by SIGINT (CLD_KILLED)", "child 2 exited with 2"], "output")


BEGINS = re.compile(r" *begins (\S+), interrupted at instruction (0x[0-9a-f]+)( \(a handler's first\))?, stack (0x[0-9a-f]+)$")


def nested(programs, _):
    if os.environ.get("LEAT_SANITIZE") == "thread":
        raise Skip("ThreadSanitizer calls the handlers itself, in an order of its own")
    out = programs.run(example("nested"), preexec_fn=clean).decode()
    parts = re.split(r"^\d\. .*\n", out, flags=re.M)[1:]
    check_equal(len(parts), 4, "parts")
    check_equal(re.sub(r", interrupted.*", "", parts[0]), """\
    begins SIGUSR1
    raised SIGUSR1, which waits, in SIGUSR1
        begins SIGUSR2
        ends SIGUSR2
    goes on SIGUSR1
    ends SIGUSR1
    begins SIGUSR1
    ends SIGUSR1
""", "a handler inside a handler")
    # The inner handler interrupted the outer one: its stack lies below what that one found.
    begins = [BEGINS.match(each) for each in parts[0].splitlines() if "begins" in each]
    check(int(begins[1][4], 16) < int(begins[0][4], 16), "the inner handler's stack")
    # Unblocked at once: the last that was taken, of the highest number, runs first; those before it were at their first instruction.
    begins = [BEGINS.match(each) for each in parts[1].splitlines() if "begins" in each]
    check_equal([each[1] for each in begins], ["SIGRTMIN+1", "SIGUSR2", "SIGUSR1"], "unblocked at once")
    check_equal([bool(each[3]) for each in begins], [True, True, False], "interrupted at the first instruction")
    stacks = [int(each[4], 16) for each in begins]
    check(stacks[0] < stacks[1] < stacks[2], "the frames lie on top of each other")
    begins = [BEGINS.match(each) for each in parts[2].splitlines() if "begins" in each]
    check_equal([each[1] for each in begins], ["SIGUSR1", "SIGUSR2", "SIGRTMIN+1"], "all blocked in handlers")
    check_equal(parts[3].split(), ["SIGUSR1", "SIGUSR2", "SIGRTMIN+1"], "received")


main([(each.__name__, each) for each in (third_interrupt, handler_truth, fault, alarm, family, nested)])
