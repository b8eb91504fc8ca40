#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves the arithmetic that every other check rests on, by trying every case within bounds.

Each proof is a program that compiles a file of the library as it is, with what lies around that
file replaced, and tries all inputs that it names; a judge that was written apart from the library
says what must come out. Undefined behaviour counts as a failure.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import run_tests
import tree

FLAGS = ["-I.", "-Iinclude", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror",
         "-fsanitize=undefined", "-fno-sanitize-recover=all"]  # fmt: skip
# Only what a proof uses of the files it compiles has to be there.
PARTS = ["-ffunction-sections", "-Wl,--gc-sections"]
WIRE = [f"wire/{name}.c" for name in (
    "build", "read_call", "read_definitions", "read_report", "read_result", "read_value", "types",
    "usual", "utf8", "verify", "write",
)]  # fmt: skip


@dataclass
class Proof:
    """What is proven, how and within which bounds."""

    name: str
    claim: str
    how: str
    sources: list
    options: list
    compiler: str = "gcc"


PROOFS = [
    Proof(
        "arithmetic",
        "host/base/checked.h: sums, products, ranges and roundings are right or refused",
        "the same source with words of 8 bits that wrap, over every input; nothing in it depends "
        "on the width",
        ["tests/gates/prove_checked.cc"],
        ["-std=c++17"],
        "g++",
    ),
    Proof(
        "utf8",
        "wire/utf8.c: accepts well-formed UTF-8 and nothing else",
        "every text of up to 3 bytes, every one of 4 that begins with F0 to F7; longer ones are "
        "made of these",
        ["tests/gates/prove_utf8.c", "wire/utf8.c"],
        [],
    ),
    Proof(
        "buffers",
        "host/memory/buffers.c: reads no byte twice, none outside the buffer, copies no more than "
        "an element holds; what is pushed lies inside and depends on nothing the guest wrote",
        "a guest that changes memory between any two reads, as any number from each; every size of "
        "the buffers up to 48 and 64 bytes, up to 3 elements, any length of message",
        ["tests/gates/prove_buffers.c", "tests/gates/prove_fail.c", "host/memory/buffers.c"],
        ["-include", "tests/gates/prove_guest_memory.h"],
    ),
    Proof(
        "layout",
        "host/memory/layout.c: in order, without gaps, large enough, inside the address space, "
        "with the tables it needs, never writable and executable; refused only when too large",
        "every combination of nine sizes around their limits and past where sums wrap, four "
        "images, two alignments; the judge counts with 128 bits",
        ["tests/gates/prove_layout.c", "tests/gates/prove_fail.c", "host/memory/layout.c"],
        [],
    ),
    Proof(
        "relocations",
        "host/image/elf_relocate.c, parts.c, mt_image_place(): every place lies in a writable "
        "segment, in bytes of its own, and points into the image; what is refused changes nothing",
        "an image of 64 bytes with a hole and constants; any entry of RELA and REL, any two of RELA "
        "with few addends, any two words of RELR with bitmaps of 9 bits",
        ["tests/gates/prove_relocations.c", "tests/gates/prove_fail.c", "host/image/image.c",
         "host/image/parts.c"],
        PARTS,
    ),
    Proof(
        "pe_relocations",
        "host/image/pe_relocate.c, parts.c, mt_image_place(): as relocations, and no place lies in "
        "the blocks that name it, of which no byte outside is read",
        "an image of 96 bytes with a hole; a block with any two entries, also where sums wrap; two "
        "blocks and a directory of any lengths",
        ["tests/gates/prove_pe_relocations.c", "tests/gates/prove_fail.c", "host/image/image.c",
         "host/image/parts.c"],
        PARTS,
    ),
    Proof(
        "messages",
        "wire/: a reader looks at no byte outside of its message, and what it accepts points inside",
        "messages of up to 24 to 28 bytes, each number that is read being any up to the length or "
        "one that wraps; valid messages with any two of their 16-bit halves changed so, cut ones "
        "with any one; what is laid out as ours reads like any other layout",
        ["tests/gates/prove_wire.c", *WIRE],
        ["-include", "tests/gates/prove_copy.h"],
    ),
]


def build(proof, source, folder):
    """Compiles a proof; returns the program, or None and what the compiler said."""
    program = (folder / proof.name).resolve()
    program.parent.mkdir(parents=True, exist_ok=True)
    standard = [] if proof.compiler == "g++" else ["-std=c17"]
    command = [proof.compiler, *standard, *FLAGS, *proof.options, *proof.sources, "-o", program]
    done = subprocess.run(
        command, cwd=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return (program if done.returncode == 0 else None), done.stdout


def show(proof, source, folder):
    """Tries a proof and prints it; returns whether it holds."""
    print(f"{proof.name}: {proof.claim}")
    print(f"    how: {proof.how}")
    started = time.monotonic()
    program, output = build(proof, source, folder)
    holds = False
    if program is not None:
        done = subprocess.run(
            [program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        output, holds = done.stdout, done.returncode == 0
        if done.returncode < 0:
            output += f"DISPROVEN: {run_tests.status_text(done.returncode)}\n"
    for line in output.splitlines():
        print(f"    {line}")
    print(f"    {'proven' if holds else 'NOT PROVEN'} in {time.monotonic() - started:.0f} s")
    return holds


def main():
    names = [proof.name for proof in PROOFS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--source", type=Path, default=tree.ROOT, help="the tree to prove")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    unknown = set(arguments.names) - set(names)
    if unknown:
        parser.error(f"no proof {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    chosen = [p for p in PROOFS if not arguments.names or p.name in arguments.names]
    folder = arguments.build / "prove"
    failed = sum(not show(proof, arguments.source, folder) for proof in chosen)
    print(f"{len(chosen) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
