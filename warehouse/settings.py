"""Settings of the site: one file, every value from the environment, each with a default that works on a developer's machine."""

import logging
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONCE, SELF
from django.core.exceptions import ImproperlyConfigured

from warehouse import embedded
from warehouse.environment import (
    amount,
    database,
    networks,
    number,
    one_of,
    partner_address,
    partner_token,
    rate,
    secret_keys,
    served_port,
    whole_numbers,
    yes_or_no,
)
from warehouse.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent


DEBUG = yes_or_no("DEBUG", False)
# The default key serves a developer's machine only; `check --deploy` and the start-up check refuse it in production.
SECRET_KEY = os.environ.get("SECRET_KEY", "insecure-development-key-that-production-must-replace-0123456789")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if origin]
SECURE = yes_or_no("HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = number("SECURE_HSTS_SECONDS", 31_536_000 if SECURE else 0, least=0, most=315_360_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
# Whose X-Forwarded-For is believed: addresses or networks. The default is a proxy on the same machine, as in deploy/nginx.conf.
TRUSTED_PROXIES = networks("TRUSTED_PROXIES", "127.0.0.1,::1")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # the site is ours: warehouse.core.admin
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "warehouse.core.apps.WarehouseAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_fsm",
    "django_htmx",
    "import_export",
    "pgtrigger",
    "axes",
    "csp",
    "django_structlog",
    "warehouse",
    "warehouse.accounts",
    "warehouse.outbox",
    "inventory",
    "fulfillment",
    "stocksync",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "axes.middleware.AxesMiddleware",
    "warehouse.core.middleware.refuse_nul",
]

DEFAULT_EXCEPTION_REPORTER_FILTER = "warehouse.core.reports.HiddenSettings"
ROOT_URLCONF = "warehouse.urls"
WSGI_APPLICATION = "warehouse.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "warehouse.accounts.backends.BadgeBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Counted per person and address: all handhelds may share one address, and nobody is to be locked out by somebody else's mistakes.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "warehouse.accounts.addresses.client_address"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=5)
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "floor/locked.html"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
LOGIN_URL = "floor:login"
LOGIN_REDIRECT_URL = "/"

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
            ],
        },
    }
]

# --- PostgreSQL and Redis: the given ones, or the ones embedded in wheels -------------------------------------------------------------
LOCAL_DIR = Path(os.environ.get("LOCAL_DIR", BASE_DIR / ".local"))
DATABASE_URL = os.environ.get("DATABASE_URL") or embedded.database_url(LOCAL_DIR)
REDIS_URL = os.environ.get("REDIS_URL") or embedded.redis_url(LOCAL_DIR)
LISTINGS_REDIS_URL = os.environ.get("LISTINGS_REDIS_URL") or REDIS_URL

DATABASES: dict[str, dict[str, Any]] = {"default": database("DATABASE_URL", DATABASE_URL)}
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    # Worth a fifth on the hot way; behind pgbouncer in transaction mode set PREPARE_THRESHOLD to an empty string.
    "server_side_binding": True,
    "prepare_threshold": number("PREPARE_THRESHOLD", 3, least=0) if os.environ.get("PREPARE_THRESHOLD") != "" else None,
    "options": f"-c lock_timeout={number('LOCK_TIMEOUT_MS', 5000, least=100, most=600_000)}",
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "wms"}}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский"), ("pl", "Polski")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")

# Photos of returned goods. No address leads here: a view shows them to those who may see the return.
MEDIA_ROOT = Path(os.environ.get("MEDIA_ROOT", LOCAL_DIR / "media"))

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]

# Where browsers find the event stream, which the process `live` serves at LIVE_PORT: empty where the proxy leads its path there, `:8001` for another port
# of the same host (`make run`), or an origin such as https://live.example.
PORT = number("PORT", served_port(LOCAL_DIR), least=1, most=65_000)
LIVE_PORT = number("LIVE_PORT", PORT + 1, least=1, most=65_535)
LIVE_URL = os.environ.get("LIVE_URL", "")
if LIVE_URL and not re.fullmatch(r":[0-9]{1,5}|https?://[^/\s]+", LIVE_URL):
    raise ImproperlyConfigured(f"LIVE_URL={LIVE_URL!r} is neither a port (:8001) nor an origin (https://live.example) nor empty.")
LIVE_MAX_STREAMS = number("LIVE_MAX_STREAMS", 500, least=1)
LIVE_MAX_STREAMS_PER_USER = number("LIVE_MAX_STREAMS_PER_USER", 20, least=1)


def live_sources(url: str, hosts: list[str], *, secure: bool) -> list[str]:
    """What the policy of the site's pages lets them ask besides the site itself: the event streams, where they have another port or host.

    A policy has no words for an IPv6 address: pages at one do without the stream."""
    if not url.startswith(":"):
        return [url] if url else []
    return [f"{'https' if secure else 'http'}://{f'*{host}' if host.startswith('.') else host}{url}" for host in hosts if not host.startswith("[")]


CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "connect-src": [SELF, *live_sources(LIVE_URL, ALLOWED_HOSTS, secure=SECURE)],
        "script-src": [SELF, NONCE, "'wasm-unsafe-eval'"],
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "frame-ancestors": ["'none'"],
        "form-action": [SELF],
        "base-uri": [SELF],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["warehouse.core.api.auth.BearerAuthentication", "rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["warehouse.core.api.auth.HoldsRole"],
    "DEFAULT_FILTER_BACKENDS": [
        "warehouse.core.api.filters.StrictFilters",
        "warehouse.core.api.filters.NamedOrdering",
        "warehouse.core.api.filters.Search",
    ],
    "DEFAULT_PAGINATION_CLASS": "warehouse.core.api.pages.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "warehouse.core.api.schema.Schema",
    "EXCEPTION_HANDLER": "warehouse.core.api.problems.problem_handler",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["warehouse.core.api.inputs.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["warehouse.core.api.auth.TokenThrottle"],
    "COERCE_DECIMAL_TO_STRING": True,
}
# The largest bodies that are read: of a call or form, and of a file of products (100,000 lines have about 15 MB).
DATA_UPLOAD_MAX_MEMORY_SIZE = number("BODY_BYTES", 8 * 1024**2, least=1024, most=1024**3)
IMPORT_BYTES = number("IMPORT_BYTES", 30 * 1024**2, least=1024, most=1024**3)
API_RATE = rate("API_RATE", "6000/min")
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_TTL": None}
SPECTACULAR_SETTINGS = {
    "TITLE": "Warehouse API",
    "VERSION": "1",
    "DESCRIPTION": "`warehouse`, `location`, `supplier` and `sku` are our codes, `order`, `product` and `batch` our numbers; `order_id`, `warehouse_id` and "
    "`listing_id` are what the order system calls them. Quantities are exact decimals in strings, times are UTC. Every error is a problem (RFC 9457).",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["warehouse.core.api.schema.without_last_slash"],
    "ENUM_NAME_OVERRIDES": {
        name: f"{app}.enums.{name}"
        for app, names in (
            (
                "inventory",
                "AuditLineStatus AuditScope AuditStatus BarcodeKind BatchStatus Condition DiscountKind DiscountReason DocumentType "
                "LocationKind MovementType Phase PriceField "
                "ReceivingStatus ReservationStatus ReturnCondition ReturnDecision ReturnStatus Severity StockStatus TransferStatus WarehouseKind "
                "WriteOffOrigin WriteOffReason WriteOffStatus",
            ),
            (
                "fulfillment",
                "BatchingMethod DisagreementKind LabelFormat LabelKind OrderStatus PackingItemStatus PackingStatus PickingItemStatus PickingStatus "
                "PrintStatus PutBackStatus QualityDecision QualityStatus RouteMethod ShipmentStatus WaveStatus",
            ),
            (
                "stocksync",
                "ChannelKind ChannelMode CommandStatus DiscrepancyKind Fulfilment LogAction OperationStatus OperationType RemoteState Resolution",
            ),
        )
        for name in names.split()
    },
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A killed worker's task comes back after the visibility timeout: above the longest task, and looked for often.
# Who sends does not wait for a broker that is away: the sweeps find the work.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 5,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
    "socket_connect_timeout": 2,
}

# --- The product's own settings -------------------------------------------------------------------------------------------------------
# How long a repeated call or stream entry is still recognised.
REPETITION_DAYS = number("REPETITION_DAYS", 30, least=1, most=3650)
RESERVATION_TTL_MINUTES = number("RESERVATION_TTL_MINUTES", 30, least=1, most=525_600)
# How long picked goods may lie on a bench where they can't live, and still be put back on a shelf.
COLD_CHAIN_LIMIT_MINUTES = number("COLD_CHAIN_LIMIT_MINUTES", 30, least=0, most=1440)
MAX_LINE_QUANTITY = number("MAX_LINE_QUANTITY", 1_000_000, least=1, most=99_999_999)
# Worth more than this in any one currency, a write-off waits for a manager.
WRITE_OFF_APPROVAL_LIMIT = amount("WRITE_OFF_APPROVAL_LIMIT", "500")
# A package that weighs this much more or less than its goods and its box should, in percent, is looked into before it is closed.
PACK_WEIGHT_TOLERANCE_PERCENT = number("PACK_WEIGHT_TOLERANCE_PERCENT", 10, least=0, most=1000)
# What a delivery makes of a page's purchase price.
PURCHASE_PRICE_POLICY = one_of("PURCHASE_PRICE_POLICY", ["last", "weighted_average"])
# Goods are told of when so many days are left until they may not be sold any more, and when so much of their life is left, in percent (0: never).
ALERT_EXPIRING_DAYS = whole_numbers("ALERT_EXPIRING_DAYS", "7,3,1", least=0, most=3650)
ALERT_EXPIRING_FRESHNESS = number("ALERT_EXPIRING_FRESHNESS", 10, least=0, most=100)
ALERT_OVERDUE_MINUTES = number("ALERT_OVERDUE_MINUTES", 5, least=1, most=10_080)
# Where alerts are sent: addresses of apprise, separated by commas. They hold secrets.
ALERT_URLS = [url for url in re.split(r"[\s,]+(?=[A-Za-z0-9]+://)", os.environ.get("ALERT_URLS", "").strip(", \n")) if url]
OUTBOX_SOURCE = os.environ.get("OUTBOX_SOURCE", "wms")
# The first part of an event's type names its stream.
OUTBOX_STREAMS = {
    "picking": "wms:events:picking",
    "wave": "wms:events:picking",
    "packing": "wms:events:packing",
    "quality": "wms:events:packing",
    "shipment": "wms:events:shipment",
    "inventory": "wms:events:inventory",
    "stock": "wms:events:inventory",
    "order": "wms:events:orders",
}
OUTBOX_STREAM_MAXLEN = number("OUTBOX_STREAM_MAXLEN", 1_000_000, least=1000, most=1_000_000_000)
ORDERS_STREAM = "listings:events:orders"
ORDERS_GROUP = "wms-consumers"
# An entry that fails unexpectedly this often goes to the dead-letter stream.
STREAM_MAX_DELIVERIES = number("STREAM_MAX_DELIVERIES", 5, least=1, most=1000)
# Beside a site that `make run` serves on another port its partners listen elsewhere too.
ORDER_SYSTEM_URL = partner_address("ORDER_SYSTEM_URL", f"http://127.0.0.1:{PORT + 91}")
ORDER_SYSTEM_TOKEN = partner_token("ORDER_SYSTEM_TOKEN")
DELIVERY_URL = partner_address("DELIVERY_URL", f"http://127.0.0.1:{PORT + 92}")
DELIVERY_TOKEN = partner_token("DELIVERY_TOKEN")
PARTNER_TIMEOUT_SECONDS = (number("PARTNER_CONNECT_TIMEOUT", 3.0, least=0.1, most=60), number("PARTNER_READ_TIMEOUT", 10.0, least=0.1, most=120))
# So many outages of a partner in a row, and nobody calls it for so many seconds.
PARTNER_CIRCUIT_FAILURES = number("PARTNER_CIRCUIT_FAILURES", 5, least=1, most=1000)
PARTNER_CIRCUIT_SECONDS = number("PARTNER_CIRCUIT_SECONDS", 30.0, least=1, most=3600)
# After so many answers that can't be used, a waybill or a status report waits for a person.
SHIPMENT_MAX_ATTEMPTS = number("SHIPMENT_MAX_ATTEMPTS", 12, least=1, most=1000)
# Handed-over parcels are asked for so often.
CARRIER_POLL_MINUTES = number("CARRIER_POLL_MINUTES", 30, least=1, most=1440)
# The sweep of the order system's orders: so many days back the first time; what changed there within the last seconds is left to the stream; an open order
# is asked for again after so many minutes.
ORDER_SWEEP_DAYS = number("ORDER_SWEEP_DAYS", 7, least=1, most=365)
ORDER_SWEEP_GRACE_SECONDS = number("ORDER_SWEEP_GRACE_SECONDS", 60, least=0, most=3600)
ORDER_COMPARE_MINUTES = number("ORDER_COMPARE_MINUTES", 15, least=1, most=1440)
ORDER_READY_STATUS = os.environ.get("ORDER_READY_STATUS", "ready_for_shipment")
# What GS1 gave the company for its SSCCs. The default is of the numbers that stay within a company: no carrier or customer can tell whose they are.
GS1_COMPANY_PREFIX = os.environ.get("GS1_COMPANY_PREFIX") or "2000000"
if not re.fullmatch("[0-9]{4,12}", GS1_COMPANY_PREFIX):
    raise ImproperlyConfigured(f"GS1_COMPANY_PREFIX={GS1_COMPANY_PREFIX!r} is no company prefix: four to twelve digits, such as 2000000.")
# Where label printers may stand: who enters a printer can make this site open a connection there.
PRINTER_NETWORKS = networks("PRINTER_NETWORKS", "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7")
PRINTER_TIMEOUT_SECONDS = number("PRINTER_TIMEOUT_SECONDS", 5.0, least=0.1, most=60)

# --- Stock synchronisation ------------------------------------------------------------------------------------------------------------
# The k-th answered try of an acknowledgement waits anything up to initial delay · base^k seconds (exactly that without jitter), at most the largest delay.
STOCK_SYNC_RETRY_MAX_ATTEMPTS = number("STOCK_SYNC_RETRY_MAX_ATTEMPTS", 5, least=1, most=100)
STOCK_SYNC_RETRY_INITIAL_DELAY = number("STOCK_SYNC_RETRY_INITIAL_DELAY", 60, least=1, most=86_400)
STOCK_SYNC_RETRY_MAX_DELAY = number("STOCK_SYNC_RETRY_MAX_DELAY", 3600, least=STOCK_SYNC_RETRY_INITIAL_DELAY, most=86_400)
STOCK_SYNC_RETRY_EXPONENTIAL_BASE = number("STOCK_SYNC_RETRY_EXPONENTIAL_BASE", 2.0, least=1, most=10)
STOCK_SYNC_RETRY_JITTER = yes_or_no("STOCK_SYNC_RETRY_JITTER", True)
STOCK_SYNC_RECONCILIATION_INTERVAL_MINUTES = number("STOCK_SYNC_RECONCILIATION_INTERVAL_MINUTES", 30, least=1, most=1440)
STOCK_SYNC_RECONCILIATION_WINDOW_HOURS = number("STOCK_SYNC_RECONCILIATION_WINDOW_HOURS", 72, least=1, most=8760)
STOCK_SYNC_RECONCILIATION_BATCH_SIZE = number("STOCK_SYNC_RECONCILIATION_BATCH_SIZE", 100, least=1, most=1000)
STOCK_SYNC_RECONCILIATION_AUTO_FIX_THRESHOLD_HOURS = number("STOCK_SYNC_RECONCILIATION_AUTO_FIX_THRESHOLD_HOURS", 24, least=0, most=8760)
# Warned of at the first, critical at the second.
STOCK_SYNC_MONITORING_WARN_PENDING_OPERATIONS = number("STOCK_SYNC_MONITORING_WARN_PENDING_OPERATIONS", 100, least=1)
STOCK_SYNC_MONITORING_MAX_PENDING_OPERATIONS = number(
    "STOCK_SYNC_MONITORING_MAX_PENDING_OPERATIONS", 1000, least=STOCK_SYNC_MONITORING_WARN_PENDING_OPERATIONS
)
STOCK_SYNC_MONITORING_FAILURE_RATE = number("STOCK_SYNC_MONITORING_FAILURE_RATE", 0.1, least=0, most=1)
STOCK_SYNC_MONITORING_FAILURE_WINDOW_MINUTES = number("STOCK_SYNC_MONITORING_FAILURE_WINDOW_MINUTES", 30, least=1, most=1440)
STOCK_SYNC_MONITORING_STALE_OPERATION_HOURS = number("STOCK_SYNC_MONITORING_STALE_OPERATION_HOURS", 6, least=1, most=168)
STOCK_SYNC_MONITORING_STALE_CHECK_MINUTES = number("STOCK_SYNC_MONITORING_STALE_CHECK_MINUTES", 60, least=1, most=1440)
STOCK_SYNC_MONITORING_ALERT_ON_FAILED_RETRIES = yes_or_no("STOCK_SYNC_MONITORING_ALERT_ON_FAILED_RETRIES", True)
STOCK_SYNC_KEEP_DAYS = number("STOCK_SYNC_KEEP_DAYS", 30, least=1, most=3650)
if strangers := {name for name in os.environ if name.startswith("STOCK_SYNC_")} - set(globals()):
    raise ImproperlyConfigured(f"There is no setting {', '.join(sorted(strangers))}. Those that there are: docs/stock-sync.md.")
ALLEGRO_MICROSERVICE_BASE_URL = partner_address("ALLEGRO_MICROSERVICE_BASE_URL", f"http://127.0.0.1:{PORT + 94}")
ALLEGRO_MICROSERVICE_JWT_TOKEN = partner_token("ALLEGRO_MICROSERVICE_JWT_TOKEN")
ALLEGRO_REST_BASE_URL = partner_address("ALLEGRO_REST_BASE_URL", f"http://127.0.0.1:{PORT + 95}")
# What the tokens of channels are encrypted with; a new key goes in front of the old ones. None: a key made from SECRET_KEY.
CREDENTIALS_KEY = secret_keys("CREDENTIALS_KEY")

# --- Periodic jobs --------------------------------------------------------------------------------------------------------------------
# Sweeps find in the database what a lost message or a killed worker left behind. A message that waited too long is dropped: the next one does its work.
JOBS: list[tuple[str, str, float]] = [
    ("ask carriers", "fulfillment.tasks.sweep_shipments", 10.0),
    ("void waybills", "fulfillment.tasks.sweep_voids", 15.0),
    ("ask how parcels fare", "fulfillment.tasks.poll_carriers", 60.0),
    ("watch what the partners owe", "fulfillment.tasks.watch_partners", 300.0),
    ("watch the work", "fulfillment.watch_work", 60.0),
    ("tell the order system", "fulfillment.tasks.sweep_status_reports", 10.0),
    ("print labels", "fulfillment.tasks.sweep_label_prints", 15.0),
    ("compare orders with the order system", "fulfillment.tasks.sweep_orders", 180.0),
    ("retry rejected orders", "fulfillment.tasks.retry_due_orders", 30.0),
    ("expire reservations", "inventory.expire_reservations", 30.0),
    ("expire stock", "inventory.expire_stock", 300.0),
    ("draft write-offs of what expired", "inventory.draft_expired_write_offs", 3600.0),
    ("follow discounts", "inventory.follow_discounts", 30.0),
    ("mark down", "inventory.mark_down", 300.0),
    ("evaluate alerts", "inventory.evaluate_alerts", 300.0),
    ("send alerts", "inventory.send_alerts", 15.0),
    ("forget repetitions", "outbox.forget_repetitions", 86400.0),
    ("tell the marketplaces", "stocksync.process_pending_stock_operations", 300.0),
    ("read the marketplaces", "stocksync.read_channels", 30.0),
    ("compare orders with the marketplaces", "stocksync.reconcile_stock_states", STOCK_SYNC_RECONCILIATION_INTERVAL_MINUTES * 60.0),
    ("tell listings what can be sold", "stocksync.sweep_levels", 15.0),
    ("reckon what can be sold", "stocksync.follow_levels", 600.0),
    ("watch the channels", "stocksync.watch_channels", 60.0),
    ("watch stock synchronisation", "stocksync.monitor_sync_health", 1800.0),
    ("look for what the marketplaces are owed for long", "stocksync.check_stale_operations", STOCK_SYNC_MONITORING_STALE_CHECK_MINUTES * 60.0),
    ("clean up stock synchronisation", "stocksync.cleanup_old_sync_operations", 86400.0),
    # Once a week there is one to write; a missed Monday is caught up with within the hour.
    ("report stock synchronisation", "stocksync.generate_sync_report", 3600.0),
]
CELERY_BEAT_SCHEDULE = {name: {"task": task, "schedule": seconds, "options": {"expire_seconds": int(seconds)}} for name, task, seconds in JOBS}

# --- The back office ------------------------------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "Warehouse",
    "SITE_HEADER": "Warehouse",
    "SITE_SUBHEADER": "Back office",
    "SITE_SYMBOL": "warehouse",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "warehouse.navigation.icon"}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "warehouse.dashboard.dashboard",
    "STYLES": ["warehouse.navigation.back_office_style"],
    "SCRIPTS": ["warehouse.navigation.back_office_script"],
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "warehouse.navigation.sidebar"},
    "COLORS": {
        "primary": {
            "50": "oklch(97% .02 160)",
            "100": "oklch(94% .05 160)",
            "200": "oklch(89% .08 160)",
            "300": "oklch(82% .11 160)",
            "400": "oklch(73% .13 160)",
            "500": "oklch(62% .13 160)",
            "600": "oklch(50% .11 160)",
            "700": "oklch(44% .095 160)",
            "800": "oklch(38% .08 160)",
            "900": "oklch(33% .065 160)",
            "950": "oklch(23% .05 160)",
        }
    },
}
FORMAT_MODULE_PATH = ["warehouse.formats"]
IMPORT_EXPORT_USE_TRANSACTIONS = True
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
IMPORT_EXPORT_SKIP_ADMIN_ACTION_EXPORT_UI = False

# --- Watching ---------------------------------------------------------------------------------------------------------------------------
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # an orchestrator asks over plain HTTP
# LOG_FORMAT is json or console; empty means console on a terminal.
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line per request: the one that knows the outcome
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO
LOGGING = logging_config(os.environ.get("LOG_FORMAT", ""), os.environ.get("LOG_LEVEL", "INFO"))
