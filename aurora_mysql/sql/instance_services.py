"""What statements may reach beside the engine: the cluster's view, the sessions, global variables, counters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aurora_mysql.sql.cluster_view import ClusterView
from aurora_mysql.sql.processes import ProcessList

if TYPE_CHECKING:
    from aurora_mysql.engine.engine import Engine
    from aurora_mysql.sql.admin.variables import SystemVariables


@dataclass
class InstanceServices:
    """One per instance, made by the composition root."""

    engine: Engine
    cluster: ClusterView
    processes: ProcessList
    variables: SystemVariables
    status: Counter[str] = field(default_factory=Counter)
