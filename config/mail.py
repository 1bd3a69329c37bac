"""Where mail goes: `EMAIL_URL` as Django's `MAILERS` has it."""

from typing import Any

#: What a back end is told, by how `env.email_url` calls it.
_OPTIONS = {
    "django.core.mail.backends.filebased.EmailBackend": {"EMAIL_FILE_PATH": "file_path"},
    "django.core.mail.backends.smtp.EmailBackend": {
        "EMAIL_HOST": "host",
        "EMAIL_PORT": "port",
        "EMAIL_HOST_USER": "username",
        "EMAIL_HOST_PASSWORD": "password",
        "EMAIL_USE_TLS": "use_tls",
        "EMAIL_USE_SSL": "use_ssl",
    },
}


def mailers(address: dict[str, Any]) -> dict[str, Any]:
    """The one mailer there is, at the address that `env.email_url` read: `smtp+tls://user:password@host:587`,
    `consolemail://`, `filemail:///folder`.
    """
    backend = address["EMAIL_BACKEND"]
    options = {name: address[key] for key, name in _OPTIONS.get(backend, {}).items() if address.get(key)}
    if "host" in options:
        options["timeout"] = 20  # a worker waits no longer for a mail server
    return {"default": {"BACKEND": backend, "OPTIONS": options}}
