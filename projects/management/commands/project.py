"""``temps project``: what is protected."""

from __future__ import annotations

from typing import Annotated

from django_typer.management import command
from typer import Option

from accounts.cli import AsJson, AsUser, TempsCommand, acting
from projects.models import Project
from projects.services import DEFAULT_ENVIRONMENTS, create_project, delete_project, project_by_slug
from temps.lib.cli import show_json, show_table
from temps.lib.errors import Invalid


def _row(project: Project) -> dict[str, object]:
    return {
        "slug": project.slug,
        "name": project.name,
        "environments": [environment.slug for environment in project.environments.all()],
    }


class Command(TempsCommand):
    help = "Projects: make and list them."

    @command()
    def create(
        self,
        name: Annotated[str, Option("--name", help="What people call it.")],
        slug: Annotated[str, Option("--slug", help="What commands call it; made from the name if left out.")] = "",
        description: Annotated[str, Option("--description")] = "",
        environments: Annotated[str, Option("--environments", help="Comma-separated slugs.")] = ",".join(
            DEFAULT_ENVIRONMENTS
        ),
        as_json: AsJson = False,
        as_user: AsUser = "",
    ) -> None:
        """Make a project with its environments."""
        labels = [label.strip() for label in environments.split(",") if label.strip()]
        project = create_project(
            name, slug=slug or None, description=description, environments=labels, actor=acting(as_user)
        )
        if as_json:
            show_json(_row(project))
        else:
            print(f"created {project.slug} with {', '.join(labels) or 'no environments'}")

    @command("list")
    def list_projects(self, as_json: AsJson = False, as_user: AsUser = "") -> None:
        """The projects that you may see."""
        rows = [_row(p) for p in Project.objects.visible_to(acting(as_user)).prefetch_related("environments")]
        if as_json:
            show_json(rows)
            return
        show_table(
            ("PROJECT", "NAME", "ENVIRONMENTS"),
            ((row["slug"], row["name"], ", ".join(row["environments"])) for row in rows),  # type: ignore[arg-type]
            empty="no projects yet: temps project create --name my-app",
        )

    @command()
    def delete(
        self,
        project: Annotated[str, Option("--project", help="The slug.")],
        confirm: Annotated[str, Option("--confirm", help="The slug once more: there is no way back.")],
        as_user: AsUser = "",
    ) -> None:
        """Remove a project with everything in it."""
        actor = acting(as_user)
        found = project_by_slug(project, actor=actor)
        if confirm != found.slug:
            raise Invalid(f"to delete it, say --confirm {found.slug}")
        delete_project(found, actor=actor)
        print(f"deleted {project}")
