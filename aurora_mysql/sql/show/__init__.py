"""SHOW, DESCRIBE, and the relations of information_schema, performance_schema and mysql."""

from aurora_mysql.sql.show.statements import plan_show
from aurora_mysql.sql.show.virtual import VirtualRelation, virtual_relation

__all__ = ["VirtualRelation", "plan_show", "virtual_relation"]
