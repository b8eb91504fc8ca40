#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test programs on hardware KVM: AMD SVM, emulated by QEMU, under Debian's own kernel.

What the programs print is TAP, and comes back over the serial line. A case that is skipped was not
tried on hardware KVM, which is all that this is for: it fails the run.
"""

import argparse
import re
import sys
import time
from pathlib import Path

import machine
from run_tests import FAILED, PASSED, SKIPPED, Result, parse_tap

PREPARE = "export CMOCKA_MESSAGE_OUTPUT=TAP MOTE_TEST_DRIVER=kvm MOTE_TEST_MAKES=10\n"
RUN = """echo '@@begin {name}'
timeout {limit_s} {path}
echo "@@end {name} $?"
"""
# The programs that drive a virtual CPU.
SUITE = ["*contract_test", "api_*_test", "hostile*_test", "record_*_test", "worker_test"]
SECTION = re.compile(r"@@begin (\S+)\r?\n(.*?)@@end \1 (\d+)", re.S)


def read_results(text, programs):
    """One result for each program; one that did not end, or counted nothing, has failed."""
    sections = {name: (body, int(status)) for name, body, status in SECTION.findall(text)}
    results = []
    for program in programs:
        result = Result(program.name)
        if program.name not in sections:
            result.fail("did not end")
        else:
            body, status = sections[program.name]
            planned = parse_tap(body, result)
            if not result.cases or (planned != len(result.cases) and not result.count(FAILED)):
                result.fail(f"{planned} cases planned, {len(result.cases)} reported")
            elif status != 0 and not result.count(FAILED):
                result.fail(f"exit status {status}, but no case failed")
        results.append(result)
    return results


def show(results):
    """Prints a line per program and what went wrong; returns the totals."""
    totals = dict.fromkeys((PASSED, FAILED, SKIPPED), 0)
    for result in results:
        counts = {outcome: result.count(outcome) for outcome in totals}
        print(f"{result.name}: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
        for case in result.cases:
            if case.outcome != PASSED:
                print(f"  {case.outcome}: {case.name}: {case.detail.strip()}")
        for outcome, n in counts.items():
            totals[outcome] += n
    return totals


def find_programs(folder, patterns):
    """What the patterns name, each of which must name something."""
    found = {pattern: set(folder.glob(pattern)) for pattern in patterns}
    for pattern, paths in found.items():
        if not paths:
            sys.exit(f"run_hardware: no program is named {pattern}")
    return sorted(set().union(*found.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--limit", type=float, default=1200, help="seconds for the whole machine")
    parser.add_argument("programs", nargs="*", default=SUITE, help="patterns in the build's tests/")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    programs = find_programs(build / "tests", arguments.programs)
    started = time.monotonic()
    runs = (RUN.format(name=path.name, path=path, limit_s=300) for path in programs)
    text = machine.run(
        build, "tests", programs, PREPARE + "".join(runs), arguments.limit, machine.FAST
    )
    totals = show(read_results(text, programs))
    print(f"console: {build / 'hw/tests/console.log'}, {time.monotonic() - started:.0f} s")
    print(
        f"hardware KVM: {totals[PASSED]} passed, {totals[FAILED]} failed, {totals[SKIPPED]} skipped"
    )
    return 1 if totals[FAILED] or totals[SKIPPED] or not totals[PASSED] else 0


if __name__ == "__main__":
    sys.exit(main())
