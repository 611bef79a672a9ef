"""Settings of every installation; what differs between two of them comes from the environment.

``DATABASE_URL`` ``REDIS_URL`` ``SECRET_KEY`` ``DEBUG`` ``ALLOWED_HOSTS`` ``EMAIL_URL`` ``EMAIL_FROM`` ``HTTPS``
``LOG_LEVEL`` ``STATEMENT_TIMEOUT`` ``API_REQUESTS_PER_MINUTE`` ``API_MAX_BODY_BYTES`` ``COST_SAMPLE_EVERY``
``METRICS_NETWORKS`` ``TRUSTED_PROXIES`` ``SENTRY_DSN``: docs/settings.md says what each means.
"""

import logging
import os
import tempfile
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import environ
import sentry_sdk
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL
from django.core.exceptions import ImproperlyConfigured

from config.logs import LOGGING as LOGGING
from config.navigation import UNFOLD as UNFOLD
from config.requests import without_personal_data
from config.version import VERSION

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
VAR_DIR.mkdir(exist_ok=True)

env = environ.Env()

# Who may reach it, and how

INSECURE_SECRET_KEY = "insecure-and-only-for-a-developers-own-machine"
SECRET_KEY = env.str("SECRET_KEY", default=INSECURE_SECRET_KEY)
# An installation that has a secret is a real one unless it says otherwise.
DEBUG = env.bool("DEBUG", default=SECRET_KEY == INSECURE_SECRET_KEY)
if SECRET_KEY == INSECURE_SECRET_KEY and not DEBUG:
    raise ImproperlyConfigured("Set SECRET_KEY: without DEBUG the default secret is refused.")
if not DEBUG and (len(SECRET_KEY) < 32 or len(set(SECRET_KEY)) < 8):
    raise ImproperlyConfigured("Set a SECRET_KEY of at least 32 characters by chance: this one can be guessed.")

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
HTTPS = env.bool("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS

TILL_PATHS = ["/api/v1/baskets", "/api/v1/transactions"]
"""What the addresses of tills' calls begin with."""

# Everything comes from here and nothing stands inline; pictures of redemption messages may be anybody's.
CONTENT_SECURITY_POLICY = {
    # Answers in JSON that tills wait for.
    "EXCLUDE_URL_PREFIXES": TILL_PATHS,
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, UNSAFE_EVAL],  # Alpine, which the admin's theme is made with, evaluates attributes
        "style-src": [SELF, NONCE],  # the text editor's own styles bear the nonce
        "img-src": [SELF, "data:", "https:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# What it is made of

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "unfold.contrib.simple_history",
    "django.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "consumers",
    "promotions",
    "conflicts",
    "loyalty",
    "axes",
    "csp",
    "django_filters",
    "django_prometheus",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "health_check",
    "import_export",
    "rest_framework",
    "rest_framework_api_key",
    "simple_history",
]

MIDDLEWARE = [
    # Tills' calls go past all others, and are answered the same.
    "config.till_chain.TillChain",
    "config.requests.RequestIdMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "consumers.normal_form.NormalizedTextsMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "consumers.access.CurrentAccountMiddleware",
    "config.requests.RequestLogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "consumers.log_in.KnownBrowserMiddleware",
    "axes.middleware.AxesMiddleware",
    "config.errors.UnavailableMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
                "csp.context_processors.nonce",
                "config.navigation.theme",
            ],
        },
    },
]

# Widgets look for their templates where pages do.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# Where it keeps things

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}"),
}
# A read-only request must not take the write lock: services open their own transactions.
DATABASES["default"]["ATOMIC_REQUESTS"] = False
# Of one statement of a request; config/web.py says what else is not bound by it. 0: none.
STATEMENT_TIMEOUT = env.float("STATEMENT_TIMEOUT", default=15.0)  # seconds
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "config.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
    }
    # Tests use a file, as an installation does; one in memory takes no locks between threads.
    DATABASES["default"]["TEST"] = {"NAME": f"{tempfile.gettempdir()}/promotions-test-{os.getpid()}.sqlite3"}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    # Looks at a connection before its use, so that no till's call fails because the database was restarted.
    DATABASES["default"]["ENGINE"] = "config.postgresql"
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        # While the database is away a thread that waits for it serves nobody: it gives up soon, and the pool does not
        # put off its next attempt for as long as the outage has lasted.
        pool={"min_size": 0, "max_size": 16, "timeout": 2, "reconnect_timeout": 2},
        # The tills' statements have few texts: the database reads and plans each once for a connection.
        server_side_binding=True,
        prepare_threshold=3,
    )

REDIS_URL = env.str("REDIS_URL", default="")
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # A till goes on selling while the cache is away, and does not wait for it.
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR_DIR / "files"}},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 20  # seconds that a mail server may take for one answer
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="promotions@localhost")

# Language and time: stored in UTC, entered and shown in the account's zone

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

# People

AUTH_USER_MODEL = "consumers.User"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "consumers.access.MembershipBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# What failures are counted by: consumers/log_in.py.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_HANDLER = "consumers.log_in.LogInHandler"
AXES_LOCKOUT_PARAMETERS = "consumers.log_in.lockout_parameters"
AXES_CLIENT_IP_CALLABLE = "consumers.log_in.client_address"
AXES_USERNAME_CALLABLE = "consumers.log_in.attempted_username"
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
PASSWORD_RESET_TIMEOUT = 3600  # seconds
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
# Its pages would show the log-ins of every account.
AXES_ENABLE_ADMIN = False
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"

FUNCTIONALITIES = "config.functionalities.FUNCTIONALITIES"
"""The table of what roles are made of."""

# An import writes and an export reads; unset, anybody who may look could overwrite.
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "change"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
IMPORT_EXPORT_USE_TRANSACTIONS = True
# Between preview and confirmation a file waits where every web node finds it.
IMPORT_EXPORT_TMP_STORAGE_CLASS = (
    "consumers.admin.files.upload.CachedFile" if REDIS_URL else "import_export.tmp_storages.TempFolderStorage"
)

SIMPLE_HISTORY_REVERT_DISABLED = True

# REST

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "consumers.api.framework.schema.ApiSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
API_MAX_BODY_BYTES = env.int("API_MAX_BODY_BYTES", default=32 * 1024 * 1024)
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=60_000)  # of one key; 0: no limit
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "config.errors.ExceptionHandler",
    "EXCEPTION_FORMATTER_CLASS": "config.errors.ExceptionFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Promotions and loyalty",
    "DESCRIPTION": "Tills ask what a basket earns and commit it when it is paid; managers keep everything else.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVERS": [{"url": "/", "description": "This installation."}],
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "TAGS": [
        {"name": "account", "description": "The settings of the account that a key belongs to."},
        {"name": "baskets", "description": "What a basket would earn; tills ask this."},
        {"name": "campaigns", "description": "Names over promotions and discounts that belong together."},
        {"name": "conflict-settings", "description": "Which promotions win when several compete."},
        {"name": "consumers", "description": "Customers and employees, their membership, points, claims and lists."},
        {"name": "discounts", "description": "Promotions that lower prices."},
        {"name": "groups", "description": "Named sets of consumers."},
        {"name": "offers", "description": "Rewards of which consumers get vouchers."},
        {"name": "personalized-promotions", "description": "Lists of products from which consumers choose."},
        {"name": "points-adjustments", "description": "Corrections of many balances at once."},
        {"name": "products", "description": "The catalogue."},
        {"name": "programme", "description": "All promotions of the account together."},
        {"name": "promotions", "description": "Loyalty promotions, which give points and offers."},
        {"name": "results", "description": "What all promotions of a period gave and sold."},
        {"name": "sites", "description": "Shops and web shops."},
        {"name": "transactions", "description": "Paid baskets, returns and voids; tills commit these."},
        {"name": "vouchers", "description": "Vouchers of consumers, read only."},
    ],
    "POSTPROCESSING_HOOKS": ["config.openapi.document_completed"],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# What it tells its keepers

# Who may read /metrics: the machine itself and private networks, unless told otherwise; nobody, where it is empty.
METRICS_NETWORKS = [
    ip_network(one)
    for one in env.list(
        "METRICS_NETWORKS",
        default=["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
    )
]

COST_SAMPLE_EVERY = env.int("COST_SAMPLE_EVERY", default=100)  # decisions of a process; 0: none is timed

DJANGO_STRUCTLOG_CELERY_ENABLED = True
# A line for each answered call would cost more than many calls do; successes are counted at /metrics.
DJANGO_STRUCTLOG_STATUS_2XX_LOG_LEVEL = logging.DEBUG
# Whose address it was is in the proxy's log; finding it out again took a till longer than checking its basket.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
if SENTRY_DSN := env.str("SENTRY_DSN", default=""):
    sentry_sdk.init(
        dsn=SENTRY_DSN,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        before_send=without_personal_data,
    )
