#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leatgen --skeleton: what it writes compiles without a warning as it is, the server answers its client, and nothing is ever overwritten. TAP."""
import os
import sys

sys.dont_write_bytecode = True
from generator import FILES, Watch, check, check_equal, compile_c, flags_of, leatgen, link, read, write
from tap import TESTS, main, test  # noqa: E402

TEXT = """\
typedef opaque handle[8];
typedef int numbers<5>;
enum kind { NONE = 0, SOME = 1 };
struct entry { kind k; string name<10>; entry *next; };
union choice switch (kind k) { case NONE: void; case SOME: entry it; };
program SHAPES_PROGRAM {
    version SHAPES_V1 {
        void NOTHING(void) = 0;
        int NUMBER(unsigned hyper, float, bool, kind) = 1;
        handle HANDLE(handle) = 2;
        numbers NUMBERS(numbers) = 3;
        choice CHOOSE(entry, choice) = 4;
        void TAKE(string, char) = 5;
        quadruple WIDE(quadruple client, int request, int call, int result, int userdata, int r, int arena) = 6;
    } = 1;
    version SHAPES_V2 { void NOTHING(void) = 0; hyper TIME(void) = 1; } = 2;
} = 0x20000001;
program OTHER_PROGRAM { version OTHER_V1 { void PING(void) = 0; } = 1; } = 0x20000002;
"""


def skeleton(programs, directory, name, *flags):
    leatgen(programs, directory, *flags, name)
    out, _ = leatgen(programs, directory, *flags, "--skeleton", name)
    check_equal(out, "", "stdout")


@test
def it_compiles_and_the_server_answers(programs, directory):
    write(directory, "shapes.x", TEXT)
    skeleton(programs, directory, "shapes.x")
    server = link(programs, directory, "server", "shapes_server_main.c", "shapes_server.c", "shapes_xdr.c")
    client = link(programs, directory, "client", "shapes_client_main.c", "shapes_client.c", "shapes_xdr.c")
    path = os.path.join(directory, "socket")
    watch = Watch(path)
    running = programs.start([server, f"unix:{path}"])
    watch.wait(running)
    out = programs.run([client, f"unix:{path}", "shapes_nothing_1", "shapes_take_1", "shapes_nothing_2"])
    check_equal(out, b"nothing: done\ntake: done\nnothing: done\n", "what the client said")
    status, out, err = programs.outcome(programs.start([client, f"unix:{path}"]))
    check_equal(status, 1, "the status, as procedures are not carried out")
    check_equal(out.count(b": done"), 4, f"procedures that have nothing to answer; it said {out!r} {err!r}")
    check_equal(err.count(b"\n"), 6, f"procedures that answer that they are not there; it said {err!r}")
    check_equal(err.count(b"it did not run"), 6, f"what is known of them; it said {err!r}")
    status, _, err = programs.outcome(programs.start([client, f"unix:{path}", "nonsense"]))
    check_equal((status, err), (1, b"nonsense: there is no such procedure\n"), "what is said of a wrong name")
    check(running.poll() is None, "the server has ended")
    programs.run([server], status=2)
    programs.run([server, "nonsense:"], status=1)


@test
def it_never_overwrites(programs, directory):
    write(directory, "shapes.x", TEXT)
    mine = write(directory, "shapes_client_main.c", "mine\n")
    _, err = leatgen(programs, directory, "--skeleton", "shapes.x", status=1)
    check("shapes_client_main.c" in err, f"it said {err}")
    check_equal(read(mine), "mine\n", "the file")
    check_equal(sorted(os.listdir(directory)), ["shapes.x", "shapes_client_main.c"], "the folder")
    os.unlink(mine)
    os.symlink("nowhere", mine)
    leatgen(programs, directory, "--skeleton", "shapes.x", status=1)
    check_equal((os.readlink(mine), sorted(os.listdir(directory))), ("nowhere", ["shapes.x", "shapes_client_main.c"]), "a link to nothing")


@test
def without_a_program_there_is_none(programs, directory):
    write(directory, "types.x", "struct a { int b; };\n")
    _, err = leatgen(programs, directory, "--skeleton", "types.x", status=1)
    check("types.x" in err and "program" in err, f"it said {err}")
    check_equal(os.listdir(directory), ["types.x"], "the folder")


@test
def of_every_file_it_compiles(programs, directory):
    done = 0
    for path in FILES:
        base = os.path.basename(path)[:-2]
        flags = [*flags_of(path), "-o", directory]
        names, _ = leatgen(programs, directory, *flags, "--outputs", path)
        if f"{base}_client.c" not in names:
            continue
        leatgen(programs, directory, *flags, path)
        leatgen(programs, directory, *flags, "--skeleton", path)
        for name in (f"{base}_server_main.c", f"{base}_client_main.c"):
            compile_c(programs, directory, name, os.path.dirname(path))
        done += 1
    check(done > 5, f"only {done} files have a program")


if __name__ == "__main__":
    main(TESTS)
