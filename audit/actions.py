"""The closed list of operations that the audit log knows. An operation that is not here cannot be recorded.

``NOUN_VERB``, in the order of the rooms. Removing a name would orphan history: mark it in a comment and keep it.
"""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    # accounts
    USER_CREATE = "USER_CREATE"
    USER_UPDATE = "USER_UPDATE"
    USER_SIGN_IN = "USER_SIGN_IN"
    USER_SIGN_OUT = "USER_SIGN_OUT"
    SETUP_LINK_CREATE = "SETUP_LINK_CREATE"
    USER_PASSWORD_CHANGE = "USER_PASSWORD_CHANGE"
    MFA_ENABLE = "MFA_ENABLE"
    MFA_DISABLE = "MFA_DISABLE"
    TOKEN_ISSUE = "TOKEN_ISSUE"
    TOKEN_REVOKE = "TOKEN_REVOKE"
    API_KEY_CREATE = "API_KEY_CREATE"
    API_KEY_ROTATE = "API_KEY_ROTATE"
    API_KEY_REVOKE = "API_KEY_REVOKE"
    API_KEY_USE = "API_KEY_USE"
    # rbac
    ROLE_ASSIGN = "ROLE_ASSIGN"
    ROLE_REMOVE = "ROLE_REMOVE"
    PERMISSION_CHECK = "PERMISSION_CHECK"
    """Recorded with the result *denied* alone: what someone tried and may not do."""
    # projects
    PROJECT_CREATE = "PROJECT_CREATE"
    PROJECT_UPDATE = "PROJECT_UPDATE"
    PROJECT_DELETE = "PROJECT_DELETE"
    # deployments
    DEPLOYMENT_CREATE = "DEPLOYMENT_CREATE"
    DEPLOYMENT_UPDATE = "DEPLOYMENT_UPDATE"
    DEPLOYMENT_DELETE = "DEPLOYMENT_DELETE"
    # secrets_vault
    SECRET_CREATE = "SECRET_CREATE"
    SECRET_UPDATE = "SECRET_UPDATE"
    SECRET_DELETE = "SECRET_DELETE"
    SECRET_REVEAL = "SECRET_REVEAL"
    SECRET_EXPORT = "SECRET_EXPORT"
    SECRET_USE = "SECRET_USE"
    """The values were handed to a process (``temps run``) or a deployer."""
    # firewall
    IP_RULE_CREATE = "IP_RULE_CREATE"
    IP_RULE_DELETE = "IP_RULE_DELETE"
    RATE_LIMIT_UPDATE = "RATE_LIMIT_UPDATE"
    HEADERS_UPDATE = "HEADERS_UPDATE"
    # certificates
    DOMAIN_CREATE = "DOMAIN_CREATE"
    DOMAIN_UPDATE = "DOMAIN_UPDATE"
    DOMAIN_DELETE = "DOMAIN_DELETE"
    CERTIFICATE_REQUEST = "CERTIFICATE_REQUEST"
    """Somebody asked for a new one; what came of it is the issue or renewal that follows."""
    CERTIFICATE_ISSUE = "CERTIFICATE_ISSUE"
    CERTIFICATE_RENEW = "CERTIFICATE_RENEW"
    CERTIFICATE_UPLOAD = "CERTIFICATE_UPLOAD"
    # audit
    AUDIT_EXPORT = "AUDIT_EXPORT"
    AUDIT_DOWNLOAD = "AUDIT_DOWNLOAD"
    """The file of an export was handed to whoever asked for it."""
    RETENTION_UPDATE = "RETENTION_UPDATE"
    LEGAL_HOLD_CREATE = "LEGAL_HOLD_CREATE"
    LEGAL_HOLD_RELEASE = "LEGAL_HOLD_RELEASE"
    AUDIT_RETIRE = "AUDIT_RETIRE"
    """Entries that had had their time were removed."""
    AUDIT_RECOVER = "AUDIT_RECOVER"
    """The log goes on after its database was put back or damaged."""
    SINK_CREATE = "SINK_CREATE"
    SINK_UPDATE = "SINK_UPDATE"
    """Also its pausing, going on, and being set to another position."""
    SINK_DELETE = "SINK_DELETE"
    SINK_TEST = "SINK_TEST"
    ALERT_ACKNOWLEDGE = "ALERT_ACKNOWLEDGE"
    ALERT_RULE_CREATE = "ALERT_RULE_CREATE"
    ALERT_RULE_UPDATE = "ALERT_RULE_UPDATE"
    ALERT_RULE_DELETE = "ALERT_RULE_DELETE"
    ALERT_CHANNEL_CREATE = "ALERT_CHANNEL_CREATE"
    ALERT_CHANNEL_UPDATE = "ALERT_CHANNEL_UPDATE"
    ALERT_CHANNEL_DELETE = "ALERT_CHANNEL_DELETE"
    ALERT_CHANNEL_TEST = "ALERT_CHANNEL_TEST"
    # temps
    SYSTEM_START = "SYSTEM_START"
    SETTINGS_UPDATE = "SETTINGS_UPDATE"


class Result(StrEnum):
    SUCCESS = "success"
    DENIED = "denied"
    FAILURE = "failure"
