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
            "LDAP needs the extra 'ldap': install libldap2-dev and libsasl2-dev, then pip install 'temps[ldap]'"
        ) from None
    return ldap  # type: ignore[no-any-return]
