"""Schema statements: parse by hand, check against the catalog, log as a catalog change."""

from aurora_mysql.sql.ddl.parse_statement import plan_ddl

__all__ = ["plan_ddl"]
