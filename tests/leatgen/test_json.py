#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leatgen --print json: read by a parser of JSON, with the keys that docs/leatgen.md tells, and nothing else on stdout. TAP."""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
from generator import FILES, ROOT, check, check_equal, flags_of, leatgen, print_json, read, write
from tap import TESTS, main, test  # noqa: E402

TEXT = """\
/* Of the file. */

const BIG = 0xffffffffffffffff;
const LOW = -9223372036854775808;

/* Of the enumeration: "quoted", \\ and \ttab. */
enum kind { A, B = 5, C };
struct outer {
    enum { X = 1, Y = 2 } inner; /* behind it */
    string s<10>;
    opaque o[4];
    int v<>;
    outer *next;
};
union choice switch (kind k) {
case A:
case B:
    int i;
default:
    void;
};
%/* to C */
program PROG {
    version V {
        void NOTHING(void) = 0;
        /*@idempotent*/ /*@deadline=5s*/
        choice ASK(outer, kind) = 7;
    } = 2;
} = 0x20000001;
"""


def definition(data, name):
    found, = (one for one in data["definitions"] if one["name"] == name)
    return found


@test
def numbers_are_exact(programs, directory):
    write(directory, "file.x", TEXT)
    data = print_json(programs, directory, "file.x")
    check_equal((definition(data, "BIG")["value"], definition(data, "BIG")["text"]), (2**64 - 1, "0xffffffffffffffff"), "BIG")
    check_equal(definition(data, "LOW")["value"], -2**63, "LOW")
    check_equal(definition(data, "PROG")["value"], 0x20000001, "the program's number")


@test
def the_file(programs, directory):
    write(directory, "file.x", TEXT)
    data = print_json(programs, directory, "file.x")
    check_equal({key: data[key] for key in ("leatgen", "file", "base", "prefix", "namespace", "package")},
                {"leatgen": 1, "file": "file.x", "base": "file", "prefix": "prog", "namespace": None, "package": None}, "the file")
    check_equal([one["kind"] for one in data["definitions"]],
                ["const", "const", "enum", "enum", "struct", "union", "verbatim", "program"], "kinds, an inline body before what it is in")


@test
def places(programs, directory):
    write(directory, "file.x", TEXT)
    data = print_json(programs, directory, "file.x")
    check_equal(definition(data, "kind")["place"], {"file": "file.x", "line": 7, "column": 6}, "place")
    check_equal(definition(data, "outer")["fields"][1]["place"], {"file": "file.x", "line": 10, "column": 12}, "place of a field")


@test
def types(programs, directory):
    write(directory, "file.x", TEXT)
    data = print_json(programs, directory, "file.x")
    fields = [(field["name"], field["type"], field["type_name"], field["type_c_name"], field["shape"], field["bound"])
              for field in definition(data, "outer")["fields"]]
    inner = data["definitions"][3]
    check_equal(fields, [("inner", "named", None, inner["c_name"], "plain", None), ("s", "string", None, None, "variable", 10),
                         ("o", "opaque", None, None, "fixed", 4), ("v", "int", None, None, "variable", None),
                         ("next", "named", "outer", definition(data, "outer")["c_name"], "optional", None)], "fields")
    check_equal((inner["inline"], inner["name"]), (True, None), "the inline body")


@test
def enumerations_and_unions(programs, directory):
    write(directory, "file.x", TEXT)
    data = print_json(programs, directory, "file.x")
    check_equal([(one["name"], one["value"], one["text"]) for one in definition(data, "kind")["enumerators"]],
                [("A", 0, None), ("B", 5, "5"), ("C", 6, None)], "enumerators")
    arms = definition(data, "choice")["arms"]
    check_equal([(arm["default"], [label["value"] for label in arm["labels"]], arm["declaration"]["type"]) for arm in arms],
                [(False, [0, 5], "int"), (True, [], "void")], "arms")


@test
def procedures(programs, directory):
    write(directory, "file.x", TEXT)
    version, = definition(print_json(programs, directory, "file.x"), "PROG")["versions"]
    check_equal([(one["name"], one["value"], one["idempotent"], one["stream"], one["deadline_ns"], len(one["arguments"]))
                 for one in version["procedures"]],
                [("NOTHING", 0, False, False, None, 0), ("ASK", 7, True, False, 5_000_000_000, 2)], "procedures")


@test
def documentation(programs, directory):
    write(directory, "file.x", TEXT)
    data = print_json(programs, directory, "file.x")
    check('"quoted", \\ and \ttab.' in definition(data, "kind")["documentation"], "the comment before the enumeration")
    check_equal(definition(data, "outer")["fields"][0]["documentation"], "behind it", "the comment behind a field")


@test
def bytes_that_are_no_utf8(programs, directory):
    write(directory, "latin.x", b"/* caf\xe9 \xc3\xa9 \xed\xa0\x80 \xf8 */\nconst A = 1;\n")
    data = print_json(programs, directory, "latin.x")
    texts = json.dumps(data, ensure_ascii=False)
    check("caf\u00e9 \u00e9 \u00ed\u00a0\u0080 \u00f8" in texts, f"the comment as Latin-1: {texts}")


@test
def every_file_is_json(programs, directory):
    for path in FILES:
        data = print_json(programs, directory, *flags_of(path), path)
        check(data["definitions"], f"{path} has no definitions")


@test
def every_key_is_explained(programs, directory):
    """docs/leatgen.md has a table of the keys."""
    write(directory, "file.x", TEXT)
    keys = set()

    def collect(data):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            if isinstance(data, dict):
                keys.add(key)
            if isinstance(value, (dict, list)):
                collect(value)

    collect(print_json(programs, directory, "file.x"))
    text = read(os.path.join(ROOT, "docs", "leatgen.md"))
    section = text[text.index("## The interface as data"):]
    section = section[:section.index("\n## ", 3)]
    check_equal(sorted(keys - set(re.findall(r"`([a-z_]+)`", section))), [], "keys that are not in the guide")


@test
def a_file_with_an_error_prints_nothing(programs, directory):
    write(directory, "bad.x", "struct a { b c; };\n")
    out, err = leatgen(programs, directory, "--print", "json", "bad.x", status=1)
    check(out == "" and "bad.x:1:12: error:" in err, f"it said {out}{err}")


if __name__ == "__main__":
    main(TESTS)
