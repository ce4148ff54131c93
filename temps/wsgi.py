from __future__ import annotations

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "temps.settings")
_django = get_wsgi_application()
# All that the first request would wait for: the addresses with the console behind them, and what queues work.
for _name in ("temps.urls", "temps.celery"):
    import_module(_name)
application = import_module("accounts.middleware").Copies(_django)
