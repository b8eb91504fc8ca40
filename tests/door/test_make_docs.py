# SPDX-License-Identifier: Apache-2.0
"""The documentation is true: links lead somewhere, names exist, numbers are the code's."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build")).resolve()
sys.path.insert(0, str(SOURCE / "scripts"))

# pylint: disable=wrong-import-position
import declarations  # noqa: E402
import make_docs  # noqa: E402
import tree  # noqa: E402

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FOLDERS = sorted({path.parts[0] for path in tree.files() if len(path.parts) > 1})
PLACE = re.compile(rf"(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*")
CODE_PAIR = re.compile(r"`([\w./]+\.[ch])`: ((?:`\w+\(\)`(?:, )?)+)")

# The functions of Hyperlight 0.1's memory manager.
SEED = """
    new is_in_process get_shared_mem_mut set_up_shared_memory get_page_flags
    get_in_process_peb_address push_state restore_state_from_last_snapshot
    pop_and_restore_state_from_snapshot set_outb_address_and_context load_guest_binary_common
    load_guest_binary_into_memory load_guest_binary_using_load_library
    write_buffer_host_function_details set_stack_guard build check_stack_guard
    get_pointer_to_dispatch_function get_host_function_call write_response_from_host_method_call
    write_guest_function_call get_guest_function_call_result read_guest_log_data
    get_host_error_length has_host_error get_host_error_data get_host_error get_guest_error
    write_outb_error read_guest_panic_context_data
""".split()


def page(name):
    return tree.read(Path("docs") / name)


def prose(text):
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$|^    .*?$", "", text, flags=re.DOTALL | re.MULTILINE)


def rows(text, *head):
    """The cells of the table in text that has this head; cells are text without backticks."""
    line = "| " + " | ".join(head) + " |\n"
    assert line in text, line
    found = []
    for row in text.split(line, 1)[1].splitlines()[1:]:
        if not row.startswith("|"):
            break
        found.append([cell.strip().replace("`", "") for cell in row.strip("|").split(" | ")])
    assert found
    return found


def defines(path):
    text = tree.read(Path(path)).replace("\\\n", "")
    found = re.findall(r"#define (\w+) +(0x[0-9a-fA-F]+|\d+)u?\s*(?:/\*|$)", text, re.MULTILINE)
    return {name: int(value, 0) for name, value in found}


# ---- Links and names ----


@pytest.mark.parametrize("path", tree.files(".md"), ids=str)
def test_links_of_a_page_lead_somewhere(path):
    for target in LINK.findall(prose(tree.read(path))):
        if re.match(r"\w+:", target):
            continue
        assert (SOURCE / path.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("path", [p for p in tree.files(".md") if p.parts[0] == "docs"], ids=str)
def test_places_that_a_page_names_exist(path):
    for code in re.findall(r"`([^`\n]+)`", prose(tree.read(path))):
        if PLACE.fullmatch(code):
            assert (SOURCE / code).exists(), code


def test_page_of_the_seed_names_every_function():
    names = [row[0] for row in rows(page("seed.md"), "Hyperlight 0.1", "mote", "remarks")]
    assert names == SEED


def test_functions_that_the_page_of_the_seed_names_exist():
    pairs = CODE_PAIR.findall(page("seed.md"))
    named = {name for _, names in pairs for name in re.findall(r"`(\w+)\(\)`", names)}
    assert named == set(re.findall(r"`(\w+)\(\)`", page("seed.md")))
    for path, names in pairs:
        text = tree.read(Path(path))
        for name in re.findall(r"`(\w+)\(\)`", names):
            # A definition: its parameters are followed by a body, not by a semicolon.
            assert re.search(rf"\b{name}\([^;{{}}]*\)\n\{{", text), f"{path}: {name}"


# ---- What is made ----


def test_committed_pages_are_what_the_sources_say():
    done = subprocess.run(
        [sys.executable, SOURCE / "scripts" / "make_docs.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture
def small_tree(tmp_path, monkeypatch):
    """A tree with one page, whose block is old."""
    (tmp_path / "docs").mkdir()
    text = "a\n<!-- made by scripts/make_docs.py: thing -->\nold\n<!-- end -->\nb\n"
    (tmp_path / "docs" / "one.md").write_text(text)
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    monkeypatch.setattr(make_docs, "PAGES", ("one",))
    monkeypatch.setattr(make_docs, "BLOCKS", {"thing": lambda: "new"})
    return tmp_path / "docs" / "one.md"


def run_main(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["make_docs.py", *arguments])
    return make_docs.main()


def test_check_fails_for_an_old_page_and_leaves_it(small_tree, monkeypatch):
    before = small_tree.read_text()
    assert run_main(monkeypatch, "--check") == 1
    assert small_tree.read_text() == before


def test_writing_changes_the_block_alone(small_tree, monkeypatch):
    assert run_main(monkeypatch) == 0
    text = small_tree.read_text()
    assert text.startswith("a\n<!-- made") and text.endswith("<!-- end -->\nb\n")
    assert "new" in text and "old" not in text
    assert run_main(monkeypatch, "--check") == 0


@pytest.mark.parametrize(
    "text",
    [
        "no block\n",
        "<!-- made by scripts/make_docs.py: unknown -->\n<!-- end -->\n",
        "<!-- made by scripts/make_docs.py: thing -->\nno end\n",
    ],
)
def test_page_with_a_bad_block_is_refused(small_tree, monkeypatch, text):
    small_tree.write_text(text)
    assert run_main(monkeypatch) == 1
    assert small_tree.read_text() == text


@pytest.mark.parametrize(
    "table, make",
    [("STATES", "make_statuses"), ("CAUSES", "make_causes")],
)
def test_what_nobody_described_is_refused(monkeypatch, table, make):
    known = dict(getattr(make_docs, table))
    known.popitem()
    monkeypatch.setattr(make_docs, table, known)
    with pytest.raises(make_docs.Problem):
        getattr(make_docs, make)()


@pytest.mark.parametrize("folder", ["include/mote/", "include/mote_guest/"])
def test_page_of_the_api_has_every_function(folder):
    titles = set(re.findall(r"^#### (\w+)\(\)$", page("api.md"), re.MULTILINE))
    declared = {
        declaration.name
        for path in declarations.public_headers(folder)
        for declaration in declarations.read_declarations(path)
        if declaration.doc
    }
    assert declared and declared <= titles


def test_functions_of_the_c_library_are_in_the_guest_library():
    done = subprocess.run(
        ["nm", "--defined-only", BUILD / "lib" / "libmoteg.a"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    defined = {line.split()[-1] for line in done.stdout.splitlines() if len(line.split()) == 3}
    listed = rows(page("guests.md"), "header", "declares")
    names = {name for _, text in listed for name in text.split(", ")}
    assert {"malloc", "printf", "strlen", "isalpha", "qsort", "longjmp"} <= names
    macros = {"types and macros only", "assert", "errno", "stdout", "stderr"}
    assert names - macros <= defined


# ---- Numbers that are written by hand ----


def test_offsets_of_the_peb():
    found = re.findall(r"MT_PEB_AT\((\w+), (0x\w+)\)", tree.read(Path("abi/peb.h")))
    written = rows(page("abi.md"), "offset", "field", "content")
    assert [(int(row[0], 0), row[1]) for row in written] == [(int(o, 0), n) for n, o in found]


def test_offsets_of_the_note_and_its_table():
    found = re.findall(r"offsetof\(struct \w+, (\w+)\) == (\d+)", tree.read(Path("abi/note.h")))
    tables = page("abi.md").split("| offset | type | field |\n")[1:]
    written = [
        (re.match(r"\w+", row[2])[0], row[0])
        for text in tables
        for row in rows("| offset | type | field |\n" + text, "offset", "type", "field")
    ]
    assert written == found


def test_ports():
    ports = {v for n, v in defines("abi/ports.h").items() if n.startswith("MT_PORT_")}
    written = rows(page("abi.md"), "port", "asks for", "the byte")
    assert {int(row[0]) for row in written} == ports


@pytest.mark.parametrize(
    "name, header, text",
    [
        ("MT_DEFAULT_HEAP_BYTES", "abi/memory_map.h", "0 for {}; at most 1 GiB"),
        ("MT_DEFAULT_STACK_BYTES", "abi/memory_map.h", "0 for {}; at most 1 GiB"),
        ("MT_NOTE_MAX_FUNCTIONS", "abi/note.h", "at most {} of them"),
        ("MT_NOTE_MAX_PARAMETERS", "abi/note.h", "n_params: 0 to {}"),
        ("MT_NOTE_MAX_NAME_BYTES", "abi/note.h", "1 to {} bytes"),
        ("MT_MAX_PENDING_RECORDS", "abi/ports.h", "The most records at one exit is {}."),
    ],
)
def test_numbers_of_the_abi(name, header, text):
    assert text.format(defines(header)[name]) in page("abi.md")


def test_map_is_what_a_sandbox_has():
    """With the library's default of the output buffer: the program's own is larger."""
    command = [BUILD / "bin" / "mote", "inspect", BUILD / "guests" / "hello.elf", "--json"]
    done = subprocess.run([*command, "--output", "16K"], stdout=subprocess.PIPE, check=True)
    image = {"code", "data", "read-only data", "image gap"}
    regions = [
        (region["name"], region["size"], region["rights"])
        for region in json.loads(done.stdout)["regions"]
        if region["name"] not in image
    ]
    rights = {"none": "---", "read": "r--", "read, write": "rw-"}
    written = []
    for name, size, allowed, _ in rows(
        page("memory.md"), "region", "default size", "the guest's rights", "backed by"
    ):
        if name.startswith("code"):
            continue
        written.append((name, int(re.search(r"\d+", size)[0]), rights[allowed]))
    assert written == regions
