#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test programs (cmocka) and pytest suites; counts every case, and says what was skipped."""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import hardware

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
TAP_PLAN = re.compile(r"^\s*1\.\.(\d+)")
TAP_SKIP = re.compile(r"^(?:not )?ok \d+ # SKIP (.+)$")
TAP_CASE = re.compile(r"^(not ok|ok) \d+ - (.+)$")
TAP_GROUP = re.compile(r"^# (not ok|ok) - ")
PYTEST_NO_TESTS = 5
DETAIL_LINES = 60
# Tests of behaviour, which run on every driver: on kvm, and again on these. A sanitizer that follows
# threads cannot follow the process driver's children.
EVERY_DRIVER = ["api_*_test", "hostile_test", "hostile_buffers_test", "hostile_images_test",
                "hostile_limits_test", "hostile_memory_test", "hostile_oddities_test",
                "hostile_ports_test", "hostile_privilege_test", "hostile_races_test",
                "hostile_concurrency_test", "hostile_fork_test",
                "hostile_host_functions_test", "hostile_leaks_test", "hostile_model_test",
                "hostile_restore_test",
                "inject_test", "record_*_c_test",
                "record_*_rust_test"]  # fmt: skip
OTHER_DRIVERS = ["process"]
# And these once more on the process driver: where it has to wait by futex, and under the profile that
# container engines apply. Each with what it is run under, in the folder of programs, and in
# which lanes: LeakSanitizer traces the program, which containers do not allow.
CONFINED = [
    ("futex", "support/without_listener", ["", "asan"],
     ["driver_*contract_test", "process_confinement_test", "process_container_test",
      "process_differences_test", "process_forget_test", "process_lives_test", "process_stub_test",
      "process_tracking_test", "process_waits_test", "api_call_test", "api_snapshot_test",
      "api_context_test", "api_restore_cost_test", "api_cpu_limit_test", "api_threads_test",
      "hostile_test", "hostile_concurrency_test", "hostile_model_test", "hostile_restore_test",
      "inject_test"]),
    ("container", "support/in_container", [""],
     ["api_call_test", "api_snapshot_test", "api_restore_cost_test", "api_cpu_limit_test",
      "api_threads_test"]),
]  # fmt: skip
# What takes all drivers in turn, and skips those that do not work.
ON_ITS_OWN = ["driver_*contract_test"]
# What a skip's reason names that is for want of hardware virtualisation.
HARDWARE = re.compile(r"\bkvm\b")
# What a line of the list of allowed skips begins with that is for such skips alone.
WITHOUT_HARDWARE = "without kvm: "
LANES_OF_DRIVERS = ["", "asan"]
# What a sanitizer of threads can say nothing about: one thread runs it, and what it tries of threads
# others try too. It would take as long again as all the rest.
ONE_THREAD = ["image_*", "guest_*", "wire_*", "*_rust_test", "api_rust01_test", "bench_*",
              "hostile_images_test", "hostile_leaks_test", "hostile_model_test",
              "hostile_oddities_test", "inject_test",
              "record_sandbox_c_test"]  # fmt: skip
# What sees reads of memory that was never written, which AddressSanitizer does not.
VALGRIND = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect,possible"]  # fmt: skip


@dataclass
class Case:
    """One case: its name, its outcome and, unless it passed, why."""

    name: str
    outcome: str
    detail: str = ""


@dataclass
class Result:
    """What one program or suite gave."""

    name: str
    cases: list = field(default_factory=list)
    seconds: float = 0.0
    output: str = ""

    def count(self, outcome):
        return sum(case.outcome == outcome for case in self.cases)

    def fail(self, reason):
        self.cases.append(Case(self.name, FAILED, reason))


def run_limited(command, limit_s, environment):
    """Runs a command in a process group of its own; returns (status or None, output)."""
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        ) as process:
            try:
                status = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                # Whatever the command left behind in its group must not outlive it.
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        output.seek(0)
        return status, output.read().decode("utf-8", "replace")


def parse_tap(text, result):
    """Reads the cases of a cmocka program; returns how many its plans announced.

    What a case prints stands before its line, and the last of that is a skip's reason; why it
    failed stands after it, in comments.
    """
    planned = 0
    printed = []
    for line in text.splitlines():
        plan, skip, case = TAP_PLAN.match(line), TAP_SKIP.match(line), TAP_CASE.match(line)
        if plan:
            planned += int(plan[1])
        elif skip:
            reason = printed[-1].strip() if printed else "no reason given"
            result.cases.append(Case(skip[1].strip(), SKIPPED, reason))
        elif case:
            outcome = PASSED if case[1] == "ok" else FAILED
            result.cases.append(Case(case[2].strip(), outcome))
        elif line.startswith("# ") and result.cases and not TAP_GROUP.match(line):
            result.cases[-1].detail += line[2:] + "\n"
        else:
            printed.append(line)
            continue
        printed = []
    return planned


def status_text(status):
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def run_program(path, limit_s, name, driver=None, under=()):
    """Runs one cmocka program. A crash, a hang or a missing case is one failure more."""
    result = Result(name)
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    # A caller's would make of the run on kvm another one on that driver.
    environment.pop("MOTE_TEST_DRIVER", None)
    if driver:
        environment["MOTE_TEST_DRIVER"] = driver
    environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    # Address randomisation off: gcc 12's ThreadSanitizer does not start on kernels that use more
    # than 28 random bits.
    prefix = ["setarch", "-R"] if "tsan" in path.parts else [*under]
    started = time.monotonic()
    status, result.output = run_limited([*prefix, str(path)], limit_s, environment)
    result.seconds = time.monotonic() - started
    planned = parse_tap(result.output, result)
    if status is None:
        result.fail(f"still running after {limit_s:g} s; killed")
    elif status != 0 and not result.count(FAILED):
        result.fail(f"{status_text(status)}, but no case failed")
    elif status < 0:
        result.fail(status_text(status))
    elif not result.cases:
        result.fail("ran no case")
    elif len(result.cases) != planned and not result.count(FAILED):
        result.fail(f"{planned} cases planned, {len(result.cases)} reported")
    return result


def junit_case(node):
    name = f"{node.get('classname', '')}.{node.get('name', '')}"
    for tag, outcome in (("failure", FAILED), ("error", FAILED), ("skipped", SKIPPED)):
        found = node.find(tag)
        if found is not None:
            text = found.get("message", "") if outcome == SKIPPED else (found.text or "")
            return Case(name, outcome, text)
    return Case(name, PASSED)


def run_suite(path, limit_s, name):
    """Runs one pytest folder or file, with its results read from JUnit XML."""
    result = Result(name)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                   f"--junitxml={report}", str(path)]  # fmt: skip
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
        started = time.monotonic()
        status, result.output = run_limited(command, limit_s, environment)
        result.seconds = time.monotonic() - started
        if report.exists():
            root = ElementTree.parse(report).getroot()
            result.cases = [junit_case(node) for node in root.iter("testcase")]
    if status is None:
        result.fail(f"still running after {limit_s:g} s; killed")
    elif status == PYTEST_NO_TESTS or (status == 0 and not result.cases):
        result.fail("ran no case")
    elif status != 0 and not result.count(FAILED):
        result.fail(f"pytest: {status_text(status)}")
    return result


def is_one_of(name, patterns):
    return any(fnmatch(name, pattern) for pattern in patterns)


def find_programs(folder, has_hardware):
    """Every executable file of a folder, as (runner, path, name).

    Without hardware, what runs on one driver runs on the first of the others.
    """
    if not folder.is_dir():
        sys.exit(f"run_tests: no folder {folder}; build first")
    lane = folder.parent.name if folder.parent.name in ("asan", "tsan", "debug") else ""
    paths = sorted(p for p in folder.iterdir() if p.is_file() and os.access(p, os.X_OK))
    found = []
    for path in paths:
        if lane == "tsan" and is_one_of(path.name, ONE_THREAD):
            continue
        on_every = is_one_of(path.name, EVERY_DRIVER)
        on_others = on_every and lane in LANES_OF_DRIVERS
        if has_hardware or not on_others:
            takes_all = lane not in LANES_OF_DRIVERS or is_one_of(path.name, ON_ITS_OWN)
            first = None if has_hardware or takes_all else OTHER_DRIVERS[0]
            runner = partial(run_program, driver=first)
            found.append((runner, path, f"{lane}:{path.name}" if lane else path.name))
        if on_others:
            for driver in OTHER_DRIVERS:
                runner = partial(run_program, driver=driver)
                found.append((runner, path, f"{lane}{':' if lane else ''}{driver}:{path.name}"))
        for kind, under, lanes, names in CONFINED:
            if is_one_of(path.name, names) and lane in lanes:
                runner = partial(run_program, driver=OTHER_DRIVERS[0], under=[str(folder / under)])
                found.append((runner, path, f"{lane}{':' if lane else ''}{kind}:{path.name}"))
    return found


def put_under_valgrind(job):
    runner, path, name = job
    return partial(runner, under=VALGRIND), path, f"valgrind:{name}"


def find_suites(folder):
    """Every entry of a folder that holds pytest files, as (runner, path, name)."""
    found = []
    for entry in sorted(folder.iterdir()):
        is_file = entry.is_file() and re.fullmatch(r"test_.*\.py", entry.name)
        if is_file or (entry.is_dir() and any(entry.rglob("test_*.py"))):
            found.append((run_suite, entry, f"{folder.name}/{entry.name}"))
    return found


def show(result):
    mark = "FAIL" if result.count(FAILED) else "ok"
    skipped = f", {result.count(SKIPPED)} skipped" if result.count(SKIPPED) else ""
    passed = result.count(PASSED)
    print(f"{mark:4} {result.name:40} {passed:5} passed{skipped} ({result.seconds:.1f} s)")
    if not result.count(FAILED):
        return
    for case in result.cases:
        if case.outcome == FAILED:
            print(f"     failed: {case.name}")
            for line in case.detail.splitlines()[-DETAIL_LINES:]:
                print(f"       {line}")
    tail = result.output.splitlines()[-DETAIL_LINES:]
    print(f"     last {len(tail)} lines of its output:")
    for line in tail:
        print(f"       {line}")


def read_allowed_skips(path):
    """The lines of a list, as patterns where `*` stands for any text."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [re.compile(re.escape(line).replace(r"\*", ".*")) for line in wanted]


def needs_hardware(case):
    return HARDWARE.search(case.detail) is not None


def is_allowed(label, case, allowed, has_hardware):
    labels = [label]
    if not has_hardware and needs_hardware(case):
        labels.append(WITHOUT_HARDWARE + label)
    return any(line.fullmatch(each) for line in allowed for each in labels)


def show_skips(results, allowed, has_hardware):
    """Lists the skipped cases with their reasons; returns how many the list does not allow."""
    unexpected = 0
    skips = [(r.name, c) for r in results for c in r.cases if c.outcome == SKIPPED]
    if skips:
        print("skipped:")
    for name, case in skips:
        label = f"{name} {case.name}"
        is_unexpected = allowed is not None and not is_allowed(label, case, allowed, has_hardware)
        unexpected += is_unexpected
        print(f"  {label}: {case.detail}{' (UNEXPECTED)' if is_unexpected else ''}")
    hardware = sum(needs_hardware(case) for _, case in skips)
    if hardware:
        others = len(skips) - hardware
        rest = f"{others} were skipped for other reasons" if others else "all others ran"
        print(f"{hardware} tests needed hardware virtualisation (/dev/kvm), which is not available here; {rest}")
    return unexpected


def write_results(path, results):
    """One line for each case: program or suite, case, outcome."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{r.name}\t{c.name}\t{c.outcome}\n" for r in results for c in r.cases]
    path.write_text("".join(lines), encoding="utf-8")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", action="append", default=[], type=Path, metavar="FOLDER",
                        help="run every executable in FOLDER (may be given again)")  # fmt: skip
    parser.add_argument("--suites", action="append", default=[], type=Path, metavar="FOLDER",
                        help="run the pytest suites in FOLDER (may be given again)")  # fmt: skip
    parser.add_argument("--allowed-skips", metavar="FILE",
                        help="fail for a skip that no line of FILE allows: PROGRAM CASE, with * for "
                        f"any text; after `{WITHOUT_HARDWARE}` for want of /dev/kvm only")  # fmt: skip
    parser.add_argument("--results", type=Path, metavar="FILE", help="list all cases in FILE")
    parser.add_argument("--limit", type=float, default=300, metavar="SECONDS",
                        help="time limit of one program; a suite has twice that")  # fmt: skip
    parser.add_argument("--without-hardware", action="store_true",
                        help="as if there were no /dev/kvm: run on the process driver")  # fmt: skip
    parser.add_argument("--valgrind", action="store_true", help="run the programs under valgrind")
    parser.add_argument("names", nargs="*", help="only what has one of these in its name")
    return parser.parse_args()


def run_in_turn(work, limit_s, showing):
    results = []
    for runner, path, name in work:
        results.append(runner(path.absolute(), limit_s, name))
        with showing:
            show(results[-1])
    return results


def run_all(work, limit_s):
    """Suites run beside the programs: both wait for others more than they compute."""
    suites = [job for job in work if job[0] is run_suite]
    programs = [job for job in work if job[0] is not run_suite]
    showing = threading.Lock()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(run_in_turn, programs, limit_s, showing)
        second = pool.submit(run_in_turn, suites, 2 * limit_s, showing)
        return first.result() + second.result()


def main():
    arguments = parse_arguments()
    sys.stdout.reconfigure(line_buffering=True)
    allowed = read_allowed_skips(arguments.allowed_skips) if arguments.allowed_skips else None
    has_hardware = not arguments.without_hardware and hardware.has_kvm()
    work = [job for folder in arguments.programs for job in find_programs(folder, has_hardware)]
    work += [job for folder in arguments.suites for job in find_suites(folder)]
    if arguments.names:
        absent = [name for name in arguments.names if not any(name in job[2] for job in work)]
        if absent:
            sys.exit(f"run_tests: nothing has {' or '.join(absent)} in its name")
        work = [job for job in work if any(name in job[2] for name in arguments.names)]
    if not work:
        sys.exit("run_tests: nothing to run")
    if arguments.valgrind:
        work = [put_under_valgrind(job) for job in work]
    results = run_all(work, arguments.limit)
    if arguments.results:
        write_results(arguments.results, results)
    unexpected = show_skips(results, allowed, has_hardware)
    totals = {o: sum(r.count(o) for r in results) for o in (PASSED, FAILED, SKIPPED)}
    print(f"{totals[PASSED]} passed, {totals[FAILED]} failed, {totals[SKIPPED]} skipped")
    return 1 if totals[FAILED] or unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
