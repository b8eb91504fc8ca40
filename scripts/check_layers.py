#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every #include against the law in docs/layers.txt, and draws the law."""

import argparse
import fnmatch
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import draw_layers
import tree

LAW = Path("docs/layers.txt")
DRAWING = Path("docs/layers.svg")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
FREESTANDING = set("float iso646 limits stdalign stdarg stdbool stddef stdint stdnoreturn".split())
STANDARD = FREESTANDING | set(
    "assert complex ctype errno fenv inttypes locale math setjmp signal stdatomic stdio stdlib"
    " string tgmath threads time uchar wchar wctype".split()
)
SYSTEM_RANKS = {"<free>": 1, "<c>": 2, "<any>": 3}
GUEST_LIBC = "<libc>"
GUEST_LIBC_FOLDER = Path("include/mote_guest/libc")


@dataclass
class Layer:
    """One line of the law."""

    name: str
    allowed: set

    @property
    def allows_all(self):
        return "*" in self.allowed

    @property
    def folders(self):
        return {name for name in self.allowed if not name.startswith("<") and name != "*"}

    @property
    def system_rank(self):
        return max((SYSTEM_RANKS.get(name, 0) for name in self.allowed), default=0)


def read_law(text):
    layers = {}
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        if line:
            name, allowed = line.split(":")
            layers[name.strip()] = Layer(name.strip(), set(allowed.split()))
    return layers


def layer_of(path, layers):
    """Returns (layer, the folder in which its files are at home), or None."""
    for name, layer in layers.items():
        if "*" in name and not name.endswith("/*") and fnmatch.fnmatch(path.name, name):
            return layer, path.parent
    if str(path) in layers:
        return layers[str(path)], path.parent
    for folder in path.parents:
        if str(folder) in layers:
            return layers[str(folder)], folder
        sibling = f"{folder.parent}/*"
        if sibling in layers:
            return layers[sibling], folder
    return None


def check_law(layers):
    """The law itself: known names, existing folders, no cycle."""
    problems = []
    for layer in layers.values():
        if not layer.allows_all and not (tree.ROOT / layer.name.removesuffix("/*")).exists():
            problems.append(f"{LAW}: there is no {layer.name}")
        for name in sorted(layer.folders - set(layers)):
            problems.append(f"{LAW}: {layer.name} may include {name}, which is no layer")
        for name in sorted(layer.allowed - layer.folders):
            if name not in {*SYSTEM_RANKS, GUEST_LIBC, "*"} and not name.endswith(".h>"):
                problems.append(f"{LAW}: {layer.name} may include {name}, which means nothing")
    for cycle in find_cycles({n: layer.folders for n, layer in layers.items()}):
        problems.append(f"{LAW}: cycle: {' -> '.join(cycle)}")
    return problems


def find_cycles(graph):
    """Every cycle that a depth-first walk closes, as a list of names with the first repeated."""
    cycles, done = [], set()

    def walk(name, trail):
        if name in trail:
            cycles.append(trail[trail.index(name) :] + [name])
            return
        if name in done:
            return
        for target in sorted(graph.get(name, ())):
            walk(target, trail + [name])
        done.add(name)

    for name in sorted(graph):
        walk(name, [])
    return cycles


def resolve(quote, target, known):
    """The project's file that an #include names, or None for a header of the system."""
    path = Path(target) if quote == '"' else Path("include") / target
    return path if path in known else None


def check_system_header(layer, target, known):
    stem = target.removesuffix(".h")
    if layer.allows_all or f"<{target}>" in layer.allowed:
        return True
    if GUEST_LIBC in layer.allowed:
        return stem in FREESTANDING or GUEST_LIBC_FOLDER / target in known
    rank = 1 if stem in FREESTANDING else 2 if stem in STANDARD else 3
    return rank <= layer.system_rank


def check_file(path, layers, known, graph):
    """Checks the #include lines of one file, and adds them to the graph of files."""
    place = layer_of(path, layers)
    if place is None:
        return [f"{path}: in no layer of {LAW}"]
    layer, home = place
    problems = []
    text = tree.read(path)
    for match in INCLUDE.finditer(text):
        quote, target = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        found = resolve(quote, target, known)
        if found:
            graph.setdefault(str(path), set()).add(str(found))
        if quote == '"' and not found:
            problems.append(f'{path}:{line}: no file "{target}", seen from the root')
        elif found and not may_include(layer, home, found, layers):
            problems.append(f"{path}:{line}: {layer.name} may not include {found}")
        elif not found and not check_system_header(layer, target, known):
            problems.append(f"{path}:{line}: {layer.name} may not include <{target}>")
    return problems


def may_include(layer, home, target, layers):
    if layer.allows_all:
        return True
    place = layer_of(target, layers)
    return place is not None and (place[1] == home or place[0].name in layer.folders)


def check_sources(layers, paths):
    known, graph, problems = set(paths), {}, []
    for path in paths:
        problems += check_file(path, layers, known, graph)
    for cycle in find_cycles(graph):
        problems.append(f"cycle: {' -> '.join(cycle)}")
    return problems


def drawing(layers):
    nodes = [name for name, layer in layers.items() if not layer.allows_all]
    edges = {name: layers[name].folders for name in nodes}
    return draw_layers.draw(nodes, edges)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", action="store_true", help=f"write {DRAWING}")
    arguments = parser.parse_args()
    layers = read_law(tree.read(LAW))
    problems = check_law(layers)
    if arguments.draw and not problems:
        (tree.ROOT / DRAWING).write_text(drawing(layers), encoding="utf-8")
        return 0
    paths = tree.files(".c", ".h", ".S")
    problems += check_sources(layers, paths)
    if not problems and tree.read(DRAWING) != drawing(layers):
        problems.append(f"{DRAWING} is not what the law says: scripts/check_layers.py --draw")
    return tree.report("layers", problems, f"{len(paths)} files")


if __name__ == "__main__":
    sys.exit(main())
