"""The Merkle tree against published vectors, a twin written from the RFC's definitions, and a foreign verifier."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.errors import Damaged
from strongroom.receipts.log import merkle
from tests.support import go_verifier

INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""The roots of the first n inputs, as Certificate Transparency's reference tests have them."""


def twin_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962, 2.1, writes it."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + twin_root(leaves[:k]) + twin_root(leaves[k:])).digest()


def node_of(leaves: list[bytes]) -> merkle.Node:
    """The nodes of a tree in memory."""
    return lambda level, index: twin_root(leaves[index << level : (index + 1) << level])


def numbered(count: int) -> list[bytes]:
    """So many different leaves."""
    return [b"leaf %d" % number for number in range(count)]


def test_roots_are_those_of_certificate_transparency() -> None:
    """The roots over the published inputs are the published ones, from nodes and from a growing edge."""
    edge = merkle.Edge()
    assert edge.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for size, expected in enumerate(ROOTS, 1):
        edge.append(merkle.leaf_hash(INPUTS[size - 1]))
        assert merkle.root(node_of(INPUTS), size).hex() == expected
        assert edge.root().hex() == expected


def test_every_proof_of_small_trees_verifies_and_no_changed_one() -> None:
    """For all sizes up to 20, each proof verifies; with a hash changed, lost or added, or another index, none does."""
    leaves = numbered(20)
    node = node_of(leaves)
    for size in range(1, 21):
        root = twin_root(leaves[:size])
        for index in range(size):
            leaf = merkle.leaf_hash(leaves[index])
            proof = merkle.inclusion_proof(node, index, size)
            merkle.verify_inclusion(index, size, leaf, proof, root)
            for wrong in ([*proof, root], proof[:-1] if proof else [leaf], [bytes(32), *proof[1:]]):
                with pytest.raises(Damaged):
                    merkle.verify_inclusion(index, size, leaf, wrong, root)
            with pytest.raises(Damaged):
                merkle.verify_inclusion((index + 1) % size if size > 1 else 1, size, leaf, proof, root)
        for old in range(size + 1):
            old_root = twin_root(leaves[:old])
            proof = merkle.consistency_proof(node, old, size)
            merkle.verify_consistency(old, size, old_root, root, proof)
            if 0 < old < size:
                for wrong in ([*proof, root], proof[:-1], [bytes(32), *proof[1:]]):
                    with pytest.raises(Damaged):
                        merkle.verify_consistency(old, size, old_root, root, wrong)
            with pytest.raises(Damaged):
                merkle.verify_consistency(old, size, bytes(32), root, proof)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 700), st.data())
def test_a_tree_with_another_past_has_no_proof(size: int, data: st.DataObject) -> None:
    """A log whose past was edited cannot prove itself consistent with the root that was pinned before."""
    old = data.draw(st.integers(1, size))
    changed = data.draw(st.integers(0, old - 1))
    leaves = numbered(size)
    other = [*leaves[:changed], b"another", *leaves[changed + 1 :]]
    proof = merkle.consistency_proof(node_of(other), old, size)
    with pytest.raises(Damaged):
        merkle.verify_consistency(old, size, twin_root(leaves[:old]), twin_root(other), proof)


def test_a_foreign_verifier_accepts_the_proofs(tmp_path: Path) -> None:
    """Go's sumdb/tlog accepts the inclusion and consistency proofs of trees around every power of two."""
    program = go_verifier.build(tmp_path)
    leaves = numbered(300)
    node = node_of(leaves)
    asked = []
    for size in (1, 2, 3, 5, 7, 8, 9, 64, 65, 127, 255, 256, 257, 300):
        root = twin_root(leaves[:size])
        for index in {0, size // 3, size - 1}:
            leaf = merkle.leaf_hash(leaves[index])
            proof = merkle.inclusion_proof(node, index, size)
            asked.append(
                go_verifier.question(inclusion=True, old=index, new=size, leaf=leaf, roots=(root, root), proof=proof)
            )
        for old in {1, size // 2 or 1, size}:
            roots = (twin_root(leaves[:old]), root)
            proof = merkle.consistency_proof(node, old, size)
            asked.append(
                go_verifier.question(inclusion=False, old=old, new=size, leaf=bytes(32), roots=roots, proof=proof)
            )
    accepted, said = go_verifier.run(program, "proofs", stdin=go_verifier.lines(asked))
    assert accepted and said.split() == ["accepted", str(len(asked))]
    asked[-1]["NewR"] = asked[0]["NewR"]
    assert not go_verifier.run(program, "proofs", stdin=go_verifier.lines(asked))[0]
