#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every public header alone: the host's as C17 and C++17, the guest's freestanding."""

import subprocess
import sys
from pathlib import Path

import tree

INCLUDE = Path("include")
LIBC = INCLUDE / "mote_guest" / "libc"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
C = ["gcc", "-std=c17", "-x", "c", "-Wstrict-prototypes"]
CXX = ["g++", "-std=c++17", "-x", "c++"]
FREESTANDING = ["-ffreestanding", "-mno-red-zone"]


def ways(path):
    """How a header is compiled: (label, command, folder in which its name begins)."""
    if path.is_relative_to(LIBC):
        own = subprocess.run(
            ["gcc", "-print-file-name=include"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()
        only = ["-nostdinc", f"-I{tree.ROOT / LIBC}", "-isystem", own]
        return [("guest C", C + FREESTANDING + only, LIBC)]
    if path.is_relative_to(INCLUDE / "mote_guest"):
        plain = CXX + FREESTANDING + ["-fno-exceptions", "-fno-rtti"]
        return [("guest C", C + FREESTANDING, INCLUDE), ("guest C++", plain, INCLUDE)]
    if path.is_relative_to(INCLUDE):
        return [("C", C, INCLUDE), ("C++", CXX, INCLUDE)]
    return []


def is_refusal(path):
    """A header that only says why nobody may include it."""
    return "#error" in tree.read(path) and "#endif" not in tree.read(path)


def compile_alone(path, command, folder):
    """Twice the same #include: the header must need nothing and guard itself."""
    name = path.relative_to(folder)
    done = subprocess.run(
        [*command, *WARNINGS, f"-I{tree.ROOT / INCLUDE}", "-"],
        input=f"#include <{name}>\n#include <{name}>\nextern int filled;\n",
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode != 0 else ""


def main():
    problems, checked = [], 0
    for path in tree.files(".h"):
        if is_refusal(path):
            continue
        for label, command, folder in ways(path):
            checked += 1
            errors = compile_alone(path, command, folder)
            if errors:
                problems.append(f"{path} as {label}:\n{errors}")
    return tree.report("headers", problems, f"{checked} compilations")


if __name__ == "__main__":
    sys.exit(main())
