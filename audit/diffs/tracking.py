"""Which models are watched, and what of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from auditlog.registry import auditlog
from django.db import models

from audit.diffs.identity import identity_of, kind_of
from audit.diffs.sensitive import is_left_out, is_secret


def track(model: type[models.Model], *, exclude: Iterable[str] = (), mask: Iterable[str] = ()) -> None:
    """Have every ``save()`` and ``delete()`` of ``model`` noticed, from ``AppConfig.ready`` of its room.

    Fields that hold secrets by type or name are seen to (:mod:`audit.diffs.sensitive`); ``mask`` names further ones, of
    which a diff says only that they changed, and ``exclude`` those that say nothing to people (counters, locks of
    background work). A field that does not exist is refused: a mistyped mask would hide nothing.

    What changes rows behind ``save()`` (``update``, ``bulk_create``) is not noticed: the service says it in the
    metadata of its event.
    """
    fields = {field.name: field for field in model._meta.concrete_fields}
    unknown = {*exclude, *mask} - fields.keys()
    if unknown:
        raise ValueError(f"{model._meta.label} has no field {', '.join(sorted(unknown))}")
    shown = [name for name, field in fields.items() if name not in set(exclude) and not is_left_out(field)]
    auditlog.register(
        model,
        include_fields=shown,
        mask_fields=[name for name in shown if name in set(mask) or is_secret(fields[name])],
        mask_callable="audit.diffs.sensitive.mask",
    )
    model.get_additional_data = _resource_id  # type: ignore[attr-defined]  # auditlog asks the object for this by name


def is_tracked(model: type[models.Model]) -> bool:
    return bool(auditlog.contains(model))


def model_called(kind: str) -> type[models.Model] | None:
    """The watched model whose objects the log calls ``kind``."""
    models_watched: list[type[models.Model]] = auditlog.get_models()
    return next((model for model in models_watched if kind_of(model) == kind), None)


def _resource_id(self: models.Model) -> dict[str, Any]:
    return {"resourceId": identity_of(self)[1]}
