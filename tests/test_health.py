from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from secrets_vault.sealing import column, seal


@pytest.mark.promise("O-07")
def test_the_process_answers(db: None, client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.promise("O-07")
def test_not_ready_without_the_key_that_the_data_needs(client: Client, db: None, data_dir: Path) -> None:
    seal("value", project_pk=None, context=column("test", "x", "y"))
    assert client.get("/readyz").status_code == 200
    (data_dir / "encryption_key").unlink()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": True, "keyring": False}
