#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leatgen writes all of its files or none: whatever fails, the folder is as it was, without a temporary file. TAP."""
import ctypes
import errno
import os
import re
import resource
import select
import signal
import stat
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
from generator import LEATGEN, attempt, check, check_equal, leatgen, read, write
from tap import TESTS, ended, libc, main, test  # noqa: E402

OLD = "program DIR_PROGRAM { version DIR_V1 { int COUNT(void) = 1; } = 1; } = 0x20000001;\n"
NEW = OLD.replace("int COUNT(void) = 1;", "int COUNT(int) = 1; hyper TIME(void) = 2;")
FILES = ["dir.h", "dir_client.c", "dir_server.c", "dir_xdr.c"]
IN_CREATE = 0x100
CLONE_NEWNS = 0x20000
MS_RDONLY, MS_REC, MS_PRIVATE = 1, 0x4000, 0x40000
O_TMPFILE = 0o20000000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
# Numbers of system calls; all newer machines have those of the second.
LINK_CALLS, RENAME_CALLS, RENAMEAT2, OPEN_CALLS, WRITE = {
    "x86_64": ([86, 265], [82, 264], 316, [(2, 1), (257, 2)], 1),
}.get(os.uname().machine, ([37], [38], 276, [(56, 2)], 64))


def state(folder):
    """What is there: text, inode and time of each file; hidden ones too."""
    found = {}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        status = os.lstat(path)
        text = read(path) if os.path.isfile(path) else None
        found[name] = (text, status.st_ino, status.st_mtime_ns)
    return found


def written(programs, directory):
    """A folder with the outputs of the old interface; the file is then the new one."""
    folder = os.path.join(directory, "out")
    os.mkdir(folder)
    leatgen(programs, directory, "-o", "out", write(directory, "dir.x", OLD))
    check_equal(sorted(os.listdir(folder)), FILES, "what is written")
    write(directory, "dir.x", NEW)
    return folder


def refused(programs, directory, folder, says, *arguments, **more):
    """A run that fails: the folder is as it was."""
    before = state(folder)
    status, out, err = attempt(programs, directory, "-o", folder, *(arguments or ["dir.x"]), **more)
    check_equal((out, status), (b"", 1), f"stdout and the status; it said {err!r}")
    check(says in err.decode(), f"it does not say {says!r}: {err.decode()!r}")
    check_equal(state(folder), before, "the folder")


class Refusal:
    """A filter of system calls (seccomp), as a file system would answer that cannot do them; for preexec_fn. Needs no rights."""

    def __init__(self):
        self.program = [(0x20, 0, 0, 0)]  # the number

    def refuse(self, number, error, argument=None, bits=None, equal=None):
        """Always; or if any of these bits of an argument is set; or if the argument is `equal`."""
        answer = (0x06, 0, 0, 0x50000 | error)
        if argument is None:
            self.program += [(0x15, 0, 1, number), answer]
        else:
            low = 16 + 8 * argument + (4 if sys.byteorder == "big" else 0)
            test_bits = (0x45, 0, 1, bits) if equal is None else (0x15, 0, 1, equal)
            self.program += [(0x15, 0, 4, number), (0x20, 0, 0, low), test_bits, answer, (0x20, 0, 0, 0)]
        return self

    def refuse_links(self):
        for number in LINK_CALLS:
            self.refuse(number, errno.EPERM)
        return self

    def refuse_renames(self):
        """All but the exchange of two."""
        for number in RENAME_CALLS:
            self.refuse(number, errno.EIO)
        return self.refuse(RENAMEAT2, errno.EIO, 4, equal=0)

    def refuse_flags_of_renames(self):
        return self.refuse(RENAMEAT2, errno.EINVAL, 4, bits=0xffffffff)

    def refuse_writes(self):
        """To all but the standard ones."""
        for fd in range(3, 20):
            self.refuse(WRITE, errno.ENOSPC, 0, equal=fd)
        return self

    def refuse_unnamed_files(self):
        for number, argument in OPEN_CALLS:
            self.refuse(number, errno.EOPNOTSUPP, argument, bits=O_TMPFILE)
        return self

    def __call__(self):
        code = b"".join(struct.pack("=HBBI", *line) for line in [*self.program, (0x06, 0, 0, 0x7fff0000)])
        kept = ctypes.create_string_buffer(code, len(code))
        whole = struct.pack("@HP", len(code) // 8, ctypes.addressof(kept))
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, whole):
            raise OSError(ctypes.get_errno(), "seccomp")


def mounted(folder, text, flags=0):
    """For preexec_fn: a tmpfs in a name space of mounts of its own; a user without rights gets one by a name space of users."""
    def mount():
        user, group = os.getuid(), os.getgid()
        if user and libc.unshare(0x10000000) == 0:
            for name, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
                write("/proc/self", name, line)
        if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None):
            raise OSError(ctypes.get_errno(), "unshare")
        if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(flags), text.encode()):
            raise OSError(ctypes.get_errno(), "mount")
    return mount


@test
def a_file_that_would_not_change_is_not_touched(programs, directory):
    folder = written(programs, directory)
    write(directory, "dir.x", OLD)
    before = state(folder)
    leatgen(programs, directory, "-o", "out", "dir.x")
    check_equal(state(folder), before, "the folder after the same again")
    write(os.path.join(folder), "dir_server.c", "changed by hand\n")
    leatgen(programs, directory, "-o", "out", "dir.x")
    after = state(folder)
    check_equal(after["dir_server.c"][0], before["dir_server.c"][0], "what was changed by hand")
    check_equal({name: after[name] for name in FILES if name != "dir_server.c"},
                {name: before[name] for name in FILES if name != "dir_server.c"}, "the others")


@test
def a_change_replaces_all_and_leaves_nothing_else(programs, directory):
    folder = written(programs, directory)
    leatgen(programs, directory, "-o", "out", "dir.x")
    check_equal(sorted(os.listdir(folder)), FILES, "what is there")
    check(all("time" in read(os.path.join(folder, name)).lower() for name in ("dir.h", "dir_client.c", "dir_server.c")),
          "a file is the old one")


@test
def the_mode_is_the_umasks(programs, directory):
    for mask, mode in ((0o022, 0o644), (0o077, 0o600)):
        folder = os.path.join(directory, f"out{mask}")
        os.mkdir(folder)
        write(directory, "dir.x", OLD)
        leatgen(programs, directory, "-o", folder, "dir.x", preexec_fn=lambda mask=mask: os.umask(mask))
        check_equal({os.stat(os.path.join(folder, name)).st_mode & 0o777 for name in FILES}, {mode}, "modes")


@test
def errors_in_the_input_write_nothing(programs, directory):
    folder = written(programs, directory)
    write(directory, "dir.x", NEW + "struct broken { nothing x; };\n")
    refused(programs, directory, folder, "nothing")
    write(directory, "dir.x", NEW)
    write(directory, "other.x", "struct broken { nothing x; };\n")
    refused(programs, directory, folder, "other.x:1", "dir.x", "other.x")  # the good one is not written either


@test
def an_input_that_is_a_directory(programs, directory):
    folder = written(programs, directory)
    os.mkdir(os.path.join(directory, "folder.x"))
    refused(programs, directory, folder, "folder.x", "folder.x")
    refused(programs, directory, folder, "absent.x", "absent.x")


@test
def a_folder_that_is_not_there(programs, directory):
    write(directory, "dir.x", OLD)
    for name in ("absent", "dir.x"):
        _, err = leatgen(programs, directory, "-o", name, "dir.x", status=1)
        check(f"`{name}`" in err and "-o" in err, f"it said {err!r}")
    check_equal(sorted(os.listdir(directory)), ["dir.x"], "what is there")


@test
def a_folder_that_cannot_be_written_to(programs, directory):
    write(directory, "dir.x", OLD)
    _, err = leatgen(programs, directory, "-o", "/proc/self", "dir.x", status=1)  # not even by root
    check("cannot be written" in err and "nothing was written" in err, f"it said {err!r}")
    if os.geteuid() == 0:
        return
    folder = written(programs, directory)
    os.chmod(folder, 0o555)
    refused(programs, directory, folder, "cannot be written")
    os.chmod(folder, 0o755)


@test
def a_full_disk(programs, directory):
    """As a limit of a file's size shows it: a write that is cut short, and then fails. At each place of the files."""
    folder = written(programs, directory)
    largest = max(len(text) for text, _, _ in state(folder).values())
    for limit in (0, 1, 100, largest // 2, largest - 1):
        refused(programs, directory, folder, "cannot be written whole", restore_signals=False,
                preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))


@test
def a_file_that_is_larger_than_allowed(programs, directory):
    """With SIGXFSZ as it is usually, which ends a program. The limit has room for what a sanitizer writes when it begins."""
    limit = 1 << 20
    folder = written(programs, directory)
    write(directory, "dir.x", NEW + "".join(f"const {'A' * 60}{number} = 1;\n" for number in range(limit // 60)))
    refused(programs, directory, folder, "dir.h` cannot be written whole: File too large; nothing was written",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))


@test
def a_rename_that_fails_puts_back_what_was_renamed(programs, directory):
    for name in FILES:
        inner = os.path.join(directory, name + ".d")
        os.mkdir(inner)
        folder = written(programs, inner)
        os.remove(os.path.join(folder, name))
        os.mkdir(os.path.join(folder, name))
        before = {each: text for each, (text, _, _) in state(folder).items()}
        _, err = leatgen(programs, inner, "-o", "out", "dir.x", status=1)
        check(f"{name}` cannot be replaced" in err, f"it said {err!r}")
        check_equal({each: text for each, (text, _, _) in state(folder).items()}, before, "the folder")


@test
def what_was_not_there_before_is_not_there_after_a_failure(programs, directory):
    os.makedirs(os.path.join(directory, "out", "dir_server.c"))
    write(directory, "dir.x", OLD)
    leatgen(programs, directory, "-o", "out", "dir.x", status=1)
    check_equal(os.listdir(os.path.join(directory, "out")), ["dir_server.c"], "what is there")


@test
def a_symbolic_link_is_replaced_and_what_it_names_is_not(programs, directory):
    folder = written(programs, directory)
    target = write(directory, "target", "mine\n")
    path = os.path.join(folder, "dir.h")
    os.remove(path)
    os.symlink(target, path)
    leatgen(programs, directory, "-o", "out", "dir.x")
    check_equal(read(target), "mine\n", "what the link named")
    check(not os.path.islink(path) and "DIR_TIME_1" in read(path), "the link's place")


@test
def two_inputs_of_one_name(programs, directory):
    for name in ("one", "two"):
        os.mkdir(os.path.join(directory, name))
        write(os.path.join(directory, name), "dir.x", OLD)
    folder = os.path.join(directory, "out")
    os.mkdir(folder)
    refused(programs, directory, folder, "`dir.h`", "one/dir.x", "two/dir.x")


@test
def a_signal_before_the_files_have_names(programs, directory):
    """It is pending when the files are written: what was written is gone."""
    folder = written(programs, directory)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        def pending(number=number):
            signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_BLOCK, [number])
            os.kill(os.getpid(), number)

        refused(programs, directory, folder, "interrupted", preexec_fn=pending)


@test
def a_signal_while_they_get_their_names(programs, directory):
    """At the first name that appears: then it is all of the old or all of the new."""
    folder = written(programs, directory)
    old = {name: text for name, (text, _, _) in state(folder).items()}
    leatgen(programs, directory, "-o", directory, "dir.x")
    new = {name: read(os.path.join(directory, name)) for name in FILES}
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        for name, text in old.items():
            write(folder, name, text)
        watch = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        libc.inotify_add_watch(watch, os.fsencode(folder), IN_CREATE)
        program = programs.start([LEATGEN, "-o", folder, "dir.x"], cwd=directory)
        check(select.select([watch], [], [], 60)[0], "no file was made")
        program.send_signal(number)
        status = ended(program)
        os.close(watch)
        check(status in (0, -number), f"the status is {status}")
        now = {name: text for name, (text, _, _) in state(folder).items()}
        check(now in (old, new), f"after {number!r} the folder has a mixture, or more: {sorted(now)}")
        check(now == new or status == -number, "it said that it was done, and was not")


@test
def a_signal_that_is_ignored_is(programs, directory):
    folder = written(programs, directory)

    def ignored():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
        os.kill(os.getpid(), signal.SIGHUP)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])

    leatgen(programs, directory, "-o", folder, "dir.x", preexec_fn=ignored)
    check("DIR_TIME_1" in read(os.path.join(folder, "dir.h")), "it did not write")


# ---- file systems ----


def on_tmpfs(programs, directory, options, script, flags=0):
    """What a script said in a folder with a small file system over `out`; None where nobody may mount one."""
    os.makedirs(os.path.join(directory, "out"), exist_ok=True)
    try:
        return programs.run(["sh", "-c", script, "sh", LEATGEN], cwd=directory,
                            preexec_fn=mounted(os.path.join(directory, "out"), options, flags)).decode()
    except subprocess.SubprocessError:  # from preexec_fn
        return None


@test
def a_file_system_that_is_full(programs, directory):
    """With 0, 1, 2, ... pages of room: all of the old or all of the new, and at some point it fails, at another it does not."""
    write(directory, "dir.x", NEW)
    for name, text in (("a", OLD), ("b", NEW)):
        os.mkdir(os.path.join(directory, name))
        write(os.path.join(directory, name), "dir.x", text)
        leatgen(programs, directory, "-o", name, f"{name}/dir.x")
    script = """
$1 -o out a/dir.x || exit 9
cat /dev/zero >out/fill 2>/dev/null
for room in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
        truncate -s -$((room > 0 ? 4096 : 0)) out/fill
        said=$($1 -o out b/dir.x 2>&1)
        echo "$room $? $(ls -A out | grep -v fill | tr '\n' ' ')$(cd out; cmp -s dir.h ../a/dir.h && cmp -s dir_xdr.c ../a/dir_xdr.c &&
                cmp -s dir_client.c ../a/dir_client.c && cmp -s dir_server.c ../a/dir_server.c && echo old)$(cd out; cmp -s dir.h ../b/dir.h &&
                cmp -s dir_xdr.c ../b/dir_xdr.c && cmp -s dir_client.c ../b/dir_client.c && cmp -s dir_server.c ../b/dir_server.c && echo new)"
done
"""
    said = on_tmpfs(programs, directory, "size=128k", script)
    if said is not None:
        lines = said.splitlines()
        failed = [line for line in lines if line.split()[1] == "1"]
        done = [line for line in lines if line.split()[1] == "0"]
        check_equal(len(failed) + len(done), len(lines), f"statuses {lines}")
        check(failed and done, f"it never failed, or always: {lines}")
        for line in lines:
            check_equal(line.split()[2:], [*FILES, "old" if line in failed else "new"], f"the folder {line}")
    # What needs no rights: of a file, and of a pipe, which is written to before the files.
    folder = os.path.join(directory, "out")
    refused(programs, directory, folder, "dir.h` cannot be written whole: No space left on device; nothing was written",
            preexec_fn=Refusal().refuse_writes())
    os.mkfifo(os.path.join(directory, "pipe"))
    reader = os.open(os.path.join(directory, "pipe"), os.O_RDONLY | os.O_NONBLOCK)
    refused(programs, directory, folder, "`pipe` cannot be written whole: No space left on device; nothing was written",
            "--depfile", "pipe", "dir.x", preexec_fn=Refusal().refuse_writes())
    os.close(reader)


@test
def a_file_system_that_is_read_only(programs, directory):
    write(directory, "dir.x", NEW)
    said = on_tmpfs(programs, directory, "size=64k", "$1 -o out dir.x 2>&1; echo $?; ls -A out", MS_RDONLY)
    if said is None:
        os.chmod(os.path.join(directory, "out"), 0o555)
        _, err = leatgen(programs, directory, "-o", "out", "dir.x", status=1)
        os.chmod(os.path.join(directory, "out"), 0o755)
        check("cannot be written: Permission denied" in err, f"it said {err!r}")
    else:
        check("cannot be written: Read-only file system; nothing was written" in said and said.endswith("\n1\n"), f"it said {said!r}")


@test
def without_proc_and_without_unnamed_files(programs, directory):
    """A file that has no name cannot get one, or is not known: it is written under a name."""
    for number, filter_ in enumerate((Refusal().refuse_unnamed_files(), Refusal().refuse_links(), Refusal().refuse_links().refuse_unnamed_files())):
        inner = os.path.join(directory, str(number))
        os.mkdir(inner)
        folder = written(programs, inner)
        leatgen(programs, inner, "-o", folder, "dir.x", preexec_fn=filter_)
        check_equal(sorted(os.listdir(folder)), FILES, "what is there")
        check("DIR_TIME_1" in read(os.path.join(folder, "dir.h")), "it did not write")


def without_links():
    """With an exchange of two, and with mere renames."""
    return Refusal().refuse_links(), Refusal().refuse_links().refuse_flags_of_renames()


@test
def without_hard_links_a_failure_puts_back_too(programs, directory):
    for number, filter_ in enumerate(without_links()):
        for name in FILES:
            inner = os.path.join(directory, f"{number}{name}.d")
            os.mkdir(inner)
            folder = written(programs, inner)
            os.remove(os.path.join(folder, name))
            os.mkdir(os.path.join(folder, name))
            refused(programs, inner, folder, f"{name}` cannot be replaced", preexec_fn=filter_)


@test
def without_hard_links_all_is_written(programs, directory):
    for number, filter_ in enumerate(without_links()):
        inner = os.path.join(directory, f"{number}.d")
        os.mkdir(inner)
        folder = written(programs, inner)
        os.remove(os.path.join(folder, "dir_xdr.c"))
        leatgen(programs, inner, "-o", folder, "dir.x", preexec_fn=filter_)
        check_equal(sorted(os.listdir(folder)), FILES, "what is there")
        check("DIR_TIME_1" in read(os.path.join(folder, "dir.h")), "it did not write")


@test
def what_cannot_be_put_back_is_kept_and_told(programs, directory):
    """An exchange works, a rename back does not."""
    folder = written(programs, directory)
    os.remove(os.path.join(folder, "dir_server.c"))
    os.mkdir(os.path.join(folder, "dir_server.c"))
    old = {name: text for name, (text, _, _) in state(folder).items()}
    _, err = leatgen(programs, directory, "-o", folder, "dir.x", status=1, preexec_fn=Refusal().refuse_links().refuse_renames())
    check("dir_server.c` cannot be replaced" in err and "nothing was written" not in err, f"it said {err!r}")
    told = dict(re.findall(r"`[^`]*/([^`/]*)` could not be put back: .*; what it was is in `[^`]*/([^`/]*)`", err))
    now = {name: text for name, (text, _, _) in state(folder).items()}
    check(told and set(told) <= {"dir.h", "dir_client.c", "dir_xdr.c"}, f"it told of {told}: {err!r}")
    for name, kept in told.items():
        check_equal(now.pop(kept), old[name], f"what {name} was")
        check(now[name] != old[name], f"{name} was put back, though it says that it was not")
    check_equal({name: text for name, text in now.items() if name not in told}, {name: text for name, text in old.items() if name not in told},
                "the others")


@test
def many_files_with_few_descriptors(programs, directory):
    """Each of a run's files is closed before the next is begun."""
    names = [f"i{number}.x" for number in range(30)]
    for name in names:
        write(directory, name, OLD)
    os.mkdir(os.path.join(directory, "out"))
    leatgen(programs, directory, "-o", "out", *names, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)))
    check_equal(len(os.listdir(os.path.join(directory, "out"))), 4 * len(names), "files")


# ---- the depfile and --in-place: a file that a person named ----


@test
def a_depfile_that_is_no_file(programs, directory):
    """A device stays one, a pipe gets the rule. The device is a terminal, as its file system allows nobody to replace it."""
    folder = written(programs, directory)
    terminal, device = os.openpty()
    os.symlink(os.ttyname(device), os.path.join(directory, "device"))
    for name in (os.ttyname(device), "device"):
        leatgen(programs, directory, "-o", "out", "--depfile", name, "dir.x")
        check(b"out/dir.h " in os.read(terminal, 4096), "the device did not get the rule")
    check(stat.S_ISCHR(os.lstat(os.ttyname(device)).st_mode) and os.path.islink(os.path.join(directory, "device")), "the link was replaced")
    os.close(terminal)
    os.close(device)
    pipe = os.path.join(directory, "pipe")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    leatgen(programs, directory, "-o", "out", "--depfile", "pipe", "dir.x")
    rule = os.read(reader, 4096).decode()
    os.close(reader)
    check(rule.startswith("out/dir.h ") and "dir.x" in rule and stat.S_ISFIFO(os.lstat(pipe).st_mode), f"the pipe got {rule!r}")
    check_equal(sorted(os.listdir(folder)), FILES, "the folder")


@test
def a_depfile_that_is_a_link(programs, directory):
    """To a file, to nothing yet, in another folder, over another link, in a circle."""
    written(programs, directory)
    os.mkdir(os.path.join(directory, "deps"))
    for link, target in (("one", "deps/d"), ("two", "one"), ("three", os.path.join(directory, "deps", "e")), ("round", "round")):
        os.symlink(target, os.path.join(directory, link))
    for link, target in (("one", "d"), ("two", "d"), ("three", "e")):
        leatgen(programs, directory, "-o", "out", "--depfile", link, "dir.x")
        check(os.path.islink(os.path.join(directory, link)), f"the link {link} was replaced")
        check("dir.x" in read(os.path.join(directory, "deps", target)), f"what {link} names is not the depfile")
        os.remove(os.path.join(directory, "deps", target))
    refused(programs, directory, os.path.join(directory, "out"), "round` cannot be written: Too many levels", "--depfile", "round", "dir.x")


@test
def a_depfile_that_cannot_be_written_is_one_of_all(programs, directory):
    folder = written(programs, directory)
    os.mkdir(os.path.join(directory, "o3"))
    for name, why in (("absent/d", "No such file"), ("o3/", "Is a directory"), ("o3", "Is a directory"), ("dir.x/d", "Not a directory"),
                      ("dir.x/", "Not a directory"), ("new/", "Is a directory")):
        refused(programs, directory, folder, f"`{name}` cannot be written: {why}" if name != "dir.x/" else "dir.x/", "--depfile", name, "dir.x")
    os.remove(os.path.join(folder, "dir.h"))
    os.mkdir(os.path.join(folder, "dir.h"))
    refused(programs, directory, folder, "dir.h` cannot be replaced", "--depfile", "d", "dir.x")
    check(not os.path.exists(os.path.join(directory, "d")), "the depfile was written, and the others not")
    _, err = leatgen(programs, directory, "--depfile", "", "dir.x", status=2)
    check("--depfile" in err, f"it said {err!r}")


@test
def a_depfile_in_the_place_of_an_input_or_an_output(programs, directory):
    folder = written(programs, directory)
    write(directory, "part.x", "const PART = 1;\n")
    text = '#include "part.x"\n' + NEW
    write(directory, "dir.x", text)
    os.symlink("dir.x", os.path.join(directory, "link"))
    os.symlink("out", os.path.join(directory, "o2"))
    for name in ("dir.x", "part.x", "link", "./dir.x", folder + "/../dir.x"):
        refused(programs, directory, folder, f"`{name}` of --depfile is an input too", "--depfile", name, "dir.x")
        refused(programs, directory, folder, f"`{name}` of --depfile is an input too", "--outputs", "--depfile", name, "dir.x")
    for name in ("out/dir.h", "o2/dir_xdr.c", folder + "/dir_server.c"):
        refused(programs, directory, folder, f"`{name}` of --depfile is another output too", "--depfile", name, "dir.x")
    os.remove(os.path.join(folder, "dir.h"))  # not there yet
    refused(programs, directory, folder, "`o2/dir.h` of --depfile is another output too", "--depfile", "o2/dir.h", "dir.x")
    check_equal((read(os.path.join(directory, "dir.x")), read(os.path.join(directory, "part.x"))), (text, "const PART = 1;\n"), "the inputs")


UGLY, NEAT = "const   A=1;\n", "const A = 1;\n"


@test
def in_place_keeps_the_mode_and_the_link(programs, directory):
    os.mkdir(os.path.join(directory, "far"))
    for mode in (0o600, 0o640, 0o664, 0o755):
        path = write(os.path.join(directory, "far"), "a.x", UGLY)
        os.chmod(path, mode)
        link = os.path.join(directory, f"link{mode}.x")
        os.symlink("far/a.x", link)
        leatgen(programs, directory, "--format", "--in-place", link)
        check(os.path.islink(link), "the link was replaced")
        check_equal((read(path), os.stat(path).st_mode & 0o7777), (NEAT, mode), "the text and the mode")
        check_equal(os.listdir(os.path.dirname(path)), ["a.x"], "what is beside it")
    if os.geteuid() == 0:
        path = write(directory, "theirs.x", UGLY)
        os.chown(path, 12345, 54321)
        leatgen(programs, directory, "--format", "--in-place", path)
        check_equal((os.stat(path).st_uid, os.stat(path).st_gid), (12345, 54321), "the owner")


@test
def in_place_writes_all_or_none(programs, directory):
    a, b, bad = write(directory, "a.x", UGLY), write(directory, "b.x", UGLY), write(directory, "bad.x", "struct {\n")
    for names in ((a, bad, b), (bad, a), (a, b, "absent.x"), (a, b, directory)):
        out, err = leatgen(programs, directory, "--format", "--in-place", *names, status=1)
        check_equal((out, read(a), read(b)), ("", UGLY, UGLY), f"stdout and the files, and it said {err!r}")
        check_equal(leatgen(programs, directory, "--format", *names, status=1)[0], "", "stdout without --in-place")
    leatgen(programs, directory, "--format", "--in-place", a, b, "./a.x")  # one of them twice
    check_equal((read(a), read(b), read(bad)), (NEAT, NEAT, "struct {\n"), "the files")
    check_equal(sorted(os.listdir(directory)), ["a.x", "b.x", "bad.x"], "what is there")
    nothing, end = os.pipe()
    os.close(end)
    _, err = leatgen(programs, directory, "--format", "--in-place", "/dev/stdin", status=1, stdin=nothing)
    os.close(nothing)
    check("/dev/stdin`" in err, f"it said {err!r}")


if __name__ == "__main__":
    main(TESTS)
