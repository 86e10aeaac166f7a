#!/usr/bin/python3
"""Run every suite and count: `make test`.

usage: run.py [SUITE...]     suites: unit linkage boundary integration fault soak conformance lint
                              fuzz bench

Tests of the real programs have servers, ports and folders of their own: two of
them run at a time, of the fault suite two classes. Their lines keep their order.

Prints one line a suite as it ends, the output of what failed, and last
`N passed, N failed`. With CI set, conformance (it needs npm packages), lint, fuzz and a short bench run as well.
"""
import concurrent.futures
import itertools
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ASAN = os.path.join(ROOT, "build/asan")
RELEASE = os.path.join(ROOT, "build/release")
PYTHON = "/usr/bin/python3"
SERVER_DIED = "mariadbd ended by itself"  # tests/support/mariadb.py
SIDE_BY_SIDE = {"integration", "fault"}


def run(command, timeout=1800, **env):
    try:
        result = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False)
        return result.returncode, result.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        return 124, (late.stdout or b"").decode(errors="replace") + "\ntimed out after %d s\n" % timeout
    except FileNotFoundError as missing:
        return 127, "%s\n" % missing


def count_cmocka(output):
    passed = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", output)))
    failed = sum(map(int, re.findall(r"\[  FAILED  \] (\d+) test", output)))
    return passed, failed


def count_lines(output):
    """`ok` and `not ok` lines; a skipped test is a failure in CI."""
    skipped = len(re.findall(r"(?m)^ok .*# SKIP", output)) if os.environ.get("CI") else 0
    passed = len(re.findall(r"(?m)^ok\b", output)) - skipped
    return passed, len(re.findall(r"(?m)^not ok\b", output)) + skipped


def count_unittest(output):
    ran = sum(map(int, re.findall(r"(?m)^Ran (\d+) tests?", output)))
    failed = sum(int(n) for n in re.findall(r"(?:failures|errors|unexpected successes|skipped)=(\d+)", output))
    # A failed subtest is counted by unittest once each; never below zero.
    return max(ran - failed, 0), failed


def count_exit(_):
    return 1, 0


def python_tests(suite, folder):
    """A case per file; of the fault suite, whose files run for minutes, per class."""
    env = {"CS_BIN": os.path.join(ASAN, "bin"), "PYTHONPATH": os.path.join(ROOT, folder)}
    for name in sorted(os.listdir(os.path.join(ROOT, folder))):
        if not name.startswith("test_") or not name.endswith(".py") or name == "test_run.py":
            continue
        command = [PYTHON, "-W", "ignore", "-m", "unittest", "-b", os.path.join(folder, name)]
        if suite != "fault":
            yield suite, name, command, count_unittest, env
            continue
        with open(os.path.join(ROOT, folder, name)) as file:
            for found in re.findall(r"(?m)^class (\w+)\([^)]*unittest\.TestCase\)", file.read()):
                yield suite, "%s %s" % (name[5:-3], found), command + ["-k", "*.%s.*" % found], count_unittest, env


def cases():
    """(suite, name, command, counter, environment)"""
    tests = os.path.join(ASAN, "tests")
    for name in sorted(os.listdir(tests)):
        if name.startswith("test_") and os.access(os.path.join(tests, name), os.X_OK):
            yield "unit", name, [os.path.join(tests, name)], count_cmocka, {}
    if os.path.exists(os.path.join(ROOT, "tests/unit/schemas_check.py")):
        yield "unit", "schemas", [PYTHON, "tests/unit/schemas_check.py"], count_lines, {}
    for name in ("needed.sh", "symbols.sh", "hardening.sh"):
        yield "linkage", name, ["tests/linkage/" + name, os.path.join(RELEASE, "bin")], count_lines, {}
    yield "linkage", "includes", [PYTHON, "tests/linkage/includes.py", ROOT], count_lines, {}
    yield "boundary", "store", [os.path.join(tests, "store_under_sandbox")], count_exit, {}
    yield ("boundary", "run", [PYTHON, "tests/boundary/test_run.py", os.path.join(ASAN, "bin/countersign-run"),
                               os.path.join(tests, "fake"), os.path.join(tests, "attacker")], count_lines, {})
    for suite, folder in (("boundary", "tests/boundary"), ("integration", "tests/integration"),
                          ("fault", "tests/fault"), ("soak", "tests/soak"), ("conformance", "tests/conformance")):
        yield from python_tests(suite, folder)
    yield "lint", "lint", ["tests/lint.sh"], count_lines, {}
    yield "fuzz", "fuzz", ["make", "fuzz", "FUZZ_SECONDS=%s" % os.environ.get("FUZZ_SECONDS", "5")], count_lines, {}
    yield "bench", "bench", [PYTHON, "tests/bench/run.py", RELEASE, "--quick"], count_exit, {}
    yield "bench", "http", [PYTHON, "tests/bench/run_http.py", RELEASE, "--quick"], count_exit, {}


def judge(case):
    """Run one case: (line, output if it failed, passed, failed)."""
    suite, name, command, count, env = case
    started = time.monotonic()
    code, output = run(command, **env)
    if SERVER_DIED in output:
        # MariaDB's own crash says nothing about us: once more, and said so.
        print("note   %-11s %s: %s; run again\n%s" % (suite, name, SERVER_DIED, output[-6000:]), flush=True)
        code, output = run(command, **env)
    good, bad = count(output)
    if code != 0 and bad == 0:
        bad = 1
        good = 0 if count is count_exit else good
    if good + bad == 0:
        bad = 1
        output += "no test ran\n"
    line = "%-6s %-11s %-36s %4d passed %3d failed  %6.1f s" % (
        "ok" if bad == 0 else "FAILED", suite, name, good, bad, time.monotonic() - started)
    return line, output if bad else "", good, bad


def main():
    wanted = sys.argv[1:] or ["unit", "linkage", "boundary", "integration", "fault"] + (
        ["soak", "conformance", "lint", "fuzz", "bench"] if os.environ.get("CI") else [])
    passed = failed = 0
    chosen = [case for case in cases() if case[0] in wanted]
    for together, group in itertools.groupby(chosen, lambda case: case[0] in SIDE_BY_SIDE):
        with concurrent.futures.ThreadPoolExecutor(2 if together else 1) as pool:
            for line, output, good, bad in pool.map(judge, group):
                print(line, flush=True)
                if bad:
                    print(output[-12000:], flush=True)
                passed, failed = passed + good, failed + bad
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
