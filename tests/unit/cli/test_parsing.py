"""Words of a command line: verbs, options on both sides of them, mistakes."""

from __future__ import annotations

import pytest

from strongroom.base.errors import UsageError
from strongroom.cli.arguments import parser as parsing
from strongroom.cli.verbs import VERBS, Verb


def _parsed(*words: str) -> tuple[str, dict[str, object]]:
    verb, rest = parsing.split_verb(list(words))
    assert verb is not None
    return verb.name, vars(parsing.parse(verb, rest))


def test_options_before_and_behind_the_verb_mean_the_same() -> None:
    """A global option may stand on either side of the verb."""
    before = _parsed("-r", "/a", "--json", "-qv", "--retry-lock=5m", "version")
    behind = _parsed("version", "-r", "/a", "--json", "-qv", "--retry-lock", "5m")
    assert before == behind
    assert before[1]["retry_lock"] == 300.0


def test_repositories_and_passwords_keep_their_order_across_the_verb() -> None:
    """Repeated options of all kinds form one list in the order of the command line."""
    _, options = _parsed(
        "-r", "/a", "-p", "one", "version", "--repository-file", "b", "--password-command", "x y", "-rc"
    )
    assert options["repositories"] == [("repo", "/a"), ("repository-file", "b"), ("repo", "c")]
    assert options["passwords"] == [("password-file", "one"), ("password-command", "x y")]


def test_an_empty_password_takes_its_place_in_the_list() -> None:
    """--insecure-no-password is one of the ordered password options."""
    _, options = _parsed("version", "--insecure-no-password", "-p", "file")
    assert options["passwords"] == [("insecure-no-password", ""), ("password-file", "file")]


@pytest.mark.parametrize(
    ("words", "level"),
    [
        (["-v"], 1),
        (["-vv"], 2),
        (["--verbose=2"], 2),
        (["--verbose", "-v"], 2),
        (["-v=2"], 2),
        (["-v=1", "-v"], 2),
        (["-vv", "-v=1"], 1),
        (["-v=0"], None),
    ],
)
def test_verbosity_as_restic_counts_it(words: list[str], level: int) -> None:
    """-v adds up, and --verbose=N counts at once."""
    assert _parsed(*words, "version")[1]["verbose"] == level


def test_flags_with_true_and_false() -> None:
    """restic's flag library takes --flag=true and --flag=false, and so do scripts."""
    _, options = _parsed("version", "--json=true", "--no-lock=false")
    assert options["json"] is True
    assert options["no_lock"] is None


def test_only_what_may_not_be_left_out_is_missed() -> None:
    """A verb without its operands is told which one it needs, not those that are optional."""
    with pytest.raises(UsageError, match=r"^SNAPSHOT must be given"):
        _parsed("ls")
    with pytest.raises(UsageError, match=r"^SNAPSHOT and FILE/FOLDER must be given"):
        _parsed("dump", "--json")


def test_nothing_behind_two_dashes_is_an_option() -> None:
    """Words behind -- are arguments, whatever they look like."""
    _, options = _parsed("backup", "--dry-run", "--stdin-from-command", "--", "sh", "-c", "--json", "--")
    assert options["paths"] == ["sh", "-c", "--json", "--"]
    assert options["json"] is None


def test_a_group_is_named_by_two_words_with_options_between() -> None:
    """Options may stand between the two words of a verb."""
    name, options = _parsed("config", "--json", "validate", "file.toml")
    assert name == "config validate"
    assert options["file"] == "file.toml"


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (["versoin"], "unknown command", "`version`"),
        (["version", "--jsno"], "unknown option --jsno", "--json"),
        (["--tag", "version"], "stands before the command", "behind"),
        (["config", "shwo"], "unknown command `config shwo`", "`config show`"),
        (["--repo"], "needs a value", "--help"),
        (["version", "--repo"], "needs a value", "behind"),
        (["version", "--json=maybe"], "neither true nor false", "alone"),
        (["version", "-v=x"], "not a number", "-v=2"),
        (["version", "--limit-upload", "much"], "not a whole number", "--help"),
        (["version", "--retry-lock", "soon"], "not a duration", "--help"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(words: list[str], what: str, hint: str) -> None:
    """Each mistake on a command line raises UsageError with the nearest right word."""
    with pytest.raises(UsageError) as caught:
        _parsed(*words)
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_short_options_as_pflag_reads_them() -> None:
    """Letters in one word, a value behind them with or without =, a value that begins with a dash, the last word on a
    flag."""
    _, options = _parsed("backup", "-xn", "-e=*.o", "-e*.tmp", "-xe", "-odd", "--host", "-h", "--json", "--json=F", "a")
    assert options["exclude"] == ["*.o", "*.tmp", "-odd"]
    assert (options["one_file_system"], options["dry_run"], options["json"]) == (True, True, None)
    assert (options["host"], options["paths"]) == ("-h", ["a"])


def test_an_option_of_the_verb_may_stand_before_it() -> None:
    """As in restic, the word behind an option that is not known yet is its value."""
    name, options = _parsed("--tag", "x", "--exclude=y", "backup", "a")
    assert (name, options["tags"], options["exclude"]) == ("backup", [("x",)], ["y"])


def test_options_are_never_abbreviated() -> None:
    """An abbreviation that works today would break when an option is added."""
    with pytest.raises(UsageError):
        _parsed("version", "--quie")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_has_a_parser_and_something_to_run(verb: Verb) -> None:
    """Each verb of the table loads, declares its options without clashing with the global ones, and can be run."""
    assert parsing.build_parser(verb).format_help()
    assert callable(parsing.load(verb, "run"))
