"""What all stored programs show of their making."""

from __future__ import annotations

import datetime as dt

from aurora_mysql.catalog.model import Creation
from aurora_mysql.sql.show.type_text import backtick


def account_text(definer: str) -> str:
    user, _, host = definer.rpartition("@")
    return f"{backtick(user)}@{backtick(host)}"


def local_moment(us: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(us // 1_000_000, dt.UTC).replace(tzinfo=None)


def session_columns(creation: Creation) -> tuple[str, str, str]:
    return creation.charset, creation.collation, creation.database_collation
