#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the behaviour of each row of docs/hyperlight.md out, and sees whether the row's test fails.

tests/record/taken_out.toml has an edit for each row that names a test. It is made in a copy of the
tree, the test's program is built, and the one case must pass without the edit and fail with it.
"""

import argparse
import os
import queue
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import check_hyperlight
import hardware
import mutants
import removals
import run_tests
import tree

# Guests, in ninja's words: programs do not name those that they open.
GUEST = re.compile(r"^build ((?:tests/)?guests/\S+\.(?:elf|exe))[ :]", re.MULTILINE)
LIMIT_S = 30
PASSED, FAILED, SKIPPED = run_tests.PASSED, run_tests.FAILED, run_tests.SKIPPED


def has_hardware():
    return hardware.has_kvm()


class Workshop(mutants.Workshop):
    """A copy of the tree, built as it is released, where one edit at a time is tried."""

    OPTIONS = ["-DCMAKE_BUILD_TYPE=RelWithDebInfo"]

    def prepare(self):
        super().prepare()
        plan = (self.build / "build.ninja").read_text()
        self.programs = check_hyperlight.programs_of_sources(plan)
        self.guests = sorted(set(GUEST.findall(plan)))

    def make(self, targets):
        """Some edits make the plan of the build anew."""
        if not super().make(["build.ninja"]):
            return False
        self.relax()
        return super().make(targets)

    def program(self, entry):
        """Of those that run the test, one with guests that are built here."""
        return min(self.programs[entry.path], key=lambda name: ("rust" in name, name))

    def needs(self, entry):
        """What must be built for an entry's test."""
        if entry.path.endswith(".py"):
            return entry.needs
        return [self.program(entry), "one_case", *self.guests]

    def outcome(self, entry):
        """Runs the case: passed, failed or skipped, and what it printed."""
        if entry.path.endswith(".py"):
            return self.outcome_of_pytest(entry)
        support = self.build / "tests/support/one_case.so"
        environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", MOTE_TEST_CASE=entry.case,
                           LD_PRELOAD=str(support))  # fmt: skip
        is_of_hardware = any(file.startswith("host/driver/kvm/") for file, _, _ in entry.edits)
        if not has_hardware() and not is_of_hardware:
            environment["MOTE_TEST_DRIVER"] = run_tests.OTHER_DRIVERS[0]
        return self.judge([self.build / "tests" / self.program(entry)], environment)

    def outcome_of_pytest(self, entry):
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", MOTE_BUILD_DIR=str(self.build))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command.append(f"{self.source / entry.path}::{entry.case}")
        status, text = run_tests.run_limited(command, LIMIT_S, environment)
        if status == 0:
            return (PASSED if re.search(r"\d+ passed", text) else SKIPPED), text
        if status in (1, None):
            return FAILED, text
        raise mutants.NoVerdict(f"pytest ended with {status}")

    def judge(self, command, environment):
        """A crash and a hang are failures; a program that has not the case has no outcome."""
        status, text = run_tests.run_limited(command, LIMIT_S, environment)
        if status in mutants.ENDED_BY_OTHERS:
            raise mutants.NoVerdict(f"ended by signal {-status}")
        result = run_tests.Result("")
        run_tests.parse_tap(text, result)
        if status != 0:
            return FAILED, text
        if not result.cases:
            raise mutants.NoVerdict("the program has no such case")
        return (PASSED if result.count(PASSED) else SKIPPED), text

    def build_for(self, entry):
        if self.needs(entry) and not self.make(self.needs(entry)):
            raise mutants.NoVerdict("does not build")

    def attempt(self, entry):
        """The outcome with the behaviour taken out, and what was printed."""
        paths = {file: self.source / file for file, _, _ in entry.edits}
        kept = {path: path.read_text(encoding="utf-8") for path in paths.values()}
        try:
            for file, old, new in entry.edits:
                path = paths[file]
                text = removals.applied(path.read_text(encoding="utf-8"), old, new)
                path.write_text(text, encoding="utf-8")
            self.build_for(entry)
            return self.outcome(entry)
        finally:
            for path, text in kept.items():
                path.write_text(text, encoding="utf-8")

    def verdict(self, entry):
        """(passed, failed or skipped, why)."""
        try:
            self.build_for(entry)
            before, _ = self.outcome(entry)
            if before != PASSED:
                return (SKIPPED if before == SKIPPED else FAILED), f"{before} with all in its place"
            after, text = self.attempt(entry)
        except mutants.NoVerdict as reason:
            return FAILED, f"no verdict: {reason}"
        if after == FAILED:
            return PASSED, text
        return FAILED, f"{after} without it"


def work(workshop, jobs, verdicts, arguments, lock):
    while True:
        try:
            entry = jobs.get_nowait()
        except queue.Empty:
            return
        started = time.monotonic()
        outcome, why = workshop.verdict(entry)
        with lock:
            verdicts.append(outcome)
            is_noticed = outcome == PASSED
            print(f"{entry.row}: {entry.path}::{entry.case}: {'noticed' if is_noticed else why} "
                  f"({time.monotonic() - started:.1f} s)")  # fmt: skip
            if is_noticed and arguments.show:
                print(why)


def choose(entries, rows, count, seed):
    """Those that are named, or all, or so many: the same for the same seed."""
    unknown = set(rows) - set(entries)
    if unknown:
        sys.exit(f"taken_out: no entry for {', '.join(sorted(unknown))}")
    chosen = [entry for row, entry in entries.items() if not rows or row in rows]
    if count:
        chosen = random.Random(seed).sample(chosen, min(count, len(chosen)))
    return chosen


def try_all(entries, arguments):
    """The outcome of each entry."""
    workshops = [Workshop(arguments.build / f"taken_out/{i}") for i in range(arguments.jobs)]
    for workshop in workshops:
        workshop.prepare()
    jobs, verdicts, lock = queue.Queue(), [], threading.Lock()
    for entry in entries:
        jobs.put(entry)
    threads = [
        threading.Thread(target=work, args=(w, jobs, verdicts, arguments, lock)) for w in workshops
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return verdicts + [FAILED] * (len(entries) - len(verdicts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--count", type=int, metavar="N", help="so many, chosen by the seed")
    parser.add_argument("--seed", default="", help="what chooses them, such as a commit's hash")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many at once")
    parser.add_argument("--show", action="store_true", help="print what each test said")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    arguments.build = arguments.build.resolve()
    rows = check_hyperlight.rows_with_tests(tree.read(check_hyperlight.PAGE))
    entries, problems = removals.read_entries(tree.read(removals.EDITS), rows)
    for problem in problems:
        print(problem)
    verdicts = try_all(choose(entries, arguments.rows, arguments.count, arguments.seed), arguments)
    n_failed = verdicts.count(FAILED) + len(problems)
    print(f"{verdicts.count(PASSED)} passed, {n_failed} failed, {verdicts.count(SKIPPED)} skipped")
    return 1 if n_failed or not verdicts.count(PASSED) else 0


if __name__ == "__main__":
    sys.exit(main())
