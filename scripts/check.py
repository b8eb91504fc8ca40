#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every check of the tree, or those named, and counts them."""

import argparse
import subprocess
import sys
import time

import tree

PYTHON = "/usr/bin/python3"

# Name, what it holds, command. {build} is the folder of the release build.
CHECKS = [
    ("format", "C code is as clang-format lays it out", [PYTHON, "scripts/check_format.py"]),
    ("tree", "licence lines, no trace of a machine", [PYTHON, "scripts/check_tree.py"]),
    ("layers", "includes follow docs/layers.txt, which is drawn", [PYTHON, "scripts/check_layers.py"]),
    ("headers", "public headers compile alone, as C and C++", [PYTHON, "scripts/check_headers.py"]),
    ("docs", "public declarations are documented", [PYTHON, "scripts/check_docs.py"]),
    ("pages", "docs/ is what the sources say", [PYTHON, "scripts/make_docs.py", "--check"]),
    ("catalogue", "each attack of the catalogue has its test or its reason",
     [PYTHON, "scripts/check_catalogue.py"]),
    ("hyperlight", "all that Hyperlight 0.1 was has a row with its test or its reason",
     [PYTHON, "scripts/check_hyperlight.py"]),
    ("functions", "functions are short", [PYTHON, "scripts/check_functions.py"]),
    ("symbols", "the library exports its API alone and is small",
     [PYTHON, "scripts/check_symbols.py", "--build", "{build}"]),
    ("shell", "shellcheck has nothing to say",
     ["shellcheck", "dev", ".ci/run", ".ci/bare_debian", "packaging/try_packages"]),
    ("clang", "clang builds everything without a warning",
     [PYTHON, "scripts/check_clang.py", "--build", "{build}"]),
    ("tidy", "clang-tidy has nothing to say", [PYTHON, "scripts/check_tidy.py", "--build", "{build}"]),
]  # fmt: skip


def run(command):
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=tree.ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, time.monotonic() - started


def main():
    names = [name for name, _, _ in CHECKS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build", metavar="FOLDER")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(names)
    if unknown:
        parser.error(f"no check {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    sys.stdout.reconfigure(line_buffering=True)
    counts = {True: 0, False: 0}
    for name, meaning, command in CHECKS:
        if arguments.names and name not in arguments.names:
            continue
        command = [word.format(build=arguments.build) for word in command]
        status, output, seconds = run(command)
        counts[status == 0] += 1
        print(f"{'ok' if status == 0 else 'FAIL':4} {name:10} {meaning} ({seconds:.1f} s)")
        if status != 0:
            print("".join(f"       {line}\n" for line in output.splitlines()), end="")
    print(f"{counts[True]} passed, {counts[False]} failed, 0 skipped")
    return 1 if counts[False] else 0


if __name__ == "__main__":
    sys.exit(main())
