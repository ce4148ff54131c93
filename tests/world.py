"""One shared world: an administrator, a project with an owner, a member, a viewer, and an outsider."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from django.contrib.auth.hashers import Argon2PasswordHasher, make_password

from accounts.models import TotpDevice, User
from accounts.services import actor_for, create_user
from accounts.totp import app_of, begin_enrolment
from projects.models import Environment, Project
from projects.services import create_project
from rbac.services import assign_role
from temps.lib import clock
from temps.lib.actor import Actor, Credential, CredentialKind

PASSWORD = "correct horse battery staple 42"


class QuickArgon2(Argon2PasswordHasher):
    time_cost = 1
    memory_cost = 8
    parallelism = 1


def acting(user: User, credential: Credential | None = None) -> Actor:
    """``user`` just signed in from 192.0.2.10, as a request would make them."""
    return actor_for(
        user,
        credential or Credential(CredentialKind.SESSION),
        address="192.0.2.10",
        request_id="test-request",
        confirmed_at=clock.now(),
    )


def enrol(user: User) -> TotpDevice:
    """The authenticator app of ``user``, enrolled on first use."""
    device = app_of(user)
    if device is None:
        device = begin_enrolment(user, actor=acting(user))
        device.confirmed = True
        device.save()
    return device


@dataclass
class World:
    """``owner``, ``member`` and ``viewer`` belong to ``project``; ``outsider`` owns ``other`` and nothing else."""

    operator: Actor
    admin: User
    developer: User
    platform_viewer: User
    owner: User
    member: User
    viewer: User
    outsider: User
    nobody: User
    project: Project
    production: Environment
    other: Project


@cache
def hashed() -> str:
    """:data:`PASSWORD` as it is stored; hashed and judged for its quality once instead of for everybody."""
    return make_password(PASSWORD)


def build() -> World:
    operator = Actor.operator()

    def person(name: str, role: str = "") -> User:
        user = create_user(f"{name}@example.com", name=name.title(), actor=operator)
        user.password = hashed()
        user.save(update_fields=["password"])
        if role:
            assign_role(user, role, actor=operator)
        return user

    admin = person("admin", "admin")
    project = create_project("Shop", actor=operator)
    other = create_project("Other", actor=operator)
    people = {name: person(name) for name in ("owner", "member", "viewer", "outsider", "nobody")}
    for name in ("owner", "member", "viewer"):
        assign_role(people[name], name, project=project, actor=operator)
    assign_role(people["outsider"], "owner", project=other, actor=operator)
    return World(
        operator=operator,
        admin=admin,
        developer=person("developer", "developer"),
        platform_viewer=person("platform-viewer", "viewer"),
        project=project,
        production=project.environments.get(slug="production"),
        other=other,
        **people,
    )
