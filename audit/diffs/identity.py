"""What an object is called in the log: its kind, and a name that outlives its row."""

from __future__ import annotations

from django.db import models

Identity = tuple[str, str]
"""``resourceType`` and ``resourceId`` of an entry."""


def identity_of(obj: models.Model) -> Identity:
    """By slug, else by public id, else by key. What exists once says in ``audit_identity`` what it is called."""
    given: Identity | None = getattr(obj, "audit_identity", None)
    if given is not None:
        return given
    name = getattr(obj, "slug", None) or getattr(obj, "public_id", None) or obj.pk
    return kind_of(type(obj)), str(name)


def kind_of(model: type[models.Model]) -> str:
    given: Identity | None = getattr(model, "audit_identity", None)
    return given[0] if given is not None else model._meta.model_name or model.__name__.lower()
