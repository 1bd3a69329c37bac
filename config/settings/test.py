"""Settings for the tests, which run on real servers of their own.

The first process to load these settings starts the servers; processes it starts (pytest-xdist's workers) find the URLs
in their environment. So any number of test runs go on side by side.
"""

import os

from config import logs, mail
from config.settings.base import *
from config.settings.base import INSTALLED_APPS, REST_FRAMEWORK, env
from development import servers

servers.ensure_throwaway()

SECRET_KEY = "not-a-secret-this-is-the-key-of-the-tests"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
INSTALLED_APPS = [*INSTALLED_APPS, "demo"]

DATABASES = {"default": env.db_url("DATABASE_URL")}

# Each of pytest-xdist's workers has a database of its own in PostgreSQL, and so it has in Valkey.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1
REDIS_URL = f"{env.str('REDIS_URL').rsplit('/', 1)[0]}/{_worker}"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CELERY_BROKER_URL = REDIS_URL

SITE_URL = "http://testserver"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # without TLS; by the name localhost, since a passkey is for a name
MAILERS = mail.mailers(env.email_url("EMAIL_URL", default="memorymail://"))
DEFAULT_FROM_EMAIL = "relode@testserver"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # safe ones are slow on purpose
REST_FRAMEWORK = REST_FRAMEWORK | {"DEFAULT_THROTTLE_CLASSES": []}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True  # else every process walks all static files at its start
LOGGING = logs.configure(as_json=True, level=env.str("LOG_LEVEL", default="INFO"))
