#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Builds everything with clang in a folder of its own: the warnings that gcc does not have."""

import argparse
import subprocess
import sys
from pathlib import Path

import tree

SHOWN_LINES = 60


def run(*command):
    done = subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return []
    return done.stdout.splitlines()[-SHOWN_LINES:]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True, metavar="FOLDER")
    folder = parser.parse_args().build / "clang"
    problems = run("cmake", "-S", tree.ROOT, "-B", folder, "-G", "Ninja",
                   "-DCMAKE_C_COMPILER=clang", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")  # fmt: skip
    problems = problems or run("cmake", "--build", folder, "--", "-k", "0")
    return tree.report("clang", problems, "a whole build")


if __name__ == "__main__":
    sys.exit(main())
