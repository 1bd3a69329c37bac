"""Settings for production. What is secret or depends on the place comes from the environment and has no default."""

from django.core.exceptions import ImproperlyConfigured

from config import logs, mail
from config.databases import pooled
from config.settings.base import *
from config.settings.base import env

REQUIRED = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS", "EMAIL_URL")
if _missing := [name for name in REQUIRED if not env.str(name, default="").strip()]:
    raise ImproperlyConfigured(f"Set these environment variables: {', '.join(_missing)}. See docs/operations.md.")

SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
if "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS must name the hosts; '*' would let anyone choose what links in our answers say."
    )
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# Mail, with links to us: nobody becomes a member, or sets a forgotten password, without

_HOST = ALLOWED_HOSTS[0].lstrip(".")
SITE_URL = env.str("SITE_URL", default="") or f"https://{_HOST}"
MAILERS = mail.mailers(env.email_url("EMAIL_URL"))
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="") or f"relode@{_HOST}"

DATABASES = {"default": pooled(env.db_url("DATABASE_URL"))}
if env.str("DATABASE_REPLICA_URL", default="").strip():
    DATABASES["replica"] = pooled(env.db_url("DATABASE_REPLICA_URL"))

# Valkey is the broker and the cache

REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},  # requests go on without one that is silent
    }
}
CELERY_BROKER_URL = REDIS_URL

# Nothing unencrypted. TLS ends at a proxy in front, and only a named one is believed (see docs/operations.md).

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked from inside, past the proxy
if env.bool("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LOGGING = logs.configure(as_json=True, level=env.str("LOG_LEVEL", default="INFO"))
