#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of the benchmark's operations on emulated hardware KVM.

With QEMU's -icount the machine's clock advances one nanosecond with each instruction, of the
program, its kernel and the guest alike, so that the benchmark's microseconds are thousands of
instructions. The figures repeat to half a percent, whatever else the real machine does.
"""

import argparse
import base64
import bisect
import gzip
import json
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import machine

TABLE = Path(__file__).resolve().parent.parent / "bench/instructions.txt"
# A string instruction counts once for each of its rounds, which says nothing: libc must not use it.
NEVER = 10**12
SCRIPT = """export GLIBC_TUNABLES=\
glibc.cpu.x86_rep_movsb_threshold={never}:glibc.cpu.x86_rep_stosb_threshold={never}
echo @@begin
{bench} --driver kvm --calls --json
echo "@@end $?"
echo @@begin
{counted} {guest}
echo "@@end $?"
"""
# The kernel's functions, packed: the serial line is slow.
SYMBOLS = """echo @@symbols
grep -i ' t ' /proc/kallsyms | gzip -9 | base64
echo @@end
"""
BENCH, FLOOR, GUEST = "bin/mote-bench", "bin/mote-floor", "guests/hello.elf"
COUNTED, PLUGIN = "tests/support/counted", "tests/support/count_plugin.so"
MAX_GROWTH = 0.03
# Measured in the same way: the machine, its options, and operations alike. What the bare round
# trip was in these runs, and kilo-instructions of Hyperlight 0.1.0 and 0.18.0.
OTHERS_BARE = 3.10
OTHERS = {"bare KVM_RUN": (3.10, 3.10), "call": (71.5, 40.5), "call with a host call": (606, 72.5)}
GOALS = {"call": 1.35, "call with a host call": 2.7}
HEADINGS = ["operation", "kilo-instr.", "ratio", "system calls", "kernel", "mote", "guest", "goal",
            "", "Hyperlight 0.1.0", "0.18.0"]  # fmt: skip
ROW = "{:<21} {:>12} {:>7} {:>14} {:>8} {:>6} {:>7}  {:>5}  {:<6}  {:>17}  {:>15}"
PARTS = ["kernel", "mote", "guest"]
# The marks that end what is counted of each operation.
MARKS = {"call": 1, "call with a host call": 2}
KERNEL_START, GUEST_END = 1 << 63, 1 << 32
MAIN_FUNCTIONS = 25


@dataclass
class Operation:
    """What one operation took."""

    name: str
    kilo_instructions: float
    ratio: float
    system_calls: float


@dataclass
class Profile:
    """How often each instruction ran, by mark and address, in so many calls."""

    counts: dict
    calls: int
    start: int  # of the program that called
    guest_start: int

    def kilo(self, mark, part):
        counts = self.counts.get(mark, {})
        return sum(n for at, n in counts.items() if part_of(at) == part) / self.calls / 1000


def part_of(address):
    if address >= KERNEL_START:
        return "kernel"
    return "guest" if address < GUEST_END else "mote"


def sections(text):
    """What the two programs printed; None for one that failed."""
    found = re.findall(r"@@begin\n(.*?)@@end (\d+)", text, re.S)
    return [body if status == "0" else None for body, status in found] + [None] * (2 - len(found))


def read_report(text):
    """Finds the benchmark's line of JSON."""
    return next((json.loads(x) for x in (text or "").splitlines() if x.startswith("{")), None)


def read_profile(path, text):
    """Reads what the plugin wrote, and what the program said about itself."""
    found = re.search(r"(0x[0-9a-f]+) (0x[0-9a-f]+) (\d+)\n", text or "")
    if not found:
        return None
    counts = {}
    for line in path.read_text(encoding="ascii").splitlines():
        mark, address, n = line.split()
        counts.setdefault(int(mark), {})[int(address, 16)] = int(n)
    return Profile(counts, int(found[3]), int(found[1], 16), int(found[2], 16))


def operations(report):
    """A host call is reported as what it adds to a call; here it stands with its call."""
    bare = report["floors"]["run"]["median_us"]
    call, host_call = report["figures"]["call"], report["figures"]["host call"]
    counts = [
        ("bare KVM_RUN", bare, 1),
        ("call", call["median_us"], call["system_calls"]),
        (
            "call with a host call",
            call["median_us"] + host_call["median_us"],
            host_call["system_calls"],
        ),
    ]
    return [Operation(name, kilo, kilo / bare, calls) for name, kilo, calls in counts]


def row(operation, profile):
    goal, mark = GOALS.get(operation.name), MARKS.get(operation.name)
    verdict = "" if goal is None else "met" if operation.ratio <= goal else "MISSED"
    parts = ["" if mark is None else f"{profile.kilo(mark, part):.2f}" for part in PARTS]
    others = [f"{kilo:g} ({kilo / OTHERS_BARE:.1f} x)" for kilo in OTHERS[operation.name]]
    return ROW.format(
        operation.name, f"{operation.kilo_instructions:.2f}", f"{operation.ratio:.3f}",
        f"{operation.system_calls:g}", *parts, "" if goal is None else f"{goal:g}", verdict, *others,
    ).rstrip()  # fmt: skip


def table(counted, profile):
    rows = [row(operation, profile) for operation in counted]
    return "\n".join([ROW.format(*HEADINGS).rstrip(), *rows]) + "\n"


class Symbols:
    """The functions of a program, by address."""

    def __init__(self, listing, moved_by=0):
        words = [line.split() for line in listing.splitlines()]
        found = sorted((int(w[0], 16) + moved_by, w[2]) for w in words if len(w) >= 3)
        self.starts, self.names = [at for at, _ in found], [name for _, name in found]

    def name(self, address):
        i = bisect.bisect_right(self.starts, address) - 1
        return self.names[i] if i >= 0 else "?"


def list_symbols(path, moved_by):
    done = subprocess.run(["nm", path], check=True, capture_output=True, text=True)
    functions = [line for line in done.stdout.splitlines() if re.search(r" [tTwW] ", line)]
    return Symbols("\n".join(functions), moved_by)


def show_where(build, text, profile):
    """Prints the functions in which most instructions of each operation are."""
    packed = re.search(r"@@symbols\n(.*?)@@end", text, re.S)[1]
    symbols = {
        "kernel": Symbols(gzip.decompress(base64.b64decode(packed)).decode()),
        "mote": list_symbols(build / COUNTED, profile.start),
        "guest": list_symbols(build / GUEST, profile.guest_start),
    }
    for name, mark in MARKS.items():
        counts = Counter()
        for address, n in profile.counts[mark].items():
            part = part_of(address)
            is_library = part == "mote" and address >> 36 != profile.start >> 36
            counts[part, "(libraries)" if is_library else symbols[part].name(address)] += n
        for part in PARTS:
            print(f"\n{name}, {part}: {profile.kilo(mark, part):.2f} kilo-instructions, of these")
            main = [(f, n) for (p, f), n in counts.most_common() if p == part][:MAIN_FUNCTIONS]
            for function, n in main:
                print(f"{n / profile.calls:9.0f}  {function}")


def recorded_ratios(text):
    """The ratios in a table's rows, by operation."""
    columns = (re.split(r"  +", line) for line in text.splitlines())
    return {c[0]: float(c[2]) for c in columns if c[0] in OTHERS and len(c) > 2}


def judge(counted, recorded):
    """What grew by more than it may, or was never recorded."""
    problems = []
    for operation in counted:
        before = recorded.get(operation.name)
        if before is None:
            problems.append(f"{operation.name}: not recorded")
        elif operation.ratio > before * (1 + MAX_GROWTH):
            growth = 100 * (operation.ratio / before - 1)
            problems.append(
                f"{operation.name}: ratio {operation.ratio:.3f}, {growth:.1f} % over {before:.3f}"
            )
    return problems


def record(path, made):
    """Puts a table in the place of the one in the file, and leaves the text around it."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    names = {HEADINGS[0], *OTHERS}
    at = [i for i, line in enumerate(lines) if re.split(r"  +", line.strip())[0] in names]
    if not at:
        raise ValueError(f"{path}: no table to replace")
    lines[at[0] : at[-1] + 1] = [made]
    path.write_text("".join(lines), encoding="utf-8")


def run(build, limit_s, with_symbols):
    """Boots the counting machine; returns what it printed and the file that the plugin wrote."""
    counts = build / "hw/counts.txt"
    programs = [build / path for path in (BENCH, FLOOR, COUNTED)]
    script = SCRIPT.format(
        never=NEVER, bench=programs[0], counted=programs[2], guest=build / GUEST
    ) + (SYMBOLS if with_symbols else "")
    options = [*machine.COUNTING, "-plugin", f"{build / PLUGIN},out={counts}"]
    return machine.run(build, "count", programs, script, limit_s, options), counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--limit", type=float, default=900, help="seconds for the whole machine")
    parser.add_argument("--table", type=Path, default=TABLE, help="the recorded table")
    parser.add_argument("--record", action="store_true", help="record what this run counts")
    parser.add_argument("--where", action="store_true", help="print where the instructions are")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    started = time.monotonic()
    text, counts = run(build, arguments.limit, arguments.where)
    printed = sections(text)
    report, profile = read_report(printed[0]), read_profile(counts, printed[1])
    if report is None or profile is None:
        sys.exit(f"count: a program failed; see {build / 'hw/count/console.log'}")
    counted = operations(report)
    print(table(counted, profile), end="")
    if arguments.where:
        show_where(build, text, profile)
    print(f"counted in {time.monotonic() - started:.0f} s")
    if arguments.record:
        record(arguments.table, table(counted, profile))
        return 0
    problems = judge(counted, recorded_ratios(arguments.table.read_text(encoding="utf-8")))
    for problem in problems:
        print(f"count: {problem}")
    print(f"{len(counted) - len(problems)} passed, {len(problems)} failed, 0 skipped")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
