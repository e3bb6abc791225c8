"""Which policies `forget` applies: those of the command line, or the tables of the file for this repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import ConfigurationError, UsageError
from strongroom.cli.arguments import parser
from strongroom.cli.maintenance.policies import Applied, policies_of
from strongroom.cli.maintenance.prune_options import prune_options
from strongroom.cli.output.out import Out
from strongroom.cli.shared.context import Context
from strongroom.cli.shared.opening import targets_of
from strongroom.cli.shared.signals import Signals
from strongroom.repository.selection import SnapshotFilter
from strongroom.retention.calendar import Span
from strongroom.retention.faithful import UNLIMITED, Policy

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
version = 1
[repository.local]
url = "/backup/local"
keep_removed = "7d"
[repository.offsite]
url = "/backup/offsite"
[retention.laptop]
keep_daily = 7
keep_monthly = "unlimited"
keep_within_hourly = "2d"
keep_tags = ["forever", "a, b"]
hosts = ["laptop"]
group_by = "host"
prune = true
max_unused = "unlimited"
repack_smaller_than = "1M"
[retention.rest]
repositories = ["local"]
keep_last = 3
guarded = true
detection_window = "3d"
"""


def context(folder: Path, *words: str, file: str = FILE) -> Context:
    """What `forget` gets to work with."""
    path = folder / "config.toml"
    path.write_text(file)
    path.chmod(0o600)
    verb, rest = parser.split_verb(["--config", str(path), "forget", *words])
    assert verb is not None
    return Context(parser.parse(verb, rest), Out(), Signals())


def applied(found: Context) -> dict[str, list[Applied]]:
    """The policies of each repository that is meant."""
    return {target.label: policies_of(found, target) for target in targets_of(found)}


def test_the_files_tables_are_applied_to_their_repositories(tmp_path: Path) -> None:
    """Without options each repository gets its tables in the order of the file, with all that they say."""
    found = applied(context(tmp_path))
    assert [[one.name for one in policies] for policies in found.values()] == [["laptop", "rest"], ["laptop"]]
    laptop, rest = found["local"]
    assert laptop.policy == Policy(
        daily=7, monthly=UNLIMITED, within_hourly=Span(days=2), tags=(("forever",), ("a", "b"))
    )
    assert (laptop.filter, laptop.by, laptop.guarded) == (SnapshotFilter(hosts=("laptop",)), ("host",), False)
    assert (rest.policy, rest.filter, rest.guarded, rest.detection) == (
        Policy(last=3), SnapshotFilter(), True, Span(days=3),
    )  # fmt: skip


def test_options_stand_in_place_of_the_file(tmp_path: Path) -> None:
    """What says what to keep replaces the tables; a filter narrows them; IDs need no policy."""
    (only,) = applied(context(tmp_path, "-r", "local", "--keep-last", "1", "-g", ""))["local"]
    assert (only.policy, only.name, only.by) == (Policy(last=1), "", ())
    laptop, _ = applied(context(tmp_path, "-r", "local", "--host", "web01", "--tag", "x"))["local"]
    assert (laptop.filter.hosts, laptop.filter.tags) == (("web01",), (("x",),))
    (by_id,) = applied(context(tmp_path, "-r", "local", "4bba301e"))["local"]
    assert by_id.policy.is_empty


@pytest.mark.parametrize(
    ("words", "file", "message"),
    [
        (["-r", "/backup/local"], FILE, "no policy was specified"),
        (["-r", "local"], FILE.replace("keep_last = 3", ""), "no policy was specified"),
        (["-r", "local", "--guarded"], FILE, "groups by host and paths"),
        (["-r", "local", "--unsafe-allow-remove-all"], FILE, "unless a snapshot filter option"),
    ],
)
def test_what_says_nothing_removes_nothing(tmp_path: Path, words: list[str], file: str, message: str) -> None:
    """A place that the file does not name, a table without a policy, and half-said options are refused."""
    with pytest.raises(UsageError, match=message):
        applied(context(tmp_path, *words, file=file))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('keep_daily = 7', 'keep_daily = -1'),
        ('keep_within_hourly = "2d"', 'keep_within_hourly = "2x"'),
        ('repositories = ["local"]', 'repositories = ["loacl"]'),
        ('prune = true', 'pruen = true'),
        ('max_unused = "unlimited"', 'max_unused = "1x"'),
        ('max_unused = "unlimited"', 'max_unused = "100%"'),
    ],
)  # fmt: skip
def test_a_wrong_table_is_an_error_at_once(tmp_path: Path, old: str, new: str) -> None:
    """A slip of the finger must not remove anything, nor keep everything for years."""
    with pytest.raises(ConfigurationError, match="retention"):
        applied(context(tmp_path, file=FILE.replace(old, new)))


def test_pruning_follows_the_file_unless_options_say_otherwise(tmp_path: Path) -> None:
    """The table's values stand in for options that were not given."""
    found = context(tmp_path, "--repack-smaller-than", "2M")
    table = applied(found)["local"][0].table
    options = prune_options(found, dry_run=True, table=table)
    assert (options.max_unused.percent, options.max_unused.size) == (None, None)
    assert options.repack_smaller_than == 2 << 20
    assert prune_options(found, dry_run=True).max_unused.percent == 5.0
    with pytest.raises(UsageError, match="max_unused"):
        prune_options(found, dry_run=True, table={"max_unused": "much"})


def test_what_is_removed_is_kept_where_the_file_says_so(tmp_path: Path) -> None:
    """By repository, and an option of nothing turns it off."""
    found = context(tmp_path)
    assert [found.settings.get("keep_removed", name).value for name in ("local", "offsite")] == ["7d", ""]
    assert context(tmp_path, "--keep-removed", "0d").settings.get("keep_removed", "local").value == ""
