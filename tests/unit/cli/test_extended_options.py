"""The list of `-o` options, and the variable of restic's feature flags."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import strongroom.storage
from strongroom.base.errors import UsageError
from strongroom.cli.arguments import parser as parsing
from strongroom.cli.arguments.extended import OPTIONS
from strongroom.cli.arguments.values import listed
from strongroom.cli.output.out import Out
from strongroom.cli.shared.context import Context
from strongroom.cli.shared.settings import Settings
from strongroom.cli.shared.signals import Signals
from strongroom.cli.shared.targets import Target, store_options
from strongroom.custody.drills.stock_restic import stock_restic
from strongroom.storage.options import StoreOptions


def test_every_option_that_a_store_reads_is_listed() -> None:
    """What the stores look up by name, `options` prints, and nothing else but what holds for all of them."""
    (folder,) = strongroom.storage.__path__
    text = "".join(path.read_text() for path in Path(folder).rglob("*.py"))
    read = set(re.findall(r'extended\.get\(\s*"([a-z0-9.-]+)"', text))
    shared = {name for name in OPTIONS if name.rpartition(".")[2] in ("connections", "retry-for")}
    assert read and read == set(OPTIONS) - shared


def test_several_in_one_word_as_restic_splits_them() -> None:
    """Commas divide, double quotes keep a comma, and `-o` is repeatable."""
    words = ("-o", "rest.connections=7,S3.Region = x", "-o", '"s3.profile=a,b"', "--cacert", "a,b", "--cacert", "c")
    verb, rest = parsing.split_verb([*words, "snapshots"])
    assert verb is not None
    settings = Settings(parsing.parse(verb, rest), None)
    assert settings.extended_options() == {"rest.connections": "7", "s3.region": "x", "s3.profile": "a,b"}
    assert settings.get("cacert").value == ["a", "b", "c"]


def test_a_line_break_is_refused_in_words() -> None:
    """Outside quotes a list has none, by whatever way it was given: that is a mistake, and no fault of ours."""
    verb, _ = parsing.split_verb(["snapshots"])
    assert verb is not None
    with pytest.raises(UsageError, match="line break outside double quotes"):
        parsing.parse(verb, ["-o", "rest.connections=5\nb=1"])


def test_a_comma_in_an_option_reaches_stock_restic_as_one_word() -> None:
    """What a drill hands on is split at commas by restic's flag library, as by ours, but not in double quotes."""
    given = {"rclone.args": 'serve restic --stdio --header "X-A: b,c"'}
    options = StoreOptions(extended=given, cacert=("/ca, of us.pem",), environment={})
    its = stock_restic("true", "rclone:remote:web", options)
    words = [listed(word) for word in its.words]
    assert words == [["-o"], ["rclone.args=serve restic --stdio --header 'X-A: b,c'"], ["--cacert"], ["/ca, of us.pem"]]


def _store_options(url: str, *words: str) -> tuple[StoreOptions, list[str]]:
    """How a place is reached, and what is warned of."""
    verb, rest = parsing.split_verb(["-r", url, *words, "snapshots"])
    assert verb is not None
    context = Context(parsing.parse(verb, rest), Out(), Signals())
    warned: list[str] = []
    context.__dict__["warn"] = warned.append
    return store_options(context, Target(url, url, "URL", None, None, None)), warned


def test_each_store_has_its_own_connections() -> None:
    """What stands for another kind of store does not count, whatever comes first."""
    words = ("-o", "rest.connections=3", "-o", "local.connections=5", "-o", "azure.connections=9")
    assert _store_options("rest:http://host/", *words)[0].connections == 3
    assert _store_options("/folder", *words)[0].connections == 5
    assert _store_options("az://abc/", *words)[0].connections == 9
    assert _store_options("s3://abc/", *words)[0].connections is None


def test_an_unknown_option_of_the_store_in_use_is_refused() -> None:
    """A misspelt one, and one given twice, are errors; other kinds' options are let by; restic's own are a warning."""
    with pytest.raises(UsageError, match="not known"):
        _store_options("s3://abc/", "-o", "s3.storage-clas=X")
    with pytest.raises(UsageError, match="twice"):
        _store_options("/folder", "-o", "a=b", "-o", "a=c")
    assert _store_options("/folder", "-o", "s3.storage-clas=X", "-o", "a=b", "-o", "a=b")[1] == []
    assert "s3.retries" in _store_options("s3://abc/", "-o", "s3.retries=3")[1][0]
