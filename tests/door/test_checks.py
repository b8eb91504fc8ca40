# SPDX-License-Identifier: Apache-2.0
"""Each check of the tree can fail: it finds the fault that it is there for."""

import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))

# pylint: disable=wrong-import-position
import check_docs  # noqa: E402
import check_functions  # noqa: E402
import check_layers  # noqa: E402
import check_tree  # noqa: E402
import declarations  # noqa: E402
import draw_layers  # noqa: E402
import tree  # noqa: E402

LAW = """
*_test.c : *
low      : <free>
middle   : <c> low
list.d/* : <any> low
top      : <any> low middle
top/one.c : <any> list.d/*
inner    : <libc> <zlib.h>
include  : <libc>
"""

DOC = """/**
 * Do it.
 *
 * Units: none.
 * Owner: nobody.
 * Threads: any.
 * Errors: none.
 */
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files of a small tree that the checks then read; returns their path."""
    monkeypatch.setattr(tree, "ROOT", tmp_path)

    def write_file(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return Path(name)

    return write_file


def layer_problems(write, files):
    paths = [write(name, text) for name, text in files.items()]
    return check_layers.check_sources(check_layers.read_law(LAW), paths)


LIBC_HEADER = "include/mote_guest/libc/string.h"
BASE = dict.fromkeys(
    ["low/a.h", "middle/b.h", "list.d/x/x.h", "list.d/y/y.h", "top/t.h", LIBC_HEADER], ""
)


@pytest.mark.parametrize(
    "name, line",
    [
        ("middle/c.c", '#include "low/a.h"'),
        ("middle/c.c", '#include "middle/b.h"'),
        ("middle/c.c", "#include <string.h>"),
        ("low/c.c", "#include <stdint.h>"),
        ("top/c.c", "#include <sys/mman.h>"),
        ("top/one.c", '#include "list.d/x/x.h"'),
        ("low/c_test.c", '#include "top/t.h"'),
        ("list.d/x/c.c", '#include "list.d/x/x.h"'),
        ("inner/c.c", "#include <stdint.h>"),
        ("inner/c.c", "#include <string.h>"),
        ("inner/c.c", "#include <zlib.h>"),
    ],
)
def test_layers_allow(write, name, line):
    assert layer_problems(write, {**BASE, name: line}) == []


@pytest.mark.parametrize(
    "name, line",
    [
        ("low/c.c", '#include "middle/b.h"'),
        ("low/c.c", "#include <string.h>"),
        ("middle/c.c", "#include <sys/mman.h>"),
        ("middle/c.c", '#  include  "top/t.h"'),
        ("middle/c.c", '#include "b.h"'),
        ("top/c.c", '#include "list.d/x/x.h"'),
        ("list.d/x/c.c", '#include "list.d/y/y.h"'),
        ("inner/c.c", "#include <stdlib.h>"),
        ("inner/c.c", "#include <sys/mman.h>"),
        ("elsewhere/c.c", ""),
    ],
)
def test_layers_refuse(write, name, line):
    problems = layer_problems(write, {**BASE, name: line})
    assert len(problems) == 1
    assert problems[0].startswith(name)


def test_layers_find_a_cycle_of_files(write):
    files = {"low/a.h": '#include "low/b.h"', "low/b.h": '#include "low/a.h"'}
    assert layer_problems(write, files) == ["cycle: low/a.h -> low/b.h -> low/a.h"]


def test_law_with_a_cycle_is_refused(write):
    write("a/x.c", "")
    write("b/x.c", "")
    problems = check_layers.check_law(check_layers.read_law("a : b\nb : a\n"))
    assert [p for p in problems if "cycle: a -> b -> a" in p]


def test_law_of_a_folder_that_is_not_there_is_refused(write):
    assert check_layers.check_law(check_layers.read_law("gone : <c>\n"))


def test_drawing_leaves_implied_arrows_out():
    edges = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert draw_layers.reduce_edges(edges) == {"a": ["b"], "b": ["c"], "c": []}
    svg = draw_layers.draw(["a", "b", "c"], edges)
    assert svg.count("marker-end") == 2
    assert all(f">{name}</text>" in svg for name in edges)


def doc_problems(write, text):
    path = write("include/mote/x.h", text)
    found = declarations.read_declarations(path)
    return len(found), [p for d in found for p in check_docs.check(d, ["Units", "Errors"])]


def test_documented_function_passes(write):
    assert doc_problems(write, DOC + "int mote_x(int a,\n           int b);\n") == (1, [])


def test_function_without_comment_is_found(write):
    assert len(doc_problems(write, "int mote_x(void);\n")[1]) == 1


def test_function_after_another_needs_its_own_comment(write):
    count, problems = doc_problems(write, DOC + "int mote_x(void);\nint *mote_y(void);\n")
    assert count == 2
    assert len(problems) == 1 and "mote_y" in problems[0]


def test_missing_line_is_found(write):
    text = DOC.replace(" * Errors: none.\n", "") + "int mote_x(void);\n"
    problems = doc_problems(write, text)[1]
    assert len(problems) == 1 and "Errors:" in problems[0]


def test_empty_line_is_found(write):
    text = DOC.replace("Units: none.", "Units:") + "int mote_x(void);\n"
    assert len(doc_problems(write, text)[1]) == 1


def test_callback_types_and_macros_are_no_functions(write):
    text = "typedef int (*mote_fn)(int);\n#define MOTE_X(a) \\\n    mote_x(a);\n"
    assert doc_problems(write, text)[0] == 0


def test_nodiscard_function_is_seen(write):
    text = DOC + "MOTE_NODISCARD mote_status mote_x(const char *a);\n"
    assert doc_problems(write, text) == (1, [])


def test_every_declaration_of_the_library_is_seen():
    names = {
        declaration.name
        for path in declarations.public_headers("include/mote/")
        for declaration in declarations.read_declarations(path)
    }
    assert {"mote_call", "mote_open", "mote_i32", "mote_version", "mote_image_unref"} <= names


def test_long_function_is_measured(write):
    path = write("a.c", "int f(int a,\n      int b)\n{\n" + "    a++;\n" * 81 + "}\n")
    assert list(check_functions.functions(tree.read(path))) == [("f", 3, 81)]


@pytest.mark.parametrize(
    "name, text, n_problems",
    [
        ("a.c", "/* SPDX-License-Identifier: Apache-2.0 */\nint a;\n", 0),
        ("a.c", "int a;\n", 1),
        ("a.md", "text\n", 0),
    ],
)
def test_licence_line(name, text, n_problems):
    assert len(check_tree.check_licence(Path(name), text)) == n_problems


def test_traces_of_a_machine_are_found():
    path = Path("a.md")
    assert check_tree.check_traces(path, f"see {tree.ROOT}/x", set())
    assert check_tree.check_traces(path, "from mirror.example", {"mirror.example"})
    assert check_tree.check_traces(path, "from " + "https:/" + "/mirror.example/x", set())
    assert not check_tree.check_traces(path, "plain text", {"mirror.example"})


@pytest.mark.parametrize("text", ["a \n", "a", "a\tb\n"])
def test_layout_of_text_is_checked(text):
    assert check_tree.check_layout(Path("a.c"), text)
