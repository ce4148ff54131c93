"""Every setting of the process, read once from the environment (``NAME`` or ``NAME_FILE``).

What protects whom is policy and lives in the database; nothing of it is here. ``temps.checks`` refuses combinations
that are unsafe, so this file only reads.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from django.templatetags.static import static
from django.urls import reverse_lazy

from temps.lib.client_ip import parse_networks
from temps.lib.env import Env
from temps.lib.files import reserve_private, secret_key_of
from temps.logs import logging_config

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("TEMPS_DATA_DIR") or Path.home() / ".temps").expanduser().absolute()

ENVIRONMENT = env.text("ENVIRONMENT", "development")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY") or ("" if PRODUCTION else secret_key_of(DATA_DIR))
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")  # former ones, until what they signed has expired
AUTH_ENABLED = env.flag("AUTH_ENABLED", default=True)
ALLOW_SQLITE = env.flag("TEMPS_ALLOW_SQLITE")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1]")
CORS_ORIGINS = env.words("CORS_ORIGINS")
CORS_ALLOW_ALL_ORIGINS = "*" in CORS_ORIGINS  # refused in production by temps.checks
CORS_ALLOWED_ORIGINS = [origin for origin in CORS_ORIGINS if origin != "*"]
CORS_URLS_REGEX = r"^/api/"
TRUSTED_PROXIES = env.parsed("TRUSTED_PROXIES", parse_networks)
CHECKPOINT_DIR = env.text("TEMPS_CHECKPOINT_DIR")  # where copies of the audit log's checkpoints are kept
PUBLIC_URL = env.text("TEMPS_PUBLIC_URL")  # where people reach the console: alerts link there
ENCRYPTION_KEY_FILE = str(DATA_DIR / "encryption_key")

RATE_LIMIT_ENABLED = env.flag("RATE_LIMIT_ENABLED", default=True)
RATE_LIMIT_REQUESTS = env.number("RATE_LIMIT_REQUESTS", 600, at_least=1)
RATE_LIMIT_WINDOW = env.number("RATE_LIMIT_WINDOW", 60, at_least=1)

ACME_DIRECTORY_URL = env.text("ACME_DIRECTORY_URL", "https://acme-v02.api.letsencrypt.org/directory")
ACME_CA_BUNDLE = env.text("ACME_CA_BUNDLE")
ACME_EAB_KID = env.text("ACME_EAB_KID")
ACME_EAB_HMAC_KEY = env.text("ACME_EAB_HMAC_KEY")

EMAIL_HOST = env.text("EMAIL_HOST")  # without one, no mail is sent, and whoever asks for mail is told so
EMAIL_PORT = env.number("EMAIL_PORT", 587, at_least=1)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 15
EMAIL_BACKEND = "accounts.mail.backend.MailServerBackend"  # the server that is set in Temps comes first
ANYMAIL = {"REQUESTS_TIMEOUT": EMAIL_TIMEOUT}
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "temps@localhost")

TEMPS_URL = env.text("TEMPS_URL")  # the control plane that commands on other hosts talk to, and with which token
TEMPS_TOKEN = env.text("TEMPS_TOKEN")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # its default would replace our site, and with it the sign-in
    "temps.console.apps.ConsoleConfig",
    "temps",  # before the apps whose commands it refuses
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "django_otp",
    "csp",
    "corsheaders",
    "auditlog",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_typer",
    "audit",
    "audit.sinks",
    "audit.alerts",
    "rbac",
    "accounts",
    "accounts.lockout",
    "accounts.privacy",
    "accounts.providers",
    "accounts.mail",
    "accounts.links",
    "accounts.mfa",
    "accounts.group_roles",
    "accounts.directory",
    "accounts.browser_sessions",
    "projects",
    "secrets_vault",
    "certificates",
    "firewall",
]

MIDDLEWARE = [
    "firewall.middleware.Headers",
    "temps.middleware.RequestContext",
    "firewall.middleware.Firewall",
    "certificates.middleware.AcmeChallenges",
    "django.middleware.security.SecurityMiddleware",
    "firewall.middleware.ContentSecurityPolicy",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "firewall.middleware.RateLimit",
    "accounts.middleware.PasswordTurns",
    "temps.middleware.NoNul",
    "temps.middleware.BodyLimit",
    "accounts.browser_sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "temps.middleware.Identity",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "temps.urls"
WSGI_APPLICATION = "temps.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database: SQLite in the data directory unless DATABASE_URL says otherwise. SQLite gives its log files the mode of the
# database, and the database that of the umask, so it is made here; except where values come from another host.
DATABASE_FILE = DATA_DIR / "temps.sqlite3"
if not (env.text("DATABASE_URL") or TEMPS_URL):
    reserve_private(DATABASE_FILE)
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        env.database_url("DATABASE_URL") or f"sqlite:///{DATABASE_FILE}",
        conn_max_age=60,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Web, worker and beat write at once: readers never wait (WAL), writers queue and never fail half-way (IMMEDIATE).
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Shared state between processes: Redis where it is given. Without it `temps up` runs one web process, so memory is
# shared enough.
REDIS_URL = env.text("REDIS_URL")
CACHES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    # Counts of sign-in attempts are in here. At the default of 300 entries, strangers would push them out with others.
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000}}
}
# django-ratelimit knows django-redis and memcached alone; Django's own Redis cache counts as atomically, and memory
# is shared enough as long as one process serves (docs/adr/0003).
CACHES["limits"] = {"BACKEND": "accounts.lockout.counting.Limits"}
RATELIMIT_USE_CACHE = "limits"
SILENCED_SYSTEM_CHECKS = [
    "django_ratelimit.E003",
    "django_ratelimit.W001",
    "security.W002",  # X-Frame-Options and HSTS are set by firewall.middleware.Headers, as the policy says
    "security.W004",
]

CELERY_BROKER_URL = env.text("CELERY_BROKER_URL") or REDIS_URL or "filesystem://localhost"
CELERY_BROKER_DIR = DATA_DIR / "broker"

# Sign-in.
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "accounts.hashing.Argon2OneLane",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.BCryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "accounts.passwords.LengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
     "OPTIONS": {"user_attributes": ["email", "name"]}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.passwords.GuessabilityValidator"},
]  # fmt: skip
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "accounts.providers.adapter.ProviderAdapter"
SOCIALACCOUNT_STORE_TOKENS = False  # docs/adr/0012
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = False  # accounts.throttling counts, for the pages and the API together
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = "/"
SESSION_ENGINE = "accounts.browser_sessions.store"
SESSION_COOKIE_NAME = "temps_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "temps_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^\.well-known/acme-challenge/", r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# Field diffs (audit.diffs): values with their types, and other objects by name, which outlives them.
AUDITLOG_STORE_JSON_CHANGES = AUDITLOG_USE_FK_STRING_REPRESENTATION = True
AUDITLOG_USE_BASE_MANAGER = AUDITLOG_DISABLE_ON_RAW_SAVE = True
AUDITLOG_CID_GETTER = "audit.diffs.noticed.request_id"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.JWTAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rbac.guards.Guard"],
    "DEFAULT_PARSER_CLASSES": [
        "temps.api.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer", "temps.api.pages.Pages"],
    "DEFAULT_PAGINATION_CLASS": "temps.lib.paging.Cursor",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "temps.api.errors.problem",
    "DEFAULT_VERSIONING_CLASS": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Temps",
    "DESCRIPTION": "People, permissions, secrets, firewall, certificates and the record of who did what.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rbac.guards.Guard"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "UserKind": "accounts.models.UserKind",
        "MailSecurity": "accounts.mail.models.Security",
        "InvitationState": "accounts.links.models.InvitationState",
        "IdentityProviderKind": "accounts.providers.models.Kind",
        "DirectorySecurity": "accounts.directory.models.Security",
        "DirectoryGroupType": "accounts.directory.models.GroupType",
        "SinkKind": "audit.sinks.models.Kind",
        "SinkState": "audit.sinks.models.State",
        "SinkFormat": "audit.sinks.models.Format",
        "ExportFormat": "audit.models.ExportFormat",
        "AlertSeverity": "audit.alerts.models.Severity",
        "AlertState": "audit.alerts.models.AlertState",
        "AlertRuleKind": "audit.alerts.models.RuleKind",
        "AlertChannelKind": "audit.alerts.models.ChannelKind",
        "AlertGroupBy": "audit.alerts.models.GroupBy",
    },
}
JWT_ALGORITHM = env.text("JWT_ALGORITHM", "HS256")  # or ES256; others are refused by temps.checks
JWT_ACCESS_LIFETIME = timedelta(minutes=env.number("JWT_ACCESS_MINUTES", 30, at_least=1))

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # served straight from the installed packages: no collectstatic, nothing to go stale

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = "temps.console.formats"
# How help pages name the program, wherever it is installed.
DT_MANAGE_SCRIPT = "temps"

LOGGING = logging_config(production=PRODUCTION)
LOGGING_CONFIG = "logging.config.dictConfig"

# Tailwind's blue, as on the sign-in pages.
BLUE = {
    "50": "oklch(97% .014 254.604)",
    "100": "oklch(93.2% .032 255.585)",
    "200": "oklch(88.2% .059 254.128)",
    "300": "oklch(80.9% .105 251.813)",
    "400": "oklch(70.7% .165 254.624)",
    "500": "oklch(62.3% .214 259.815)",
    "600": "oklch(54.6% .245 262.881)",
    "700": "oklch(48.8% .243 264.376)",
    "800": "oklch(42.4% .199 265.638)",
    "900": "oklch(37.9% .146 265.522)",
    "950": "oklch(28.2% .091 267.935)",
}
UNFOLD = {
    "SITE_TITLE": "Temps",
    "SITE_HEADER": "Temps",
    "SITE_SUBHEADER": "Security control plane",
    "SITE_URL": None,
    "SITE_SYMBOL": "shield_lock",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("accounts/mark.svg")},
    ],
    "SHOW_HISTORY": False,  # rbac.console shows the button to whoever may read the audit log
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "temps.console.dashboard.fill",
    "ACCOUNT": {"navigation": "temps.console.navigation.account"},
    "SIDEBAR": {"show_search": False, "navigation": "temps.console.navigation.sidebar"},
    "COLORS": {"primary": BLUE},
    "STYLES": [lambda request: static("temps/console.css")],
}
