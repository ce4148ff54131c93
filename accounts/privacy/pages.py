"""The page of a sign-in on which one agrees to what one is told, and the download of one's own archive."""

from __future__ import annotations

import json
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.mfa.sign_in_pages import in_stage
from accounts.models import User
from accounts.privacy.notices import agree, owed_by
from accounts.privacy.persons import archive_of
from accounts.privacy.stage import ConsentStage
from rbac.guards import actor_of
from temps.lib.errors import Conflict


@in_stage(ConsentStage)
def consent(request: HttpRequest, stage: ConsentStage) -> HttpResponse:
    """The texts in full, and one button that agrees to exactly those."""
    changed = False
    if request.method == "POST":
        try:
            agree(stage.user, request.POST.getlist("notice"), actor=stage.actor)
        except Conflict:
            changed = True
        else:
            if not owed_by(stage.user):
                return cast(HttpResponse, stage.exit())
    context = {"notices": owed_by(stage.user), "changed": changed, "user_email": stage.user.email}
    return render(request, "accounts_privacy/consent.html", context)


@never_cache
@require_POST
def own_archive(request: HttpRequest) -> HttpResponse:
    """Everything that is held on whoever is signed in, as one file."""
    actor = actor_of(request)
    if not actor.is_authenticated:
        return redirect("account_login")
    archive = archive_of(cast(User, request.user), actor=actor)
    answer = HttpResponse(json.dumps(archive, indent=2, ensure_ascii=False), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="temps-{actor.id}.json"'
    return answer
