"""A project that would be certified as the console."""

from __future__ import annotations

from typing import Any

import pytest

from certificates.models import Domain
from certificates.services import add_domain
from temps.lib.errors import Invalid
from tests.world import World, acting


@pytest.mark.promise("C-06")
@pytest.mark.parametrize("hosts", [["console.example.com"], [".example.com"], ["Console.Example.Com"]])
@pytest.mark.parametrize("aliases", [(), ("shop.example.net", "console.example.com")])
def test_no_project_is_certified_as_the_console(
    world: World, settings: Any, hosts: list[str], aliases: tuple[str, ...]
) -> None:
    settings.ALLOWED_HOSTS = hosts
    name = "shop.example.org" if aliases else "console.example.com"
    with pytest.raises(Invalid, match="the name of this console"):
        add_domain(name, aliases=aliases, tls="manual", project=world.project, actor=acting(world.owner))
    assert not Domain.objects.exists()


@pytest.mark.promise("C-01")
def test_other_names_are_free_to_projects(world: World, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*", "console.example.com"]
    added = add_domain("shop.example.com", tls="manual", project=world.project, actor=acting(world.owner))
    assert added.project == world.project
