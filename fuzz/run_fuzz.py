#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets from their seeds, and fails below the edges that floors.txt records."""

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = 30
# One input may take no longer, and no target may hold more.
LIMITS = ["-timeout=10", "-rss_limit_mb=2048"]
# A floor is this part of the edges that were reached when it was recorded.
FLOOR_PART = 0.95
EDGES = re.compile(r"\bcov: (\d+)")
RUNS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.M)
TAIL_LINES = 40
# Larger inputs are found again from smaller ones, and take too much room in the tree.
LARGEST_KEPT_BYTES = 2048


@dataclass
class Outcome:
    """What one target did."""

    name: str
    runs: int = 0
    edges: int = 0
    problems: list = field(default_factory=list)


class Folders:
    """Where things are: of one target, its program, its seeds and what it finds."""

    def __init__(self, build, corpus):
        self.build = build
        self.corpus = corpus

    def program(self, name):
        return self.build / "targets" / f"fuzz_{name}"

    def names(self):
        found = (self.build / "targets").glob("fuzz_*")
        return sorted(path.name.removeprefix("fuzz_") for path in found)

    def archive(self, name):
        return self.corpus / f"{name}.tar.xz"

    def fresh(self, kind, name):
        folder = self.build / kind / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def read_floors(path):
    """Returns {target: edges}."""
    floors = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split("#", 1)[0].split()
        if line:
            floors[line[0]] = int(line[1])
    return floors


def write_floors(path, floors):
    head = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] == "#"]
    lines = [f"{name} {edges}" for name, edges in sorted(floors.items())]
    path.write_text("\n".join(head + [""] + lines) + "\n", encoding="utf-8")


def unpack_seeds(folders, name):
    """The folders of a target's seeds: those that are made, and those that are kept."""
    seeds = [folders.build / "seeds" / name]
    if folders.archive(name).exists():
        kept = folders.fresh("kept", name)
        with tarfile.open(folders.archive(name)) as archive:
            for entry in archive.getmembers():
                (kept / Path(entry.name).name).write_bytes(archive.extractfile(entry).read())
        seeds.append(kept)
    return [str(folder) for folder in seeds if folder.is_dir()]


def run_logged(command, log):
    with log.open("wb") as output:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        ).returncode


def judge(outcome, status, log, floor):
    """Reads a target's log; a finding, or too few edges, is a problem."""
    text = log.read_text(encoding="utf-8", errors="replace")
    edges, runs = EDGES.findall(text), RUNS.findall(text)
    outcome.edges = int(edges[-1]) if edges else 0
    outcome.runs = int(runs[-1]) if runs else 0
    if status != 0:
        tail = "\n".join(text.splitlines()[-TAIL_LINES:])
        outcome.problems.append(f"ended with status {status}; {log} ends so:\n{tail}")
    elif outcome.runs == 0:
        outcome.problems.append(f"ran nothing; see {log}")
    elif floor is None:
        outcome.problems.append("has no floor; run_fuzz.py --record")
    elif outcome.edges < floor:
        outcome.problems.append(f"reached {outcome.edges} edges; the floor is {floor}")


def run_target(folders, name, seconds, floor):
    outcome = Outcome(name)
    found = folders.fresh("found", name)
    findings = folders.build / "findings"
    logs = folders.build / "logs"
    for folder in (findings, logs):
        folder.mkdir(parents=True, exist_ok=True)
    command = [str(folders.program(name)), f"-max_total_time={seconds}", *LIMITS]
    command += ["-print_final_stats=1", f"-artifact_prefix={findings}/{name}-", str(found)]
    log = logs / f"{name}.log"
    status = run_logged(command + unpack_seeds(folders, name), log)
    judge(outcome, status, log, floor)
    return outcome


def report(outcome, floor):
    verdict = "FAIL" if outcome.problems else "ok"
    known = "none" if floor is None else floor
    print(
        f"{verdict:4} {outcome.name:18} {outcome.runs:>10} executions {outcome.edges:>6} edges"
        f" (floor {known})"
    )
    for problem in outcome.problems:
        print("".join(f"       {line}\n" for line in problem.splitlines()), end="")


def keep(folders, name):
    """Puts the fewest inputs that reach all edges known into the target's archive."""
    known = folders.fresh("known", name)
    least = folders.fresh("least", name)
    for folder in unpack_seeds(folders, name)[1:] + [folders.build / "found" / name]:
        for path in Path(folder).iterdir():
            if path.stat().st_size <= LARGEST_KEPT_BYTES:
                shutil.copy(path, known / f"{Path(folder).parent.name}-{path.name}")
    command = [str(folders.program(name)), "-merge=1", "-use_counters=0", *LIMITS]
    log = folders.build / "logs" / f"{name}-merge.log"
    if run_logged(command + [str(least), str(known)], log) != 0:
        sys.exit(f"run_fuzz: merging {name} failed; see {log}")
    write_archive(folders.archive(name), sorted(path.read_bytes() for path in least.iterdir()))


def write_archive(path, inputs):
    """Names, times and owners say nothing: the same inputs make the same archive."""
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:xz", format=tarfile.USTAR_FORMAT, preset=9) as archive:
        for number, data in enumerate(inputs):
            entry = tarfile.TarInfo(f"{number:03}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def make_seeds(build):
    program = build / "bin" / "fuzz_seeds"
    if program.exists():
        subprocess.run([str(program), str(build / "seeds")], check=True)


def read_words(words, names):
    """[TARGET] [SECONDS], in this order; returns (names, seconds)."""
    seconds = SECONDS
    if words and words[-1].isdigit():
        seconds = int(words.pop())
    unknown = set(words) - set(names)
    if unknown or seconds == 0:
        sys.exit(f"run_fuzz: no target {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return words or names, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--corpus", type=Path, default=HERE / "corpus", metavar="FOLDER")
    parser.add_argument("--floors", type=Path, default=HERE / "floors.txt", metavar="FILE")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--record", action="store_true", help="write floors from what is reached")
    parser.add_argument("--keep", action="store_true", help="add what is found to the corpus")
    parser.add_argument("words", nargs="*", metavar="[TARGET] [SECONDS]")
    arguments = parser.parse_args()
    folders = Folders(arguments.build.resolve(), arguments.corpus.resolve())
    is_all = not arguments.words or arguments.words[0].isdigit()
    names, seconds = read_words(arguments.words, folders.names())
    floors = dict.fromkeys(names, 0) if arguments.record else read_floors(arguments.floors)
    missing = sorted(set(floors) - set(names)) if is_all else []
    sys.stdout.reconfigure(line_buffering=True)
    make_seeds(folders.build)
    started = time.monotonic()
    failed = len(missing)
    for name in missing:
        print(f"FAIL {name}: has a floor and no program")

    def run(name):
        return run_target(folders, name, seconds, floors.get(name))

    with ThreadPoolExecutor(arguments.jobs) as pool:
        for outcome in pool.map(run, names):
            if arguments.record and outcome.runs > 0:
                floors[outcome.name] = int(outcome.edges * FLOOR_PART)
            report(outcome, floors.get(outcome.name))
            failed += bool(outcome.problems)
            if arguments.keep and not outcome.problems:
                keep(folders, outcome.name)
    if arguments.record:
        write_floors(arguments.floors, {**read_floors(arguments.floors), **floors})
    print(f"{time.monotonic() - started:.0f} seconds in all, {seconds} for each target")
    print(f"{len(names) + len(missing) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
