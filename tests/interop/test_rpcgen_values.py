#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Byte for byte what rpcgen and libtirpc make: random values of every type of the interfaces that the system installs, and of
random interfaces, by both codecs (xdr_both.c). TAP.
"""
import glob
import os
import random
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "leatgen"))
from generator import BUILD, ROOT, SYSTEM_FILES, check, leatgen, read, write  # noqa: E402
from random_interface import random_interface  # noqa: E402
from tap import main, random_seed  # noqa: E402

SIZE = os.environ.get("LEAT_TEST_SIZE", "normal")
SEED = random_seed()
RANDOM_FILES = {"small": 2, "normal": 8, "long": 400}.get(SIZE, 8)
VALUES = {"small": 10, "normal": 40, "long": 1000}.get(SIZE, 40)

BOTH_H = """#include <leat/xdr.h>
struct both {
        const char *name;
        struct leat_xdr_type (*type)(void);
        unsigned long their_size;
        int (*theirs)(void);
};
const struct both *both_all(void);
const char *both_theirs(const struct both *both, char *in, unsigned in_size, void *value, char *out, unsigned room, unsigned *ret_size);
"""

THEIRS_C = """#include "theirs.h"
struct both { const char *name; void *type; unsigned long their_size; int (*theirs)(void); };
const char *both_theirs(const struct both *both, char *in, unsigned in_size, void *value, char *out, unsigned room, unsigned *ret_size);
const char *both_theirs(const struct both *both, char *in, unsigned in_size, void *value, char *out, unsigned room, unsigned *ret_size) {
        bool_t (*codec)(XDR *, void *) = (bool_t (*)(XDR *, void *))both->theirs;
        XDR xdrs;
        const char *wrong = NULL;
        xdrmem_create(&xdrs, in, in_size, XDR_DECODE);
        if (!codec(&xdrs, value))
                wrong = "theirs does not decode what ours encoded";
        else if (xdr_getpos(&xdrs) != in_size)
                wrong = "theirs left bytes over";
        xdr_destroy(&xdrs);
        if (!wrong) {
                xdrmem_create(&xdrs, out, room, XDR_ENCODE);
                if (!codec(&xdrs, value))
                        wrong = "theirs does not encode what it decoded";
                *ret_size = xdr_getpos(&xdrs);
                xdr_destroy(&xdrs);
        }
        xdr_free((xdrproc_t)both->theirs, value);
        return wrong;
}
"""


# What <rpc/rpc.h> would bring, without libtirpc's own types of rpcb_prot.x.
PLAIN_RPC = """#include <rpc/types.h>
#include <rpc/xdr.h>
#include <rpc/auth.h>
typedef struct client CLIENT;
typedef struct transport SVCXPRT;
struct svc_req;
"""
# rpcgen refuses the first: it has sums in its constants. Its types are those of nis_object.x, which it includes, and plain ones; the
# second is compiled together with what rpcgen would have made of it.
REFUSED_BY_RPCGEN = ["nis.x", "nis_callback.x"]
INSTALLED = [path for path in SYSTEM_FILES if os.path.basename(path) not in REFUSED_BY_RPCGEN]


def tool(programs, directory, *argv):
    programs.run(argv, cwd=directory)


def change(directory, name, before, after):
    write(directory, name, read(os.path.join(directory, name)).replace(before, after))


def pairs(directory):
    """(type of theirs, type of ours): those with the same name."""
    header = read(os.path.join(directory, "theirs.h"))
    theirs = re.findall(r"extern\s+bool_t xdr_(\w+) \(XDR \*, (\w+)\s*\*?\);", header)
    ours = re.findall(r"struct leat_xdr_type (\w+)_type\(void\)", read(os.path.join(directory, "ours.h")))
    found = []
    for name, c_type in theirs:
        named = [our for our in ours if our == name or our.endswith("_" + name)]
        check(named, f"leatgen has no type for rpcgen's {name}")
        array = not re.search(rf"XDR \*, {c_type}\s*\*\)", header)
        found.append((name, c_type, min(named, key=len), array))
    return found


def build(programs, directory, source, folder=None):
    """One program with both codecs of one interface."""
    for beside in glob.glob(os.path.join(folder, "*.x")) if folder else []:  # rpcgen has no -I: what one includes
        shutil.copy(beside, directory)
    shutil.copy(source, os.path.join(directory, "both.x"))
    tool(programs, directory, "rpcgen", "-h", "-o", "theirs.h", "both.x")
    tool(programs, directory, "rpcgen", "-c", "-o", "theirs_xdr.c", "both.x")
    if source.endswith("/rpcb_prot.x"):
        change(directory, "theirs.h", "#include <rpc/rpc.h>\n", PLAIN_RPC)
    change(directory, "theirs_xdr.c", '"both.h"', '"theirs.h"')
    leatgen(programs, directory, "--prefix", "ours", "both.x")
    for name in ("both.h", "both_xdr.c"):
        os.rename(os.path.join(directory, name), os.path.join(directory, name.replace("both", "ours")))
    change(directory, "ours_xdr.c", '"both.h"', '"ours.h"')
    write(directory, "both.h", BOTH_H)
    found = pairs(directory)
    write(directory, "theirs.c", THEIRS_C + "".join(
        f"unsigned long size_{name}(void);\nunsigned long size_{name}(void) {{ return sizeof({c_type}); }}\n" for name, c_type, _, _ in found))
    entries = "".join(f'        {{ "{name}", {our}_type, 0, xdr_{name} }},\n' for name, _, our, _ in found)
    write(directory, "table.c", '#include "both.h"\n#include "ours.h"\n'
          + "".join(f"int xdr_{name}(void);\nunsigned long size_{name}(void);\n" for name, *_ in found)
          + f"static struct both all[] = {{\n{entries}        {{ 0 }},\n}};\n"
          + "const struct both *both_all(void) {\n        int i = 0;\n"
          + "".join(f"        all[i++].their_size = size_{name}();\n" for name, *_ in found) + "        return all;\n}\n")
    cc = os.environ.get("CC", "cc").split()
    # rpcgen forgets to rename bool in arrays.
    tirpc = ["-I/usr/include/tirpc", "-w", "-D__FBSDID(text)=", "-Dbool=bool_t",
             *[f"-Dxdr_{name}_t=xdr_u_int32_t" for name in ("rpcprog", "rpcvers", "rpcproc")]]
    ours = ["-std=c17", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-I" + os.path.join(ROOT, "include"), "-I."]
    tool(programs, directory, *cc, "-c", *tirpc, "theirs.c", "theirs_xdr.c")
    tool(programs, directory, *cc, "-c", *ours, "ours_xdr.c")
    tool(programs, directory, *cc, "-c", "-O1", "-w", "-I" + os.path.join(ROOT, "include"), "-I.", "table.c", os.path.join(HERE, "xdr_both.c"))
    tool(programs, directory, *cc, "-o", "both", "theirs.o", "theirs_xdr.o", "ours_xdr.o", "table.o", "xdr_both.o",
         "-L" + os.path.join(BUILD, "lib"), "-lleat", "-ltirpc")


def run(programs, directory, what):
    environment = {**os.environ, "LD_LIBRARY_PATH": os.path.join(BUILD, "lib")}
    result = subprocess.run(["./both", str(SEED), str(VALUES)], cwd=directory, env=environment, capture_output=True, text=True, check=False,
                            timeout=600)
    check(result.returncode == 0, f"{what}, seed {SEED}: status {result.returncode}: {result.stdout}{result.stderr}")


def installed(source):
    def test(programs, directory):
        build(programs, directory, source, os.path.dirname(source))
        run(programs, directory, source)

    return "values of " + source, test


def made(number):
    def test(programs, directory):
        source = write(directory, "random.x", random_interface(random.Random(SEED * 1000 + number)))
        try:
            build(programs, directory, source)
            run(programs, directory, f"random interface {number}")
        except Exception as why:
            raise ValueError(f"random interface {number} of seed {SEED}: {why}") from why

    return f"values of random interface {number}", test


def there_are_some(_programs, _directory):
    check(len(INSTALLED) >= 17, f"only {len(INSTALLED)} interface files are installed: rpcsvc-proto and libtirpc-dev bring them")


if __name__ == "__main__":
    main([("interfaces of the system are installed", there_are_some)] + [installed(source) for source in INSTALLED]
         + [made(number) for number in range(RANDOM_FILES)])
