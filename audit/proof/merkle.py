"""The Merkle tree of RFC 6962, section 2: hashes, the growing edge, proofs and their verification.

Nothing here knows of the database. A *node* is named by its height and its index among the nodes of that height: node
(h, i) is the root over the leaves ``i * 2**h`` to ``(i + 1) * 2**h - 1``, and exists once they all do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()

Node = Callable[[int, int], bytes]
"""Finds the hash of a complete node by height and index."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """The edge of a tree that grows: its size, and the roots of its complete subtrees, the largest first.

    That is all one needs to go on (an empty one starts a tree), and to compute the root at any moment.
    """

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.peaks) != self.size.bit_count():
            raise ValueError("a tree of this size has another number of peaks")

    def append(self, leaf: bytes) -> None:
        size, peaks = self.size, self.peaks
        while size & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over ``leaves`` (their hashes)."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def frontier_at(size: int, node: Node) -> Frontier:
    """The edge of the tree when it had ``size`` leaves."""
    peaks, begin = [], 0
    for height in reversed(range(size.bit_length())):
        if size >> height & 1:
            peaks.append(node(height, begin >> height))
            begin += 1 << height
    return Frontier(size, peaks)


def inclusion_proof(position: int, size: int, node: Node) -> list[bytes]:
    """The audit path of RFC 6962, section 2.1.1: what leads from the leaf at ``position`` to the root at ``size``."""
    if not 0 <= position < size:
        raise ValueError("there is no such leaf")
    return _path(position, 0, size, node)


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """The proof of RFC 6962, section 2.1.2, that the tree of ``second`` leaves begins with that of ``first``."""
    if not 0 < first <= second:
        raise ValueError("a consistency proof leads from a smaller tree with leaves to a larger one")
    return _subproof(first, 0, second, node, whole=True)


def verify_inclusion(leaf: bytes, position: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162, section 2.1.3.2."""
    if not 0 <= position < size:
        return False
    at, last, result = position, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            result = node_hash(step, result)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            result = node_hash(result, step)
        at, last = at >> 1, last >> 1
    return last == 0 and result == root


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """RFC 9162, section 2.1.4.2."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    steps = list(proof)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)
    if not steps:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, step)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _split(begin: int, end: int) -> int:
    """Where RFC 6962 divides these leaves: after the largest power of two that is less than their number."""
    return begin + (1 << ((end - begin - 1).bit_length() - 1))


def _root(begin: int, end: int, node: Node) -> bytes:
    count = end - begin
    if count & (count - 1) == 0:
        height = count.bit_length() - 1
        return node(height, begin >> height)
    middle = _split(begin, end)
    return node_hash(_root(begin, middle, node), _root(middle, end, node))


def _path(position: int, begin: int, end: int, node: Node) -> list[bytes]:
    if end - begin == 1:
        return []
    middle = _split(begin, end)
    if position < middle:
        return [*_path(position, begin, middle, node), _root(middle, end, node)]
    return [*_path(position, middle, end, node), _root(begin, middle, node)]


def _subproof(first: int, begin: int, end: int, node: Node, *, whole: bool) -> list[bytes]:
    if first == end:
        return [] if whole else [_root(begin, end, node)]
    middle = _split(begin, end)
    if first <= middle:
        return [*_subproof(first, begin, middle, node, whole=whole), _root(middle, end, node)]
    return [*_subproof(first, middle, end, node, whole=False), _root(begin, middle, node)]
