"""Settings for work on one's own machine. `manage.py` and `make` provide the servers (see `development.servers`)."""

from config import logs, mail
from config.databases import pooled
from config.settings.base import *
from config.settings.base import INSTALLED_APPS, env

DEBUG = env.bool("DEBUG", default=True)
SECRET_KEY = "not-a-secret-this-is-the-development-key"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
INSTALLED_APPS = [*INSTALLED_APPS, "demo"]

# The defaults serve tools that only look at the code (mypy, an editor); nothing listens there.
DATABASES = {"default": pooled(env.db_url("DATABASE_URL", default="postgres://nobody@127.0.0.1:1/relode"))}
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:1/0")

CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CELERY_BROKER_URL = REDIS_URL

SITE_URL = env.str("SITE_URL", default=f"http://127.0.0.1:{env.str('PORT', default='8000')}")
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # without TLS; by the name localhost, since a passkey is for a name
MAILERS = mail.mailers(
    env.email_url("EMAIL_URL", default="consolemail://")
)  # into the log; filemail:///folder for files
DEFAULT_FROM_EMAIL = "relode@localhost"

WHITENOISE_USE_FINDERS = True  # no collectstatic
LOGGING = logs.configure(as_json=False, level=env.str("LOG_LEVEL", default="INFO"))
