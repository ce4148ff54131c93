from __future__ import annotations

import pytest

from projects.models import Project
from projects.services import create_project
from temps.lib.errors import Conflict, Denied, Invalid
from tests.world import World, acting


def test_a_project_comes_with_its_environments(world: World) -> None:
    project = create_project("My App", actor=acting(world.developer))
    assert project.slug == "my-app"
    assert {str(environment) for environment in project.environments.all()} == {"production", "staging", "development"}


@pytest.mark.promise("R-05")
def test_who_makes_a_project_owns_it_and_others_do_not_see_it(world: World) -> None:
    with pytest.raises(Denied):
        create_project("Mine", actor=acting(world.outsider))
    assert list(Project.objects.visible_to(acting(world.outsider))) == [world.other]
    assert not Project.objects.visible_to(acting(world.nobody)).exists()


@pytest.mark.parametrize("slug", ["-a", "a-", "A", "a_b", "a" * 64, "ä", "a/b"])
def test_a_slug_is_a_dns_label(world: World, slug: str) -> None:
    with pytest.raises(Invalid):
        create_project("x", slug=slug, actor=world.operator)


def test_a_slug_is_taken_once(world: World) -> None:
    with pytest.raises(Conflict):
        create_project("Shop", actor=world.operator)
