#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The models of this folder in Spin: as they are nothing fails, and with each thing that is wrong on purpose the property that it breaks does.

Usage: test_model.py [--list] [--trace] [WORD...]; with words only the runs whose names contain one; --trace shows what led to each failure.
TAP on stdout, with the number of states of each run. LEAT_TEST_SIZE=long adds larger bounds: ten minutes of a core, and up to 3 GB.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LONG = os.environ.get("LEAT_TEST_SIZE") == "long"
# Depth first from the other end: what is wrong shows sooner. Of a search to its end it changes nothing.
FLAGS = ["-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DREVERSE", "-DT_REVERSE", "-DMEMLIM=" + ("4000" if LONG else "1000")]
LOOKS = {"invalid end state": "asleep", "1001": "record", "1002": "copy", "1003": "overwritten", "1004": "behind",
         "1005": "full", "1006": "limit", "1007": "end", "1101": "alone", "1102": "told", "1103": "data", "1104": "passed",
         "1201": "begin", "1202": "snapshot", "1203": "even",
         "1301": "alone", "1302": "told"}


class Model:
    """A file, what bounds it has, the bounds that nothing may fail in, and the runs that are to fail."""

    def __init__(self, name, bounds, normal, long):
        self.name, self.bounds = name, bounds
        self.text = (HERE / f"{name}.pml").read_text(encoding="utf-8")
        self.right = [tuple(each) for each in normal + (long if LONG else [])]
        self.folder = None

    def controls(self):
        """#define NAME NUMBER /* BOUNDS PROPERTY: what is wrong */"""
        line = r"^#define (\w+) +(\d+) +/\* ((?:\d+ )+)(\w+): (.*) \*/$"
        for name, number, bounds, looks, text in re.findall(line, self.text, re.M):
            yield name, int(number), tuple(map(int, bounds.split())), looks, text

    def runs(self):
        for bounds in self.right:
            said = ", ".join(f"{value} {name}" for name, value in zip(self.bounds, bounds) if value)
            yield Run(self, f"{self.name}: right, {said}", 0, bounds, None)
        for name, number, bounds, looks, text in self.controls():
            yield Run(self, f"{self.name}: {name} fails: {text}", number, bounds, looks)

    def build(self, folder):
        """Make the program that searches."""
        self.folder = folder / self.name
        self.folder.mkdir()
        shutil.copy(HERE / f"{self.name}.pml", self.folder)
        for command in (["spin", "-a", f"{self.name}.pml"], ["gcc", *FLAGS, "-o", "pan", "pan.c"]):
            subprocess.run(command, cwd=self.folder, check=True, stdout=sys.stderr)


class Run:
    """One search. `looks`: how it is to fail; None: it is not to."""

    def __init__(self, model, name, wrong, bounds, looks):
        self.model, self.name, self.looks = model, name, looks
        self.environment = {**os.environ, "WRONG": str(wrong), "TSO": "0"}
        self.environment.update((bound.upper(), str(value)) for bound, value in zip(model.bounds, bounds))

    def pan(self, *arguments):
        folder = self.model.folder / re.sub(r"\W+", "_", self.name)
        folder.mkdir(exist_ok=True)
        shutil.copy(self.model.folder / f"{self.model.name}.pml", folder)
        done = subprocess.run([self.model.folder / "pan", *arguments], cwd=folder, env=self.environment, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout

    def search(self):
        """(how it failed, or None; states; complaint or None)"""
        said = self.pan("-m1000000", "-n", "-w26" if LONG else "-w22")
        states = re.search(r"(\d+) states, stored", said)
        failed = re.search(r"pan:1: (invalid end state|assertion violated \(*(\d+)&&)?", said)
        looks = failed and LOOKS.get(failed[2] or failed[1])
        whole = "errors: 0" in said and "Search not completed" not in said and "depth too small" not in said
        complaint = None if looks == self.looks and (looks or whole) else f"it is to fail as {self.looks}: {said}"
        return looks, int(states[1]) if states else 0, complaint

    def trace(self):
        """The steps to the failure, one a line."""
        steps = re.findall(r"^ *\d+:\s+proc +\d+ \((\S+)\) (\S+) \(state \d+\)[ \t]+\[(.*)\]$", self.pan("-r"), re.M)
        return [f"{who:7} {where.split(':')[-1]:>4} {what}" for who, where, what in steps if not re.fullmatch(
            r"\.\(goto\)|\(1\)|else|goto .*|true", what)]


MODELS = [
    Model("ring", ["messages", "largest", "batch", "deaths", "deadlines", "fences"],
          normal=[(3, 1, 0, 0, 0, 0), (2, 1, 1, 1, 1, 0), (4, 0, 0, 0, 1, 0), (2, 1, 1, 1, 1, 1), (3, 0, 1, 1, 1, 0)],
          long=[(3, 1, 0, 0, 0, 1), (3, 1, 0, 1, 0, 0), (2, 2, 0, 1, 1, 0), (5, 0, 0, 0, 0, 0)]),
    Model("mutex", ["locks", "deaths", "births", "stops", "deadlines", "looks"],
          normal=[(3, 0, 0, 0, 1, 0), (4, 0, 0, 0, 0, 0), (2, 1, 1, 0, 1, 1), (2, 2, 1, 0, 0, 0), (2, 0, 0, 1, 1, 1),
                  (2, 1, 0, 1, 0, 0)],
          long=[(3, 1, 1, 0, 0, 0), (3, 0, 0, 1, 1, 1), (3, 2, 0, 0, 0, 0), (4, 0, 0, 0, 1, 0), (5, 0, 0, 0, 0, 0)]),
    Model("transaction", ["commits", "reads", "deaths", "stops", "touches"],
          normal=[(2, 1, 2, 0, 0), (2, 1, 1, 0, 1), (2, 2, 0, 1, 1), (3, 0, 2, 0, 1)],
          long=[(3, 2, 2, 0, 0), (3, 1, 2, 0, 1), (2, 2, 2, 1, 2)]),
    Model("rwlock", ["calls", "deaths", "stops"],
          normal=[(3, 0, 0), (2, 1, 1), (3, 1, 0)],
          long=[(3, 1, 1), (4, 1, 0), (3, 2, 0)]),
    Model("notice", ["published", "waits", "deaths"],
          normal=[(2, 2, 0), (1, 2, 1), (2, 1, 2)],
          long=[(3, 3, 0), (2, 2, 2), (3, 2, 1)]),
    Model("waiting", ["gives", "deadlines", "deaths", "stops"],
          normal=[(2, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0)],
          long=[(3, 0, 0, 0), (2, 1, 0, 0), (2, 0, 1, 0), (2, 0, 0, 1)]),
]


def tell(number, run, found, trace):
    looks, states, complaint = found
    print(f"{'not ok' if complaint else 'ok'} {number} - {run.name} ({states:,} states{', ' + looks if looks else ''})")
    for line in (complaint or "").splitlines():
        print("#", line)
    if looks and (complaint or trace):
        for line in run.trace():
            print("#    ", line)
    sys.stdout.flush()


def main():
    options = [word for word in sys.argv[1:] if word.startswith("--")]
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    runs = [run for model in MODELS for run in model.runs()
            if not words or any(word.lower() in run.name.lower() for word in words)]
    if "--list" in options:
        print(*(run.name for run in runs), sep="\n")
        return 0
    for program in "spin", "gcc":
        if not shutil.which(program):
            print(f"1..0 # SKIP {program} is not installed")
            return 0
    print(f"1..{len(runs)}", flush=True)
    failed = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for model in {run.model for run in runs}:
            model.build(pathlib.Path(folder))
        for number, (run, found) in enumerate(zip(runs, pool.map(Run.search, runs)), 1):
            tell(number, run, found, "--trace" in options)
            failed += found[2] is not None
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
