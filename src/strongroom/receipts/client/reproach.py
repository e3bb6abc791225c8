"""What a gateway can be reproached with: a code and its facts, stored and compared; words are made from them."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from strongroom.base.record import as_dict, record


class Fault(StrEnum):
    """What an honest gateway does not do. The values stand in files, and are never given another meaning."""

    NO_PROOF = "no-proof"
    NOT_SIGNED = "not-signed"
    REPLACED = "replaced"
    PASSED_OVER = "passed-over"
    LACKING = "lacking"
    EMPTIED = "emptied"
    SHORTENED = "shortened"
    FORKED = "forked"
    OTHER_KEY = "other-key"
    NO_SIGNER = "no-signer"
    TOLD = "told"
    """Something that another version of this program wrote down: its words are all that we know."""


_WORDS = {
    Fault.NO_PROOF: "the proof for it leads nowhere",
    Fault.NOT_SIGNED: "what it gave as a promise is not signed by its log",
    Fault.REPLACED: "its log has another receipt in its place",
    Fault.PASSED_OVER: "its log passes over it",
    Fault.LACKING: "its log still lacks it",
    Fault.EMPTIED: "its log is empty, and had {signed} entries",
    Fault.SHORTENED: "its log was shortened: {entries} entries, and {signed} were signed",
    Fault.FORKED: "its log of {entries} entries does not continue the {signed} entries that it signed before",
    Fault.OTHER_KEY: (
        "its log ({origin}) is not signed by the key that was pinned at first use or by a person since, {key}"
    ),
    Fault.NO_SIGNER: "the gateway shows a key for its log that signed none of its promises",
    Fault.TOLD: "{told}",
}
_EARLIER = ((Fault.OTHER_KEY, "its log ({origin}) is not signed by the key that was pinned at first use, {key}"),)
"""Sentences of versions that wrote no codes, where they were others."""
_ABOUT_KEY = {Fault.OTHER_KEY, Fault.NO_SIGNER}
_NUMBERS = ("entries", "signed")
_TEXTS = ("origin", "key", "told")


@record
class Reproach:
    """Something that an honest gateway does not do; ``value`` is the promise that proves it, where there is one.

    ``entries`` are those of the log now, ``signed`` those that it signed before, ``origin`` is its name, ``key`` the
    key that was pinned.
    """

    fault: Fault
    object: str
    found_ns: int
    value: str = ""
    entries: int = 0
    signed: int = 0
    origin: str = ""
    key: str = ""
    told: str = ""

    @property
    def what(self) -> str:
        """The fault in words, for people alone."""
        facts = {name: getattr(self, name) for name in (*_NUMBERS, *_TEXTS)}
        return _WORDS[self.fault].format(**facts)

    @property
    def about_key(self) -> bool:
        """Whether a rotated log looks like this: a person who got the new key by another way can settle it."""
        return not self.object and self.fault in _ABOUT_KEY

    @property
    def identity(self) -> tuple[Any, ...]:
        """Equal for what was found before and is found again."""
        return (self.fault, self.object, self.entries, self.signed, self.origin, self.key, self.told)

    def row(self) -> dict[str, Any]:
        """As JSON, with the words for whoever reads the file as evidence."""
        given = as_dict(self)
        return {name: value for name, value in given.items() if value not in ("", 0)} | {
            "fault": str(self.fault),
            "object": self.object,
            "what": self.what,
        }

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> Reproach:
        """Read ``row``'s result, or what an older version wrote, which had words alone.

        Raises ``KeyError``, ``TypeError`` or ``ValueError``.
        """
        if "fault" not in row:
            fault, facts = _of_words(str(row["what"]))
        elif row["fault"] in set(Fault):
            fault, facts = Fault(row["fault"]), row
        else:  # a newer version's
            fault, facts = Fault.TOLD, {"told": row["what"]}
        values: list[Any] = [int(facts.get(name, 0)) for name in _NUMBERS]
        values += [str(facts.get(name, "")) for name in _TEXTS]
        return cls(fault, str(row["object"]), int(row["found_ns"]), str(row.get("value", "")), *values)


def _of_words(what: str) -> tuple[Fault, dict[str, Any]]:
    """What an old file's sentence means; one that is none of ours is kept as it is, and no rotation settles it."""
    for fault, words in (*_WORDS.items(), *_EARLIER):
        pattern = re.sub(r"\\\{(\w+)\\\}", lambda name: _pattern(name[1]), re.escape(words))
        if fault is not Fault.TOLD and (match := re.fullmatch(pattern, what, re.ASCII)):
            return fault, match.groupdict()
    return Fault.TOLD, {"told": what}


def _pattern(name: str) -> str:
    return rf"(?P<{name}>\d{{1,18}})" if name in _NUMBERS else rf"(?P<{name}>.+)"
