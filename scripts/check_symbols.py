#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks libmote.so: it exports what include/mote declares, needs libc alone, and is small."""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import declarations
import tree

ALLOWED_NEEDS = {"libc.so.6"}
SONAME = "libmote.so.0"
LARGEST_STRIPPED_BYTES = 300 << 10
ARCHIVE_PREFIXES = ("mote_", "mt_")


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def declared_functions():
    return {
        declaration.name
        for path in declarations.public_headers("include/mote/")
        for declaration in declarations.read_declarations(path)
        if not declaration.head.startswith("static")
    }


def exported_symbols(library):
    lines = output("nm", "--dynamic", "--defined-only", library).splitlines()
    names = {line.split()[2].split("@")[0] for line in lines if line.split()[1] != "A"}
    return names


def check_exports(library):
    declared, exported = declared_functions(), exported_symbols(library)
    problems = [f"declared and not exported: {name}" for name in sorted(declared - exported)]
    problems += [f"exported and not declared: {name}" for name in sorted(exported - declared)]
    return problems


def check_dynamic(library):
    dynamic = output("readelf", "--dynamic", "--wide", library)
    needs = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))
    problems = [f"needs {name}" for name in sorted(needs - ALLOWED_NEEDS)]
    if f"[{SONAME}]" not in dynamic:
        problems.append(f"its soname is not {SONAME}")
    if "TEXTREL" in dynamic:
        problems.append("has text relocations")
    if "GNU_STACK      0x000000 0x0000000000000000 0x0000000000000000 0x000000 0x000000 RW " not in (
        output("readelf", "--segments", "--wide", library)
    ):
        problems.append("wants an executable stack")
    return problems


def check_size(library):
    with tempfile.TemporaryDirectory() as folder:
        stripped = Path(folder) / "stripped"
        subprocess.run(["strip", "-o", stripped, library], check=True)
        size = stripped.stat().st_size
    if size >= LARGEST_STRIPPED_BYTES:
        return [f"stripped, it has {size} bytes; the most is {LARGEST_STRIPPED_BYTES}"]
    return []


def check_archive(archive):
    """Global names of the static library go into every program that links it."""
    lines = output("nm", "--defined-only", "--extern-only", archive).splitlines()
    names = {line.split()[2] for line in lines if len(line.split()) == 3}
    return [
        f"{archive.name} defines {name}, without a prefix of ours"
        for name in sorted(names)
        if not name.startswith(ARCHIVE_PREFIXES)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True, metavar="FOLDER")
    library = parser.parse_args().build / "lib" / "libmote.so"
    problems = check_exports(library) + check_dynamic(library) + check_size(library)
    problems += check_archive(library.with_suffix(".a"))
    return tree.report("symbols", problems, f"{len(declared_functions())} functions")


if __name__ == "__main__":
    sys.exit(main())
