# SPDX-License-Identifier: Apache-2.0
"""The files of the project, for the checks."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def files(*suffixes):
    """Every file that is or would be committed, relative to the root; all or by suffix."""
    present = [path for path in listed() if (ROOT / path).is_file()]
    return [path for path in present if not suffixes or path.suffix in suffixes]


def listed():
    if not (ROOT / ".git").exists():
        return walked()
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
    names = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return sorted({Path(name) for name in names.split("\0") if name})


def walked():
    """A copy of the tree without git's folder holds what was copied, and what was built since."""
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
    return sorted(p for p in paths if p.parts[0] != "build" and "__pycache__" not in p.parts)


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def report(name, problems, checked):
    """Prints the problems, or how much was checked; returns an exit status."""
    for problem in problems:
        print(problem)
    print(f"{name}: {len(problems)} problems in {checked}")
    return 1 if problems else 0
