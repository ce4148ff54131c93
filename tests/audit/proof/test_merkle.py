"""RFC 6962 by its published vectors, and by its own definition for every size up to 70."""

from __future__ import annotations

from hashlib import sha256

import pytest

from audit.proof.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

pytestmark = [pytest.mark.promise("L-04"), pytest.mark.once]

# The test data of the certificate-transparency reference implementation: eight leaves, and the root after each.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {  # (position, size): the audit path
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
STEPS = {  # (first, second): the consistency proof
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = [leaf_hash(data) for data in INPUTS]
MANY = [leaf_hash(str(number).encode()) for number in range(70)]


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it is written there."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


def node_in(leaves: list[bytes]):  # type: ignore[no-untyped-def]
    return lambda height, index: by_definition(leaves[index << height : (index + 1) << height])


def test_the_empty_tree() -> None:
    assert root_of([]) == EMPTY_ROOT == sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("position", "size"), PATHS)
def test_published_audit_paths(position: int, size: int) -> None:
    path = inclusion_proof(position, size, node_in(LEAVES))
    assert [step.hex() for step in path] == PATHS[position, size]
    assert verify_inclusion(LEAVES[position], position, size, path, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("first", "second"), STEPS)
def test_published_consistency_proofs(first: int, second: int) -> None:
    proof = consistency_proof(first, second, node_in(LEAVES))
    assert [step.hex() for step in proof] == STEPS[first, second]
    assert verify_consistency(first, second, proof, *(bytes.fromhex(ROOTS[size - 1]) for size in (first, second)))


@pytest.mark.parametrize("size", range(71))
def test_a_growing_tree_has_the_root_of_the_definition(size: int) -> None:
    root = by_definition(MANY[:size])
    assert root_of(MANY[:size]) == root
    assert frontier_at(size, node_in(MANY)).root() == root


@pytest.mark.parametrize("size", range(1, 71))
def test_every_leaf_is_proven_and_no_other_in_its_place(size: int) -> None:
    root, node = root_of(MANY[:size]), node_in(MANY)
    for position in range(size):
        path = inclusion_proof(position, size, node)
        assert verify_inclusion(MANY[position], position, size, path, root)
        assert not verify_inclusion(leaf_hash(b"another"), position, size, path, root)
        assert not verify_inclusion(MANY[position], position + 1, size, path, root)
        assert not verify_inclusion(MANY[position], position, size, [*path, root], root)
        assert not path or not verify_inclusion(MANY[position], position, size, path[:-1], root)


@pytest.mark.parametrize("second", range(1, 40))
def test_every_smaller_tree_is_consistent_and_no_other(second: int) -> None:
    roots, node = [root_of(MANY[:size]) for size in range(second + 1)], node_in(MANY)
    for first in range(1, second + 1):
        proof = consistency_proof(first, second, node)
        assert verify_consistency(first, second, proof, roots[first], roots[second])
        assert not verify_consistency(first, second, proof, leaf_hash(b"x"), roots[second])
        assert not verify_consistency(first, second, [*proof, roots[first]], roots[first], roots[second])


def test_what_cannot_be_proven_is_refused() -> None:
    node = node_in(MANY)
    for position, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="no such leaf"):
            inclusion_proof(position, size, node)
        assert not verify_inclusion(MANY[0], position, size, [], MANY[0])
    for first, second in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="smaller tree"):
            consistency_proof(first, second, node)
        assert not verify_consistency(first, second, [], MANY[0], MANY[0])


def test_an_edge_with_the_wrong_number_of_peaks_is_no_edge() -> None:
    with pytest.raises(ValueError, match="peaks"):
        Frontier(3, [MANY[0]])
