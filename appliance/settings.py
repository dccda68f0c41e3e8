# SPDX-License-Identifier: GPL-2.0-or-later
"""Every setting of the console and its workers; paths come from sipalg_core.contract.names, the rest from here.

Environment: PINHOLE_RUN, PINHOLE_STATE, PINHOLE_NODE (contract.names), PINHOLE_CONSOLE_ORIGINS (or
PINHOLE_CONSOLE_PORT alone), PINHOLE_TLS.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from appliance import reached, redis_socket
from appliance.keys import own_key
from sipalg_core.contract import names

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = names.state_dir()

# Several users of one group share database and policy file (ARCHITECTURE.md, "Processes"); nobody else reads them.
os.umask(0o007)


STATE_DIR.mkdir(parents=True, exist_ok=True)
SECRET_KEY = own_key(STATE_DIR)

# --- What is reachable, and how ---

DEBUG = False
TLS_OWN = os.environ.get("PINHOLE_TLS") == "own"  # ended by appliance.door; "1": in front of the console
TLS = TLS_OWN or os.environ.get("PINHOLE_TLS") == "1"
CONSOLE_PORT = int(os.environ.get("PINHOLE_CONSOLE_PORT", "8000"))
CONSOLE_ORIGINS = [each for each in os.environ.get("PINHOLE_CONSOLE_ORIGINS", "").split(",") if each] or (
    reached.origins(CONSOLE_PORT)
    if TLS_OWN
    else [f"http://127.0.0.1:{CONSOLE_PORT}", f"http://localhost:{CONSOLE_PORT}"]
)
ALLOWED_HOSTS = sorted({urlsplit(origin).hostname or "" for origin in CONSOLE_ORIGINS})
SIGN_IN_COMMAND = f"deploy/{'pinhole' if str(STATE_DIR) == '/var/lib/pinhole' else 'manage'} signin_link"
"""What prints a one-time link here: as deploy/units have it, or out of a clone."""
CSRF_TRUSTED_ORIGINS = CONSOLE_ORIGINS

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 8 * 3600  # and no longer, however active it is (accounts.queries)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_NAME = "__Host-sessionid" if TLS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if TLS else "csrftoken"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "appliance.gate.not_from_here"
SECURE_SSL_REDIRECT = TLS
SECURE_HSTS_SECONDS = 24 * 3600 if TLS else 0  # short: a certificate that an appliance made itself may be replaced
SECURE_HSTS_INCLUDE_SUBDOMAINS = TLS
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # nobody submits an appliance to the browsers' preload lists
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "report-uri": "/csp-report/",
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

# --- The application ---

ROOT_URLCONF = "appliance.urls"
ASGI_APPLICATION = "appliance.asgi.application"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "appliance.accounts",
    "appliance.audit",
    "appliance.ui",
    "appliance.network",
    "appliance.firewall",
    "appliance.sip",
    "appliance.system",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "appliance.ui.compression.PageCompression",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "appliance.privacy.PrivacyMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "appliance.gate.PermissionMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
ACCOUNT_ADAPTER = "appliance.signin.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key", "reauthenticate": "10/m/user"}
MFA_ADAPTER = "appliance.signin.FactorAdapter"
MFA_FORMS = {"activate_totp": "appliance.accounts.forms.AddAppForm"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # the code before and the one after: clocks differ, and typing takes its time (RFC 6238, 5.2)
MFA_RECOVERY_CODES_SHOW_ONCE = False
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
"""Guesses at codes, and codes that have been used: every web process must know them."""
LOGIN_URL = "/accounts/sign-in/"
LOGIN_REDIRECT_URL = "/"

STATIC_URL = "/static/"
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
STATIC_ROOT = STATE_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "appliance.ui.storage.HashedFiles"},
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German")), ("tr", _("Turkish"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# --- What stands behind it ---

DATABASE = STATE_DIR / "pinhole.sqlite3"
if not DATABASE.exists():
    DATABASE.touch(mode=0o660)  # SQLite itself would make it 0644, and netadmin could not write
DATABASES = {
    "default": {
        "ENGINE": "appliance.database",
        "NAME": DATABASE,
        "OPTIONS": {
            # A transaction that upgrades from reading to writing would not wait for the lock (SQLITE_BUSY at once).
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;",
        },
    }
}
AUDIT_GUARDS = True
"""Triggers that keep the audit log as it is and notice every change of the configuration (audit.services.guards)."""
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": f"unix://{names.redis_socket()}",
                    "socket_connect_timeout": redis_socket.PATIENCE,
                    "socket_timeout": 7,  # longer than the 5 s for which the layer waits in BZPOPMIN
                    "retry": Retry(NoBackoff(), 0),
                }
            ],
            "capacity": 200,
            "expiry": 10,
        },
    }
}

CELERY_BROKER_URL = f"redis+socket://{names.redis_socket()}"
CELERY_BROKER_CONNECTION_TIMEOUT = redis_socket.PATIENCE
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 3,  # longer than the second that a worker waits in BRPOP
    "socket_connect_timeout": redis_socket.PATIENCE,
    "max_retries": 1,  # of the one who asks for an apply: better a clear answer now
    "interval_start": 0.1,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = CELERY_EVENT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"appliance.system.tasks.apply_revision": {"queue": names.netadmin_queue()}}
CELERY_TASK_TIME_LIMIT = 60
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "reconcile": {"task": "appliance.system.tasks.reconcile", "schedule": 15.0},
    "notify": {"task": "appliance.system.tasks.notify", "schedule": 30.0, "options": {"expires": 30.0}},
    "back_up": {"task": "appliance.system.tasks.back_up", "schedule": 600.0, "options": {"expires": 600.0}},
    "note_advice": {
        "task": "appliance.system.tasks.note_advice",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "settle": {
        "task": "appliance.system.tasks.settle",
        "schedule": 5.0,
        "options": {"queue": names.netadmin_queue(), "expires": 5.0},
    },
    "close_windows": {"task": "appliance.accounts.tasks.close_windows", "schedule": 5.0, "options": {"expires": 5.0}},
    "settle_activations": {
        "task": "appliance.firewall.tasks.settle_activations",
        "schedule": 5.0,
        "options": {"queue": names.netadmin_queue(), "expires": 5.0},
    },
    "record_calls": {"task": "appliance.sip.tasks.record_calls", "schedule": 5.0, "options": {"expires": 5.0}},
    "record_quality": {"task": "appliance.sip.tasks.record_quality", "schedule": 10.0, "options": {"expires": 10.0}},
    "forget_calls": {"task": "appliance.sip.tasks.forget_calls", "schedule": 3600.0},
    "count_hits": {
        "task": "appliance.firewall.tasks.count_hits",
        "schedule": 15.0,
        "options": {"queue": names.netadmin_queue(), "expires": 15.0},
    },
    "count_connections": {
        "task": "appliance.firewall.tasks.count_connections",
        "schedule": 30.0,
        "options": {"queue": names.netadmin_queue(), "expires": 30.0},
    },
    "refresh_names": {
        "task": "appliance.firewall.tasks.refresh_names",
        "schedule": 10.0,
        "options": {"queue": "dns", "expires": 10.0},
    },
    "follow_objects": {
        "task": "appliance.firewall.tasks.follow_objects",
        "schedule": 60.0,
        "options": {"queue": names.netadmin_queue(), "expires": 60.0},
    },
}
CELERY_TIMEZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "sipalg_core.logs.OneLine", "format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {name: {"level": "WARNING"} for name in ("celery.app.trace", "celery.worker.strategy")},
}
"""Of tasks only what went wrong: a dozen of them run each minute, for ever."""
