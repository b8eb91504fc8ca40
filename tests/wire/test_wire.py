# SPDX-License-Identifier: Apache-2.0
"""wire/ against Google's FlatBuffers, in both directions, over random messages.

MOTE_SEED=N gives other messages; a failure names the seed.
"""

import json
import math
import struct
import subprocess
import sys

import flatbuffers
import pytest
import wire_messages as messages
from wire_tools import SCHEMA, SEED, ask, build, random_messages, run

COUNT = 600


@pytest.fixture(scope="module", autouse=True)
def generated_code(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    run("flatc", "--python", "--gen-object-api", "-o", folder, *sorted(SCHEMA.glob("*.fbs")))
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def sample():
    return random_messages(COUNT)


@pytest.fixture(scope="module")
def built(sample):
    return build(sample)


def flatc(kind, folder, names, *options):
    schema = SCHEMA / f"{messages.SCHEMAS[kind]}.fbs"
    run("flatc", *options, "--size-prefixed", "-o", folder, schema, *names,
        stdout=subprocess.DEVNULL)  # fmt: skip


def test_ours_reads_back_as_it_was(sample, built):
    texts = [messages.to_text(message) for message in sample]
    answers = ask(f"read {m[0]} x{data.hex()}" for m, data in zip(sample, built))
    assert answers == texts, f"seed {SEED}"


@pytest.mark.parametrize("kind", messages.SCHEMAS)
def test_flatc_reads_ours(kind, sample, built, tmp_path):
    chosen = [(message, data) for message, data in zip(sample, built) if message[0] == kind]
    paths = [tmp_path / f"{index}.bin" for index in range(len(chosen))]
    for path, (_, data) in zip(paths, chosen):
        path.write_bytes(data)
    options = ["--json", "--strict-json", "--raw-binary", "--defaults-json"]
    flatc(kind, tmp_path, ["--", *paths], *options)
    for path, (message, _) in zip(paths, chosen):
        found = json.loads(path.with_suffix(".json").read_text())
        assert messages.json_agrees(messages.to_json(message), found), f"seed {SEED}: {message}"


@pytest.mark.parametrize("kind", messages.SCHEMAS)
def test_ours_reads_flatc(kind, sample, tmp_path):
    chosen = [message for message in sample if message[0] == kind]
    paths = [tmp_path / f"{index}.json" for index in range(len(chosen))]
    for path, message in zip(paths, chosen):
        path.write_text(json.dumps(messages.to_json(message)))
    flatc(kind, tmp_path, paths, "--binary")
    answers = ask(f"read {kind} x{path.with_suffix('.bin').read_bytes().hex()}" for path in paths)
    assert answers == [messages.to_text(message) for message in chosen], f"seed {SEED}"


def test_python_reads_ours(sample, built):
    for message, data in zip(sample, built):
        assert messages.from_bytes(message[0], data) == message, f"seed {SEED}"


@pytest.mark.parametrize("type_name", ["f32", "f64"])
@pytest.mark.parametrize("number", [-0.0, math.inf, -math.inf, math.nan, 1e-45])
def test_floats_that_json_lacks_keep_their_bits(type_name, number):
    message = "result", (type_name, number)
    data = build([message])[0]
    _, (found_type, found) = messages.from_bytes("result", data)
    assert found_type == type_name
    expected = struct.unpack("<f", struct.pack("<f", number))[0] if type_name == "f32" else number
    assert messages.bits_of(found) == messages.bits_of(expected)


def test_ours_reads_python(sample):
    lines = []
    for message in sample:
        builder = flatbuffers.Builder(0)
        builder.FinishSizePrefixed(messages.to_object(message).Pack(builder))
        lines.append(f"read {message[0]} x{bytes(builder.Output()).hex()}")
    assert ask(lines) == [messages.to_text(message) for message in sample], f"seed {SEED}"


def test_bytes_of_a_message_do_not_depend_on_the_run(sample, built):
    assert build(sample) == built
    assert all(len(data) % 8 == 0 for data in built)
