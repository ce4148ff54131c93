"""python-ldap, which is an extra: it needs a compiler and OpenLDAP's headers to install."""

from __future__ import annotations

from types import ModuleType

from accounts.directory.errors import DirectoryFault


def library() -> ModuleType:
    """The module ``ldap``. Raises :class:`DirectoryFault` where the extra is not installed."""
    try:
        import ldap
        import ldap.filter
    except ImportError:
        raise DirectoryFault(
            "LDAP is not installed: in the directory of Temps run 'apt-get install gcc python3-dev libldap2-dev "
            "libsasl2-dev' and 'make ldap', then start Temps again"
        ) from None
    return ldap  # type: ignore[no-any-return]
