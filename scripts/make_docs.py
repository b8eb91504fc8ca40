#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the parts of docs/ that are made from headers and sources.

A page has them between the lines `<!-- made by scripts/make_docs.py: NAME -->` and `<!-- end -->`.
"""

import argparse
import re
import sys
from pathlib import Path

import tree

PAGES = ("api", "errors", "guests", "memory", "lifecycle")
BLOCK = re.compile(
    r"(?P<start><!-- made by scripts/make_docs\.py: (?P<name>[\w ]+) -->\n)"
    r"(?P<text>.*?)(?P<end><!-- end -->\n)",
    re.DOTALL,
)

# The order of the headers that come first; all others follow by name.
HOST_HEADERS = ("mote", "value", "error", "config", "image", "sandbox", "snapshot", "dump", "metrics", "host_function", "driver")
GUEST_HEADERS = ("moteg", "value")
# What macros expand to, and nobody writes by name.
WITHOUT_DOCS = {Path("include/mote_guest/macros.h")}


class Problem(Exception):
    """Something in the sources that this script does not know how to describe."""


# ---- Markdown ----

CODE = re.compile(
    r"(?<![\w`])(?:\*?\w+->\w+|\*[A-Za-z_]\w*|(?:moteg?|MOTEG?)_\w*\*?(?:\(\))?|\w+\(\))(?![\w`])"
)


def mark_code(text):
    """Names of the API as code, but where they are code already."""
    parts = text.split("`")
    parts[::2] = [CODE.sub(lambda match: f"`{match[0]}`", part) for part in parts[::2]]
    return "`".join(parts)


def cell(text):
    return text.replace("|", "\\|")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell(str(c)) for c in line)} |\n" for line in lines)


def fenced(code):
    return f"```c\n{code}\n```\n"


# ---- Reading headers ----

ITEM = re.compile(r"^/\*\*(?P<doc>.*?)\*/\n(?P<code>.*?)(?=^/\*|\Z|^$\n)", re.DOTALL | re.MULTILINE)
HEAD = re.compile(r"\A/\* SPDX[^\n]*\*/\n/\*(?P<text>.*?)\*/", re.DOTALL)
NAME = re.compile(r"\b((?:moteg?|MOTEG?)_\w+)\s*\(")


def comment_text(comment):
    """The text of a comment without its stars."""
    return "\n".join(re.sub(r"^ \*(?: |$)", "", line) for line in comment.splitlines()).strip()


def paragraphs(text):
    """Markdown of a comment: indented lines stay code, API names become code."""
    lines = [line if line.startswith("    ") else mark_code(line) for line in text.splitlines()]
    return "\n".join(lines) + "\n"


LABEL = re.compile(r"^(Units|Owner|Threads|Errors): ", re.MULTILINE)


def split_labels(text):
    """Returns (text, [(label, its text)])."""
    parts = LABEL.split(text)
    return parts[0].strip(), [
        (label, " ".join(body.split())) for label, body in zip(parts[1::2], parts[2::2])
    ]


def items(path):
    """Every documented declaration of a header: (text of its comment, code)."""
    for match in ITEM.finditer(tree.read(path)):
        yield comment_text(match["doc"]), match["code"].rstrip()


def is_function(code):
    return not code.startswith(("typedef", "#define", "enum"))


def title_of(code):
    """What a declaration is called."""
    if code.startswith("#define"):
        return re.match(r"#define (\w+)", code)[1]
    if code.startswith("enum"):
        return "constants"
    if is_function(code):
        return NAME.search(code)[1] + "()"
    if re.match(r"typedef \w+ (?:\w+ )?\{", code) or "(*" not in code:
        return re.search(r"(\w+);\Z", code)[1]
    return re.search(r"\(\*(\w+)\)", code)[1]


def shown(code):
    """A declaration as a reader needs it: macros without their bodies, lists without macros."""
    if code.startswith("#define") and "\\\n" in code:
        return re.match(r"#define \w+(?:\([^)]*\))?", code)[0]
    lines = [line for line in code.splitlines() if not line.startswith("#undef")]
    if any(line.startswith("#define") for line in lines[1:]):
        return f"{lines[0]} /* one of the list */ {lines[-1]}"
    code = "\n".join(lines).replace("/**<", "/*").replace("/**", "/*")
    return code.replace("MOTE_NODISCARD ", "").replace("MOTEG_NORETURN ", "")


def describe_item(text, code):
    text, labels = split_labels(text)
    parts = [f"#### {title_of(code)}\n", fenced(shown(code)), paragraphs(text)]
    if labels:
        parts.append("".join(f"- **{label}**: {mark_code(body)}\n" for label, body in labels))
    return "\n".join(parts)


def describe_header(path):
    head = HEAD.match(tree.read(path))
    if head is None:
        raise Problem(f"{path}: no comment says what it is for")
    documented = list(items(path))
    if not documented:
        raise Problem(f"{path}: nothing in it is documented")
    name = path.relative_to("include")
    parts = [f"### `<{name}>`\n", paragraphs(comment_text(head["text"]))]
    return "\n".join(parts + [describe_item(text, code) for text, code in documented])


def headers(folder, first):
    """The headers of a folder, those named first and then all others."""
    paths = [Path(f"{folder}/{name}.h") for name in first]
    others = [path for path in tree.files(".h") if path.parent == Path(folder)]
    return paths + [path for path in others if path not in paths and path not in WITHOUT_DOCS]


def make_api(folder, first):
    return "\n".join(describe_header(path) for path in headers(folder, first))


# ---- Errors ----

STATUS = re.compile(r'X\((MOTE_\w+), (\d+), (\w+), "([^"]+)"\)')
CLASS = re.compile(r"MOTE_CLASS_(\w+) = (\d),?\s*/\*\*< (.*?) \*/", re.DOTALL)
CLASS_WORD = re.compile(r'\[MOTE_CLASS_(\w+)\] = "([\w-]+)"')

NO_SANDBOX = "there is none"
UNCHANGED = "as before"
POISONED = "poisoned"
# What an error leaves behind, as state_after() in host/sandbox/run.c and the checks before a run
# have it.
STATES = {
    "MOTE_OK": "ready",
    "MOTE_E_ARGUMENT": UNCHANGED,
    "MOTE_E_STRUCT_SIZE": UNCHANGED,
    "MOTE_E_STATE": UNCHANGED,
    "MOTE_E_BUSY": UNCHANGED,
    "MOTE_E_FORKED": UNCHANGED,
    "MOTE_E_POISONED": "poisoned or dead, as before",
    "MOTE_E_TOO_LARGE": UNCHANGED,
    "MOTE_E_TYPE": UNCHANGED,
    "MOTE_E_INPUT_FULL": "as before; poisoned when it is a host function's result",
    "MOTE_E_DRIVER": NO_SANDBOX,
    "MOTE_E_USAGE": NO_SANDBOX,
    "MOTE_E_DEFINITIONS_FULL": UNCHANGED,
    "MOTE_E_NO_SNAPSHOT": UNCHANGED,
    "MOTE_E_SNAPSHOT": UNCHANGED,
    "MOTE_E_SPENT": UNCHANGED,
    "MOTE_E_REENTRY": UNCHANGED,
    "MOTE_E_IMAGE_OPEN": NO_SANDBOX,
    "MOTE_E_IMAGE_FORMAT": NO_SANDBOX,
    "MOTE_E_IMAGE_BOUNDS": NO_SANDBOX,
    "MOTE_E_IMAGE_SEGMENT": NO_SANDBOX,
    "MOTE_E_IMAGE_RIGHTS": NO_SANDBOX,
    "MOTE_E_IMAGE_RELOCATION": NO_SANDBOX,
    "MOTE_E_IMAGE_ENTRY": NO_SANDBOX,
    "MOTE_E_IMAGE_NOTE": NO_SANDBOX,
    "MOTE_E_IMAGE_TOO_LARGE": NO_SANDBOX,
    "MOTE_E_GUEST_ERROR": "ready after a call, poisoned after initialisation",
    "MOTE_E_GUEST_FAULT": POISONED,
    "MOTE_E_GUEST_ABORT": POISONED,
    "MOTE_E_PROTOCOL": POISONED,
    "MOTE_E_NO_RESULT": POISONED,
    "MOTE_E_GUEST_DIED": "dead",
    "MOTE_E_TIME_LIMIT": POISONED,
    "MOTE_E_CANCELLED": POISONED,
    "MOTE_E_NO_HYPERVISOR": NO_SANDBOX,
    "MOTE_E_MEMORY": "as before when the guest was not entered yet, else poisoned",
    "MOTE_E_SYSTEM": "as before when the guest was not entered yet, else dead",
    "MOTE_E_HOST_FUNCTION": POISONED,
    "MOTE_E_HOST_FUNCTION_UNKNOWN": POISONED,
    "MOTE_E_HOST_FUNCTION_ARGUMENTS": POISONED,
    "MOTE_E_OUTPUT": "gone with the program",
    "MOTE_E_BUG": POISONED,
    "MOTE_E_SYSTEM_CALL": POISONED,
}


def same_keys(what, known, found):
    """Raises where a description and the source do not have the same entries."""
    missing, surplus = sorted(set(found) - set(known)), sorted(set(known) - set(found))
    if missing or surplus:
        raise Problem(f"{what}: not described: {missing}; described and gone: {surplus}")


def read_classes():
    """Class name -> (number, meaning, word in JSON)."""
    text = tree.read(Path("include/mote/error.h"))
    words = dict(CLASS_WORD.findall(tree.read(Path("tools/mote/report.c"))))
    found = {}
    for name, number, meaning in CLASS.findall(text):
        found[name] = (int(number), " ".join(meaning.split()), words.get(name))
    same_keys("classes", words, found)
    return found


def make_classes():
    rows = [
        (number, f"`{word}`", f"`MOTE_CLASS_{name}`", meaning)
        for name, (number, meaning, word) in read_classes().items()
    ]
    return table(["exit status", "`class` in JSON", "in C", "meaning"], rows)


def make_statuses():
    found = STATUS.findall(tree.read(Path("include/mote/error.h")))
    same_keys("statuses", STATES, [name for name, _, _, _ in found])
    classes = read_classes()
    rows = [
        (f"`{name}`", number, classes[kind][0], meaning, STATES[name])
        for name, number, kind, meaning in found
    ]
    return table(["name", "number", "class", "meaning", "the sandbox afterwards"], rows)


GUEST_CODE = re.compile(r'X\((\w+), (\d+), "(\w+)"\)')
MOTEG_CODE = re.compile(r"MOTEG_CODE_(\w+) = (\d+)")
# Who uses a code, by number.
CODE_USES = {
    0: "nothing happened; moteg_fail() turns it into 15",
    4: "the host's check before a call, and the guest runtime: no function of that name",
    5: "the same: a call with more or fewer arguments than the function takes",
    8: "the guest runtime aborts: a malformed message on the input buffer, no room for an error;"
    " abort(), exit() and failed assertions",
    9: "guests of Hyperlight 0.1 abort with it; a mote guest's overflow is a fault",
    10: "the guest runtime aborts: a changed stack canary, a fortified function that would overflow",
    13: "the guest runtime: call memory ran out; it aborts when the heap's bookkeeping is damaged",
    14: "the host's check before a call, and the guest runtime: an argument of another type",
    15: "the guest runtime: text that is not UTF-8, a message that does not fit, a host function"
    " with another type of result; and what guests fail with that have no code of their own",
}


def make_guest_codes():
    found = GUEST_CODE.findall(tree.read(Path("abi/codes.h")))
    named = {number: name for name, number in MOTEG_CODE.findall(
        tree.read(Path("include/mote_guest/moteg.h")))}  # fmt: skip
    numbers = {int(number) for _, number, _ in found}
    for known in CODE_USES, {int(number) for number in named}:
        if not set(known) <= numbers:
            raise Problem(f"guest codes: {sorted(set(known) - numbers)} are not in abi/codes.h")
    rows = []
    for _, number, text in found:
        c_name = f"`MOTEG_CODE_{named[number]}`" if number in named else ""
        use = mark_code(CODE_USES.get(int(number), "not used by mote"))
        rows.append((number, f"`{text}`", c_name, use))
    return table(["code", "name on the wire", "in `moteg.h`", "used by"], rows)


VECTOR = re.compile(r'\{(\d+), "([^"]+)", "([^"]+)"\}')
# The functions of fault.c in which every text is a cause.
CAUSE_FUNCTIONS = ("page_fault_cause", "instruction_cause", "describe_by_instruction", "describe")
# Causes that fault.c finds by more than the vector.
CAUSES = {
    "null pointer": "an address below 0x10000",
    "stack overflow": "the guard page under the stack was touched: recursion or locals that are too"
    " large",
    "guard page": "one of the guard pages above the stack was touched",
    "access to the monitor": "an address in the monitor's range, the page tables or the monitor's"
    " stacks",
    "unmapped address": "an address in no region, or in a gap of the image",
    "execute of data": "a jump to memory that may not be executed",
    "write to read-only code": "a write to a page that is executable",
    "write to read-only data": "a write to constants, to relocated pointers, to the host's"
    " definitions",
    "port not allowed": "`in` or `out` on a port that is not in the ABI",
    "privileged instruction": "an instruction that ring 3 may not use",
    "syscall instruction": "`syscall` or `sysenter`: there is no kernel",
    "jump to a non-canonical address": "a return or call to an address that cannot exist, often"
    " after the stack was overwritten",
    "non-canonical or misaligned address": "a pointer made of garbage, or an SSE operand"
    " that is not aligned to 16",
    "unknown exception": "a vector without a row in the table below",
}


def read_causes():
    text = tree.read(Path("host/sandbox/fault.c"))
    found = set()
    for name in CAUSE_FUNCTIONS:
        body = re.search(rf"^static [^;{{}}]*\b{name}\([^;{{}}]*\)\n\{{\n(.*?)^\}}", text,
                         re.DOTALL | re.MULTILINE)  # fmt: skip
        if body is None:
            raise Problem(f"host/sandbox/fault.c: no function {name}")
        found |= set(re.findall(r'"([^"\n]*)"', body[1]))
    return found - {""}


def make_causes():
    same_keys("causes in host/sandbox/fault.c", CAUSES, read_causes())
    return table(["cause", "what it means"], CAUSES.items())


def make_vectors():
    found = VECTOR.findall(tree.read(Path("host/sandbox/fault.c")))
    return table(["vector", "name", "cause where nothing better is known"], found)


# ---- Guests and memory ----

LIBC = Path("include/mote_guest/libc")


def c_functions(text):
    """Names of the functions that a header of the C library declares, in its order."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"^#(?:[^\n\\]|\\.|\\\n)*", "", text, flags=re.MULTILINE)
    text = re.sub(r"\{[^{}]*\}", "", text.replace('extern "C" {', ""))
    found = []
    for statement in text.split(";"):
        statement = re.sub(r"__attribute__.*", "", statement.strip(), flags=re.DOTALL)
        match = re.match(r"[\w\s*]+?[\s*](\w+)\s*\(", statement)
        if match and "typedef" not in statement:
            found.append(match[1])
    return [name for name in found if not name.startswith("__")]


def make_c_library():
    rows = []
    for path in tree.files(".h"):
        if not path.is_relative_to(LIBC):
            continue
        text = tree.read(path)
        if "#error" in text:
            continue
        names = c_functions(text)
        macros = {"assert.h": ["assert"], "errno.h": ["errno"], "stdio.h": ["stdout", "stderr"]}
        names += macros.get(path.name, [])
        what = ", ".join(f"`{name}`" for name in names) or "types and macros only"
        rows.append((f"`<{path.relative_to(LIBC)}>`", what))
    return table(["header", "declares"], rows)


DEFINE = re.compile(r"#define (MT_\w+) +(.+?)(?:\s*/\*.*)?$", re.MULTILINE)


def evaluate(expression, known):
    """The value of a constant of limits.h: numbers, products, names defined before."""
    expression = re.sub(r"MT_\w+", lambda match: str(known[match[0]]), expression)
    if not re.fullmatch(r"[\dulULx* ()A-Fa-f]+", expression):
        raise Problem(f"limits.h: cannot work out {expression}")
    value = 1
    for factor in re.sub(r"[()ulUL ]", "", expression).split("*"):
        value *= int(factor, 0)
    return value


def in_units(value):
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value % size == 0:
            return f"{value // size} {unit}"
    return f"{value:,}"


def make_limits():
    text = tree.read(Path("host/base/limits.h"))
    known, rows, comment = {}, [], ""
    for part in re.findall(r"/\*.*?\*/|#define[^\n]*", text, re.DOTALL):
        if part.startswith("/*"):
            comment = " ".join(comment_text(part[2:-2]).split())
            continue
        match = DEFINE.match(part)
        if match is None:
            continue
        known[match[1]] = evaluate(match[2], known)
        if match[1].startswith("MT_MAX_"):
            is_bytes = match[1].endswith("_BYTES") or "ALIGNMENT" in match[1]
            value = in_units(known[match[1]]) if is_bytes else f"{known[match[1]]:,}"
            rows.append((f"`{match[1]}`", value, comment))
    return table(["cap", "value", "what for"], rows)


# ---- Life of a sandbox ----

LIFECYCLE = Path("host/sandbox/lifecycle_table.h")
# In the order of the table's columns.
LIFECYCLE_STATES = ("CREATED", "READY", "POISONED", "DEAD", "IN_CONTEXT", "SPENT")


def make_lifecycle():
    """What each state accepts, from the one table of it."""
    text = re.sub(r"\\\n\s*", "", tree.read(LIFECYCLE))
    rows = []
    for match in re.finditer(r'X\((\w+), "(\w+)", (\w+), ([\w, ]+?)\)', text):
        cells = [cell.strip() for cell in match[4].split(",")]
        if len(cells) != len(LIFECYCLE_STATES):
            raise Problem(f"{LIFECYCLE}: {match[1]} has {len(cells)} cells")
        outcomes = ["accepted" if cell == "OK" else f"`MOTE_E_{cell}`" for cell in cells]
        after = "the same" if match[3] == "SAME" else match[3].lower().replace("_", " ")
        rows.append((f"`{match[2]}()`", *outcomes, after))
    if not rows:
        raise Problem(f"{LIFECYCLE}: no operations found")
    names = [state.lower().replace("_", " ") for state in LIFECYCLE_STATES]
    return table(["operation", *names, "state after success"], rows)


# ---- All of it ----

BLOCKS = {
    "host api": lambda: make_api("include/mote", HOST_HEADERS),
    "guest api": lambda: make_api("include/mote_guest", GUEST_HEADERS),
    "classes": make_classes,
    "statuses": make_statuses,
    "guest codes": make_guest_codes,
    "causes": make_causes,
    "vectors": make_vectors,
    "c library": make_c_library,
    "limits": make_limits,
    "lifecycle": make_lifecycle,
}


def fill(text):
    """A page with all its blocks made anew."""

    def made(match):
        if match["name"] not in BLOCKS:
            raise Problem(f"no block {match['name']}; there are {', '.join(BLOCKS)}")
        return f"{match['start']}\n{BLOCKS[match['name']]().strip()}\n\n{match['end']}"

    filled, n = BLOCK.subn(made, text)
    if n == 0 or n != text.count("<!-- made by "):
        raise Problem("a block does not begin or end as it must")
    return filled


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if old")
    is_check = parser.parse_args().check
    problems = []
    for name in PAGES:
        path = Path(f"docs/{name}.md")
        text = tree.read(path)
        try:
            filled = fill(text)
        except Problem as problem:
            problems.append(f"{path}: {problem}")
            continue
        if filled == text:
            continue
        if is_check:
            problems.append(f"{path} is not what the sources say: scripts/make_docs.py")
        else:
            (tree.ROOT / path).write_text(filled, encoding="utf-8")
    return tree.report("pages", problems, f"{len(PAGES)} pages")


if __name__ == "__main__":
    sys.exit(main())
