"""Runs pytest, and what failed beside other tests once more alone: a few of thousands may stumble over a busy machine.

What failed is printed in full by the first run, and is named as unsteady at the end: its race is to be mended.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

CHANCES = 3
"""So many failures of one run may be accidents. More are none."""


class Failed:
    """The tests that failed, their workers' ends and their fixtures' faults included; for pytest's plugin manager."""

    def __init__(self) -> None:
        self.tests: dict[str, None] = {}
        self.partial = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the name of a test that failed in any of its phases."""
        if report.failed:
            self.tests[report.nodeid] = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember that a file could not be collected, which pytest-xdist tells as a failed test."""
        self.partial |= report.failed

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Remember that tests may have been left out, as after ``-x``."""
        self.partial |= bool(session.shouldfail or session.shouldstop or session.config.getoption("maxfail"))


def run(arguments: list[str]) -> int:
    """The exit code of pytest, or 0 when all that failed passes alone.

    Only a run that came to its end gets the second look: one that could not collect a test, was interrupted or broke
    has not shown that everything else holds.
    """
    failed = Failed()
    code = int(pytest.main(arguments, plugins=[failed]))
    if code != pytest.ExitCode.TESTS_FAILED or failed.partial or not 0 < len(failed.tests) <= CHANCES:
        return code
    print(f"\nonce more, alone: {len(failed.tests)} of the tests failed", flush=True)
    # In a new process each: the one here may hold what a test left behind.
    for test in failed.tests:
        if subprocess.run([sys.executable, "-m", "pytest", "-q", test], check=False).returncode != 0:
            return code
    for test in failed.tests:
        print(f"UNSTEADY: {test} failed beside others and passed alone. It has a race that is to be mended.")
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
