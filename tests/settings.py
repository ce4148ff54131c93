"""The settings of the tests: Temps' own, in a data directory that lasts as long as the test process."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_directory = tempfile.mkdtemp(prefix="temps-test-")
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
for _name in ("ENVIRONMENT", "SECRET_KEY", "TRUSTED_PROXIES", "ALLOWED_HOSTS"):
    os.environ.pop(_name, None)
os.environ["TEMPS_DATA_DIR"] = _directory
os.environ["DATABASE_URL"] = os.environ.get("TEMPS_TEST_DATABASE_URL", "")
# Each of the parallel workers empties its cache between tests, so each has a database of its own; 0 is the walk's.
_redis = os.environ.get("TEMPS_TEST_REDIS_URL", "").rpartition("/")[0]
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
os.environ["REDIS_URL"] = f"{_redis}/{1 + _worker % 15}" if _redis else ""

from temps.settings import *  # noqa: E402, F403
from temps.settings import DATABASES, MIDDLEWARE, PASSWORD_HASHERS  # noqa: E402

DATABASES["default"]["CONN_MAX_AGE"] = 0
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
# The cheapest parameters of the same algorithm; tests of hashing itself set the real ones.
PASSWORD_HASHERS = ["tests.world.QuickArgon2", *PASSWORD_HASHERS]
MIDDLEWARE = [
    name.replace("whitenoise.middleware.WhiteNoiseMiddleware", "tests.static_files.OnceFound") for name in MIDDLEWARE
]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_BROKER_URL = "memory://"
