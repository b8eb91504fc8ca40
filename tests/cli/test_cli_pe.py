# SPDX-License-Identifier: Apache-2.0
"""A guest that is a PE file, by each of the compilers that the build had."""

import re

import pytest
from mote_cli import BUILD, call, mote, needs_kvm

MINGW = BUILD / "guests" / "abi01-mingw.exe"
LLD = BUILD / "guests" / "abi01-lld.exe"
GUESTS = [
    pytest.param(path, marks=pytest.mark.skipif(not path.exists(), reason=f"no {compiler}"), id=path.stem)
    for path, compiler in ((MINGW, "x86_64-w64-mingw32-gcc"), (LLD, "clang or lld-link"))
]
needs_lld = pytest.mark.skipif(not LLD.exists(), reason="no clang or lld-link")


@pytest.mark.parametrize("guest", GUESTS)
def test_inspect_shows_format_sections_and_reserves(guest):
    answer = mote("inspect", guest, "--json").json()
    assert (answer["format"], answer["abi"]) == ("PE", "hyperlight 0.1")
    assert (answer["heap_bytes"], answer["stack_bytes"]) == (128 << 10, 64 << 10)
    text = next(section for section in answer["sections"] if section["name"] == ".text")
    assert list(text) == ["name", "start", "size", "rights"]
    assert (text["start"], text["rights"]) == ("0x1000", "r-x")
    assert "segments" not in answer
    out = mote("inspect", guest).out
    assert re.search(rb"^0x00001000-0x0000[0-9a-f]{4} +[0-9]+  r-x     \.text$", out, re.M)
    assert out.startswith(b"format       PE, x86-64, ")
    assert b" sections, " in out


@pytest.mark.parametrize("guest", GUESTS)
def test_pages_of_a_pe_guest_are_writable_or_executable(guest):
    regions = mote("inspect", guest, "--json").json()["regions"]
    assert not [region for region in regions if "wx" in region["rights"]]
    code = [region["rights"] for region in regions if region["name"] == "code"]
    assert code == ["r-x"]


@pytest.mark.parametrize("guest", GUESTS)
@pytest.mark.parametrize("driver", [pytest.param("kvm", marks=needs_kvm), "process"])
def test_a_call(guest, driver):
    done = call("Echo", "str:hi", "--returns", "str", "--driver", driver, guest=guest)
    assert (done.status, done.out) == (0, b"hi\n")


@pytest.mark.parametrize("guest", GUESTS)
def test_a_stack_that_is_too_small_is_an_abort(guest):
    answer = call("UseStack", "i32:50", "--returns", "i32", "--json", guest=guest).json()
    assert (answer["code"], answer["abort"]["code"]) == ("MOTE_E_GUEST_ABORT", 9)


@needs_lld
def test_the_error_of_a_pe_file_is_its_own(tmp_path):
    file = bytearray(LLD.read_bytes())
    at = int.from_bytes(file[0x3C:0x40], "little") + 4
    file[at : at + 2] = (0x014C).to_bytes(2, "little")
    path = tmp_path / "guest.exe"
    path.write_bytes(file)
    answer = mote("list", path, "--json").json()
    assert answer["code"] == "MOTE_E_IMAGE_FORMAT"
    assert (answer["field"], answer["value"], answer["offset"]) == ("Machine", "0x14c", hex(at))


@needs_lld
def test_loadlibrary_needs_windows():
    done = call("Echo", "str:hi", "--returns", "str", "--driver", "loadlibrary", guest=LLD)
    assert (done.status, done.out, done.code()) == (2, b"", "MOTE_E_DRIVER")
    assert "needs Windows" in done.text()
