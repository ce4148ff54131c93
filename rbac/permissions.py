"""The one page that says what exists to be permitted, and which role permits it.

Nothing is granted by default. A role is a set of permissions; a grant gives a role to a user on the platform, on one
project, or in one environment of a project (``rbac.models``). What a credential may use of its owner's rights is said
at the end.
"""

from __future__ import annotations

from enum import StrEnum

from temps.lib.actor import CredentialKind


class Permission(StrEnum):
    PROJECTS_READ = "projects:read"
    PROJECTS_CREATE = "projects:create"
    PROJECTS_UPDATE = "projects:update"
    PROJECTS_DELETE = "projects:delete"
    DEPLOYMENTS_READ = "deployments:read"
    DEPLOYMENTS_CREATE = "deployments:create"
    DEPLOYMENTS_UPDATE = "deployments:update"
    DEPLOYMENTS_DELETE = "deployments:delete"
    DOMAINS_READ = "domains:read"
    DOMAINS_CREATE = "domains:create"
    DOMAINS_UPDATE = "domains:update"
    DOMAINS_DELETE = "domains:delete"
    API_KEYS_READ = "api_keys:read"
    API_KEYS_CREATE = "api_keys:create"
    API_KEYS_UPDATE = "api_keys:update"
    API_KEYS_DELETE = "api_keys:delete"
    USERS_READ = "users:read"
    USERS_CREATE = "users:create"
    USERS_UPDATE = "users:update"
    USERS_DELETE = "users:delete"
    ROLES_READ = "roles:read"
    ROLES_CREATE = "roles:create"
    ROLES_UPDATE = "roles:update"
    ROLES_DELETE = "roles:delete"
    SECRETS_READ = "secrets:read"
    """Names, versions and masked values; plain (not encrypted) values too."""
    SECRETS_REVEAL = "secrets:reveal"
    SECRETS_WRITE = "secrets:write"
    SECRETS_DELETE = "secrets:delete"
    FIREWALL_READ = "firewall:read"
    FIREWALL_WRITE = "firewall:write"
    CERTIFICATES_READ = "certificates:read"
    CERTIFICATES_WRITE = "certificates:write"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    MONITORING_READ = "monitoring:read"
    MONITORING_WRITE = "monitoring:write"
    BACKUPS_READ = "backups:read"
    BACKUPS_WRITE = "backups:write"
    ANALYTICS_READ = "analytics:read"
    ERROR_TRACKING_READ = "error_tracking:read"
    AUDIT_READ = "audit:read"
    AUDIT_EXPORT = "audit:export"


P = Permission
EVERYTHING = frozenset(Permission)

# What a project consists of; the rest of the catalogue exists on the platform only.
IN_PROJECT = frozenset(
    {
        *(P.PROJECTS_READ, P.PROJECTS_UPDATE, P.PROJECTS_DELETE),
        *(P.DEPLOYMENTS_READ, P.DEPLOYMENTS_CREATE, P.DEPLOYMENTS_UPDATE, P.DEPLOYMENTS_DELETE),
        *(P.DOMAINS_READ, P.DOMAINS_CREATE, P.DOMAINS_UPDATE, P.DOMAINS_DELETE),
        *(P.ROLES_READ, P.ROLES_CREATE, P.ROLES_UPDATE, P.ROLES_DELETE),
        *(P.SECRETS_READ, P.SECRETS_REVEAL, P.SECRETS_WRITE, P.SECRETS_DELETE),
        *(P.FIREWALL_READ, P.FIREWALL_WRITE, P.CERTIFICATES_READ, P.CERTIFICATES_WRITE),
        *(P.MONITORING_READ, P.ANALYTICS_READ, P.ERROR_TRACKING_READ, P.AUDIT_READ),
    }
)

_READ_PROJECT = frozenset(
    {
        *(P.PROJECTS_READ, P.DEPLOYMENTS_READ, P.DOMAINS_READ, P.SECRETS_READ, P.FIREWALL_READ, P.CERTIFICATES_READ),
        *(P.MONITORING_READ, P.ANALYTICS_READ, P.ERROR_TRACKING_READ),
    }
)


class PlatformRole(StrEnum):
    ADMIN = "admin"
    DEVELOPER = "developer"
    VIEWER = "viewer"


class ProjectRole(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


PLATFORM_ROLES: dict[PlatformRole, frozenset[Permission]] = {
    PlatformRole.ADMIN: EVERYTHING,
    PlatformRole.DEVELOPER: _READ_PROJECT
    | {
        *(P.PROJECTS_CREATE, P.PROJECTS_UPDATE),
        *(P.DEPLOYMENTS_CREATE, P.DEPLOYMENTS_UPDATE, P.DEPLOYMENTS_DELETE),
        *(P.DOMAINS_CREATE, P.DOMAINS_UPDATE, P.SECRETS_REVEAL, P.SECRETS_WRITE, P.CERTIFICATES_WRITE),
    },
    PlatformRole.VIEWER: _READ_PROJECT,
}

PROJECT_ROLES: dict[ProjectRole, frozenset[Permission]] = {
    ProjectRole.OWNER: IN_PROJECT,
    ProjectRole.ADMIN: IN_PROJECT - {P.PROJECTS_DELETE},
    ProjectRole.MEMBER: _READ_PROJECT | {P.DEPLOYMENTS_CREATE, P.DEPLOYMENTS_UPDATE},
    ProjectRole.VIEWER: _READ_PROJECT,
}

# Background work by name: an actor of its own with just what its task does.
BACKGROUND: dict[str, frozenset[Permission]] = {
    # The one-time link that makes the first administrator: nobody grants more than they hold.
    "accounts.setup": EVERYTHING,
    # Make accounts for whoever comes by a link: of an invitation (whose inviter gives the role), or signing up.
    "accounts.invitation": frozenset({P.USERS_CREATE}),
    "accounts.sign_up": frozenset({P.USERS_CREATE}),
    # Mails links that were asked for, which says nothing about rights.
    "accounts.links": frozenset(),
    # Gives and takes the roles that groups are mapped to; who mapped them held as much.
    "accounts.group_roles": EVERYTHING,
    # Makes the accounts of people whom a directory knows, and disables those whom it knows no longer.
    "accounts.directory": frozenset({P.USERS_READ, P.USERS_CREATE, P.USERS_UPDATE}),
    # Makes the accounts of people whom a provider vouches for, where it may.
    "accounts.providers": frozenset({P.USERS_CREATE}),
    # Makes the first key that signs API tokens.
    "accounts.tokens": frozenset({P.SETTINGS_WRITE}),
    "audit.export": frozenset({P.AUDIT_READ, P.AUDIT_EXPORT}),
    "audit.retention": frozenset({P.SETTINGS_WRITE}),
    # Opens, counts and resolves alerts, and sends what channels are to be told.
    "audit.alerts": frozenset({P.MONITORING_READ, P.MONITORING_WRITE}),
    "certificates.renewal": frozenset({P.CERTIFICATES_READ, P.CERTIFICATES_WRITE}),
    "firewall.reconcile": frozenset({P.FIREWALL_READ, P.FIREWALL_WRITE}),
}

# Rights that a person keeps over their own account without any grant, whatever their role: they are enforced by
# ownership in accounts.services (own keys, own second factor, own sessions) and are no permission.

# What a credential may never use, whatever its owner holds ("human only").
HUMAN_ONLY = frozenset({P.ROLES_CREATE, P.ROLES_UPDATE, P.ROLES_DELETE, P.USERS_DELETE, P.API_KEYS_CREATE})
REFUSED_TO: dict[CredentialKind, frozenset[Permission]] = {CredentialKind.API_KEY: HUMAN_ONLY}

# Scope presets for API keys.
SCOPE_PRESETS: dict[str, frozenset[Permission]] = {
    "read-only": _READ_PROJECT,
    "deploy-only": frozenset({P.PROJECTS_READ, P.DEPLOYMENTS_READ, P.DEPLOYMENTS_CREATE}),
    "admin": EVERYTHING - HUMAN_ONLY,
}
