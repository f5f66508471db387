# SPDX-License-Identifier: MIT
"""A page that keeps its word: a block behind <!-- NAME --> is that file, every block of shell is run in the page's order, in one folder, and prints
what the block of text after it shows. What the tests of such pages share.
"""
import os
import re
import shutil
import stat
import sys
import tempfile

sys.dont_write_bytecode = True
from generator import BUILD, LEATGEN, ROOT, SANITIZER, check_equal, read, write


class Guide:
    def __init__(self, page):
        self.text = read(os.path.join(ROOT, "docs", page))
        self.blocks = re.findall(r"(?:^<!-- (\S+) -->\n)?^```(\w*)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        self.folder = tempfile.TemporaryDirectory(prefix="leat-docs-")

    def file(self, wanted):
        return next(text for name, _, text in self.blocks if name == wanted)

    def tool(self, name, text):
        """Made once: build systems look at the time of what they run."""
        path = os.path.join(self.folder.name, ".tools", name)
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write(os.path.dirname(path), name, f"#!/bin/sh\n{text}\n")
            os.chmod(path, stat.S_IRWXU)
        return path

    def environment(self):
        """A library that is built and not installed is found so; `cc` has the sanitizers that the library has; and leatgen counts its runs."""
        compiler = self.tool("cc", f'exec {shutil.which("gcc")} {" ".join(SANITIZER)} "$@"')
        self.tool("leatgen", f'echo run >>"{self.folder.name}/.runs"\nexec {LEATGEN} "$@"')
        tools = [os.path.join(BUILD, "tools", name) for name in ("leatgen", "leat")]
        return {
            **os.environ,
            "CC": compiler,
            "PATH": os.pathsep.join([os.path.dirname(compiler), *tools, os.environ["PATH"]]),
            "PKG_CONFIG_PATH": os.path.join(BUILD, "meson-uninstalled"),
            "LD_LIBRARY_PATH": os.path.join(BUILD, "lib"),
        }

    def runs(self):
        return len(read(os.path.join(self.folder.name, ".runs")).splitlines())

    def save(self, name, text):
        def test(_programs, _directory):
            write(self.folder.name, name, text)
        return f"the file {name}", test

    def shell(self, text, shown):
        def test(programs, _directory):
            out = programs.run(["sh", "-e", "-c", text], cwd=self.folder.name, env=self.environment())
            check_equal(out.decode(), shown, "output")
        return "$ " + text.splitlines()[0], test

    def tests(self, leave_out=()):
        found = []
        for (name, language, text), (_, next_language, shown) in zip(self.blocks, self.blocks[1:] + [("", "", "")]):
            if name in leave_out:
                continue
            if name:
                found.append(self.save(name, text))
            elif language == "sh":
                found.append(self.shell(text, shown if next_language == "text" else ""))
        return found
