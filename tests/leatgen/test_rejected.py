#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files that leatgen refuses: rejected/NAME.x, one or more for each rule.

The first lines of each say what is expected, every error and none more:

    /* leatgen: --extended */               options, if there are any: in the first line
    /* expect 5:12 error: is defined */     line and column of an error, and a part of its text

TAP on stdout.
"""
import os
import pathlib
import re
import sys

sys.dont_write_bytecode = True
from generator import check, check_equal, flags_of, leatgen  # noqa: E402
from tap import main  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = re.compile(r"/\* expect (\d+):(\d+) error: (.*) \*/")


def check_shown(line, row, column, source, shown, caret):
    """Behind a message stands its line, and a caret under its column."""
    check(re.match(rf" *{row} \| ", shown), f"{line}\n shows {shown!r}")
    if "\t" not in source and shown.endswith(f" | {source}"):
        check_equal(caret.index("^") - caret.index("|") - 2, column - 1, "the caret's column")


def reported(name, source, text):
    """(line, column, text) of each error."""
    errors = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        found = re.fullmatch(rf"{re.escape(name)}:(\d+):(\d+): (error|warning|note): (.*)", line)
        check(found or ": error: " not in line, f"an error of another file: {line}")
        if not found:
            continue
        row, column = int(found[1]), int(found[2])
        check_shown(line, row, column, source[row - 1], *lines[number + 1:number + 3])
        if found[3] == "error":
            errors.append((row, column, found[4]))
    return sorted(errors)


def rejected(path):
    source = path.read_text(encoding="utf-8").splitlines()
    expected = sorted((int(found[1]), int(found[2]), found[3]) for line in source if (found := EXPECTED.fullmatch(line)))

    def run(programs, directory):
        check(expected, "no error is expected of it")
        out, text = leatgen(programs, directory, *flags_of(path), "-o", directory, str(path), status=1)
        errors = reported(str(path), source, text)
        check_equal(out, "", "stdout")
        check_equal([error[:2] for error in errors], [error[:2] for error in expected], f"places of the errors in\n{text}")
        for error, wanted in zip(errors, expected):
            check(wanted[2] in error[2], f"{error[0]}:{error[1]}: {error[2]!r} does not say {wanted[2]!r}")
        check_equal(os.listdir(directory), [], "files that were written")

    return run


if __name__ == "__main__":
    main([(f"rejected: {path.stem}", rejected(path)) for path in sorted((HERE / "rejected").glob("*.x"))])
