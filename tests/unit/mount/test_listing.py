"""A folder that the kernel reads page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strongroom.mount.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_entries_come_once_and_in_order_from_any_place() -> None:
    """Going on costs no second look at the folder; going back, or to the first entry, does."""
    begun = 0

    def begin() -> Iterator[str]:
        nonlocal begun
        begun += 1
        return iter("abcde")

    listing: Listing[str] = Listing(begin)
    assert [listing.at(number) for number in range(6)] == [*"abcde", None] and begun == 1
    assert listing.at(5) is None and begun == 1
    assert (listing.at(2), listing.at(2), listing.at(4)) == ("c", "c", "e") and begun == 2
    assert (listing.at(0), listing.at(1), listing.at(99)) == ("a", "b", None) and begun == 3


def test_what_is_wrong_with_the_folder_is_raised_where_it_is_read() -> None:
    """The reading fails, not the opening; and it can be tried again."""

    def begin() -> Iterator[str]:
        raise FileNotFoundError

    listing: Listing[str] = Listing(begin)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            listing.at(0)
