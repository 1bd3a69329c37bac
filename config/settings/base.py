"""Settings that hold in every environment. Nothing here is a secret or an address."""

import logging
from pathlib import Path
from typing import Any

import environ
from celery.schedules import crontab
from django.utils.csp import CSP

from config import metrics
from config.schema import ENUM_NAMES
from config.settings.admin import *

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.Env()

# Application

INSTALLED_APPS = [
    "unfold",  # before the admin, whose templates it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",  # allauth's list of passkeys says how long ago
    "django.contrib.postgres",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_structlog",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "config",
    "accounts",
    "collection",
    "recycling",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "config.requests.RequestIdMiddleware",
    "config.requests.ActingMiddleware",  # before what logs: that looks up who asked, where nothing else did
    "django_structlog.middlewares.RequestMiddleware",
    "config.requests.DeadlineMiddleware",
    "config.requests.OutageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.pages.middleware.EntranceMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"admin_list": "accounts.admin.admin_list"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.pages.views.site",
            ],
        },
    },
]

SILENCED_SYSTEM_CHECKS = ["templates.W003"]  # our `admin_list` is meant to stand for Django's

SECURE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL],  # the admin's Alpine.js evaluates the expressions in its templates
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],  # the admin's theme writes its colors into the page
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}

# Logs

DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # RequestIdMiddleware has looked at it
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line per request, when it is answered

# Data

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ATOMIC_REQUESTS = False  # a service function opens its own transaction, as long as its locks and no longer
DATABASE_ROUTERS = ["accounts.replicas.Router"]

# A request sends no statement after this; one statement may take half of it (`config.databases`)
REQUEST_SECONDS = env.int("REQUEST_SECONDS", default=60)

# People

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_RESET_TIMEOUT = 3 * 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "admin:index"

# Logging in to the admin is allauth's: a password and a second factor, or a passkey. Its other pages are not served.

ACCOUNT_ADAPTER = "accounts.pages.adapter.Adapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # who has an account read its mail
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = False  # else who is no member goes in circles
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key"}  # codes tried for a user; passwords are counted as the API's
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Relode"

# Language and time

USE_TZ = True
TIME_ZONE = "UTC"  # a day belongs to its facility's zone, never to the server's
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]

# Files

STATIC_URL = "static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / ".local" / "static"))()
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]

# REST API

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.tokens.TokenAuthentication",  # first, since it says what to answer to those who are nobody: 401, not 403
        "accounts.api.tokens.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": [
        "accounts.api.filters.Filters",
        "accounts.api.filters.Ordering",
    ],
    "DEFAULT_PAGINATION_CLASS": "accounts.api.paging.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "accounts.api.documentation.Operation",
    "DEFAULT_THROTTLE_CLASSES": [
        "accounts.api.throttling.AnonymousThrottle",
        "accounts.api.throttling.UserThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.str("API_RATE_ANONYMOUS", default="60/min"),
        "user": env.str("API_RATE_USER", default="1200/min"),
        "login": env.str("API_RATE_LOGIN", default="10/min"),
        "reset": env.str("API_RATE_RESET", default="5/hour"),
    },
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),  # how many of X-Forwarded-For's addresses are our own proxies
    "EXCEPTION_HANDLER": "accounts.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Relode",
    "DESCRIPTION": "Electric-vehicle batteries, from the place that gives them up to the metal that comes out of them.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": ENUM_NAMES,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "config.schema.complete"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Seen from outside (see docs/operations.md): all off unless asked for

if metrics.are_on():
    MIDDLEWARE.insert(0, "config.metrics.MetricsMiddleware")
SLOW_STATEMENT_SECONDS = env.float("SLOW_STATEMENT_SECONDS", default=0)
OTLP_ENDPOINT = env.str("OTLP_ENDPOINT", default="")
TRACED_SHARE = env.float("TRACED_SHARE", default=1.0)
SENTRY_DSN = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="production")

# Where pg_dump and pg_restore are, if not on the PATH (`manage.py backup` and `restore`)
POSTGRES_PROGRAMS = env.str("POSTGRES_PROGRAMS", default="")

# Tasks. A task may run twice, and is written so that it acts once; it must never be lost.

JOBS_AT_ONCE = env.int("JOBS_AT_ONCE", default=1)  # of one kind, for one organization

# What an imported file may come to: unpacked bytes, lines, seconds
IMPORT_MOST_BYTES = env.int("IMPORT_MOST_BYTES", default=2 * 1024**3)
IMPORT_MOST_LINES = env.int("IMPORT_MOST_LINES", default=5_000_000)
IMPORT_MOST_SECONDS = env.int("IMPORT_MOST_SECONDS", default=50 * 60)

# How many days something is kept that is deleted by age (`accounts/services/cleaning.py`)
KEEP_COMMANDS_DAYS = env.int("KEEP_COMMANDS_DAYS", default=30)
KEEP_IMPORT_ERRORS_DAYS = env.int("KEEP_IMPORT_ERRORS_DAYS", default=180)
KEEP_INVITATIONS_DAYS = env.int("KEEP_INVITATIONS_DAYS", default=90)  # since they expired

CELERY_TASK_DEFAULT_QUEUE = "relode"  # what is short, and must not wait: sweeps, mail, tallies
CELERY_TASK_ROUTES = {
    "collection.run_import": {"queue": "imports"},
    "collection.run_assignment": {"queue": "imports"},
    "recycling.compute_report": {"queue": "reports"},
    "recycling.seal_report": {"queue": "reports"},
    "recycling.run_utilization": {"queue": "utilization"},
    "recycling.run_forecast": {"queue": "utilization"},
    "recycling.utilization_due": {"queue": "utilization"},
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SOFT_TIME_LIMIT = 9 * 60
CELERY_TASK_TIME_LIMIT = 10 * 60
CELERY_TASK_IGNORE_RESULT = True  # what a task did is in the database
CELERY_TIMEZONE = TIME_ZONE
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 2 * CELERY_TASK_TIME_LIMIT,  # else long tasks are sent twice
    "socket_connect_timeout": 2,  # who sends goes on without a broker that is away: the sweep finds what was to be sent
}
CELERY_BEAT_SCHEDULER = "config.health.Scheduler"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # What a lost message or a dead worker left behind. A sweep that nobody took in time is not worth having.
    "sweep": {"task": "recycling.sweep", "schedule": 30.0, "options": {"expires": 25}},
    "mail": {"task": "accounts.send_mail", "schedule": 60.0, "options": {"expires": 50}},
    # The overview of producers says as of when it stands: minutes, while the months of the day are added up anew.
    "tallies": {"task": "recycling.tally", "schedule": 300.0, "options": {"expires": 240}},
    "utilization-due": {"task": "recycling.utilization_due", "schedule": 300.0, "options": {"expires": 240}},
    "cleaning": {"task": "accounts.clean", "schedule": crontab(hour=9, minute=40)},
    # When the day has ended in the westernmost time zone of the three countries.
    "utilization": {"task": "recycling.utilization_daily", "schedule": crontab(hour=10, minute=10)},
}
