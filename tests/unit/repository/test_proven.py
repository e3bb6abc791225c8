"""This host's own record of packs: what it wrote and verified, and what others may not put in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.repository.proven import ProvenPacks
from tests.support.repositories import Machine

if TYPE_CHECKING:
    from pathlib import Path


def record(folder: Path, machine: Machine | None = None) -> ProvenPacks:
    """A record in a folder that need not be there."""
    return ProvenPacks(str(folder / "state" / "name.packs"), (machine or Machine()).surroundings)


def packs(count: int) -> list[str]:
    """Names of packs."""
    return [os.urandom(32).hex() for _ in range(count)]


def test_what_was_added_is_found_in_34_bytes_each(tmp_path: Path) -> None:
    """Of some packs those are found that were added, in one call or several."""
    first, second, others = packs(3), packs(2), packs(4)
    assert record(tmp_path).among(first) == set()
    record(tmp_path).add(first)
    record(tmp_path).add(second)
    record(tmp_path).add([])
    assert record(tmp_path).among([*second, *others, first[0]]) == {*second, first[0]}
    assert os.path.getsize(record(tmp_path).path) == 5 * 34


def test_a_torn_entry_costs_itself_alone(tmp_path: Path) -> None:
    """A process that was killed in the middle of an entry spoils none that came before or come after."""
    before, after = packs(2), packs(2)
    kept = record(tmp_path)
    kept.add(before)
    with open(kept.path, "ab") as file:
        file.write(b"x" * 17)
    assert kept.among(before) == set(before)
    kept.add(after)
    assert kept.among([*before, *after]) == {*before, *after}


def test_a_pipe_in_its_place_is_a_warning_at_once(tmp_path: Path) -> None:
    """Neither reading nor writing waits for somebody at the other end of a pipe."""
    machine = Machine()
    kept = record(tmp_path, machine)
    kept.add(packs(1))
    os.unlink(kept.path)
    os.mkfifo(kept.path, 0o600)
    assert kept.among(packs(1)) == set()
    kept.add(packs(1))
    assert len(machine.warnings) == 2 and all(kept.path in warning for warning in machine.warnings)


def test_what_is_no_longer_there_is_forgotten(tmp_path: Path) -> None:
    """The record holds each pack of the repository once."""
    kept = record(tmp_path)
    stays, goes = packs(3), packs(3)
    kept.add([*stays, *goes, *stays])
    kept.keep(stays)
    assert kept.among([*stays, *goes]) == set(stays)
    assert os.path.getsize(kept.path) == 3 * 34


def test_a_record_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    """It is ignored, with one warning."""
    machine = Machine()
    kept = record(tmp_path, machine)
    known = packs(1)
    kept.add(known)
    os.chmod(kept.path, 0o666)
    assert kept.among(known) == set() == kept.among(known)
    assert len(machine.warnings) == 1 and "others can write it" in machine.warnings[0]


def test_a_disk_that_fails_is_a_warning(tmp_path: Path) -> None:
    """Where nothing can be remembered the work goes on."""
    machine = Machine()
    (tmp_path / "state").write_text("a file")
    record(tmp_path, machine).add(packs(1))
    record(tmp_path, machine).keep([])
    assert any("cannot write" in text for text in machine.warnings)


def test_the_first_day_counts(tmp_path: Path) -> None:
    """A pack that is added again keeps the day on which it was added first, also when the record is made smaller."""
    machine = Machine()
    kept = record(tmp_path, machine)
    known = packs(2)
    kept.add(known)
    first = kept.today
    machine.clock.sleep(3 * 86_400)
    kept.add([*known[:1], *packs(1)])
    assert kept.days_of(known) == dict.fromkeys(known, first)
    kept.keep(known)
    assert kept.days_of(known) == dict.fromkeys(known, first)
    assert kept.today == first + 3
