"""Settings; those that differ from site to site come from the environment (see .env.example)."""

import datetime
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from config.mail import mailer, site_address

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))

# Where are we?  A deployment sets these three; on your own machine you need not.
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
DATABASE_URL = env.str("DATABASE_URL", default="")

DEBUG = env.bool("DEBUG", default=False)
LOCAL = env.bool("LOCAL", default=not (SECRET_KEY or ALLOWED_HOSTS or DATABASE_URL))
PRODUCTION = not (DEBUG or LOCAL)

if not SECRET_KEY:
    if PRODUCTION:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set: give the environment a long random one, and keep it (see .env.example)."
        )
    SECRET_KEY = "known to everybody, so it serves this machine alone"
# Earlier keys: what was signed with them, such as log-ins and secret links, is still valid.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
if LOCAL and ALLOWED_HOSTS:
    raise ImproperlyConfigured("LOCAL serves this machine alone: leave out either LOCAL or ALLOWED_HOSTS.")
ALLOWED_HOSTS = ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]

# Database

EMBEDDED_POSTGRES_DIR = env.str("EMBEDDED_POSTGRES_DIR", default=str(BASE_DIR / ".data" / "postgres"))
if DATABASE_URL:
    DATABASES = {"default": env.db("DATABASE_URL")}
else:
    DATABASES = {
        "default": {
            "ENGINE": "config.database",
            "NAME": "postgres",
            "OPTIONS": {"directory": EMBEDDED_POSTGRES_DIR, "server_settings": {}},
        }
    }
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)  # seconds
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
STATEMENT_TIMEOUT = env.str("STATEMENT_TIMEOUT", default="30s")  # of a web request's statements; see config.wsgi
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Applications

INSTALLED_APPS = [
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
    "profiles",
    "courses",
    "uploads",
    "reflections",
    "goals",
    "xapi",
    "timeline",
    "news",
    "privacy",
    "demo",
    "axes",
]

MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.compression.CompressionMiddleware",  # above whatever reads or changes what is sent
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "profiles.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["config.tags"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

FORM_RENDERER = "config.forms.FormRenderer"
MESSAGE_STORAGE = "config.notices.Storage"

# People

AUTH_USER_MODEL = "profiles.Profile"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
SESSION_ENGINE = "profiles.sessions"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Ten wrong passwords for one e-mail address from one network address: then neither is tried for a quarter of an hour.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = datetime.timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "profiles.throttling.email_address"
AXES_CLIENT_IP_CALLABLE = "profiles.throttling.network_address"
# What it does not note down of forms and addresses, beside passwords: `next` may be a secret link.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "password_again", "next"]
AXES_DISABLE_ACCESS_LOG = True  # who logged in when is nobody's business
AXES_ENABLE_ADMIN = AXES_VERBOSE = False

# Without EMAIL_URL nobody is offered a new password, or news, by mail.
EMAIL_URL = env.str("EMAIL_URL", default="")
MAILERS = {"default": mailer(EMAIL_URL or "smtp://localhost:25")}
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="webmaster@localhost")
# Where the site is, for mails that no visitor asks for; "" where several names leave that open.
SITE_ADDRESS = site_address(
    env.str("SITE_ADDRESS", default=""), ALLOWED_HOSTS, local_port=env.str("PORT", default="8000") if LOCAL else None
)

# Language and time

LANGUAGE_CODE = "en-us"
# Every day of the timeline is a day in this zone (docs/decisions/0012).
TIME_ZONE = "America/New_York"
USE_TZ = True
FORMAT_MODULE_PATH = "config.formats"

# Static files: collected, compressed and named by their content in production, found where they lie elsewhere.

STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")) if PRODUCTION else None
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Media: people's files, which a view sends to those who may see them (config/files.py).

MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(Path(EMBEDDED_POSTGRES_DIR).parent / "media"))
# The proxy's internal location of MEDIA_ROOT ("/protected/"): it then sends the files itself, by X-Accel-Redirect.
MEDIA_ACCEL = env.str("MEDIA_ACCEL", default="")
if MEDIA_ACCEL and not (MEDIA_ACCEL.startswith("/") and MEDIA_ACCEL.endswith("/")):
    raise ImproperlyConfigured('MEDIA_ACCEL begins and ends with a slash, as in "/protected/".')
VIDEO_MAX_MB = env.int("VIDEO_MAX_MB", default=2048)
RECORDING_MAX_MB = env.int("RECORDING_MAX_MB", default=32)
PICTURE_MAX_MB = env.int("PICTURE_MAX_MB", default=20)
DOCUMENT_MAX_MB = env.int("DOCUMENT_MAX_MB", default=20)
FILE_UPLOAD_HANDLERS = [
    "uploads.handlers.BoundedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# Keys of the hashes by which an import knows whom it must not bring back (xapi/erased.py): new hashes are made with the
# first.  What was hashed cannot be hashed again, so a key that has been in use stays here.
ERASURE_KEYS = [env.str("ERASURE_KEY", default="") or SECRET_KEY, *env.list("ERASURE_KEY_FALLBACKS", default=[])]

# Security

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 24 * 3600 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=PRODUCTION)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=PRODUCTION)
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SECURE_COOKIES", default=PRODUCTION)
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.errors.form_expired"
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
X_FRAME_OPTIONS = "DENY"

# Where recordings and pictures lie, when not on this site: "https://media.example.org", …
MEDIA_SOURCES = env.list("MEDIA_SOURCES", default=[])
# Nothing inline; nothing from elsewhere but those and Loom's player.
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:", "blob:", *MEDIA_SOURCES],
    "media-src": [CSP.SELF, "data:", "blob:", *MEDIA_SOURCES],
    "frame-src": ["https://www.loom.com"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}

# Log: everything goes to standard error; whoever runs the server decides what becomes of it.

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "config.errors.Line",
            "format": "[%(asctime)s] %(levelname)s %(name)s: %(message)s",
            "datefmt": "%Y-%m-%d %H:%M:%S %z",  # as gunicorn's; New York's time, as that of all that Django does
        }
    },
    "filters": {"refusals": {"()": "config.errors.Refusals"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # Whoever tries the server's bare address would fill the log.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # It has four lines for each log-in, which name nobody; failures and lock-outs are warnings.
        "axes": {"level": "ERROR" if LOG_LEVEL == "ERROR" else "WARNING"},
    },
}
