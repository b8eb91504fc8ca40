# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: where things are, wire_tool, the messages' seed."""

import os
import random
import subprocess
from pathlib import Path

import wire_messages

SOURCE = Path(__file__).resolve().parents[2]
SCHEMA = SOURCE / "wire" / "schema"
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build"))
SEED = int(os.environ.get("MOTE_SEED", "1"))


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def answers_of(program, lines):
    """What a program answers to the lines, line by line."""
    text = "".join(f"{line}\n" for line in lines)
    return run(program, input=text, text=True, stdout=subprocess.PIPE).stdout.splitlines()


def ask(lines):
    """The answers of wire_tool to the lines."""
    return answers_of(BUILD / "tests" / "support" / "wire_tool", lines)


def unhex(answer):
    assert answer.startswith("x"), answer
    return bytes.fromhex(answer[1:])


def random_messages(count):
    """Random messages, with every kind among them."""
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    found = [wire_messages.random_message(rng) for _ in range(count)]
    assert {message[0] for message in found} == set(wire_messages.SCHEMAS)
    return found


def build(messages):
    """The messages, built by wire/."""
    return [unhex(answer) for answer in ask(f"build {wire_messages.to_text(m)}" for m in messages)]
