#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over every C file that the build compiles, tests aside, on all processors."""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tree


MODEL = tree.ROOT / "scripts" / "analyzer_model.h"
# The functions that the model stands for are defined here.
MODELLED = tree.ROOT / "host" / "base" / "error.c"


def compiled_files(build):
    database = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    paths = {Path(entry["file"]).resolve() for entry in database}
    ours = {(tree.ROOT / path).resolve() for path in tree.files(".c")}
    return sorted(path for path in paths & ours if not path.name.endswith("_test.c"))


def run_tidy(path, build):
    command = ["clang-tidy", "--quiet", "-p", str(build)]
    command.append("--extra-arg=-Wno-unknown-warning-option")
    if path.is_relative_to(tree.ROOT / "host") and path != MODELLED:
        command += [f"--extra-arg=-include{MODEL}", f"--extra-arg=-I{tree.ROOT / 'include'}"]
    command.append(str(path))
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode == 0 and "warning:" not in done.stdout:
        return ""
    return done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True, metavar="FOLDER")
    build = parser.parse_args().build
    paths = compiled_files(build)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outputs = list(pool.map(lambda path: run_tidy(path, build), paths))
    problems = [text for text in outputs if text]
    if not paths:
        problems.append(f"{build}/compile_commands.json names no file of the tree")
    return tree.report("tidy", problems, f"{len(paths)} files")


if __name__ == "__main__":
    sys.exit(main())
