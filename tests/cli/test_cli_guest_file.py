# SPDX-License-Identifier: Apache-2.0
"""Guest files: those that cannot be loaded, and what list and inspect say of those that can."""

import os
import re

import pytest
from mote_cli import (
    HELLO,
    INFLATE,
    NOBODY,
    first_load_header,
    mote,
    patched,
    usage_error,
)

READERS = [["call", "F"], ["bench", "F"], ["list"], ["inspect"]]
LOAD_KEYS = ["ok", "class", "status", "code", "text", "file", "field", "value", "offset"]

# Of a 64-bit ELF header and of a program header (System V gABI, chapters 4 and 5).
E_MACHINE, E_ENTRY, E_PHNUM = 0x12, 0x18, 0x38
P_FILESZ, P_MEMSZ = 0x20, 0x28


def load_error(command, path, **settings):
    """The JSON object of a load error, which has its keys and no others."""
    words = [command[0], path, *command[1:]]
    done = mote(*words, **settings)
    assert (done.status, done.out) == (3, b"")
    answer = mote(*words, "--json", **settings).json()
    assert list(answer) == LOAD_KEYS
    assert (answer["ok"], answer["class"], answer["status"]) == (False, "load", 3)
    assert (answer["code"], answer["text"]) == done.error()
    assert answer["file"] == os.fspath(path)
    return answer


@pytest.mark.parametrize("command", READERS)
def test_a_missing_file_is_told_with_path_reason_and_what_was_searched(command, tmp_path):
    answer = load_error(command, "no/such.elf", cwd=tmp_path)
    assert answer["code"] == "MOTE_E_IMAGE_OPEN"
    for part in ("no/such.elf", "No such file or directory", str(tmp_path)):
        assert part in answer["text"]
    assert (answer["field"], answer["value"], answer["offset"]) == (None, None, None)


def test_a_missing_file_by_an_absolute_path_is_told(tmp_path):
    text = load_error(["list"], f"{tmp_path}/x.elf")["text"]
    assert f"{tmp_path}/x.elf" in text and "No such file" in text


@pytest.mark.parametrize("command", READERS)
def test_a_folder_is_no_guest(command, tmp_path):
    answer = load_error(command, tmp_path)
    assert answer["code"] == "MOTE_E_IMAGE_OPEN"
    assert "directory" in answer["text"]


def test_an_empty_file_name_is_told_as_it_is():
    assert load_error(["list"], "")["file"] == ""


def test_a_device_is_no_guest():
    assert load_error(["list"], "/dev/zero")["code"] == "MOTE_E_IMAGE_OPEN"


def test_a_fifo_is_no_guest_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert load_error(["list"], tmp_path / "fifo")["code"] == "MOTE_E_IMAGE_OPEN"


def test_an_unreadable_file_is_told(tmp_path):
    path = tmp_path / "guest.elf"
    path.write_bytes(b"")
    path.chmod(0)
    as_nobody = {"user": NOBODY} if os.geteuid() == 0 else {}
    answer = load_error(["list"], path, **as_nobody)
    assert answer["code"] == "MOTE_E_IMAGE_OPEN"
    assert "Permission denied" in answer["text"]


@pytest.mark.parametrize("data", [b"", b"\x7f", b"\x7fELF", b"#!/bin/sh\n", b"MZ" + bytes(4096)])
def test_what_is_no_elf_file_is_told(data, tmp_path):
    path = tmp_path / "guest.elf"
    path.write_bytes(data)
    assert load_error(["list"], path)["code"].startswith("MOTE_E_IMAGE_")


def test_another_machine_is_told(tmp_path):
    aarch64 = 183
    answer = load_error(["list"], patched(tmp_path, E_MACHINE, "<H", aarch64))
    assert answer["code"] == "MOTE_E_IMAGE_FORMAT"
    assert (answer["field"], answer["value"], answer["offset"]) == ("e_machine", "0xb7", "0x12")


def test_a_range_past_the_file_is_told_with_field_value_and_offset(tmp_path):
    offset = first_load_header() + P_FILESZ
    path = patched(tmp_path, offset, "<QQ", 1 << 40, 1 << 40)
    answer = load_error(["call", "Nothing"], path)
    assert answer["code"] == "MOTE_E_IMAGE_BOUNDS"
    assert answer["field"] == "p_filesz"
    assert (answer["value"], answer["offset"]) == ("0x10000000000", hex(offset))


def test_a_guest_that_does_not_fit_is_a_load_error(tmp_path):
    path = patched(tmp_path, first_load_header() + P_MEMSZ, "<Q", 1 << 29)
    answer = load_error(["call", "Nothing"], path)
    assert answer["code"].startswith("MOTE_E_IMAGE_")


def test_hostile_file_names_are_escaped(tmp_path):
    name = b"\xff\x1b[31m\nmote: x"
    done = mote("list", name, cwd=tmp_path)
    assert done.status == 3
    assert r"\xff\x1b[31m\x0amote: x" in done.text()
    assert mote("list", name, "--json", cwd=tmp_path).json()["file"].startswith("\\xff")


HELLO_SIGNATURES = {
    "SayHello(str) -> str",
    "Add(i32, i32) -> i32",
    "Nothing() -> void",
    "EchoBytes(bytes) -> bytes",
    "EchoF32(f32) -> f32",
    "EchoBool(bool) -> bool",
    "Allocate(u64) -> u64",
    "Count() -> i64",
    "Eleven(" + ", ".join(["i32"] * 11) + ") -> str",
}


def test_list_prints_one_signature_a_line_by_name():
    done = mote("list", HELLO)
    lines = done.out.decode().splitlines()
    assert (done.status, done.err) == (0, b"")
    assert HELLO_SIGNATURES <= set(lines)
    names = [line.split("(")[0] for line in lines]
    assert names == sorted(names)


def test_list_in_json_says_the_same():
    lines = mote("list", HELLO).out.decode().splitlines()
    answer = mote("list", HELLO, "--json").json()
    assert answer["ok"] is True
    assert answer["abi"] == "mote 1"
    listed = [f"{f['name']}({', '.join(f['params'])}) -> {f['returns']}" for f in answer["functions"]]
    assert listed == lines


def test_list_of_another_guest():
    assert b"Inflate(bytes) -> bytes\n" in mote("list", INFLATE).out


def without_note(folder):
    """A copy of hello.elf whose PT_NOTE headers are of no type: a guest of the older ABI."""
    data = bytearray(HELLO.read_bytes())
    start, size = int.from_bytes(data[0x20:0x28], "little"), 56
    for i in range(int.from_bytes(data[E_PHNUM : E_PHNUM + 2], "little")):
        at = start + i * size
        if data[at : at + 4] == b"\4\0\0\0":
            data[at : at + 4] = b"\0\0\0\0"
    path = folder / "no-note.elf"
    path.write_bytes(data)
    return path


def test_list_without_a_table_says_so_on_standard_error(tmp_path):
    done = mote("list", without_note(tmp_path))
    assert (done.status, done.out) == (0, b"")
    assert done.err.count(b"\n") == 1 and b"register at run time" in done.err


def test_list_without_a_table_in_json(tmp_path):
    answer = mote("list", without_note(tmp_path), "--json").json()
    assert (answer["ok"], answer["abi"], answer["functions"]) == (True, "hyperlight 0.1", None)


def test_a_guest_without_a_table_needs_the_type_of_the_result(tmp_path):
    done = mote("call", without_note(tmp_path), "Nothing")
    assert (done.status, done.out, done.code()) == (2, b"", "MOTE_E_TYPE")
    answer = mote("call", without_note(tmp_path), "Nothing", "--json").json()
    assert list(answer) == ["ok", "class", "status", "code", "text", "argument"]


REGION = re.compile(r"0x([0-9a-f]+)-0x([0-9a-f]+) +(\d+)  ([r-][w-][x-]) +(.+)")


def regions_in_text(*words):
    out = mote("inspect", HELLO, *words).out.decode()
    found = [REGION.fullmatch(line) for line in out.splitlines()]
    return [
        (int(m[1], 16), int(m[2], 16), int(m[3]), m[4], m[5]) for m in found if m is not None
    ]


def test_inspect_prints_the_memory_map_in_order():
    regions = regions_in_text()
    assert regions[0][0] == 0x200000 and regions[0][4] == "page tables"
    for start, end, size, _, _ in regions:
        assert end - start == size
    for left, right in zip(regions, regions[1:]):
        assert left[1] <= right[0]


def test_inspect_shows_rights():
    rights = {name: right for _, _, _, right, name in regions_in_text()}
    assert rights["code"] == "r-x"
    assert rights["heap"] == rights["stack"] == rights["input"] == "rw-"
    assert rights["guard"] == rights["page tables"] == "---"
    assert not any("w" in right and "x" in right for right in rights.values())


def test_inspect_shows_the_sizes_of_a_call():
    sizes = {name: size for _, _, size, _, name in regions_in_text()}
    assert sizes["output"] == 256 << 20
    assert sizes["input"] == 16 << 10
    chosen = {
        name: size
        for _, _, size, _, name in regions_in_text(
            "--heap", "4M", "--stack", "1M", "--output", "32K", "--input", "64K"
        )
    }
    assert [chosen[n] for n in ("heap", "stack", "output", "input")] == [4 << 20, 1 << 20, 32 << 10, 64 << 10]


def test_inspect_prints_the_facts_of_the_file():
    out = mote("inspect", HELLO).out.decode()
    assert f"format       ELF, x86-64, {HELLO.stat().st_size} bytes\n" in out
    assert "abi          mote 1\n" in out
    n_functions = len(mote("list", HELLO).out.splitlines())
    assert f"functions    {n_functions}\n" in out


def test_inspect_in_json_says_the_same():
    answer = mote("inspect", HELLO, "--json").json()
    assert (answer["ok"], answer["format"], answer["machine"]) == (True, "ELF", "x86-64")
    assert (answer["abi"], answer["file_bytes"]) == ("mote 1", HELLO.stat().st_size)
    assert re.fullmatch("0x[0-9a-f]+", answer["entry"])
    regions = [
        (int(r["start"], 16), int(r["end"], 16), r["size"], r["rights"], r["name"])
        for r in answer["regions"]
    ]
    assert regions == regions_in_text()


def test_inspect_of_sizes_that_do_not_fit():
    done = mote("inspect", HELLO, "--heap", "1022M", "--json")
    assert done.status == 3
    assert "max_memory_bytes" in done.json()["text"]


def test_inspect_checks_its_words_first():
    assert "cap of 1022M" in usage_error("inspect", "no/such.elf", "--heap", "1G")[0]
