"""What would happen to a request: the verdict and the rule, from the very document that is enforced."""

from __future__ import annotations

from dataclasses import dataclass

from firewall.models import IpRule
from firewall.networks import clean_address
from firewall.paths import is_acme_challenge, is_health, project_of
from firewall.policy import Limit
from firewall.publishing import newest_policy
from firewall.ratelimits import limits_for
from projects.models import Project
from projects.services import project_by_slug
from rbac.permissions import Permission
from rbac.services import require
from temps.lib import clock
from temps.lib.actor import Actor


@dataclass(frozen=True, slots=True)
class Simulation:
    blocked: bool
    address: str
    path: str
    project: str
    rule: IpRule | None
    """The rule that decided, if there is one and the actor may see it."""
    because: str
    """The same in words."""
    limits: list[Limit]
    version: int
    """The version of the policy that said so; 0 before the first change."""

    @property
    def verdict(self) -> str:
        return "blocked" if self.blocked else "allowed"


def simulate(address: str, *, actor: Actor, project: str = "", path: str = "/") -> Simulation:
    """Judge a request from ``address`` for ``path`` as the middleware would.

    ``project`` is a slug, for requests whose path does not tell what they are about. Whoever may read the firewall of
    a project alone may ask about that project, and learns of a platform rule no more than that there is one.
    """
    client = clean_address(address)
    slug = project or project_of(path) or ""
    subject = _project(slug, actor) if slug else None
    require(actor, Permission.FIREWALL_READ, subject)
    policy = newest_policy()
    decision = policy.judge(client, slug or None, clock.now())
    exempt = not project and (is_acme_challenge(path) or is_health(path))
    rule = None
    if decision.rule is not None:
        rule = IpRule.objects.visible_to(actor).select_related("project").filter(public_id=decision.rule.id).first()
    if exempt:
        because = "health checks and ACME challenges are never refused"
    elif decision.rule is None:
        because = "no rule is about this address"
    elif rule is None:
        because = "a rule of the platform decides"
    else:
        because = f"{rule.public_id} decides: {rule}"
    blocked = decision.blocked and not exempt
    limits = limits_for(policy, path)
    return Simulation(blocked, str(client), path, slug, rule, because, limits, policy.version)


def _project(slug: str, actor: Actor) -> Project:
    return project_by_slug(slug, actor=actor, permission=Permission.FIREWALL_READ)
