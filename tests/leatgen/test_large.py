#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Interfaces that are larger than the numbers of a small table: they compile, and what is decoded is right to the last field. TAP."""
import os
import sys

sys.dont_write_bytecode = True
from generator import check, check_equal, leatgen, link, write  # noqa: E402
from tap import TESTS, main, test  # noqa: E402

STRUCTURES = 70
FIELDS = 30  # of each

# Decodes messages, of which each line of a file is one: a type's index, then its words. Says the path of what is wrong, or the value as JSON.
MAIN = """\
#include "large.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct leat_xdr_type (*const types[])(void) = { %s };

static void decode(struct leat_xdr_type type, const unsigned char *bytes, size_t size) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_buffer text = { 0 }, again = { 0 };
        struct leat_xdr_fault fault;
        void *value = calloc(1, leat_xdr_value_size(type));
        if (leat_xdr_decode(type, bytes, size, &arena, NULL, value, &fault) < 0)
                printf("%%d at %%s\\n", (int)fault.what, fault.path);
        else if (leat_xdr_encode(type, value, &again, NULL) < 0 || again.size_bytes != size || memcmp(again.bytes, bytes, size) != 0)
                printf("not the same bytes\\n");
        else if (leat_xdr_to_json(type, value, &text, NULL) == 0)
                printf("%%.*s\\n", (int)text.size_bytes, (const char *)text.bytes);
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&text);
        leat_xdr_buffer_free(&again);
        free(value);
}

int main(int count, char **arguments) {
        if (count != 2 || !freopen(arguments[1], "r", stdin))
                return 1;
        static unsigned char bytes[4096];
        unsigned int type, words, word;
        while (scanf("%%u %%u", &type, &words) == 2) {
                size_t size = 0;
                for (; words > 0 && scanf("%%u", &word) == 1; words--)
                        for (int shift = 24; shift >= 0; shift -= 8)
                                bytes[size++] = (unsigned char)(word >> shift);
                decode(types[type](), bytes, size);
        }
        return 0;
}
"""


def both(programs, directory, text, types, messages, wanted):
    """The interface in straight code and as a table: what each says of the messages."""
    for options in ([], ["--small"]):
        folder = os.path.join(directory, "small" if options else "straight")
        os.mkdir(folder)
        write(folder, "large.x", text)
        leatgen(programs, folder, *options, "large.x")
        write(folder, "main.c", MAIN % ", ".join(f"large_{name}_type" for name in types))
        words = "".join(f"{kind} {len(message)} {' '.join(str(word) for word in message)}\n" for kind, message in messages)
        write(folder, "messages", words)
        lines = programs.run([link(programs, folder, "large", "main.c", "large_xdr.c"), "messages"], cwd=folder).decode().splitlines()
        check_equal(len(lines), len(wanted), "how many lines it said")
        for line, want in zip(lines, wanted):
            check_equal(line, want, "what it said")


BAD_BOOL, UNKNOWN_ENUM, UNKNOWN_ARM = 7, 5, 6


def field(structure, index):
    return f"a_field_of_structure_{structure}_whose_name_is_quite_long_as_such_names_are_{index}"


@test
def names_of_more_than_64_kib(programs, directory):
    """160 kB of text, in which each name is another one."""
    text = "".join(f"struct record_{i} {{\n" + "".join(f"    bool {field(i, j)};\n" for j in range(FIELDS)) + "};\n" for i in range(STRUCTURES))
    check(len(text) > 160000, f"{len(text)} bytes")
    messages, wanted = [], []
    for i in range(STRUCTURES):
        for j in (0, i % FIELDS, FIELDS - 1):
            messages.append((i, [7 if k == j else k & 1 for k in range(FIELDS)]))
            wanted.append(f"{BAD_BOOL} at {field(i, j)}")
        messages.append((i, [0] * FIELDS))
        wanted.append("{" + ", ".join(f'"{field(i, j)}": false' for j in range(FIELDS)) + "}")
    both(programs, directory, text, [f"record_{i}" for i in range(STRUCTURES)], messages, wanted)


@test
def a_union_of_2000_arms(programs, directory):
    count = 2000
    text = "union many switch (int n) {\n" + "".join(f"case {3 * i - 900}:\n    bool arm_{i};\n" for i in range(count)) + "};\n"
    messages, wanted = [], []
    for i in range(count):
        label = (3 * i - 900) % 2**32
        messages += [(0, [label, 1]), (0, [label, 2]), (0, [(label + 1) % 2**32, 1])]
        wanted += [f'{{"n": {3 * i - 900}, "arm_{i}": true}}', f"{BAD_BOOL} at arm_{i}", f"{UNKNOWN_ARM} at n"]
    both(programs, directory, text, ["many"], messages, wanted)


@test
def ten_thousand_enumerators(programs, directory):
    """With gaps, without, and as the labels of a union's one arm."""
    count = 10000
    text = "enum gaps {\n" + ",\n".join(f"    GAP_{i} = {2 * i - count}" for i in range(count)) + "\n};\n"
    text += "enum dense {\n" + ",\n".join(f"    DENSE_{i}{' = -5' if i == 0 else ''}" for i in range(count)) + "\n};\n"
    text += "struct one { gaps gap; dense full; };\n"
    text += "union labels switch (gaps gap) {\n" + "".join(f"case GAP_{i}:\n" for i in range(count)) + "    dense full;\n};\n"
    messages, wanted = [], []
    for i in range(0, count, 7):
        gap, dense = (2 * i - count) % 2**32, (i - 5) % 2**32
        messages += [(0, [gap, dense]), (1, [gap, dense]), (0, [(gap + 1) % 2**32, dense])]
        wanted += [f'{{"gap": "GAP_{i}", "full": "DENSE_{i}"}}'] * 2 + [f"{UNKNOWN_ENUM} at gap"]
    for wrong in (-6 % 2**32, count - 5, 2**31, 2**31 - 1):
        messages += [(0, [0, wrong]), (1, [0, wrong])]
        wanted += [f"{UNKNOWN_ENUM} at full"] * 2
    both(programs, directory, text, ["one", "labels"], messages, wanted)


@test
def what_no_table_has_room_for(programs, directory):
    """It is refused with its place, and nothing is written."""
    count = 65536
    texts = {
        "an enumeration": ("enum e {" + ",".join(f"E_{i}" for i in range(count)) + "};", "1:6: error: it has 65536 enumerators; at most 65535"),
        "a structure": ("struct s {" + "".join(f"int a{i};" for i in range(count)) + "};", "1:8: error: it has 65536 fields; at most 65535"),
        "a union": ("union u switch (int n) {" + "".join(f"case {i}:" for i in range(count)) + "void;};", "1:7: error: it has 65536 cases; at most 65535"),
        "types": ("".join(f"struct s{i} {{ int a; }};\n" for i in range(count)), "different types; at most 65535"),
        "names": ("".join(f"struct s{i} {{ int {'x' * 1000}{i}; }};\n" for i in range(2000)), "1:1: error: the names of its fields take more than 1 MiB"),
    }
    for what, (text, wanted) in texts.items():
        write(directory, "large.x", text)
        _, said = leatgen(programs, directory, "large.x", status=1)
        check(wanted in said, f"{what}: it said {said:.300}")
        check_equal(os.listdir(directory), ["large.x"], f"the folder after {what}")


if __name__ == "__main__":
    main(TESTS)
