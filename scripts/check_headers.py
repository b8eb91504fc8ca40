#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every public header alone: the host's as C17 and C++17, the guest's freestanding too."""

import subprocess
import sys

import tree

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
C = ["gcc", "-std=c17", "-x", "c", "-Wstrict-prototypes"]
CXX = ["g++", "-std=c++17", "-x", "c++"]
FREESTANDING = ["-ffreestanding", "-mno-red-zone"]
WAYS = {
    "include/mote/": [("C", C), ("C++", CXX)],
    "include/mote_guest/": [
        ("freestanding C", C + FREESTANDING),
        ("freestanding C++", CXX + FREESTANDING + ["-fno-exceptions", "-fno-rtti"]),
    ],
}


def compile_alone(path, command):
    """Twice the same #include: the header must need nothing and guard itself."""
    name = path.relative_to("include")
    source = f"#include <{name}>\n#include <{name}>\n"
    done = subprocess.run(
        [*command, *WARNINGS, f"-I{tree.ROOT}/include", "-"],
        input=source,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode != 0 else ""


def main():
    problems, checked = [], 0
    for path in tree.files(".h"):
        for folder, ways in WAYS.items():
            if str(path).startswith(folder):
                for label, command in ways:
                    checked += 1
                    errors = compile_alone(path, command)
                    if errors:
                        problems.append(f"{path} as {label}:\n{errors}")
    return tree.report("headers", problems, f"{checked} compilations")


if __name__ == "__main__":
    sys.exit(main())
