# SPDX-License-Identifier: Apache-2.0
"""./dev prove proves what is right, and disproves each file with one of its checks broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
FOLDERS = ["abi", "host", "include", "tests/gates", "wire"]
# Proof, file, text in it and what is put in its place.
BREAKS = [
    ("arithmetic", "host/base/checked.h", "start <= limit && ", ""),
    ("arithmetic", "host/base/checked.h", "len <= limit - start", "len < limit - start"),
    ("utf8", "wire/utf8.c", "{0xED, 0xED, 3, 0x80, 0x9F}", "{0xED, 0xED, 3, 0x80, 0xBF}"),
    ("buffers", "host/memory/buffers.c", "start < FIRST_ELEMENT || ", ""),
    ("buffers", "host/memory/buffers.c", "<= source->room_bytes", "<= source->room_bytes + 1"),
    ("buffers", "host/memory/buffers.c", "taken > buffers->input_bytes", "false"),
    ("layout", "host/memory/layout.c", "at > MT_BASE_ADDRESS + cap", "cap == 0"),
    ("layout", "host/memory/layout.c", "return 3 + n_directories", "return 2 + n_directories"),
    ("relocations", "host/image/parts.c", "< sizeof(uint64_t))", "< 4)"),
    ("relocations", "host/image/elf_relocate.c", "|| value > walk->image->memory_bytes", ""),
    ("relocations", "host/image/elf_relocate.c", "!mt_elf_is_writable(elf, place)", "false"),
    ("pe_relocations", "host/image/pe_relocate.c", "block.len_bytes > left", "false"),
    ("pe_relocations", "host/image/pe_relocate.c", "place + sizeof(uint64_t) >", "place >"),
    ("pe_relocations", "host/image/pe_relocate.c", "value > walk->image->memory_bytes", "false"),
    ("messages", "wire/verify.c", "len <= reader->len - at", "len <= reader->len - at + 1"),
    ("messages", "wire/verify.c", "reader->len > len || ", ""),
    ("messages", "wire/usual.c", "padded <= len && ", "len > 0 && "),
    ("messages", "wire/usual.c", "LEN + 1);\n    if (len < at)\n        return false;\n"
     "    size_t n = load_word(message, MT_RESULT_TEXT", "LEN + 1);\n    size_t n = load_word(message, MT_RESULT_TEXT"),
    ("messages", "wire/usual.c", "message[at + n] == 0 && ", ""),
    ("messages", "wire/verify.c", "!is_inside(reader, end, 1) || ", ""),
]


def prove(tmp_path, source, *names):
    return subprocess.run(
        [sys.executable, SOURCE / "scripts/prove.py", "--build", tmp_path, "--source", source,
         *names],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_is_right_is_proven(tmp_path):
    done = prove(tmp_path, SOURCE, "arithmetic", "buffers")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("    proven in ") == 2
    assert done.stdout.endswith("2 passed, 0 failed, 0 skipped\n")


@pytest.mark.parametrize("name, path, old, new", BREAKS)
def test_a_broken_check_is_disproven(tmp_path, name, path, old, new):
    for folder in FOLDERS:
        shutil.copytree(SOURCE / folder, tmp_path / "tree" / folder)
    text = (tmp_path / "tree" / path).read_text()
    assert text.count(old) == 1, f"{path} has no single {old!r}"
    (tmp_path / "tree" / path).write_text(text.replace(old, new))
    done = prove(tmp_path, tmp_path / "tree", name)
    assert done.returncode == 1, done.stdout
    assert "DISPROVEN" in done.stdout or "runtime error" in done.stdout, done.stdout


def test_an_unknown_name_is_refused(tmp_path):
    assert prove(tmp_path, SOURCE, "nothing").returncode == 2
