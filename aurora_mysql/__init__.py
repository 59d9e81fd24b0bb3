"""aurora-mysql: a MySQL-protocol cluster over a six-copy redo volume, executed by DuckDB."""

__version__ = "0.1.0"

#: What ``@@version`` shows on the wire: the community version whose behaviour we follow.
MYSQL_VERSION = "8.0.39"

#: What ``AURORA_VERSION()`` shows: the Aurora MySQL release whose visible surface we follow.
AURORA_VERSION = "3.08.0"
