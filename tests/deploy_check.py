"""Part of ``make check``: migrations match the models, and Django's deployment check passes on production settings."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile


def manage(*arguments: str, **environment: str) -> bool:
    print("temps", *arguments, flush=True)
    return subprocess.run([sys.executable, "manage.py", *arguments], env=os.environ | environment).returncode == 0


def main() -> int:
    with tempfile.TemporaryDirectory() as home:
        migrations = manage("makemigrations", "--check", "--dry-run", TEMPS_DATA_DIR=home)
        deployment = manage(
            *("check", "--deploy", "--fail-level", "WARNING"),
            TEMPS_DATA_DIR=home,
            ENVIRONMENT="production",
            SECRET_KEY=secrets.token_urlsafe(64),
            ALLOWED_HOSTS="temps.example.com",
            DATABASE_URL="postgresql://temps@localhost/temps",
        )
    return 0 if migrations and deployment else 1


if __name__ == "__main__":
    sys.exit(main())
