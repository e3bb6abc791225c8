"""Records behave as dataclasses do, where we use them."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any, ClassVar

import pytest

from strongroom.base.record import as_dict, field, mutable, names_of, record, replace


@record
class Place:
    """A class with all that is used of records."""

    LIMIT: ClassVar[int] = 3
    name: str
    size: int = 7
    tags: list[str] = field(default_factory=list)
    secret: str = field(default="x", repr=False)

    def __post_init__(self) -> None:
        if self.size > 100:
            raise ValueError("too large")


@mutable
class Counter:
    """One that changes."""

    count: int = 0


@record
class Pair:
    """One that can be a key."""

    value: int
    name: str


@record
class Longer(Place):
    """One with a field more."""

    more: int = 0


@record
class Checked(Place):
    """One that has the checks of the class above it, and more."""

    more: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.more > 100:
            raise ValueError("too much more")


@dataclasses.dataclass(frozen=True, slots=True)
class _Twin:
    name: str
    size: int = 7
    tags: list[str] = dataclasses.field(default_factory=list)
    secret: str = dataclasses.field(default="x", repr=False)


@pytest.mark.parametrize("given", [{"name": "a"}, {"name": "a", "size": 1, "tags": ["t"], "secret": "s"}])
def test_fields_and_repr_are_those_of_a_dataclass(given: dict[str, Any]) -> None:
    """The same arguments give the same fields and the same text, with secrets left out of it."""
    ours, twin = Place(**given), _Twin(**given)
    assert as_dict(ours) == dataclasses.asdict(twin)
    assert repr(ours) == repr(twin).replace("_Twin", "Place")
    assert names_of(ours) == names_of(Place) == ("name", "size", "tags", "secret")


def test_each_instance_has_its_own_default_list() -> None:
    """A default that is made is made for each instance."""
    assert Place("a").tags is not Place("b").tags


def test_records_compare_by_value_and_class() -> None:
    """Equal fields of the same class are equal; another class is not."""
    assert Place("a") == Place("a") != Place("b")
    other: object = _Twin("a")
    assert Place("a") != other
    assert Counter(1) == Counter(1)
    assert Longer("a", more=1) != Longer("a", more=2)


def test_frozen_ones_hash_and_refuse_changes() -> None:
    """A frozen record is a key; it can be neither changed nor emptied, nor get fields that it has not."""
    frozen = Pair(4, "b")
    assert {frozen: 1}[Pair(4, "b")] == 1
    with pytest.raises(AttributeError, match="value"):
        frozen.value = 5  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del frozen.value
    with pytest.raises(AttributeError):
        frozen.other = 5  # type: ignore[attr-defined]


def test_mutable_ones_change_and_have_no_hash() -> None:
    """A mutable record can be set, takes no unknown field, and is no key."""
    counter = Counter()
    counter.count += 2
    assert counter == Counter(2)
    with pytest.raises(AttributeError):
        counter.other = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="unhashable"):
        hash(counter)


def test_replace_goes_through_the_checks() -> None:
    """A copy with changes is made like any instance, so ``__post_init__`` sees it."""
    assert replace(Place("a"), size=8) == Place("a", 8)
    with pytest.raises(ValueError, match="too large"):
        replace(Place("a"), size=101)


def test_wrong_arguments_are_type_errors() -> None:
    """Missing and unknown arguments are refused, at the first instance as at the second."""
    for _ in range(2):
        with pytest.raises(TypeError, match="name"):
            Place()  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="colour"):
            Place("a", colour=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("given", [Place("a", 3, ["t"], "s"), Longer("b", more=2), Pair(1, "x"), Counter(4)])
def test_copies_and_pickles_are_equal(given: object) -> None:
    """Each is the same after it was copied, or pickled, with its secrets and inherited fields."""
    assert copy.copy(given) == copy.deepcopy(given) == pickle.loads(pickle.dumps(given)) == given


def test_patterns_see_the_fields_in_their_order() -> None:
    """A pattern names fields, or takes them in their order."""
    match Pair(1, "x"):
        case Pair(value, name):
            assert (value, name) == (1, "x")
        case _:
            raise AssertionError


def test_a_bare_super_finds_the_class_above() -> None:
    """A method may call that of the class above without naming it."""
    with pytest.raises(ValueError, match="too large"):
        Checked("a", 101)
    with pytest.raises(ValueError, match="too much more"):
        Checked("a", more=101)
