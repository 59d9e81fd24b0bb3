"""Settings of Django's test suite for scripts/compliance/django; the server is named by the environment."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

if os.environ["DJANGO_COMPLIANCE_DRIVER"] == "pymysql":
    import pymysql

    # Django refuses MySQLdb modules older than 2.2.1 by this number.
    pymysql.version_info = (2, 2, 1, "final", 0)
    pymysql.install_as_MySQLdb()

_URL = urlsplit(os.environ["DJANGO_COMPLIANCE_URL"])


def _database(name: str) -> dict[str, object]:
    return {
        "ENGINE": "django.db.backends.mysql",
        "HOST": _URL.hostname,
        "PORT": _URL.port,
        "USER": unquote(_URL.username or ""),
        "PASSWORD": unquote(_URL.password or ""),
        "NAME": f"compliance_{name}",
        "TEST": {"NAME": f"compliance_test_{name}", "CHARSET": "utf8mb4", "COLLATION": "utf8mb4_general_ci"},
    }


DATABASES = {"default": _database("default"), "other": _database("other")}
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "compliance_runner.RecordingRunner"
