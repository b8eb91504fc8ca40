# SPDX-License-Identifier: Apache-2.0
"""The shells complete commands, options, their values, and the functions of a guest."""

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build")).resolve()
SHARE = BUILD / "share"
BASH = SHARE / "bash-completion" / "completions" / "mote"
GUEST = BUILD / "guests" / "hello.elf"
FILES = {
    "bash": BASH,
    "zsh": SHARE / "zsh" / "site-functions" / "_mote",
    "fish": SHARE / "fish" / "vendor_completions.d" / "mote.fish",
}
sys.path.insert(0, str(SOURCE / "scripts"))

# pylint: disable=wrong-import-position
import command_help  # noqa: E402


def environment():
    return dict(os.environ, PATH=f"{BUILD / 'bin'}:{os.environ['PATH']}")


def complete(*words, function="_mote"):
    """What bash offers for the last word."""
    script = (
        f"source {shlex.quote(str(BASH))}; COMP_WORDS=({' '.join(map(shlex.quote, words))});"
        f'COMP_CWORD={len(words) - 1}; {function}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def commands():
    text = command_help.ask(BUILD / "bin" / "mote")
    return [command.name for command in command_help.read_commands(text)[1]]


def options(command):
    text = command_help.ask(BUILD / "bin" / "mote", command)
    parsed = command_help.read_help(f"mote {command}", text)
    return [name for option in parsed.options for name in option.names]


@pytest.mark.parametrize("shell", [name for name in FILES if shutil.which(name)])
def test_shell_reads_its_file(shell):
    done = subprocess.run([shell, "-n", FILES[shell]], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_commands():
    assert complete("mote", "") == [*commands(), "--help", "--version"]
    assert complete("mote", "inspe") == ["inspect"]


@pytest.mark.parametrize("command", commands())
def test_options_of_a_command(command):
    assert complete("mote", command, "--") == options(command)


def test_values_of_options():
    levels = ["off", "error", "warn", "info", "debug", "trace"]
    assert complete("mote", "call", "--log", "") == levels
    # As bash splits --log=de.
    assert complete("mote", "call", "--log", "=", "de") == ["debug"]
    assert complete("mote", "call", "--log", "=") == levels
    assert "kvm" in complete("mote", "call", "--driver", "")
    assert complete("mote", "call", "--returns", "b") == ["bool", "bytes"]
    assert complete("mote", "call", "--heap", "") == []


def test_guest_is_left_to_the_completion_of_files():
    assert complete("mote", "call", "") == []
    assert complete("mote", "inspect", "/usr/l") == []


@pytest.mark.parametrize(
    "before",
    [[], ["--json"], ["--heap", "1M"], ["--heap", "=", "1M", "--verbose"]],
    ids=lambda words: " ".join(words) or "none",
)
def test_functions_of_the_guest(before):
    assert complete("mote", "call", *before, str(GUEST), "Say") == ["SayHello"]


def test_no_function_of_what_is_no_guest():
    assert complete("mote", "call", "/etc/passwd", "") == []


def test_types_of_arguments():
    assert complete("mote", "call", str(GUEST), "Add", "i") == ["i32:", "i64:"]
    # As bash splits i32:3.
    assert complete("mote", "call", str(GUEST), "Add", "i32", ":", "3", "u3") == ["u32:"]
    assert complete("mote", "call", str(GUEST), "Add", "i32", ":") == []


def test_mote_cc():
    assert complete("mote-cc", "--h", function="_mote_cc") == ["--heap", "--help"]


def read_until(terminal, wanted, limit_s=20):
    """What a terminal shows until it shows what is wanted."""
    seen, end = "", time.monotonic() + limit_s
    while wanted not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 4096).decode("utf-8", "replace")
    assert wanted in seen, seen
    return seen


# Shows its words instead of running, but for the list of functions.
SHOWS = 'mote() { [ "$1" = list ] && { command mote "$@"; return; }; printf "<%s>" "$@"; echo; }\n'
PROMPT = "ready> "
STARTS = {
    "bash": f"source {BASH}\nbind 'set enable-bracketed-paste off'\n",
    "zsh": f"fpath=({FILES['zsh'].parent} $fpath)\nautoload -U compinit; compinit -u -D\n",
}


@pytest.mark.parametrize("shell", [name for name in STARTS if shutil.which(name)])
def test_at_a_terminal(shell, tmp_path):
    (tmp_path / ".zshrc").write_text(STARTS[shell] + SHOWS + f"PS1='{PROMPT}'\n")
    (tmp_path / "words.txt").touch()
    command = {"bash": ["bash", "--rcfile", ".zshrc", "-i"], "zsh": ["zsh", "-d", "-i"]}[shell]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execvpe(command[0], command, dict(environment(), TERM="dumb", ZDOTDIR=str(tmp_path)))
    try:
        read_until(terminal, PROMPT)
        os.write(terminal, f"mote ca\t{GUEST} SayH\t--lo\ttr\tst\tWorld str:@wo\t\n".encode())
        option = {"bash": "<--log><trace>", "zsh": "<--log=trace>"}[shell]
        wanted = f"<call><{GUEST}><SayHello>{option}<str:World><str:@words.txt>"
        read_until(terminal, wanted)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def offered_by_fish(line):
    script = f"source {FILES['fish']}; complete -C '{line}'"
    command = ["fish", "--no-config", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [found.split("\t")[0] for found in done.stdout.splitlines()]


# Where there is no fish there is no such test, so that nothing is skipped.
if shutil.which("fish"):

    def test_fish():
        assert sorted(offered_by_fish("mote ")) == sorted(commands())
        assert offered_by_fish("mote call --re") == ["--returns"]
        assert offered_by_fish("mote call --log de") == ["debug"]
        assert offered_by_fish("mote-cc --st") == ["--stack"]
