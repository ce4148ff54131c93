"""The policy: what every process enforces, as one canonical document and as the object made from it.

The document is JSON with sorted keys, no blanks and a fixed order of entries, so that equal rows give equal characters
and one SHA-256 digest. It is complete: enforcement, simulation and tests need nothing else. Rules carry their expiry
and are judged by the clock at match time, so nothing has to run for a rule to end.

How an address is judged, in each scope (the platform, and the project that the request is about) by itself:
**the most specific rule that holds the address and has not expired decides.** An *allow* therefore excepts its network
from every wider *block*. A block in either scope refuses the request, so a project can refuse more than the platform
does and never less.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from firewall.headers import Preset
from firewall.matcher import Matcher
from firewall.networks import bounds
from firewall.paths import compile_pattern, spellings
from temps.lib.client_ip import Address
from temps.lib.clock import iso

FORMAT = 1
BLOCK = "block"


class Rule(NamedTuple):
    id: str
    action: str
    network: str
    project: str | None
    expires_at: datetime | None

    def holds_at(self, moment: datetime) -> bool:
        return self.expires_at is None or moment < self.expires_at


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``requests`` in any ``window`` seconds from one client, on paths that match ``path`` (empty: all)."""

    path: str
    requests: int
    window: int


@dataclass(frozen=True, slots=True)
class Decision:
    blocked: bool
    rule: Rule | None
    """The rule that decided: the block, else the allow that excepted the address, else None."""


class Policy:
    """One version of the policy, immutable and safe to share between threads."""

    __slots__ = ("_limits", "_platform", "_projects", "digest", "everywhere", "preset", "version")

    def __init__(self, document: str, version: int = 0) -> None:
        """Read what :func:`document_of` made. Raises ValueError, KeyError, TypeError or OSError for anything else."""
        data = json.loads(document)
        if data["format"] != FORMAT:
            raise ValueError(f"policy format {data['format']} is not known")
        self.version = version
        self.digest = digest_of(document)
        self.preset = Preset(data["headers"])
        scopes: dict[str | None, list[Rule]] = defaultdict(list)
        for entry in data["rules"]:
            rule = _rule(entry)
            scopes[rule.project].append(rule)
        self._platform = _matcher(scopes.pop(None, []))
        self._projects = {project: _matcher(rules) for project, rules in scopes.items()}
        limits = [Limit(**entry) for entry in data["limits"]]
        self.everywhere = next((limit for limit in limits if not limit.path), None)
        """The limit of every path, None where the settings decide."""
        self._limits: list[tuple[re.Pattern[str], Limit]] = [
            (compile_pattern(limit.path), limit) for limit in limits if limit.path
        ]

    def judge(self, address: Address, project: str | None, moment: datetime) -> Decision:
        """Whether a request from ``address`` about ``project`` (None: about none) is refused at ``moment``."""
        decision = _judge(self._platform, address, moment)
        if not decision.blocked and project is not None and (rules := self._projects.get(project)):
            of_project = _judge(rules, address, moment)
            return of_project if of_project.rule is not None else decision
        return decision

    def limits_on(self, path: str) -> list[Limit]:
        """The limits with a pattern that ``path`` matches in any spelling."""
        if not self._limits:
            return []
        forms = spellings(path)
        return [limit for pattern, limit in self._limits if any(pattern.match(form) for form in forms)]


def document_of(rules: Iterable[Rule], limits: Iterable[Limit], preset: str) -> str:
    """The canonical document of these rows."""
    return json.dumps(
        {
            "format": FORMAT,
            "headers": preset,
            "limits": [
                {"path": limit.path, "requests": limit.requests, "window": limit.window}
                for limit in sorted(limits, key=lambda limit: limit.path)
            ],
            "rules": [_entry(rule) for rule in sorted(rules, key=lambda rule: (rule.project or "", rule.network))],
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def digest_of(document: str) -> str:
    return hashlib.sha256(document.encode("utf-8")).hexdigest()


EMPTY = document_of([], [], Preset.STRICT)
"""The policy before the first change."""


def _entry(rule: Rule) -> dict[str, str | None]:
    return {
        "id": rule.id,
        "action": rule.action,
        "network": rule.network,
        "project": rule.project,
        "expires_at": None if rule.expires_at is None else iso(rule.expires_at),
    }


def _rule(entry: dict[str, Any]) -> Rule:
    expiry = entry["expires_at"]
    return Rule(
        entry["id"],
        entry["action"],
        entry["network"],
        entry["project"],
        None if expiry is None else datetime.fromisoformat(expiry),
    )


def _matcher(rules: list[Rule]) -> Matcher[Rule]:
    return Matcher((bounds(rule.network), rule) for rule in rules)


def _judge(matcher: Matcher[Rule], address: Address, moment: datetime) -> Decision:
    for rule in matcher.covering(address):
        if rule.holds_at(moment):
            return Decision(rule.action == BLOCK, rule)
    return Decision(False, None)
