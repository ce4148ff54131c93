"""A real OpenID provider: the program of PyPI's oidc-provider-mock, started privately on a free port."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests import peers

PEOPLE = {
    "linked": {"email": "linked@corp.example", "email_verified": True, "name": "Linked"},
    "fresh": {"email": "fresh@corp.example", "email_verified": True, "name": "Fresh", "groups": ["platform"]},
    "unverified": {"email": "unverified@corp.example", "email_verified": False},
    "impostor": {"email": "owner@example.com", "email_verified": True},
}


@contextlib.contextmanager
def openid_provider(*options: str) -> Iterator[str]:
    """Yields its issuer. Its people are :data:`PEOPLE`."""
    if importlib.util.find_spec("oidc_provider_mock") is None:
        peers.missing("oidc-provider-mock is not installed: pip install oidc-provider-mock")
    port = peers.free_port()
    people = [f"--user-claims={json.dumps({'sub': sub, **claims})}" for sub, claims in PEOPLE.items()]
    command = [sys.executable, "-m", "oidc_provider_mock", "-p", str(port), "-n", "true", *options, *people]
    with (
        tempfile.TemporaryDirectory(prefix="temps-oidc-") as home,
        peers.running(command, log=Path(home) / "log", env=dict(os.environ)),
    ):
        peers.wait_for(lambda: peers.accepts(port), "the OpenID provider answering")
        yield f"http://127.0.0.1:{port}"


def consent(address: str, subject: str, **more: Any) -> str:
    """Sign in as ``subject`` on the provider's page at ``address``; the path and query that the browser is sent to."""
    form = {"sub": subject} | more
    answer = requests.post(address, data=form, allow_redirects=False, timeout=30)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"
