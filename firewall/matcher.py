"""Which networks hold this address? Answered among a hundred thousand of them in microseconds.

CIDR networks nest or are apart, they never overlap half-way. So one sweep over the sorted networks cuts the number
line into intervals, each of which knows the innermost network around it, and each network knows the next wider one. A
look-up is a binary search, then a walk outwards.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from firewall.networks import Bounds
from temps.lib.client_ip import Address

T = TypeVar("T")


class _Node(Generic[T]):
    __slots__ = ("last", "value", "wider")

    def __init__(self, value: T, last: int, wider: _Node[T] | None) -> None:
        self.value, self.last, self.wider = value, last, wider


class _Line(Generic[T]):
    """The intervals of one address family: from ``starts[i]`` on, ``nodes[i]`` is the innermost network."""

    __slots__ = ("nodes", "starts")

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.nodes: list[_Node[T] | None] = []

    def _cut(self, start: int, node: _Node[T] | None) -> None:
        if self.starts and self.starts[-1] == start:
            self.nodes[-1] = node
        else:
            self.starts.append(start)
            self.nodes.append(node)

    def sweep(self, networks: list[tuple[int, int, T]]) -> None:
        networks.sort(key=lambda network: (network[0], -network[1]))  # wider first
        inside: _Node[T] | None = None
        for first, last, value in networks:
            while inside is not None and inside.last < first:
                self._cut(inside.last + 1, inside.wider)
                inside = inside.wider
            inside = _Node(value, last, inside)
            self._cut(first, inside)
        while inside is not None:
            self._cut(inside.last + 1, inside.wider)
            inside = inside.wider

    def innermost(self, number: int) -> _Node[T] | None:
        index = bisect_right(self.starts, number) - 1
        return self.nodes[index] if index >= 0 else None


class Matcher(Generic[T]):
    """An immutable look-up of values by network. Each network may be given once."""

    __slots__ = ("_lines",)

    def __init__(self, entries: Iterable[tuple[Bounds, T]]) -> None:
        networks: dict[int, list[tuple[int, int, T]]] = {4: [], 6: []}
        for (family, first, last), value in entries:
            networks[family].append((first, last, value))
        self._lines: dict[int, _Line[T]] = {4: _Line(), 6: _Line()}
        for family, line in self._lines.items():
            line.sweep(networks[family])

    def covering(self, address: Address) -> Iterator[T]:
        """The values of all networks that hold ``address``, the most specific first."""
        node = self._lines[address.version].innermost(int(address))
        while node is not None:
            yield node.value
            node = node.wider
