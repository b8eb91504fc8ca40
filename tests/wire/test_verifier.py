# SPDX-License-Identifier: Apache-2.0
"""What wire/ accepts, the Verifier of FlatBuffers' C++ library accepts too, over changed messages.

MOTE_SEED=N gives other messages; a failure names the seed.
"""

import random
import struct

import pytest
import wire_messages as messages
from wire_tools import SCHEMA, SEED, answers_of, ask, build, random_messages, run

COUNT = 200
CHANGES = 60
EDGES = [0, 1, 2, 3, 4, 7, 8, 12, 16, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    """The program that asks the C++ Verifier."""
    folder = tmp_path_factory.mktemp("verifier")
    for name in messages.SCHEMAS.values():
        run("flatc", "--cpp", "-o", folder, SCHEMA / f"{name}.fbs")
    run("flatc", "--cpp", "-o", folder, SCHEMA / "values.fbs")
    source = SCHEMA.parents[1] / "tests" / "wire" / "verifier.cc"
    run("g++", "-std=c++17", "-I", folder, source, "-o", folder / "verifier")
    return folder / "verifier"


def changed(rng, data):
    """The message with a few bytes, halves or words of it changed."""
    data = bytearray(data)
    for _ in range(rng.randrange(1, 3)):
        size = rng.choice([1, 2, 4])
        at = rng.randrange(len(data)) // size * size
        if at + size > len(data):
            continue
        old = int.from_bytes(data[at : at + size], "little")
        new = rng.choice([rng.choice(EDGES), old + rng.choice([-8, -4, -2, -1, 1, 2, 4, 8])])
        data[at : at + size] = struct.pack("<I", new % 2**32)[:size]
    return bytes(data)


def is_cleared(kind, data):
    """A cleared GuestError is one by 0.1's rule alone (docs/abi.md, Messages)."""
    return kind == "error" and data[:8] == bytes(8)


def verdicts(verifier, cases):
    """Pairs of verdicts for the cases: ours and the Verifier's."""
    words = [f"{kind} x{data.hex()}" for kind, data in cases]
    ours = [not answer.startswith("refused") for answer in ask(f"read {word}" for word in words)]
    theirs = [answer == "1" for answer in answers_of(verifier, words)]
    assert len(ours) == len(theirs) == len(cases)
    return list(zip(ours, theirs))


def test_the_verifier_accepts_what_we_build(verifier):
    sample = random_messages(COUNT)
    cases = [(message[0], data) for message, data in zip(sample, build(sample))]
    assert all(ours and theirs for ours, theirs in verdicts(verifier, cases)), f"seed {SEED}"


def test_the_verifier_accepts_what_we_accept(verifier):
    rng = random.Random(SEED)
    sample = [message for message in random_messages(COUNT) if len(repr(message)) < 1000]
    cases = [
        (message[0], changed(rng, data))
        for message, data in zip(sample, build(sample))
        for _ in range(CHANGES)
    ]
    cases = [(kind, data) for kind, data in cases if not is_cleared(kind, data)]
    accepted = refused = 0
    for (kind, data), (ours, theirs) in zip(cases, verdicts(verifier, cases)):
        assert theirs or not ours, f"seed {SEED}: {kind} {data.hex()}"
        accepted += ours
        refused += not theirs
    assert accepted > len(cases) / 20 and refused > len(cases) / 20
