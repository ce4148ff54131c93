"""``/api/v1/invitations/``, and one's own name and address under ``/api/v1/users/me/``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.links import email_changes, invitations
from accounts.links.addresses import base_url
from accounts.links.delivery import why_not_sent
from accounts.links.invitations import Invited, invitation_by_id, project_to_invite_to
from accounts.links.models import EmailChange, EmailLink, Invitation, InvitationState
from accounts.links.resets import send_reset_link
from accounts.models import User
from accounts.services import user_by_id
from rbac.guards import Access, actor_of
from rbac.permissions import Permission


class InvitationOut(serializers.ModelSerializer[Invitation]):
    id = serializers.CharField(source="public_id")
    project = serializers.CharField(source="project.slug", default=None, allow_null=True)
    state = serializers.ChoiceField(InvitationState.choices, read_only=True)
    invited_by = serializers.CharField(source="created_by")
    not_sent = serializers.SerializerMethodField(help_text="Why its link is not mailed yet; null where it is.")

    class Meta:
        model = Invitation
        fields = (
            *("id", "email", "role", "project", "state", "invited_by", "created_at", "expires_at", "accepted_at"),
            "not_sent",
        )

    def get_not_sent(self, invitation: Invitation) -> str | None:
        return why_not_sent(invitation) or None


class InvitedOut(InvitationOut):
    link = serializers.SerializerMethodField(help_text="To hand over, this once; null where it was mailed.")

    class Meta(InvitationOut.Meta):
        fields = (*InvitationOut.Meta.fields, "link")  # type: ignore[assignment]  # one longer than the parent's

    def get_link(self, _invitation: Invitation) -> str | None:
        return str(self.context["link"]) or None


class InvitationIn(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)
    role = serializers.CharField(max_length=32, required=False, default="", allow_blank=True)
    project = serializers.CharField(
        max_length=63, required=False, default="", allow_blank=True, help_text="A slug; the platform if left out."
    )


class EmailIn(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)


class NameIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, allow_blank=True)


class EmailChangeOut(serializers.ModelSerializer[EmailChange]):
    class Meta:
        model = EmailChange
        fields = ("old_email", "new_email", "old_agreed_at", "new_agreed_at", "created_at", "expires_at")


class OwnEmailOut(serializers.Serializer[Any]):
    email = serializers.CharField()
    change = EmailChangeOut(allow_null=True, help_text="What waits for an answer.")


class NameOut(serializers.Serializer[Any]):
    name = serializers.CharField()


class Invitations(ListAPIView[Invitation]):
    """The invitations that you may see; POST invites someone."""

    permissions: ClassVar = {"GET": Permission.ROLES_READ, "POST": Permission.ROLES_CREATE}
    serializer_class = InvitationOut
    queryset = Invitation.objects.all()

    def get_queryset(self) -> Any:
        return Invitation.objects.visible_to(actor_of(self.request)).select_related("project").prefetch_related("links")

    @extend_schema(request=InvitationIn, responses={201: InvitedOut})
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        given = InvitationIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        made = invitations.invite(
            values["email"],
            role=values["role"],
            project=project_to_invite_to(values["project"], actor=actor),
            base_url=base_url(request),
            actor=actor,
        )
        return _invited(made, 201)


class InvitationDetail(APIView):
    """One invitation; DELETE withdraws it."""

    permissions: ClassVar = {"GET": Permission.ROLES_READ, "DELETE": Permission.ROLES_CREATE}

    @extend_schema(responses=InvitationOut)
    def get(self, request: Request, invitation_id: str) -> Response:
        return Response(InvitationOut(invitation_by_id(invitation_id, actor=actor_of(request))).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, invitation_id: str) -> Response:
        actor = actor_of(request)
        invitations.withdraw_invitation(invitation_by_id(invitation_id, actor=actor), actor=actor)
        return Response(status=204)


class InvitationResend(APIView):
    """POST sends a fresh link, for another week."""

    permissions: ClassVar = {"POST": Permission.ROLES_CREATE}

    @extend_schema(request=None, responses=InvitedOut)
    def post(self, request: Request, invitation_id: str) -> Response:
        actor = actor_of(request)
        invitation = invitation_by_id(invitation_id, actor=actor)
        return _invited(invitations.resend_invitation(invitation, base_url=base_url(request), actor=actor), 200)


class PasswordLinkOut(serializers.ModelSerializer[EmailLink]):
    class Meta:
        model = EmailLink
        fields = ("email", "expires_at")


class PasswordLink(APIView):
    """POST has someone mailed a link to choose a new password with; the present one works until they do."""

    permissions: ClassVar = {"POST": Permission.USERS_UPDATE}

    @extend_schema(request=None, responses={202: PasswordLinkOut}, operation_id="user_reset_password")
    def post(self, request: Request, user_id: str) -> Response:
        actor = actor_of(request)
        link = send_reset_link(user_by_id(user_id, actor=actor), base_url=base_url(request), actor=actor)
        return Response(PasswordLinkOut(link).data, status=202)


class OwnName(APIView):
    """What you are called."""

    permissions: ClassVar = {"PUT": Access.OWN}

    @extend_schema(request=NameIn, responses=NameOut)
    def put(self, request: Request) -> Response:
        given = NameIn(data=request.data)
        given.is_valid(raise_exception=True)
        user = email_changes.change_own_name(_own(request), given.validated_data["name"], actor=actor_of(request))
        return Response({"name": user.name})


class OwnEmail(APIView):
    """Your address, and the change of it that waits for an answer; POST asks for one, DELETE stops it."""

    permissions: ClassVar = {"GET": Access.OWN, "POST": Access.OWN, "DELETE": Access.OWN}

    @extend_schema(responses=OwnEmailOut)
    def get(self, request: Request) -> Response:
        user = _own(request)
        change = email_changes.waiting_change(user)
        return Response({"email": user.email, "change": EmailChangeOut(change).data if change else None})

    @extend_schema(request=EmailIn, responses={202: EmailChangeOut})
    def post(self, request: Request) -> Response:
        given = EmailIn(data=request.data)
        given.is_valid(raise_exception=True)
        change = email_changes.request_email_change(
            _own(request), given.validated_data["email"], actor=actor_of(request), base_url=base_url(request)
        )
        return Response(EmailChangeOut(change).data, status=202)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        email_changes.cancel_email_change(_own(request), actor=actor_of(request))
        return Response(status=204)


def _own(request: Request) -> User:
    actor = actor_of(request)
    return user_by_id(actor.id, actor=actor)


def _invited(made: Invited, status: int) -> Response:
    answer = Response(InvitedOut(made.invitation, context={"link": made.link}).data, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


urlpatterns = [
    path("invitations/", Invitations.as_view(), name="invitations"),
    path("invitations/<str:invitation_id>/", InvitationDetail.as_view(), name="invitation"),
    path("invitations/<str:invitation_id>/resend/", InvitationResend.as_view(), name="invitation-resend"),
    path("users/<str:user_id>/reset-password/", PasswordLink.as_view(), name="user-reset-password"),
    path("users/me/name/", OwnName.as_view(), name="me-name"),
    path("users/me/email/", OwnEmail.as_view(), name="me-email"),
]
