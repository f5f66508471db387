# SPDX-License-Identifier: MIT
"""What make_*.py here have in common: the files that were recorded once are written, or with --check compared."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def record(files):
    """{name: bytes}. Ends the program: 1 if a file has other bytes."""
    wrong = 0
    for name, data in files.items():
        path = os.path.join(HERE, name)
        if "--check" not in sys.argv:
            with open(path, "wb") as out:
                out.write(data)
        with open(path, "rb") as recorded:
            if recorded.read() != data:
                wrong += 1
                print(f"{name}: {os.path.basename(sys.argv[0])} makes other bytes than the recorded ones", file=sys.stderr)
    sys.exit(1 if wrong else 0)
