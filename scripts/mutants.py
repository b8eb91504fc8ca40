#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks one bounds check at a time and sees whether the tests notice.

A bounds check is a condition that compares numbers or negates a call: of an `if`, of a `?:`, or
returned. A mutant has one of them removed, inverted, or lacks one part of it. It is compiled in a
copy of the tree, and the tests of the file's own folder and those on the script driver run until
one fails. What survives them must survive every other C test too, and then be listed, with the
reason why it cannot matter.
"""

import argparse
import fcntl
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import check_functions
import tree

SURVIVORS = tree.ROOT / "tests/gates/survivors.txt"
# Whose checks are broken, and which test programs are of their own folder.
FILES = {
    "host/image/*.c": ["image_*_test", "image_test"],
    "wire/*.c": ["wire_*_test"],
    "host/memory/*.c": ["buffers_test", "layout_test", "guest_memory_test", "exception_test"],
    "host/memory/guest_memory.h": ["buffers_test", "layout_test", "guest_memory_test"],
    # Without the worker: what it asks of the kernel is made to fail by tests/inject.
    "host/hostfn/[!w]*.c": ["hostfn_test", "worker_test"],
    "host/driver/kvm/exit.c": ["kvm_exit_test", "driver_*contract_test"],
    "host/driver/process/exit.c": ["process_*_test", "driver_*contract_test"],
    "host/driver/process/port.c": ["process_*_test", "driver_*contract_test"],
    "host/base/page_set.c": ["page_set_test", "frozen_test"],
    "host/snapshot/*.c": ["frozen_test"],
    "host/sandbox/snapshot.c": ["script_restores_test", "record_script_lifecycle_test"],
    "host/sandbox/run.c": [],
    "host/sandbox/records.c": [],
    "host/sandbox/host_call.c": [],
    "host/sandbox/call.c": [],
}
NOT_IN_LIBRARY = ("_test.c", "_maker.c", "_check.c", "sample_guest.c")
EVERY_FILE = ["script_*_test"]
LIMIT_S = 60
# A program that runs so many times as long as it should is in an endless loop.
PATIENCE = 20
LEAST_LIMIT_S = 5
COMPILER = "the compiler"
COMPARES = re.compile(r"[^-<>=]>(?![>=])|[^<]<(?![<=])|[^<>]>=|[^<]<=|==|!=")
NEGATES = re.compile(r"^!\s*[a-z_]\w*\(")
# Whether an operation failed or memory was there is told by other tests (tests/inject).
NO_BOUND = re.compile(r"\b(MOTE_OK|NULL)\b|^!?\s*strcmp\(|\bstatus\b")
# What the compiler says of code that it cannot take. A compiler that was killed, or a disk that is
# full, says nothing of the kind.
REFUSED = re.compile(r"^\S+:\d+:\d+: (?:fatal )?error: ", re.M)
# What others send to a test that they end: no verdict on the mutant.
ENDED_BY_OTHERS = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}
ATTEMPTS = 2


class NoVerdict(Exception):
    """Building or running failed for a reason that need not be the mutant's."""


@dataclass
class Mutant:
    """One broken check. Its identity holds no line number, so that it outlives other changes."""

    path: str
    function: str
    kind: str
    condition: str
    line: int
    start: int  # of the text that is replaced
    end: int
    text: str
    nth: int = 1

    def identity(self):
        nth = f" #{self.nth}" if self.nth > 1 else ""
        return f"{self.path} | {self.function} | {self.kind}{nth} | {self.condition}"


@dataclass
class Part:
    """An operand of a condition: where it is, and the operator that joins it to the others."""

    start: int
    end: int
    operator: str = ""


# ---- Finding checks ----


def mask(text):
    """Comments become blanks, and what stands in quotes underscores; everything stays where it is."""

    def blank(match):
        quote = match[0][0]
        if quote in "\"'":
            return quote + "_" * (len(match[0]) - 2) + quote
        return re.sub(r"[^\n]", " ", match[0])

    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\''
    masked = re.sub(pattern, blank, text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, masked, flags=re.M)


def closing(masked, start):
    """The place of the parenthesis that closes the one at start."""
    depth = 0
    for i in range(start, len(masked)):
        depth += {"(": 1, ")": -1}.get(masked[i], 0)
        if depth == 0:
            return i
    return -1


def split(masked, start, end, operator):
    """The operands of an operator in a stretch of text, outside of parentheses."""
    cuts, depth = [start], 0
    for i in range(start, end):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(masked[i], 0)
        if depth == 0 and masked.startswith(operator, i):
            cuts += [i, i + 2]
    cuts.append(end)
    return [Part(a, b, operator) for a, b in zip(cuts[::2], cuts[1::2])]


def trimmed(masked, part):
    text = masked[part.start : part.end]
    lead = len(text) - len(text.lstrip())
    return Part(part.start + lead, part.start + len(text.rstrip()), part.operator)


def operands(masked, start, end):
    """Every operand of a condition, those in parentheses too; itself when there is but one."""
    for operator in ("||", "&&"):
        parts = split(masked, start, end, operator)
        if len(parts) > 1:
            found = []
            for part in (trimmed(masked, p) for p in parts):
                inner = operands(masked, part.start, part.end)
                found += [part] if len(inner) == 1 else inner
            return found
    whole = trimmed(masked, Part(start, end))
    opens = masked[whole.start : whole.start + 1] == "("
    if opens and closing(masked, whole.start) == whole.end - 1:
        inner = operands(masked, whole.start + 1, whole.end - 1)
        return inner if len(inner) > 1 else [whole]
    return [whole]


def is_bound(text):
    """Whether an operand checks a bound."""
    return bool(COMPARES.search(text) or NEGATES.search(text)) and not NO_BOUND.search(text)


def condition_before(masked, mark):
    """Where the condition of the `?` at mark starts."""
    depth = 0
    for i in range(mark - 1, 0, -1):
        depth += {")": 1, "]": 1, "(": -1, "[": -1}.get(masked[i], 0)
        if depth < 0 or (depth == 0 and masked[i] in ",;{?:"):
            return i + 1
        if depth == 0 and masked[i] == "=" and masked[i - 1] not in "=!<>" and masked[i + 1] != "=":
            return i + 1
        if depth == 0 and masked[i - 6 : i] == "return" and not masked[i].isalnum():
            return i
    return 0


def conditions(masked):
    """Yields (sort, start, end) of each condition."""
    for match in re.finditer(r"\bif\s*\(", masked):
        yield "if", match.end(), closing(masked, match.end() - 1)
    for match in re.finditer(r"\breturn\b([^;?]*);", masked):
        yield "return", match.start(1), match.end(1)
    for match in re.finditer(r"\?", masked):
        yield "choice", condition_before(masked, match.start()), match.start()


def mutations(masked, text, sort, start, end):
    """Yields (kind, start, end, new text) for one condition."""
    parts = operands(masked, start, end)
    if not any(is_bound(masked[p.start : p.end]) for p in parts):
        return
    whole = trimmed(masked, Part(start, end))
    old = text[whole.start : whole.end]
    yield "inverted", whole.start, whole.end, f"!({old})"
    yield "never", whole.start, whole.end, f"(({old}) && 0)"
    if sort != "if":
        yield "always", whole.start, whole.end, f"(({old}) || 1)"
    if len(parts) == 1:
        return
    for part in parts:
        old = text[part.start : part.end]
        if is_bound(masked[part.start : part.end]):
            new = f"(({old}) && 0)" if part.operator == "||" else f"(({old}) || 1)"
            yield "without", part.start, part.end, new


def find_mutants(path, text):
    masked, found, seen = mask(text), [], {}
    spans = [(first, first + n, name) for name, first, n in check_functions.functions(masked)]
    for sort, start, end in conditions(masked):
        line = text.count("\n", 0, start) + 1
        function = next((name for a, b, name in spans if a <= line <= b), None)
        if function is None:
            continue
        for kind, at, until, new in mutations(masked, text, sort, start, end):
            condition = " ".join(text[at:until].split())
            mutant = Mutant(path, function, kind, condition, line, at, until, new)
            seen[mutant.identity()] = mutant.nth = seen.get(mutant.identity(), 0) + 1
            found.append(mutant)
    return sorted(found, key=lambda m: (m.line, m.start))


def library_files(names):
    """The files to break, with the patterns of their tests."""
    found = {}
    for pattern, tests in FILES.items():
        for path in sorted(tree.ROOT.glob(pattern)):
            name = str(path.relative_to(tree.ROOT))
            if not name.endswith(NOT_IN_LIBRARY):
                found[name] = tests
    unknown = set(names) - set(found)
    if unknown:
        sys.exit(f"mutants: not among the files: {', '.join(sorted(unknown))}")
    return {name: tests for name, tests in found.items() if not names or name in names}


# ---- Survivors that are known ----


def read_survivors(text):
    """Identities with their reasons, which stand indented below them."""
    known, last = {}, None
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith(" "):
            if last is None:
                raise ValueError(f"a reason without a mutant: {line.strip()}")
            known[last] = f"{known[last]} {line.strip()}".strip()
        else:
            last = line.strip()
            known[last] = ""
    return known


# ---- Building and running ----


def synchronise(target):
    """Makes target a copy of the tree; what did not change keeps its time."""
    wanted = tree.files()
    for path in wanted:
        source, copy = tree.ROOT / path, target / path
        if copy.is_file() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    extra = {p.relative_to(target) for p in target.rglob("*") if p.is_file()} - set(wanted)
    for path in extra:
        (target / path).unlink()


class Workshop:
    """A copy of the tree with a build of its own, where one mutant at a time is tried."""

    OPTIONS = ["-DCMAKE_BUILD_TYPE=Debug", "-DMOTE_SANITIZE=address,undefined"]

    def __init__(self, folder):
        self.source, self.build = folder / "source", folder / "build"
        self.seconds = {}  # how long each test takes when nothing is broken
        self.targets = []
        self.unsound = None  # tests that fail with nothing broken, once all were tried
        self.lock = None

    def claim(self):
        """Two runs in one folder would break each other's mutants."""
        self.source.mkdir(parents=True, exist_ok=True)
        self.lock = (self.source.parent / "lock").open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another run works in {self.source.parent}")

    def prepare(self):
        self.claim()
        synchronise(self.source)
        command = ["cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", *self.OPTIONS]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.relax()
        listing = subprocess.run(
            ["ninja", "-C", self.build, "-t", "targets", "all"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        self.targets = sorted(set(re.findall(r"^(?!cmake_)(\w+_test): phony$", listing, re.M)))

    def relax(self):
        """A broken check may be one that the compiler warns of."""
        plan = self.build / "build.ninja"
        text = plan.read_text()
        if " -Werror " in text:
            plan.write_text(text.replace(" -Werror ", " "))

    def tests(self, patterns):
        """The test programs that match, in the patterns' order; quick ones first."""
        found = []
        for pattern in patterns:
            expression = re.compile(pattern.replace("*", r"\w*"))
            named = [t for t in self.targets if expression.fullmatch(t) and t not in found]
            found += sorted(named, key=lambda t: self.seconds.get(t, 0))
        return found

    def make(self, targets):
        """Whether the compiler takes it."""
        for _ in range(ATTEMPTS):
            done = subprocess.run(
                ["ninja", "-C", self.build, *targets],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                return True
            if done.returncode > 0 and REFUSED.search(done.stdout):
                return False
        raise NoVerdict(f"ninja ended with {done.returncode}:\n{done.stdout[-3000:]}")

    def run(self, test, limit_s):
        """Whether a test passes within a time, and the seconds that it took."""
        for _ in range(ATTEMPTS):
            status, seconds = self.run_once(test, limit_s)
            if status not in ENDED_BY_OTHERS:
                return status == 0, seconds
        raise NoVerdict(f"{test} was ended by signal {-status}")

    def run_once(self, test, limit_s):
        """A test's exit status, None when it was still running after a time, and its seconds."""
        environment = dict(os.environ, ASAN_OPTIONS="hard_rss_limit_mb=2000:detect_leaks=1")
        started = time.monotonic()
        with subprocess.Popen(
            [self.build / "tests" / test],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                status = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                try:
                    os.killpg(process.pid, 9)
                except ProcessLookupError:
                    pass
        return status, time.monotonic() - started

    def measure(self, patterns):
        """Runs tests on what is not broken; returns those that fail even so."""
        tests = self.tests(patterns)
        if not self.make(tests):
            sys.exit("mutants: the tree does not build")
        failed = []
        for test in tests:
            passed, self.seconds[test] = self.run(test, 300)
            if not passed:
                failed.append(test)
        return failed

    def limit(self, test):
        return min(LIMIT_S, max(LEAST_LIMIT_S, PATIENCE * self.seconds.get(test, LIMIT_S)))

    def killer(self, patterns, deadline):
        """The first test that fails, or takes too long; None when none does. After the deadline
        no other test begins."""
        for pattern in patterns:
            tests = self.tests([pattern])
            if not self.make(tests):
                return COMPILER
            for test in tests:
                if test in (self.unsound or []):
                    continue
                if time.monotonic() > deadline:
                    return None
                passed, _ = self.run(test, self.limit(test))
                if not passed:
                    return test
        return None

    def try_all(self):
        """Every test needs what it loads, such as guests, and must pass with nothing broken: one
        that does not kills no mutant."""
        if not self.make(["all"]):
            raise NoVerdict("the tree does not build")
        self.unsound = self.measure(["*_test"])

    def attempt_on(self, patterns, mutant, limit_s):
        """Tries one mutant on some tests: returns what killed it, or None."""
        path = self.source / mutant.path
        text = path.read_text(encoding="utf-8")
        broken = text[: mutant.start] + mutant.text + text[mutant.end :]
        path.write_text(broken, encoding="utf-8")
        try:
            return self.killer(patterns, time.monotonic() + limit_s)
        finally:
            path.write_text(text, encoding="utf-8")

    def attempt(self, mutant, own, others):
        """Tries one mutant: returns what killed it, or None."""
        killed_by = self.attempt_on(own + EVERY_FILE, mutant, LIMIT_S)
        if killed_by or not others:
            return killed_by
        if self.unsound is None:
            self.try_all()
        return self.attempt_on(["*_test"], mutant, 10 * LIMIT_S)


# ---- The whole ----


@dataclass
class Outcome:
    """What became of the mutants."""

    killed: int = 0
    uncompiled: list = field(default_factory=list)
    survivors: list = field(default_factory=list)
    undecided: list = field(default_factory=list)
    left_out: int = 0  # for want of time


def verdict_on(mutant, killed_by, known, outcome):
    """Counts what became of a mutant, and says it."""
    if killed_by == COMPILER:
        outcome.uncompiled.append(mutant)
        return "does not compile"
    if killed_by:
        outcome.killed += 1
        return f"killed by {killed_by}"
    outcome.survivors.append(mutant)
    return "survived, as listed" if mutant.identity() in known else "SURVIVED"


def work(workshop, jobs, files, known, arguments, outcome, lock):
    while True:
        try:
            mutant = jobs.get_nowait()
        except queue.Empty:
            return
        started = time.monotonic()
        if arguments.until is not None and started > arguments.until:
            with lock:
                outcome.left_out += 1
            continue
        expected = mutant.identity() in known
        try:
            killed_by = workshop.attempt(mutant, files[mutant.path], arguments.all and not expected)
        except NoVerdict as reason:
            with lock:
                outcome.undecided.append((mutant, str(reason)))
                print(f"{mutant.path}:{mutant.line}: no verdict: {reason}")
            continue
        with lock:
            verdict = verdict_on(mutant, killed_by, known, outcome)
            print(f"{mutant.path}:{mutant.line}: {mutant.kind}: {mutant.condition[:60]}: {verdict} "
                  f"({time.monotonic() - started:.1f} s)")  # fmt: skip


def choose(mutants, known, count, seed):
    """All, or so many of those that are not known to survive: the same for the same seed."""
    if not count:
        return mutants
    mutants = [mutant for mutant in mutants if mutant.identity() not in known]
    return random.Random(seed).sample(mutants, min(count, len(mutants)))


def report(outcome, known, tried):
    """Prints what survived; returns how many of these should not have."""
    for mutant in outcome.uncompiled:
        print(f"does not compile: {mutant.identity()}")
    unexpected = [m for m in outcome.survivors if not known.get(m.identity())]
    for mutant in unexpected:
        print(f"survivor: {mutant.identity()}")
    survived = {m.identity() for m in outcome.survivors}
    for mutant in tried:
        if mutant.identity() in known and mutant.identity() not in survived:
            print(f"listed as a survivor, but killed: {mutant.identity()}")
    for mutant, reason in outcome.undecided:
        print(f"no verdict: {mutant.identity()}: {reason.splitlines()[0]}")
    undecided = len(outcome.uncompiled) + len(outcome.undecided)
    if outcome.left_out:
        print(f"left out for want of time: {outcome.left_out}")
    decided = outcome.killed + len(outcome.survivors) + undecided
    untried = len(tried) - decided - outcome.left_out
    if untried:
        print(f"not tried: {untried}, since a worker ended early")
    failed = len(unexpected) + undecided + untried
    print(f"{len(tried)} mutants: {outcome.killed} killed, {len(outcome.survivors)} survived, "
          f"{len(unexpected)} of these unexpected")  # fmt: skip
    return failed


def prepare_workshops(arguments, files):
    """As many as there are to work at once; the tests must pass in them before anything breaks."""
    workshops = [Workshop(arguments.build / f"mutants/{i}") for i in range(arguments.jobs)]
    patterns = list(dict.fromkeys(p for own in files.values() for p in own)) + EVERY_FILE
    for workshop in workshops:
        workshop.prepare()
        if not workshop.tests(EVERY_FILE):
            sys.exit(f"mutants: no test program is named {EVERY_FILE[0]}")
        failed = workshop.measure(patterns)
        if failed:
            sys.exit(f"mutants: fails with nothing broken: {', '.join(failed)}")
    return workshops


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--count", type=int, metavar="N", help="so many, chosen by the seed")
    parser.add_argument("--seed", default="", help="what chooses them, such as a commit's hash")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many at once")
    parser.add_argument("--seconds", type=int, metavar="N",
                        help="begin no mutant after so long; those are skipped")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print the mutants and try none")
    parser.add_argument("--all", action="store_true",
                        help="try unexpected survivors on every other C test")  # fmt: skip
    parser.add_argument("files", nargs="*", metavar="FILE")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    arguments.build = arguments.build.resolve()
    files = library_files(arguments.files)
    known = read_survivors(SURVIVORS.read_text(encoding="utf-8"))
    every = [m for path in files for m in find_mutants(path, tree.read(path))]
    mutants = choose(every, known, arguments.count, arguments.seed)
    if arguments.list:
        for mutant in mutants:
            print(mutant.identity())
        return 0
    started = time.monotonic()
    arguments.until = None if arguments.seconds is None else started + arguments.seconds
    workshops = prepare_workshops(arguments, files)
    print(f"{len(mutants)} mutants; prepared in {time.monotonic() - started:.0f} s")
    jobs, outcome, lock = queue.Queue(), Outcome(), threading.Lock()
    for mutant in mutants:
        jobs.put(mutant)
    threads = [
        threading.Thread(target=work, args=(w, jobs, files, known, arguments, outcome, lock))
        for w in workshops
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = report(outcome, known, mutants)
    print(f"took {time.monotonic() - started:.0f} s")
    passed = len(mutants) - failed - outcome.left_out
    print(f"{passed} passed, {failed} failed, {outcome.left_out} skipped")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
