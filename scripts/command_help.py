# SPDX-License-Identifier: Apache-2.0
"""Reads what the programs say of themselves: `--help`, and the words that options take."""

import re
import subprocess
from dataclasses import dataclass, field

import tree

OPTION = re.compile(
    r"^  (?P<names>--[\w-]+(?:, --[\w-]+)*)(?: (?P<value>[A-Z]\S*))?(?:  +(?P<meaning>\S.*))?$"
)
COMMAND = re.compile(r"^  mote (?P<name>[a-z]\S*)(?: +(?P<words>\S.*?))?  +(?P<meaning>\S.*)$")
SUBJECT = re.compile(r"^(?P<usage>[\w-]+.*?) ?: (?P<meaning>\S.*)$")
# A row of options_table whose value is one of a list of words, and such a list.
NAMED_ROW = re.compile(
    r'\{"(?P<option>--[\w-]+)",[^{}]*?KIND_NAME,[^{}]*?\bNULL,\s*(?P<list>\w+),\s*"'
)
NAME_LIST = re.compile(
    r"static const struct name (?P<list>\w+)\[\] = \{(?P<rows>.*?)\n\};", re.DOTALL
)
LISTED_DRIVER = re.compile(r"&(mt_driver_\w+)")


class Problem(Exception):
    """A help text that is not laid out as this file knows it."""


@dataclass
class Option:
    """One option, or several names of one line."""

    names: list
    value: str  # how its value is called; "" for none
    meaning: str


@dataclass
class Help:
    """One program or command: its help text, taken apart."""

    name: str  # as it is called: "mote call"
    usage: str
    meaning: str
    options: list = field(default_factory=list)
    paragraphs: list = field(default_factory=list)  # (heading or "", [line])


@dataclass
class Command:
    """A command of mote as the list of commands has it."""

    name: str
    words: str
    meaning: str


def ask(program, *words):
    done = subprocess.run(
        [program, *words, "--help"], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def blocks(text):
    """The paragraphs of a text, each a list of lines."""
    return [block.splitlines() for block in re.split(r"\n{2,}", text.strip("\n"))]


def read_options(lines):
    """The options of a paragraph, or None when it is another kind of paragraph."""
    found = []
    for line in lines:
        match = OPTION.match(line)
        if match is None:
            return None
        names = match["names"].split(", ")
        found.append(Option(names, match["value"] or "", match["meaning"] or ""))
    return found


def split_heading(lines):
    """("Exit status", lines) for a paragraph that begins so, else ("", lines)."""
    match = re.match(r"^(Examples?|Exit status):(?: (.*))?$", lines[0])
    if match is None:
        return "", lines
    return match[1], [match[2], *lines[1:]] if match[2] else lines[1:]


def read_help(name, text):
    """The help of a command or of a program without commands."""
    head, *rest = blocks(text)
    match = SUBJECT.match(" ".join(head))
    if match is None:
        raise Problem(f"{name} --help begins with: {head[0]}")
    parsed = Help(name, match["usage"], match["meaning"])
    for lines in rest:
        options = read_options(lines)
        if options is None:
            parsed.paragraphs.append(split_heading(lines))
        else:
            parsed.options += options
    if not parsed.options:
        raise Problem(f"{name} --help lists no option")
    return parsed


def read_commands(text):
    """(what mote is, [Command], the other paragraphs) of `mote --help`."""
    head, *rest = blocks(text)
    commands, paragraphs = [], []
    for lines in rest:
        found = [COMMAND.match(line) for line in lines]
        if not commands and found[0]:
            commands = [Command(m["name"], m["words"] or "", m["meaning"]) for m in found if m]
        else:
            paragraphs.append(split_heading(lines))
    if not commands:
        raise Problem("mote --help lists no command")
    return " ".join(head), commands, paragraphs


def option_words():
    """Option -> the words that it takes, for those that take one of a few."""
    text = tree.read("tools/mote/options.c")
    lists = {m["list"]: re.findall(r'\{"(\w+)"', m["rows"]) for m in NAME_LIST.finditer(text)}
    found = {m["option"]: lists[m["list"]] for m in NAMED_ROW.finditer(text)}
    if not found:
        raise Problem("tools/mote/options.c: no option takes one of a list of words")
    return {**found, "--driver": driver_names()}


def driver_names():
    """Names of the drivers that a user can ask for, as host/driver/drivers.c lists them."""
    sources = "".join(
        tree.read(path) for path in tree.files(".c") if path.parts[:2] == ("host", "driver")
    )
    names = []
    for variable in LISTED_DRIVER.findall(tree.read("host/driver/drivers.c")):
        found = re.search(rf'\b{variable} = \{{\s*\.name = "(\w+)"', sources)
        if found is None:
            raise Problem(f"host/driver/drivers.c: {variable} has no name")
        names.append(found[1])
    return names
