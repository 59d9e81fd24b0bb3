"""Hooks SQLAlchemy's testing plugin into a pytest that runs in this directory (scripts/compliance/sqlalchemy does)."""

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: F403, E402
