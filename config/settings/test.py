"""Settings for the tests, which run on real servers of their own.

The first process to load these settings starts the servers; processes it starts (pytest-xdist's workers) find the URLs in
their environment. So any number of test runs go on side by side.
"""

from config import servers
from config.settings.base import *  # noqa: F403
from config.settings.base import REST_FRAMEWORK, env

servers.ensure_throwaway()

SECRET_KEY = "not-a-secret-this-is-the-key-of-the-tests"  # noqa: S105
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
DATABASES = {"default": env.db_url("DATABASE_URL")}
REDIS_URL = env.str("REDIS_URL")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CELERY_BROKER_URL = REDIS_URL

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # safe ones are slow on purpose
REST_FRAMEWORK = REST_FRAMEWORK | {"DEFAULT_THROTTLE_CLASSES": []}
