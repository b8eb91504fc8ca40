# SPDX-License-Identifier: Apache-2.0
"""The test runner counts right: a passing, failing, skipping, crashing and hanging program."""

import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
RUNNER = SOURCE / "scripts" / "run_tests.py"
sys.path.insert(0, str(SOURCE / "scripts"))
import check_hyperlight  # noqa: E402
import mutants  # noqa: E402
import run_hardware  # noqa: E402
import run_tests  # noqa: E402

PROGRAM = """
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void test_passes(void **state)
{
    (void)state;
}
static void test_fails(void **state)
{
    (void)state;
    assert_int_equal(1, 2);
}
static void test_skips(void **state)
{
    (void)state;
    printf("there is no /dev/none\\n");
    skip();
}
static void test_needs_kvm(void **state)
{
    (void)state;
    printf("open /dev/kvm: not here\\n");
    skip();
}
static void test_on_process(void **state)
{
    (void)state;
    assert_string_equal(getenv("MOTE_TEST_DRIVER"), "process");
}
static void test_aborts(void **state)
{
    (void)state;
    abort();
}
static void test_hangs(void **state)
{
    (void)state;
    sleep(1000);
}
static void test_exits(void **state)
{
    (void)state;
    exit(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),
#ifdef SECOND
        SECOND,
#endif
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
#ifdef STATUS
    return STATUS;
#endif
    return failed;
}
"""


@pytest.fixture
def compile_program(tmp_path):
    """Compiles PROGRAM with the given macros into tmp_path/programs."""
    source = tmp_path / "program.c"
    source.write_text(PROGRAM)
    (tmp_path / "programs").mkdir()

    def build(name, *macros):
        target = tmp_path / "programs" / name
        command = ["gcc", *(f"-D{m}" for m in macros), "-o", target, source, "-lcmocka"]
        subprocess.run(command, check=True)
        return target

    return build


def run(*arguments, **variables):
    environment = dict(os.environ, **variables)
    environment.pop("CMOCKA_MESSAGE_OUTPUT", None)
    return subprocess.run(
        [sys.executable, RUNNER, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def totals(done):
    match = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last_line(done))
    assert match, done.stdout + done.stderr
    return tuple(map(int, match.groups()))


def last_line(done):
    return done.stdout.splitlines()[-1]


def test_passing_program(tmp_path, compile_program):
    compile_program("good", "SECOND=cmocka_unit_test(test_passes)")
    done = run("--programs", tmp_path / "programs")
    assert totals(done) == (2, 0, 0)
    assert done.returncode == 0


def test_failing_case_is_counted_and_shown(tmp_path, compile_program):
    compile_program("bad", "SECOND=cmocka_unit_test(test_fails)")
    done = run("--programs", tmp_path / "programs")
    assert totals(done) == (1, 1, 0)
    assert done.returncode == 1
    assert "failed: test_fails" in done.stdout
    assert "0x1 != 0x2" in done.stdout


def test_skip_is_counted_with_its_reason(tmp_path, compile_program):
    compile_program("skipping", "SECOND=cmocka_unit_test(test_skips)")
    done = run("--programs", tmp_path / "programs")
    assert totals(done) == (1, 0, 1)
    assert done.returncode == 0
    assert "skipping test_skips: there is no /dev/none" in done.stdout


def test_skips_for_want_of_hardware_are_told_by_themselves(tmp_path, compile_program):
    compile_program("skipping", "SECOND=cmocka_unit_test(test_skips)")
    assert "hardware" not in run("--programs", tmp_path / "programs").stdout
    compile_program("wanting", "SECOND=cmocka_unit_test(test_needs_kvm)")
    done = run("--programs", tmp_path / "programs")
    assert totals(done) == (2, 0, 2)
    said = done.stdout.splitlines()[-2]
    assert said.startswith("1 tests needed hardware virtualisation (/dev/kvm)")
    assert said.endswith("; 1 were skipped for other reasons")
    said = run("--programs", tmp_path / "programs", "--", "wanting").stdout.splitlines()[-2]
    assert said.endswith("; all others ran")


def test_without_hardware_programs_run_on_another_driver(tmp_path, compile_program):
    compile_program("api_some_test", "SECOND=cmocka_unit_test(test_on_process)")
    compile_program("other_test", "SECOND=cmocka_unit_test(test_on_process)")
    done = run("--programs", tmp_path / "programs", "--without-hardware")
    assert totals(done) == (4, 0, 0)
    assert "process:api_some_test" in done.stdout
    # It tries all drivers, and says itself what it skips.
    compile_program("driver_contract_test", "SECOND=cmocka_unit_test(test_on_process)")
    (tmp_path / "programs/support").mkdir()
    (tmp_path / "programs/support/without_listener").symlink_to("/usr/bin/env")
    done = run("--programs", tmp_path / "programs", "--without-hardware", "--", "contract")
    assert totals(done)[1] == 1


def test_a_driver_that_the_caller_wants_is_not_that_of_every_run(tmp_path, compile_program):
    compile_program("driver_contract_test", "SECOND=cmocka_unit_test(test_on_process)")
    (tmp_path / "programs/support").mkdir()
    (tmp_path / "programs/support/without_listener").symlink_to("/usr/bin/env")
    done = run("--programs", tmp_path / "programs", MOTE_TEST_DRIVER="process")
    assert totals(done)[1] == 1
    assert re.search(r"^ok +futex:driver_contract_test ", done.stdout, re.MULTILINE)


def test_skip_that_no_list_allows_fails_the_run(tmp_path, compile_program):
    compile_program("skipping", "SECOND=cmocka_unit_test(test_skips)")
    allowed = tmp_path / "allowed"
    allowed.write_text("# nothing\n")
    done = run("--programs", tmp_path / "programs", "--allowed-skips", allowed)
    assert totals(done) == (1, 0, 1)
    assert done.returncode == 1
    assert "UNEXPECTED" in done.stdout
    allowed.write_text("skipping test_skips\n")
    done = run("--programs", tmp_path / "programs", "--allowed-skips", allowed)
    assert done.returncode == 0


def test_skips_are_allowed_by_pattern(tmp_path, compile_program):
    compile_program("skipping", "SECOND=cmocka_unit_test(test_skips)")
    allowed = tmp_path / "allowed"
    for line, status in ("skip*ng test_*", 0), ("skipping test_[s]kips", 1), ("skipping test", 1):
        allowed.write_text(line + "\n")
        done = run("--programs", tmp_path / "programs", "--allowed-skips", allowed)
        assert done.returncode == status, line


def test_skips_are_allowed_for_want_of_hardware_alone(tmp_path, compile_program):
    compile_program("skipping", "SECOND=cmocka_unit_test(test_skips)")
    compile_program("wanting", "SECOND=cmocka_unit_test(test_needs_kvm)")
    allowed = tmp_path / "allowed"
    allowed.write_text("without kvm: *\n")
    without = ["--programs", tmp_path / "programs", "--allowed-skips", allowed, "--without-hardware"]
    assert run(*without, "--", "wanting").returncode == 0
    done = run(*without)
    assert done.returncode == 1
    assert done.stdout.count("UNEXPECTED") == 1
    assert "test_skips: there is no /dev/none (UNEXPECTED)" in done.stdout


def test_crash_is_one_failure_and_keeps_what_passed(tmp_path, compile_program):
    compile_program("crashing", "SECOND=cmocka_unit_test(test_aborts)")
    done = run("--programs", tmp_path / "programs")
    assert totals(done) == (1, 1, 0)
    assert done.returncode == 1
    assert "SIGABRT" in done.stdout


def test_hang_is_one_failure(tmp_path, compile_program):
    compile_program("hanging", "SECOND=cmocka_unit_test(test_hangs)")
    done = run("--programs", tmp_path / "programs", "--limit", "1")
    assert totals(done)[1] == 1
    assert done.returncode == 1
    assert "still running after 1 s" in done.stdout


def test_early_exit_with_status_0_is_one_failure(tmp_path, compile_program):
    compile_program("leaving", "SECOND=cmocka_unit_test(test_exits)")
    done = run("--programs", tmp_path / "programs")
    assert totals(done)[1] == 1
    assert done.returncode == 1


def test_bad_status_after_good_cases_is_one_failure(tmp_path, compile_program):
    compile_program("leaking", "STATUS=23")
    done = run("--programs", tmp_path / "programs")
    assert totals(done) == (1, 1, 0)
    assert "exit status 23" in done.stdout


def test_program_without_a_case_is_one_failure(tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    program = folder / "empty"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    done = run("--programs", folder)
    assert totals(done) == (0, 1, 0)
    assert done.returncode == 1


def test_names_choose(tmp_path, compile_program):
    compile_program("good")
    compile_program("bad", "SECOND=cmocka_unit_test(test_fails)")
    done = run("--programs", tmp_path / "programs", "--", "goo")
    assert totals(done) == (1, 0, 0)
    assert run("--programs", tmp_path / "programs", "--", "nothing").returncode != 0
    done = run("--programs", tmp_path / "programs", "--", "goo", "nothing")
    assert done.returncode != 0
    assert "nothing has nothing in its name" in done.stderr


BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build"))


def programs_of_the_build():
    return [path.name for path in (BUILD / "tests").iterdir() if path.is_file()]


def test_each_pattern_for_programs_has_one():
    """A program that was renamed would run on one driver less, or in a lane less."""
    patterns = run_tests.EVERY_DRIVER + run_tests.ON_ITS_OWN + run_tests.ONE_THREAD
    patterns += [name for _, _, _, names in run_tests.CONFINED for name in names]
    patterns += run_hardware.SUITE + mutants.EVERY_FILE + sum(mutants.FILES.values(), [])
    programs = programs_of_the_build()
    assert [p for p in patterns if not any(fnmatch(name, p) for name in programs)] == []


def test_all_on_the_script_driver_run_under_valgrind():
    linked = check_hyperlight.programs_of_sources((BUILD / "build.ninja").read_text())
    programs = linked["host/driver/script/script.c"]
    assert len(programs) > 10
    words = re.search(r" --valgrind -- (.*)", (SOURCE / "dev").read_text())[1].split()
    assert [name for name in programs if not any(word in name for word in words)] == []


def test_missing_folder_is_an_error(tmp_path):
    done = run("--programs", tmp_path / "none")
    assert done.returncode != 0
    assert "build first" in done.stderr


def test_pytest_suite_is_counted(tmp_path):
    suite = tmp_path / "suites" / "small"
    suite.mkdir(parents=True)
    (suite / "test_small.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 1 == 2\n"
        "def test_away(): pytest.skip('there is no /dev/none')\n"
    )
    done = run("--suites", tmp_path / "suites")
    assert totals(done) == (1, 1, 1)
    assert done.returncode == 1
    assert "there is no /dev/none" in done.stdout


def test_pytest_suite_that_does_not_load_is_a_failure(tmp_path):
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "test_broken.py").write_text("import no_such_module_anywhere\n")
    done = run("--suites", tmp_path / "suites")
    assert totals(done)[1] == 1
    assert done.returncode == 1


def test_pytest_suite_without_a_case_is_a_failure(tmp_path):
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "test_empty.py").write_text("")
    done = run("--suites", tmp_path / "suites")
    assert totals(done) == (0, 1, 0)
    assert done.returncode == 1


def test_every_case_is_listed_with_its_outcome(tmp_path, compile_program):
    compile_program("mixed", "SECOND=cmocka_unit_test(test_fails)")
    suite = tmp_path / "suites" / "good"
    suite.mkdir(parents=True)
    (suite / "test_good.py").write_text("def test_one():\n    pass\n")
    results = tmp_path / "logs" / "results.tsv"
    run("--programs", tmp_path / "programs", "--suites", tmp_path / "suites", "--results", results)
    lines = results.read_text().splitlines()
    assert "mixed\ttest_passes\tpassed" in lines
    assert "mixed\ttest_fails\tfailed" in lines
    assert lines[-1].startswith("suites/good\t") and lines[-1].endswith("test_one\tpassed")
