#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every file names its licence and that none carries traces of a machine."""

import re
import subprocess
import sys
from urllib.parse import urlsplit

import tree

SPDX = "SPDX-License-Identifier: Apache-2.0"
# Their form has no room for a comment, or the text is the licence itself.
WITHOUT_SPDX = {"LICENSE", "CMakePresets.json", ".clang-format", ".clang-tidy", ".gitignore"}
WITHOUT_SPDX_SUFFIXES = {".md", ".gz", ".bin", ".json"}
FIRST_LINES = 3
URL = re.compile(r"https?://[^\s\"'<>)\]`]+")
ALLOWED_HOSTS = {
    "www.apache.org",
    # The form of packaging/debian/copyright.
    "www.debian.org",
    "www.w3.org",
    "keepachangelog.com",
    "semver.org",
}


def machine_hosts():
    """Hosts that this machine's apt knows: none of them belongs into the tree."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        return set()
    return {urlsplit(line).hostname for line in done.stdout.split()} - {None, "localhost"}


def check_licence(path, text):
    if path.name in WITHOUT_SPDX or path.suffix in WITHOUT_SPDX_SUFFIXES or not text:
        return []
    if any(SPDX in line for line in text.splitlines()[:FIRST_LINES]):
        return []
    return [f"{path}: none of the first {FIRST_LINES} lines says {SPDX}"]


def check_traces(path, text, hosts):
    problems = []
    # The checkout's own path, and the folder in which the project is developed.
    for trace in {f"{tree.ROOT}/", "/work" + "/", *hosts}:
        if trace in text:
            problems.append(f"{path}: names {trace}")
    for url in URL.findall(text):
        if urlsplit(url).hostname not in ALLOWED_HOSTS:
            problems.append(f"{path}: {url}: not one of the hosts that the tree may name")
    return problems


def check_layout(path, text):
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip():
            problems.append(f"{path}:{number}: space at the end of the line")
        if "\t" in line and path.suffix in (".c", ".h", ".py", ".cmake", ".txt"):
            problems.append(f"{path}:{number}: tab")
    if text and not text.endswith("\n"):
        problems.append(f"{path}: no newline at the end")
    return problems


def main():
    problems, paths, hosts = [], tree.files(), machine_hosts()
    for path in paths:
        data = (tree.ROOT / path).read_bytes()
        if b"\0" in data:
            continue
        text = data.decode("utf-8", "replace")
        problems += check_licence(path, text) + check_traces(path, text, hosts)
        problems += check_layout(path, text)
    return tree.report("tree", problems, f"{len(paths)} files")


if __name__ == "__main__":
    sys.exit(main())
