"""``/api/v1/audit/``: the public key, checkpoints, and proofs for somebody else to check."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.proof.keys import verifiers
from audit.proof.models import Checkpoint, Tree
from audit.proof.proofs import consistency, inclusion
from audit.proof.redactions import Covering
from audit.reading import event_by_id
from rbac.guards import Access, actor_of
from rbac.permissions import Permission

HASH = "32 bytes in base64."


class PublicKeyOut(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Four bytes, hexadecimal; every signature begins with them.")
    algorithm = serializers.CharField()
    verifier_key = serializers.CharField(help_text="What temps audit verify FILE --public-key takes.")
    pem = serializers.CharField()


class PublicKeysOut(serializers.Serializer[Any]):
    origin = serializers.CharField(help_text="The name of this log, the first line of every checkpoint.")
    keys = PublicKeyOut(many=True)


class CheckpointOut(serializers.ModelSerializer[Checkpoint]):
    class Meta:
        model = Checkpoint
        fields = ("size", "created_at", "note")


class RedactionProofOut(serializers.Serializer[Any]):
    leaf = serializers.CharField(help_text="The hash of the entry as it stands now: " + HASH)
    statement = serializers.CharField(help_text="The signed note whose root the path leads to.")
    place = serializers.IntegerField(help_text="Which leaf of the statement is about this entry, from 0.")
    path = serializers.ListField(child=serializers.CharField(), help_text="The audit path within the statement.")


class InclusionOut(serializers.Serializer[Any]):
    entry = serializers.DictField(help_text="Its form by RFC 8785, after a byte 0, is what the leaf is the SHA-256 of.")
    position = serializers.IntegerField()
    leaf = serializers.CharField(help_text="The hash that was sealed: " + HASH)
    path = serializers.ListField(child=serializers.CharField(), help_text="The audit path of RFC 6962, 2.1.1.")
    checkpoint = serializers.CharField(help_text="The signed note whose root the path leads to.")
    redaction = RedactionProofOut(allow_null=True, help_text="Where the entry was redacted for an erased person.")


class ConsistencyIn(serializers.Serializer[Any]):
    first = serializers.IntegerField(min_value=1, help_text="The size of the older tree.")
    second = serializers.IntegerField(min_value=1, help_text="The size of the newer tree.")


class ConsistencyOut(serializers.Serializer[Any]):
    first = serializers.IntegerField()
    second = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField(), help_text="The proof of RFC 6962, 2.1.2.")


class Keys(APIView):
    """The public keys that the checkpoints of this log are verified with, newest first. For everybody."""

    permissions: ClassVar = {"GET": Access.PUBLIC}

    @extend_schema(responses=PublicKeysOut)
    def get(self, request: Request) -> Response:
        tree = Tree.objects.filter(pk=1).first()
        keys = verifiers(tree) if tree else []
        return Response(
            {
                "origin": tree.origin if tree else "",
                "keys": [
                    {"id": key.id.hex(), "algorithm": "Ed25519", "verifier_key": str(key), "pem": key.pem}
                    for key in keys
                ],
            }
        )


@extend_schema_view(get=extend_schema(responses=CheckpointOut(many=True)))
class Checkpoints(ListAPIView[Checkpoint]):
    """The signed checkpoints, newest first. Keep one: it proves what the log held at that time."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ}
    serializer_class = CheckpointOut
    queryset = Checkpoint.objects.all()


class InclusionProof(APIView):
    """The proof that one entry is in the log."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ}

    @extend_schema(responses=InclusionOut)
    def get(self, request: Request, public_id: str) -> Response:
        event = event_by_id(public_id, actor=actor_of(request))
        proof = inclusion(event)
        return Response(
            {
                "entry": event.as_entry(),
                "position": proof.position,
                "leaf": _base64(proof.leaf),
                "path": [_base64(step) for step in proof.path],
                "checkpoint": proof.checkpoint,
                "redaction": None if proof.redaction is None else _redaction(proof.redaction),
            }
        )


class ConsistencyProof(APIView):
    """The proof that the log only grew between two sizes."""

    permissions: ClassVar = {"GET": Permission.AUDIT_READ}

    @extend_schema(parameters=[ConsistencyIn], responses=ConsistencyOut)
    def get(self, request: Request) -> Response:
        asked = ConsistencyIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        first, second = asked.validated_data["first"], asked.validated_data["second"]
        path = [_base64(step) for step in consistency(first, second)]
        return Response({"first": first, "second": second, "path": path})


def _redaction(said: Covering) -> dict[str, object]:
    return {
        "leaf": _base64(said.leaf),
        "statement": said.note,
        "place": said.place,
        "path": [_base64(step) for step in said.path],
    }


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


urlpatterns = [
    path("audit/key/", Keys.as_view(), name="audit-key"),
    path("audit/checkpoints/", Checkpoints.as_view(), name="audit-checkpoints"),
    path("audit/consistency/", ConsistencyProof.as_view(), name="audit-consistency"),
    path("audit/events/<str:public_id>/proof/", InclusionProof.as_view(), name="audit-event-proof"),
]
