"""From rows to the next version of the policy, in the transaction that changed the rows.

Whoever changes anything locks the platform's row first, so versions follow one another and none misses a change. After
the commit a file in the data directory is replaced: processes that share the directory notice with their next request.
The others ask the database twice a second (``firewall.current``), which is also what makes up for a lost file.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction

from firewall.models import PLATFORM_KEY, IpRule, Platform, PolicyVersion, RateLimit
from firewall.policy import EMPTY, Limit, Policy, Rule, digest_of, document_of
from temps.lib.files import create_private

log = structlog.get_logger(__name__)

KEPT_VERSIONS = 20
NOTICE = "firewall-changed"
"""A file in the data directory. It says *look again* and nothing else: what holds is in the database."""


def lock_platform() -> Platform:
    """The platform's row, locked until the transaction ends; made on first use."""
    Platform.objects.get_or_create(pk=PLATFORM_KEY)
    return Platform.objects.select_for_update().get(pk=PLATFORM_KEY)


def newest_policy() -> Policy:
    """The policy as last published."""
    newest = PolicyVersion.objects.first()
    return Policy(EMPTY) if newest is None else Policy(newest.document, newest.version)


def publish(platform: Platform) -> None:
    """Compile the rows and, if they mean something new, insert the next version. ``platform`` is the locked row."""
    document = _compile(platform)
    digest = digest_of(document)
    version, newest = PolicyVersion.objects.values_list("version", "digest").first() or (0, "")
    if newest != digest:
        PolicyVersion.objects.create(version=version + 1, document=document, digest=digest)
        transaction.on_commit(announce)


def prune_versions() -> None:
    """Delete all versions but the newest :data:`KEPT_VERSIONS`."""
    last_kept = PolicyVersion.objects.values_list("version", flat=True)[KEPT_VERSIONS - 1 : KEPT_VERSIONS].first()
    if last_kept is not None:
        PolicyVersion.objects.filter(version__lt=last_kept).delete()


def _compile(platform: Platform) -> str:
    rules = IpRule.objects.values_list("public_id", "action", "network", "project__slug", "expires_at")
    limits = RateLimit.objects.values_list("path", "requests", "window")
    return document_of(
        (Rule(*row) for row in rules.order_by().iterator()), (Limit(*row) for row in limits), platform.header_preset
    )


def announce() -> None:
    """Replace the notice file. If that fails the change is noticed half a second later, so it is logged only."""
    path = Path(settings.DATA_DIR) / NOTICE
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        create_private(draft, b"")
        draft.replace(path)
    except OSError as error:
        log.warning("firewall.notice_failed", error=type(error).__name__)
