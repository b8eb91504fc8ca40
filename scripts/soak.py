#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs all parts of ./dev soak at full size, and sums up what they count."""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

SCRIBBLES = 1000000
RESULT = re.compile(r"^(\d+) passed, (\d+) failed, 0 skipped$")
CMOCKA = re.compile(r"^\[  (PASSED|FAILED)  \] (\d+) test")


def parts(build):
    """(name, command, environment) of each part."""
    support, guests = build / "tests/support", build / "guests"
    yield "lives, calls, restores and cancels", [support / "soak", guests / "hello.elf"], {}
    for driver in "kvm", "process":
        command = [support / "lateness", "--driver", driver, guests / "hostile.elf"]
        yield f"endless loops ({driver})", command, {}
    scribble = [build / "asan/tests/script_scribble_test"]
    yield "a guest that scribbles", scribble, {"MOTE_SCRIBBLES": str(SCRIBBLES)}


def counts(line):
    """What a line says of cases: (passed, failed), or None."""
    match = RESULT.match(line)
    if match:
        return int(match[1]), int(match[2])
    match = CMOCKA.match(line)
    if match:
        return (int(match[2]), 0) if match[1] == "PASSED" else (0, int(match[2]))
    return None


def run(name, command, environment):
    """Runs a part, showing what it prints; returns (passed, failed)."""
    started = time.monotonic()
    passed = failed = 0
    print(f"-- {name}")
    with subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=dict(os.environ, **environment),
    ) as process:  # fmt: skip
        for line in process.stdout:
            line = line.rstrip("\n")
            found = counts(line)
            if found:
                passed, failed = passed + found[0], failed + found[1]
            else:
                print(f"   {line}")
    if process.returncode != 0:
        print(f"   {command[0].name} ended with status {process.returncode}")
    if (process.returncode != 0 and failed == 0) or passed + failed == 0:
        failed += 1
    print(f"   {passed} passed, {failed} failed, in {time.monotonic() - started:.0f} s")
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"))
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    results = [run(*part) for part in parts(arguments.build.resolve())]
    passed, failed = (sum(column) for column in zip(*results))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
