# SPDX-License-Identifier: Apache-2.0
"""How ./dev mutants finds checks, breaks them and judges; trying them all takes an hour."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import mutants  # noqa: E402

CODE = """/* if (a < b) is a comment */
static bool is_inside(size_t at, size_t len)
{
    return at >= START && len <= END - at;
}

/* Unlike is_inside(), g() and h() this is f(). */
int f(int n, const char *s)
{
    puts("if (a < b)");
    if (status != MOTE_OK || s == NULL)
        return 1;
    if (n > 4 || (n << 1 < 2 && !is_inside(n, 1)))
        return 2;
    if (n->next)
        return n >> 1;
    return n < 3 ? 1 : 0;
}
"""


def found(code=CODE):
    return mutants.find_mutants("x.c", code)


def broken(mutant, code=CODE):
    return code[: mutant.start] + mutant.text + code[mutant.end :]


def test_the_checks_are_found_and_nothing_else():
    assert [(m.function, m.kind, m.condition) for m in found()] == [
        ("is_inside", "inverted", "at >= START && len <= END - at"),
        ("is_inside", "never", "at >= START && len <= END - at"),
        ("is_inside", "always", "at >= START && len <= END - at"),
        ("is_inside", "without", "at >= START"),
        ("is_inside", "without", "len <= END - at"),
        ("f", "inverted", "n > 4 || (n << 1 < 2 && !is_inside(n, 1))"),
        ("f", "never", "n > 4 || (n << 1 < 2 && !is_inside(n, 1))"),
        ("f", "without", "n > 4"),
        ("f", "without", "n << 1 < 2"),
        ("f", "without", "!is_inside(n, 1)"),
        ("f", "inverted", "n < 3"),
        ("f", "never", "n < 3"),
        ("f", "always", "n < 3"),
    ]


@pytest.mark.parametrize(
    "nth, line",
    [
        (0, "    return !(at >= START && len <= END - at);"),
        (3, "    return ((at >= START) || 1) && len <= END - at;"),
        (7, "    if (((n > 4) && 0) || (n << 1 < 2 && !is_inside(n, 1)))"),
        (9, "    if (n > 4 || (n << 1 < 2 && ((!is_inside(n, 1)) || 1)))"),
        (11, "    return ((n < 3) && 0) ? 1 : 0;"),
    ],
)
def test_a_check_is_broken_in_its_place(nth, line):
    text = broken(found()[nth])
    changed = [new for new, old in zip(text.splitlines(), CODE.splitlines()) if new != old]
    assert changed == [line]


def test_a_part_that_is_dropped_leaves_the_others_in_force():
    """In an `or` it becomes false, in an `and` true, after it was evaluated."""
    dropped = {m.condition: m.text for m in found() if m.kind == "without"}
    assert dropped["n > 4"] == "((n > 4) && 0)"
    assert dropped["len <= END - at"] == "((len <= END - at) || 1)"


def test_the_same_check_twice_has_two_identities():
    code = "int f(int n)\n{\n    if (n < 1)\n        n++;\n    if (n < 1)\n        n++;\n}\n"
    identities = [m.identity() for m in found(code)]
    assert identities == [
        "x.c | f | inverted | n < 1",
        "x.c | f | never | n < 1",
        "x.c | f | inverted #2 | n < 1",
        "x.c | f | never #2 | n < 1",
    ]


def test_a_character_is_a_part_of_its_comparison():
    code = "bool f(char c)\n{\n    return c == ' ' || (c >= '\\t' && c <= '\\r') || c == '\\'';\n}\n"
    conditions = [m.condition for m in found(code) if m.kind == "without"]
    assert conditions == ["c == ' '", "c >= '\\t'", "c <= '\\r'", "c == '\\''"]


def test_an_identity_outlives_other_lines():
    assert [m.identity() for m in found("\n\n" + CODE)] == [m.identity() for m in found()]


def test_a_seed_chooses_always_the_same_and_no_known_survivor():
    known = {found()[0].identity(): "why"}
    chosen = [m.identity() for m in mutants.choose(found(), known, 5, "cafe")]
    assert chosen == [m.identity() for m in mutants.choose(found(), known, 5, "cafe")]
    assert len(set(chosen)) == 5 and not set(chosen) & set(known)
    assert chosen != [m.identity() for m in mutants.choose(found(), known, 5, "beef")]
    assert len(mutants.choose(found(), known, 0, "")) == len(found())


def test_survivors_have_reasons():
    known = mutants.read_survivors("# a comment\na | b | never | c\n    why\n    so\n\nd | e | f | g\n")
    assert known == {"a | b | never | c": "why so", "d | e | f | g": ""}
    with pytest.raises(ValueError, match="without a mutant"):
        mutants.read_survivors("    why\n")


def test_a_survivor_fails_unless_it_is_listed_with_a_reason(capsys):
    one, two, three = found()[:3]
    outcome = mutants.Outcome(killed=len(found()) - 3, survivors=[one, two, three])
    known = {one.identity(): "why", two.identity(): ""}
    assert mutants.report(outcome, known, found()) == 2
    printed = capsys.readouterr().out
    assert f"survivor: {two.identity()}\nsurvivor: {three.identity()}\n" in printed


def test_a_mutant_that_was_never_tried_fails(capsys):
    outcome = mutants.Outcome(killed=len(found()) - 2)
    assert mutants.report(outcome, {}, found()) == 2
    assert "not tried: 2" in capsys.readouterr().out


def test_a_listed_survivor_that_is_killed_is_told(capsys):
    one = found()[0]
    assert mutants.report(mutants.Outcome(killed=1), {one.identity(): "why"}, [one]) == 0
    assert f"listed as a survivor, but killed: {one.identity()}" in capsys.readouterr().out


def test_every_listed_survivor_has_a_reason():
    known = mutants.read_survivors(mutants.SURVIVORS.read_text(encoding="utf-8"))
    assert [identity for identity, reason in known.items() if not reason] == []


def test_every_listed_survivor_is_a_mutant():
    """What became of a check that the list names is for whoever changed it to say."""
    files = mutants.library_files([])
    every = {m.identity() for path in files for m in mutants.find_mutants(path, mutants.tree.read(path))}
    known = mutants.read_survivors(mutants.SURVIVORS.read_text(encoding="utf-8"))
    assert sorted(set(known) - every) == []


def test_the_files_of_the_library_are_found():
    files = mutants.library_files([])
    assert {"host/image/elf.c", "wire/verify.c", "host/memory/buffers.c"} <= set(files)
    assert not [name for name in files if name.endswith(mutants.NOT_IN_LIBRARY)]
    assert [p for p in mutants.FILES if not list(mutants.tree.ROOT.glob(p))] == []
    with pytest.raises(SystemExit):
        mutants.library_files(["host/none.c"])


# ---- What is no verdict ----

REFUSAL = "FAILED: x.o\n../source/wire/x.c:3:5: error: expected expression\nninja: build stopped\n"
KILLED = "gcc: fatal error: Killed signal terminated program cc1\nninja: build stopped\n"
FULL = "/tmp/ccx.s: No space left on device\nninja: error: build.ninja:1: loading\n"


def workshop_where_ninja(monkeypatch, tmp_path, *ends):
    """A workshop whose builds end so, one after the other; and how many were begun."""
    left, begun = list(ends), []

    def run(command, **_):
        begun.append(command)
        status, output = left.pop(0)
        return subprocess.CompletedProcess(command, status, output)

    monkeypatch.setattr(mutants.subprocess, "run", run)
    return mutants.Workshop(tmp_path), begun


@pytest.mark.parametrize("end, made", [((0, ""), True), ((1, REFUSAL), False)])
def test_a_build_passes_or_the_compiler_refuses(monkeypatch, tmp_path, end, made):
    workshop, begun = workshop_where_ninja(monkeypatch, tmp_path, end)
    assert workshop.make(["x_test"]) is made
    assert len(begun) == 1


@pytest.mark.parametrize("end", [(1, KILLED), (1, FULL), (-9, ""), (-9, REFUSAL), (1, "")])
def test_a_build_that_was_killed_is_tried_again_and_then_no_verdict(monkeypatch, tmp_path, end):
    workshop, begun = workshop_where_ninja(monkeypatch, tmp_path, end, (0, ""))
    assert workshop.make(["x_test"])
    assert len(begun) == 2
    workshop, begun = workshop_where_ninja(monkeypatch, tmp_path, end, end)
    with pytest.raises(mutants.NoVerdict):
        workshop.make(["x_test"])


def test_a_test_that_others_ended_is_no_verdict(tmp_path):
    workshop = mutants.Workshop(tmp_path)
    (tmp_path / "build/tests").mkdir(parents=True)

    def run(script, limit_s=60):
        program = tmp_path / "build/tests/x_test"
        # Whoever starts the tests in the background may have had interrupts ignored.
        program.write_text(f"#!/usr/bin/env -S --default-signal=INT sh\n{script}\n")
        program.chmod(0o755)
        return workshop.run("x_test", limit_s)[0]

    assert run("exit 0")
    assert not run("exit 1")
    assert not run("kill -SEGV $$")
    assert not run("sleep 60", 0.1)
    for signal in "KILL", "TERM", "INT":
        with pytest.raises(mutants.NoVerdict):
            run(f"kill -{signal} $$")


def test_a_test_that_fails_with_nothing_broken_kills_no_mutant(monkeypatch, tmp_path):
    """One of another folder, that loads what was not built: it is no verdict on the check."""
    workshop, (mutant, *_) = mutants.Workshop(tmp_path), found()
    source = tmp_path / "source/x.c"
    source.parent.mkdir()
    source.write_text(CODE)
    workshop.targets = ["api_broken_test", "api_test", "api_without_guest_test", "script_x_test"]
    made = []

    def make(targets):
        made.extend(targets)
        return True

    def run(test, _):
        is_broken = source.read_text() != CODE
        guests = test != "api_without_guest_test" or "all" in made
        return guests and test != "api_broken_test" and not (is_broken and test == killer), 0.1

    monkeypatch.setattr(workshop, "make", make)
    monkeypatch.setattr(workshop, "run", run)
    for killer, others, killed_by in [
        ("script_x_test", False, "script_x_test"),
        ("api_test", False, None),
        ("none", True, None),
        ("api_test", True, "api_test"),
        ("api_without_guest_test", True, "api_without_guest_test"),
    ]:
        assert workshop.attempt(mutant, [], others) == killed_by
        assert source.read_text() == CODE
    assert made.count("all") == 1


def test_what_there_was_no_time_for_is_told(capsys):
    outcome = mutants.Outcome(killed=len(found()) - 3, left_out=3)
    assert mutants.report(outcome, {}, found()) == 0
    printed = capsys.readouterr().out
    assert "left out for want of time: 3\n" in printed
    assert "not tried" not in printed


def test_a_mutant_without_a_verdict_fails(capsys):
    one = found()[0]
    outcome = mutants.Outcome(killed=len(found()) - 1, undecided=[(one, "no space\nmore")])
    assert mutants.report(outcome, {}, found()) == 1
    printed = capsys.readouterr().out
    assert f"no verdict: {one.identity()}: no space\n" in printed
    assert "not tried" not in printed


def test_two_runs_do_not_share_a_folder(tmp_path):
    first, second = mutants.Workshop(tmp_path), mutants.Workshop(tmp_path)
    first.claim()
    with pytest.raises(SystemExit, match="another run"):
        second.claim()
