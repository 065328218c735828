# SPDX-License-Identifier: BSD-3-Clause
"""Tests that speak TAP: a function whose name is a sentence about behaviour, marked @test.

    from tap import check_equal, main, test

    @test
    def an_empty_policy_passes_nothing():
        check_equal(count_frames(), 0)

    main()

main() prints the plan and one line per sentence, and ends the process: 0 when all held. A test
fails by any exception; the check functions raise Failed with both values in it. skip() says why a
test cannot be made here. With TAP_ONLY=text in the environment only sentences with that text run.
"""

import os
import sys
import time
import traceback

_tests = []


class Failed(Exception):
    """What a test found is not what its name says."""


class Skipped(Exception):
    """The test cannot be made on this machine."""


def test(function):
    """Registers a test."""
    _tests.append(function)
    return function


def skip(why):
    """Ends the running test as skipped."""
    raise Skipped(why)


def check(holds, what="it does not hold"):
    """Fails unless 'holds'."""
    if not holds:
        raise Failed(what)


def check_equal(got, wanted):
    """Fails unless both are equal."""
    if got != wanted:
        raise Failed(f"got {got!r}, wanted {wanted!r}")


def check_in(part, whole):
    """Fails unless 'part' is in 'whole'."""
    if part not in whole:
        raise Failed(f"{part!r} is not in {whole!r}")


def check_not_in(part, whole):
    """Fails when 'part' is in 'whole'."""
    if part in whole:
        raise Failed(f"{part!r} is in {whole!r}")


def wait_until(condition, what, seconds=60.0):
    """Waits for something that another process does; fails after 'seconds'."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"waited {seconds:g} s for {what}")
        time.sleep(0.005)


def _run(function):
    """Returns (result word, comment)."""
    try:
        function()
    except Skipped as why:
        return "ok", f" # SKIP {why}"
    except Failed as why:
        line = traceback.extract_tb(sys.exc_info()[2])
        at = [frame.lineno for frame in line if frame.name == function.__name__]
        print(f"# line {at[-1] if at else '?'}: {why}".replace("\n", "\n# "))
        return "not ok", ""
    except Exception:  # a test that breaks is a test that fails
        print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "))
        return "not ok", ""
    return "ok", ""


def main():
    """Runs all tests of the file and ends the process."""
    only = os.environ.get("TAP_ONLY", "")
    chosen = [function for function in _tests if only in function.__name__]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        result, comment = _run(function)
        failed += result != "ok"
        print(f"{result} {number} - {function.__name__}{comment}", flush=True)
    sys.exit(1 if failed else 0)
