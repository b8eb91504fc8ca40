#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the manual pages, from what the programs print with --help and from the public headers.

Section 1 has a page for each program and command. Section 3 has libmote(3), a page for each public
header, and for each function a link to the one of its header.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import command_help
import make_docs
import tree

HOST = "include/mote"
GUEST = "include/mote_guest"
# The header that the overview describes.
OVERVIEW = "mote"
# Classes that mean something else where the caller is a person at a shell.
CLASSES_OF_COMMANDS = {0: "it worked", 2: "the command line is wrong"}
LINK = "cc host.c $(pkg-config --cflags --libs mote) -o host"


# ---- roff ----

ESCAPES = {"\\": "\\e", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}


def escape(text):
    """Text whose characters all stand for themselves."""
    return "".join(ESCAPES.get(character, character) for character in text)


def code(text):
    return escape(text).replace("-", "\\-")


OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")


def bold(text):
    return f"\\fB{code(text)}\\fR"


def prose(text):
    """A line of running text: names of the API and options are bold."""
    parts = make_docs.mark_code(text).split("`")
    for i, part in enumerate(parts):
        is_code = i % 2
        parts[i] = bold(part) if is_code else OPTION.sub(lambda m: bold(m[0]), escape(part))
    return protect("".join(parts))


def protect(line):
    """A line that roff does not take for a request."""
    return "\\&" + line if line.startswith((".", "'")) else line


def verbatim(lines, indent=4):
    body = "\n".join(protect(code(line)) for line in lines)
    return f".PP\n.in +{indent}n\n.nf\n{body}\n.fi\n.in\n"


def flow(text):
    """roff of text as comments and help have it: paragraphs, lists by dashes, indented code."""
    made = []
    for block in re.split(r"\n{2,}", text.strip("\n")):
        lines, plain = block.splitlines(), True
        while lines:
            if lines[0].startswith("    ") and plain:
                n = next(
                    (i for i, line in enumerate(lines) if not line.startswith("    ")), len(lines)
                )
                made.append(verbatim([line[4:] for line in lines[:n]]))
                lines = lines[n:]
                continue
            item = re.match(r"^ ?- +(.*)$", lines[0])
            made.append(".IP \\(bu 2\n" if item else ".PP\n" if plain else "")
            made.append(prose(item[1] if item else lines[0].strip()) + "\n")
            plain = False
            lines = lines[1:]
    return "".join(made)


def item(term, text):
    return f".TP\n{term}\n{text}"


def page(name, section, version, summary, parts):
    """A whole page; parts are (heading, roff), and those without text are left out."""
    manual = {1: "User commands", 3: "Library functions"}[section]
    names = ", ".join(name) if isinstance(name, list) else name
    title = (name[0] if isinstance(name, list) else name).upper()
    text = (
        f'.\\" SPDX-License-Identifier: Apache-2.0\n.\\" Made by scripts/make_man.py.\n'
        f'.TH "{code(title)}" {section} "{version.date}" "mote {version.number}" "{manual}"\n'
        f".nh\n.ad l\n.SH NAME\n{code(names)} \\- {prose(summary)}\n"
    )
    for heading, body in parts:
        if body:
            # A paragraph begins with its heading already.
            text += f".SH {heading}\n{body.removeprefix('.PP' + chr(10))}"
    return text


def see_also(pages):
    return (
        ",\n".join(f".BR {code(name)} ({section})" for name, section in pages).replace(
            ",\n", " ,\n"
        )
        + "\n"
    )


# ---- Section 1 ----


def synopsis(usage):
    """`mote call GUEST [ARG...]`: what is typed as it stands is bold, the rest italic."""
    words = []
    for word in usage.split():
        font = "B" if re.match(r"^[a-z-]+$", word) else "I"
        words.append(f"\\f{font}{code(word)}\\fR")
    return " ".join(words) + "\n"


def describe_options(options, words):
    text = ""
    for option in options:
        value = f" \\fI{code(option.value)}\\fR" if option.value else ""
        term = ", ".join(f"\\fB{code(name)}\\fR{value}" for name in option.names)
        meaning = sentence(option.meaning)
        known = words.get(option.names[0])
        if known and not all(word in option.meaning for word in known):
            meaning += f" {option.value} is one of {', '.join(known)}."
        text += item(term, prose(meaning) + "\n" if meaning else "\\&\n")
    return text


def sentence(text):
    """A meaning as a sentence; a name at its beginning stays as it is."""
    if re.match(r"[a-z]+(?= |$)", text):
        text = text[0].upper() + text[1:]
    return f"{text}." if text else ""


def by_heading(paragraphs, heading):
    """roff of the paragraphs under a heading; "" takes those without one."""
    made = ""
    for found, lines in paragraphs:
        if found.rstrip("s") != heading:
            continue
        for line_group in grouped(lines):
            is_code = line_group[0].startswith("  ")
            made += (
                verbatim([line[2:] for line in line_group])
                if is_code
                else flow("\n".join(line_group))
            )
    return made


def grouped(lines):
    """The lines of a paragraph, those that are indented and those that are not apart."""
    groups = []
    for line in lines:
        if groups and groups[-1][0].startswith("  ") == line.startswith("  "):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def exit_statuses():
    """Every exit status: the class of the error."""
    meanings = {number: meaning for number, meaning, _ in make_docs.read_classes().values()}
    meanings.update(CLASSES_OF_COMMANDS)
    return "".join(
        item(number, prose(sentence(meaning)) + "\n")
        for number, meaning in sorted(meanings.items())
    )


def command_page(parsed, words, version, more, also):
    name = parsed.name.replace(" ", "-")
    parts = [
        ("SYNOPSIS", synopsis(parsed.usage)),
        ("DESCRIPTION", prose(sentence(parsed.meaning)) + "\n" + by_heading(parsed.paragraphs, "")),
        ("OPTIONS", describe_options(parsed.options, words)),
        ("EXIT STATUS", more),
        ("EXAMPLES", by_heading(parsed.paragraphs, "Example")),
        ("SEE ALSO", see_also(also)),
    ]
    return name, page(name, 1, version, parsed.meaning, parts)


def mote_page(meaning, commands, paragraphs, version, exit_status):
    listed = "".join(
        item(f".BR mote\\-{command.name} (1)", prose(sentence(command.meaning)) + "\n")
        for command in commands
    )
    usage = "".join(
        ("" if i == 0 else ".br\n") + synopsis(f"mote {command.name} {command.words} [OPTION...]")
        for i, command in enumerate(commands)
    )
    parts = [
        (
            "SYNOPSIS",
            usage + ".br\n" + synopsis("mote --help") + ".br\n" + synopsis("mote --version"),
        ),
        (
            "DESCRIPTION",
            prose(meaning) + "\n.PP\nA guest is a program made by \\fBmote\\-cc\\fR(1).",
        ),
        ("COMMANDS", listed),
        ("EXIT STATUS", exit_status),
        ("EXAMPLES", by_heading(paragraphs, "Example")),
        (
            "SEE ALSO",
            see_also([(f"mote-{c.name}", 1) for c in commands] + [("mote-cc", 1), ("libmote", 3)]),
        ),
    ]
    parts[1] = (parts[1][0], parts[1][1] + "\n")
    return page(
        "mote", 1, version, "run functions of untrusted programs inside a virtual machine", parts
    )


def command_pages(mote, mote_cc, version):
    """Pages of section 1: name -> text."""
    meaning, commands, paragraphs = command_help.read_commands(command_help.ask(mote))
    words = command_help.option_words()
    exit_status = exit_statuses()
    made = {"mote": mote_page(meaning, commands, paragraphs, version, exit_status)}
    names = [f"mote-{command.name}" for command in commands]
    for command in commands:
        parsed = command_help.read_help(
            f"mote {command.name}", command_help.ask(mote, command.name)
        )
        also = [(name, 1) for name in ["mote", *names, "mote-cc"] if name != f"mote-{command.name}"]
        name, text = command_page(parsed, words, version, exit_status, also)
        made[name] = text
    parsed = command_help.read_help("mote-cc", command_help.ask(mote_cc))
    name, text = command_page(parsed, {}, version, "", [("mote", 1), ("moteg", 3), ("gcc", 1)])
    made[name] = text
    return made


# ---- Section 3 ----


def laid_out(text):
    """A declaration, whose later lines move left with what is not shown of its first."""
    lines = make_docs.shown(text).splitlines()
    if not make_docs.is_function(text):
        return lines
    n_left = len(text.splitlines()[0]) - len(lines[0])
    return [lines[0], *(line[min(n_left, len(line) - len(line.lstrip())) :] for line in lines[1:])]


def declared(doc, text):
    """One declaration: its title, code and comment."""
    comment, labels = make_docs.split_labels(doc)
    made = f".SS {code(make_docs.title_of(text))}\n"
    made += verbatim(laid_out(text)).removeprefix(".PP\n")
    made += flow(comment)
    for label, body in labels:
        made += item(f".B {label}", prose(body) + "\n")
    return made


def read_header(path):
    """(text about the header, [(comment, code)]) of a public header."""
    head = make_docs.HEAD.match(tree.read(path))
    items = list(make_docs.items(path))
    if head is None or not items:
        raise make_docs.Problem(
            f"{path}: nothing says what it is for, or nothing in it is documented"
        )
    return make_docs.comment_text(head["text"]), items


def page_name(path):
    """mote_sandbox for <mote/sandbox.h>, moteg_value for <mote_guest/value.h>."""
    if str(path.parent) == HOST:
        return "libmote" if path.stem == OVERVIEW else f"mote_{path.stem}"
    return "moteg" if path.stem == "moteg" else f"moteg_{path.stem}"


def functions(items):
    """Names of the functions, and of the macros that are used like functions."""
    titles = [make_docs.title_of(text) for _, text in items if make_docs.is_function(text)]
    macros = [
        make_docs.title_of(text) for _, text in items if re.match(r"#define MOTEG?_\w+\(", text)
    ]
    return [title.removesuffix("()") for title in titles + macros]


def summary_of(head):
    """The first sentence about a header, as the NAME section wants it."""
    first = re.split(r"(?<=[.:])\s", " ".join(head.split()), maxsplit=1)[0].rstrip(".:")
    return first[0].lower() + first[1:]


def header_page(path, version, also):
    head, items = read_header(path)
    include = f"#include <{path.relative_to('include')}>"
    prototypes = [
        line for _, text in items if make_docs.is_function(text) for line in laid_out(text)
    ]
    synopsis_lines = [include, "", *prototypes] if prototypes else [include]
    parts = [
        ("SYNOPSIS", verbatim(synopsis_lines)),
        ("DESCRIPTION", flow(head)),
        (
            "TYPES AND CONSTANTS",
            "".join(declared(d, t) for d, t in items if not make_docs.is_function(t)),
        ),
        ("FUNCTIONS", "".join(declared(d, t) for d, t in items if make_docs.is_function(t))),
        ("SEE ALSO", see_also(also)),
    ]
    name = page_name(path)
    return page([name, *functions(items)], 3, version, summary_of(head), parts)


def status_list():
    found = make_docs.STATUS.findall(tree.read(Path("include/mote/error.h")))
    if not found:
        raise make_docs.Problem("include/mote/error.h: no statuses")
    return "".join(
        item(f".B {name}", prose(sentence(meaning)) + "\n") for name, _, _, meaning in found
    )


def overview_page(paths, version):
    """libmote(3): the header that includes all others, the pages, the statuses."""
    path = Path(f"{HOST}/{OVERVIEW}.h")
    head, items = read_header(path)
    listed = ""
    for other in paths:
        if other != path:
            names = functions(read_header(other)[1])
            text = ", ".join(f"\\fB{code(name)}\\fR()" for name in names) or "Types and constants."
            listed += item(f".BR {code(page_name(other))} (3)", text + "\n")
    parts = [
        ("SYNOPSIS", verbatim([f"#include <mote/{OVERVIEW}.h>", "", LINK])),
        ("DESCRIPTION", flow(head)),
        ("HEADERS", listed),
        ("VERSION", "".join(declared(doc, text) for doc, text in items)),
        ("ERRORS", ".PP\nA \\fBmote_status\\fR is one of these.\n" + status_list()),
        ("SEE ALSO", see_also([("mote", 1), ("mote-cc", 1), ("moteg", 3)])),
    ]
    return page(["libmote", *functions(items)], 3, version, "an embeddable micro-VM", parts)


def library_pages(version):
    """Pages of section 3: name -> text, or the name of another page."""
    made = {}
    host = make_docs.headers(HOST, make_docs.HOST_HEADERS)
    guest = make_docs.headers(GUEST, make_docs.GUEST_HEADERS)
    for path in host + guest:
        side = host if path in host else guest
        names = [(page_name(other), 3) for other in side if other != path]
        if path == Path(f"{HOST}/{OVERVIEW}.h"):
            text = overview_page(host, version)
        else:
            text = header_page(path, version, names)
        made[page_name(path)] = text
        for name in functions(read_header(path)[1]):
            made.setdefault(name, page_name(path))
    return made


# ---- All of it ----


def write(folder, section, pages):
    target = folder / f"man{section}"
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    for name, text in pages.items():
        path = target / f"{name}.{section}"
        if text in pages:
            path.symlink_to(f"{text}.{section}")
        else:
            path.write_text(text, encoding="utf-8")


@dataclass
class Version:
    """What the head and foot of a page say."""

    number: str
    date: str


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mote", required=True, metavar="PROGRAM")
    parser.add_argument("--mote-cc", required=True, metavar="PROGRAM")
    parser.add_argument("--version", required=True, help="of mote")
    parser.add_argument("--date", required=True, help="of the pages")
    parser.add_argument("folder", type=Path, help="what will be /usr/share/man or like it")
    arguments = parser.parse_args()
    version = Version(arguments.version, arguments.date)
    try:
        write(arguments.folder, 1, command_pages(arguments.mote, arguments.mote_cc, version))
        write(arguments.folder, 3, library_pages(version))
    except (make_docs.Problem, command_help.Problem) as problem:
        sys.exit(f"make_man: {problem}")


if __name__ == "__main__":
    main()
