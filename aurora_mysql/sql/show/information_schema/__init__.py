"""All virtual relations: database -> lower-case name -> relation."""

from __future__ import annotations

from aurora_mysql.sql.show.information_schema import aurora, constraints, empty, grants, instance, objects, system
from aurora_mysql.sql.show.virtual import VirtualRelation

RELATIONS: dict[str, dict[str, VirtualRelation]] = {
    "information_schema": {
        **empty.INFORMATION_SCHEMA,
        **objects.RELATIONS,
        **constraints.RELATIONS,
        **instance.RELATIONS,
        **grants.RELATIONS,
        **aurora.RELATIONS,
    },
    "performance_schema": system.PERFORMANCE_SCHEMA,
    "mysql": system.MYSQL,
    "sys": system.SYS,
}
