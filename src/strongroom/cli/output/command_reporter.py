"""What the command line asks of a reporter beyond what the engine does."""

from __future__ import annotations

from strongroom.base.progress import Reporter


class CommandReporter(Reporter):
    """A reporter whose output somebody sees."""

    label_repositories: bool = False
    """Whether each summary names its repository: there are several."""

    repository: str = ""
    """Of several repositories the one that is worked on; errors name it."""

    def show_now(self) -> None:
        """Show where we are: the answer to SIGUSR1."""

    def close(self) -> None:
        """The work is over: take back what was drawn."""
