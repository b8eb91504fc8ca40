#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands that a page shows, in their order and in one shell, and compares what they print.

A block of ```console has lines that begin with `$ `, the commands, and between them what they print. In
that, `...` stands for anything, alone on a line for any lines, and durations may differ. A block after a
line that names a file in bold, like **host.c**, is written to that file first.

Where there is no /dev/kvm, guests run on the driver process. Then the command line's note on that is
left out of what was printed, and what a page shows of the driver kvm may differ.

The page's first step is a clone of $REPOSITORY. Unless --fresh is given, a link to this tree takes its
place, so that what is built already is not built once more.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import hardware
import tree

BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"\*\*([\w.]+)\*\*[^\n]*\n+\Z")
DURATION = re.compile(r"\b\d+(?:\.\d+)? (us|ms|s)\b")
MARK = "@@replayed"
LIMIT_S = 900
NOTE = re.compile(r"mote: note: isolation by driver process, not by hardware: kvm: .*\n")
# What a page shows that is so with /dev/kvm, and what is shown without.
WITH_HARDWARE = [
    (re.compile(r"^driver kvm: works; .*\n(?:  .*\n)*", re.M), "...\ndriver kvm: does not work; ...\n...\n"),
    (re.compile(r"^(system calls +)1\.00\.\.\. ", re.M), r"\1... "),
]
START = """\
exec 2>&1 </dev/null
git() { ln -s "$REPOSITORY" mote; }
"""


@dataclass
class Step:
    """A command and what the page shows of it, or a file to write."""

    command: str
    shown: list
    content: str = None


@dataclass
class Run:
    """What a command did."""

    step: Step
    printed: list
    seconds: float


def read_steps(text):
    steps = []
    for block in BLOCK.finditer(text):
        named = FILE.search(text[: block.start()])
        if block["language"] != "console":
            if named:
                steps.append(Step(named[1], [], block["text"]))
            continue
        for line in block["text"].splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:], []))
            else:
                steps[-1].shown.append(line)
    return steps


def shown_without_hardware(shown):
    text = "".join(line + "\n" for line in shown)
    for pattern, replacement in WITH_HARDWARE:
        text = pattern.sub(replacement, text)
    return text.splitlines()


def matches(shown, printed, hardware=True):
    """Whether lines are what a page shows."""
    pattern = ""
    if not hardware:
        shown = shown_without_hardware(shown)
        printed = [line for line in printed if not NOTE.fullmatch(line + "\n")]
    for line in shown:
        if line == "...":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += ".*".join(map(re.escape, normal(line).split("..."))) + "\n"
    return re.fullmatch(pattern, "".join(normal(line) + "\n" for line in printed)) is not None


def normal(line):
    return re.sub(r" +", " ", DURATION.sub(r"# \1", line)).rstrip()


def script_of(steps, folder, fresh):
    """A script for bash, which marks where each step's output ends."""
    lines = [START.splitlines()[0]] if fresh else START.splitlines()
    for i, step in enumerate(steps):
        if step.content is None:
            lines.append(step.command)
        else:
            (folder / f"{i}").write_text(step.content)
            lines.append(f"cp {folder / str(i)} {step.command}")
        # The next command may ask for the status of this one.
        lines.append(f"status=$?; echo {MARK} $EPOCHREALTIME; (exit $status)")
    return "\n".join(lines) + "\n"


def replay(page, fresh=False):
    """Runs a page's steps; returns a Run for each."""
    steps = read_steps(page.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "home"
        home.mkdir()
        # What a person exported must not be needed, nor in the way.
        keep = {k: v for k, v in os.environ.items() if k.endswith("_proxy") or k == "SSL_CERT_FILE"}
        environment = {**keep, "PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8",
                       "REPOSITORY": str(tree.ROOT)}  # fmt: skip
        script = folder / "script"
        script.write_text(script_of(steps, folder, fresh))
        started = time.time()
        with subprocess.Popen(["bash", script], cwd=home, env=environment, text=True,
                              stdout=subprocess.PIPE, errors="replace") as shell:  # fmt: skip
            output, _ = shell.communicate(timeout=LIMIT_S)
    return split_output(steps, output, started)


def split_output(steps, output, started):
    runs, lines, before = [], [], started
    for line in output.splitlines():
        found = re.search(rf"{MARK} ([\d.]+)$", line)
        if found is None:
            lines.append(line)
            continue
        # A command may print a line without an end.
        lines += [line[: found.start()]] if found.start() else []
        now = float(found[1])
        runs.append(Run(steps[len(runs)], lines, now - before))
        lines, before = [], now
    if len(runs) != len(steps):
        runs.append(Run(steps[len(runs)], lines, 0.0))
    return runs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="clone and build for real")
    parser.add_argument("page", type=Path)
    arguments = parser.parse_args()
    failed, passed, at = 0, 0, 0.0
    for run in replay(arguments.page, arguments.fresh):
        at += run.seconds
        if run.step.content is not None:
            continue
        is_right = matches(run.step.shown, run.printed, hardware.has_kvm())
        passed, failed = passed + is_right, failed + (not is_right)
        print(f"{'ok' if is_right else 'FAIL':4} {at:7.1f} s  $ {run.step.command}")
        if not is_right:
            print("".join(f"       shown:   {line}\n" for line in run.step.shown), end="")
            print("".join(f"       printed: {line}\n" for line in run.printed), end="")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
