"""OCSF 1.5 (Open Cybersecurity Schema Framework), one event a line.

Signing in and out are events of *Authentication* (3002), what happens to an account is *Account Change* (3001), and
everything else is *Entity Management* (3004). ``raw_data`` is the canonical entry.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import orjson

from audit.actions import Action
from audit.exporting.formats.when import milliseconds
from audit.proof.canonical import canonical_entry

VERSION = "1.5.0"
IDENTITY_AND_ACCESS = 3
ACCOUNT_CHANGE, AUTHENTICATION, ENTITY_MANAGEMENT = 3001, 3002, 3004
OTHER = 99
SEVERITY = {"success": 1, "failure": 2, "denied": 3}
"""Informational, low, medium."""
SUCCESS, FAILURE = 1, 2

ACTIVITIES: dict[str, tuple[int, int]] = {
    Action.USER_SIGN_IN: (AUTHENTICATION, 1),
    Action.USER_SIGN_OUT: (AUTHENTICATION, 2),
    Action.USER_CREATE: (ACCOUNT_CHANGE, 1),
    Action.USER_UPDATE: (ACCOUNT_CHANGE, OTHER),
    Action.USER_PASSWORD_CHANGE: (ACCOUNT_CHANGE, 3),
    Action.ROLE_ASSIGN: (ACCOUNT_CHANGE, 7),
    Action.ROLE_REMOVE: (ACCOUNT_CHANGE, 8),
    Action.MFA_ENABLE: (ACCOUNT_CHANGE, 10),
    Action.MFA_DISABLE: (ACCOUNT_CHANGE, 11),
}
"""The class and its activity, where the operation is about an account."""
VERBS = {
    **dict.fromkeys(("CREATE", "ISSUE", "UPLOAD", "REQUEST"), 1),
    **dict.fromkeys(("REVEAL", "EXPORT", "USE", "DOWNLOAD", "CHECK"), 2),
    **dict.fromkeys(("UPDATE", "ROTATE", "RENEW"), 3),
    **dict.fromkeys(("DELETE", "REVOKE", "REMOVE", "RELEASE", "RETIRE"), 4),
    **dict.fromkeys(("ENABLE",), 8),
    **dict.fromkeys(("DISABLE",), 9),
}
"""The activity of *Entity Management* (create, read, update, delete …) by the last word of the operation."""


def render(entry: dict[str, Any]) -> str:
    return orjson.dumps(_event(entry)).decode()


def read(line: str) -> dict[str, Any]:
    entry = orjson.loads(orjson.loads(line)["raw_data"])
    if not isinstance(entry, dict):
        raise TypeError("an entry is an object")
    return entry


def _event(entry: dict[str, Any]) -> dict[str, Any]:
    operation, metadata = entry["operation"], entry["metadata"]
    verb = operation.rpartition("_")[2]
    class_uid, activity = ACTIVITIES.get(operation) or (ENTITY_MANAGEMENT, VERBS.get(verb, OTHER))
    event: dict[str, Any] = {
        "metadata": {
            "version": VERSION,
            "product": {"name": "Temps", "vendor_name": "Temps"},
            "event_code": operation,
            **_present(uid=metadata.get("eventId"), correlation_uid=metadata.get("requestId")),
        },
        "time": milliseconds(entry["timestamp"]),
        "category_uid": IDENTITY_AND_ACCESS,
        "class_uid": class_uid,
        "activity_id": activity,
        "activity_name": operation,
        "type_uid": class_uid * 100 + activity,
        "severity_id": SEVERITY.get(entry["result"], 0),
        "status_id": SUCCESS if entry["result"] == "success" else FAILURE,
        "status_detail": entry["result"],
        "message": entry["description"],
        "actor": {"user": _user(entry["userId"], entry["userEmail"])},
        **_about(entry, class_uid),
    }
    if entry["ipAddress"]:
        event["src_endpoint"] = _endpoint(entry["ipAddress"])
    if entry["userAgent"]:
        event["http_request"] = {"user_agent": entry["userAgent"]}
    event["raw_data"] = canonical_entry(entry).decode()
    return event


def _about(entry: dict[str, Any], class_uid: int) -> dict[str, Any]:
    kind, identity = entry["resourceType"], entry["resourceId"]
    if class_uid == ENTITY_MANAGEMENT:
        return {"entity": {"type": kind, "type_id": OTHER, "uid": identity}}
    own = kind != "user" or identity == entry["userId"]
    about: dict[str, Any] = {"user": _user(entry["userId"], entry["userEmail"]) if own else {"uid": identity}}
    return about | ({"service": {"name": "Temps"}} if class_uid == AUTHENTICATION else {})


def _user(uid: str, email: str) -> dict[str, str]:
    return {"uid": uid, **_present(email_addr=email)}


def _endpoint(address: str) -> dict[str, str]:
    try:
        return {"ip": str(ip_address(address))}
    except ValueError:
        return {"name": address}


def _present(**values: Any) -> dict[str, str]:
    return {name: value for name, value in values.items() if value and isinstance(value, str)}
