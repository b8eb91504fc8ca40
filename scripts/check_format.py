#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that clang-format would change no C file."""

import subprocess
import sys

import tree


def main():
    paths = tree.files(".c", ".h")
    command = ["clang-format", "--dry-run", "-Werror", *map(str, paths)]
    done = subprocess.run(command, cwd=tree.ROOT, stderr=subprocess.PIPE, text=True, check=False)
    problems = [line for line in done.stderr.splitlines() if ": error: " in line]
    if done.returncode != 0 and not problems:
        problems = [done.stderr.strip()]
    return tree.report("format", problems, f"{len(paths)} files")


if __name__ == "__main__":
    sys.exit(main())
