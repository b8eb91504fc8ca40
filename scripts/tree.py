# SPDX-License-Identifier: Apache-2.0
"""The files of the project, for the checks."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def files(*suffixes):
    """Every file that is or would be committed, relative to the root; all or by suffix."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    paths = sorted({Path(name) for name in listed.split("\0") if name})
    present = [path for path in paths if (ROOT / path).is_file()]
    return [path for path in present if not suffixes or path.suffix in suffixes]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def report(name, problems, checked):
    """Prints the problems, or how much was checked; returns an exit status."""
    for problem in problems:
        print(problem)
    print(f"{name}: {len(problems)} problems in {checked}")
    return 1 if problems else 0
