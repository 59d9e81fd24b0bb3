"""The one exception hierarchy, and the one registry of MySQL error numbers.

Every error that a client can see is a :class:`MySQLError` made by :func:`mysql_error` from
:data:`ERRORS` (number -> SQLSTATE, message template). Numbers, states and texts are MySQL 8.0's
(``mysqld_error.h``), because drivers decide on them: a bare HY000/08xxx is taken for a lost network.
"""

from __future__ import annotations


class AuroraError(Exception):
    """Base of every error this project raises on purpose."""


class ConfigError(AuroraError):
    """A configuration file, flag or data directory that can't be used; the message is for the operator."""


class StorageError(AuroraError):
    """The volume could not do what was asked."""


class QuorumLostError(StorageError):
    """Fewer copies than the quorum answered; the caller may retry when copies return."""


class FencedError(StorageError):
    """A newer epoch exists: this process is no longer the writer and must stop acknowledging."""


class CorruptRecordError(StorageError):
    """Bytes that fail their checksum or break the format."""


class VolumeFormatError(StorageError):
    """The data directory belongs to another cluster or to a newer format."""


class KeyUnavailableError(AuroraError):
    """A key-management key is missing, disabled, refused, or not the right one: nothing encrypted can be opened."""


class KeyUnreachableError(KeyUnavailableError):
    """The service that has the key does not answer: that says nothing about the key itself, and may pass."""


class StalePlanError(AuroraError):
    """The plan was made for an older definition of a table: plan again."""


class MySQLError(AuroraError):
    """An error a client sees: ``errno``, ``sqlstate`` and ``message`` go into the ERR packet."""

    def __init__(self, errno: int, sqlstate: str, message: str) -> None:
        super().__init__(errno, message)
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message

    def __str__(self) -> str:
        return f"ERROR {self.errno} ({self.sqlstate}): {self.message}"


class ProgramError(MySQLError):
    """An error that a trigger raised: IGNORE of the statement that fired it does not pass over it."""


#: number -> (SQLSTATE, message template with %-placeholders)
ERRORS: dict[int, tuple[str, str]] = {
    13: ("HY000", "Can't get stat of '%s' (OS errno %d - %s)"),
    1005: ("HY000", "Can't create table '%s' (errno: %s)"),
    1006: ("HY000", "Can't create database '%s' (errno: %s)"),
    1007: ("HY000", "Can't create database '%s'; database exists"),
    1008: ("HY000", "Can't drop database '%s'; database doesn't exist"),
    1016: ("HY000", "Can't open file: '%s' (errno: %s)"),
    1022: ("23000", "Can't write; duplicate key in table '%s'"),
    1036: ("HY000", "Table '%s' is read only"),
    1040: ("08004", "Too many connections"),
    1041: ("HY000", "Out of memory; check if mysqld or some other process uses all available memory"),
    1042: ("08S01", "Can't get hostname for your address"),
    1043: ("08S01", "Bad handshake"),
    1044: ("42000", "Access denied for user '%s'@'%s' to database '%s'"),
    1045: ("28000", "Access denied for user '%s'@'%s' (using password: %s)"),
    1046: ("3D000", "No database selected"),
    1047: ("08S01", "Unknown command"),
    1048: ("23000", "Column '%s' cannot be null"),
    1049: ("42000", "Unknown database '%s'"),
    1050: ("42S01", "Table '%s' already exists"),
    1051: ("42S02", "Unknown table '%s'"),
    1052: ("23000", "Column '%s' in %s is ambiguous"),
    1053: ("08S01", "Server shutdown in progress"),
    1054: ("42S22", "Unknown column '%s' in '%s'"),
    1055: (
        "42000",
        "Expression #%d of %s is not in GROUP BY clause and contains nonaggregated column '%s' which is not "
        "functionally dependent on columns in GROUP BY clause; this is incompatible with sql_mode=only_full_group_by",
    ),
    1056: ("42000", "Can't group on '%s'"),
    1059: ("42000", "Identifier name '%s' is too long"),
    1060: ("42S21", "Duplicate column name '%s'"),
    1061: ("42000", "Duplicate key name '%s'"),
    1062: ("23000", "Duplicate entry '%s' for key '%s'"),
    1063: ("42000", "Incorrect column specifier for column '%s'"),
    1064: (
        "42000",
        "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server "
        "version for the right syntax to use near '%s' at line %d",
    ),
    1065: ("42000", "Query was empty"),
    1066: ("42000", "Not unique table/alias: '%s'"),
    1067: ("42000", "Invalid default value for '%s'"),
    1068: ("42000", "Multiple primary key defined"),
    1069: ("42000", "Too many keys specified; max %d keys allowed"),
    1070: ("42000", "Too many key parts specified; max %d parts allowed"),
    1071: ("42000", "Specified key was too long; max key length is %d bytes"),
    1072: ("42000", "Key column '%s' doesn't exist in table"),
    1074: ("42000", "Column length too big for column '%s' (max = %d); use BLOB or TEXT instead"),
    1075: (
        "42000",
        "Incorrect table definition; there can be only one auto column and it must be defined as a key",
    ),
    1083: ("42000", "Field separator argument is not what is expected; check the manual"),
    1085: ("HY000", "The file '%s' must be in the database directory or be readable by all"),
    1086: ("HY000", "File '%s' already exists"),
    1089: (
        "HY000",
        "Incorrect prefix key; the used key part isn't a string, the used length is longer than the key part, or the "
        "storage engine doesn't support unique prefix keys",
    ),
    1091: ("42000", "Can't DROP '%s'; check that column/key exists"),
    1090: ("42000", "You can't delete all columns with ALTER TABLE; use DROP TABLE instead"),
    1093: ("HY000", "You can't specify target table '%s' for update in FROM clause"),
    1094: ("HY000", "Unknown thread id: %d"),
    1095: ("HY000", "You are not owner of thread %d"),
    1096: ("HY000", "No tables used"),
    1097: ("HY000", "Too many strings for column %s and SET"),
    1099: ("HY000", "Table '%s' was locked with a READ lock and can't be updated"),
    1100: ("HY000", "Table '%s' was not locked with LOCK TABLES"),
    1101: ("42000", "BLOB, TEXT, GEOMETRY or JSON column '%s' can't have a default value"),
    1102: ("42000", "Incorrect database name '%s'"),
    1103: ("42000", "Incorrect table name '%s'"),
    1105: ("HY000", "Unknown error"),
    1109: ("42S02", "Unknown table '%s' in %s"),
    1110: ("42000", "Column '%s' specified twice"),
    1111: ("HY000", "Invalid use of group function"),
    1113: ("42000", "A table must have at least 1 column"),
    1114: ("HY000", "The table '%s' is full"),
    1115: ("42000", "Unknown character set: '%s'"),
    1117: ("HY000", "Too many columns"),
    1118: (
        "42000",
        "Row size too large. The maximum row size for the used table type, not counting BLOBs, is %d. This includes "
        "storage overhead, check the manual. You have to change some columns to TEXT or BLOBs",
    ),
    1133: ("42000", "Can't find any matching row in the user table"),
    1136: ("21S01", "Column count doesn't match value count at row %d"),
    1138: ("22004", "Invalid use of NULL value"),
    1139: ("42000", "Got error '%s' from regexp"),
    1140: (
        "42000",
        "In aggregated query without GROUP BY, expression #%d of SELECT list contains nonaggregated column "
        "'%s'; this is incompatible with sql_mode=only_full_group_by",
    ),
    1141: ("42000", "There is no such grant defined for user '%s' on host '%s'"),
    1142: ("42000", "%s command denied to user '%s'@'%s' for table '%s'"),
    1143: ("42000", "%s command denied to user '%s'@'%s' for column '%s' in table '%s'"),
    1144: ("42000", "Illegal GRANT/REVOKE command; please consult the manual to see which privileges can be used"),
    1146: ("42S02", "Table '%s.%s' doesn't exist"),
    1147: ("42000", "There is no such grant defined for user '%s' on host '%s' on table '%s'"),
    1153: ("08S01", "Got a packet bigger than 'max_allowed_packet' bytes"),
    1156: ("08S01", "Got packets out of order"),
    1158: ("08S01", "Got an error reading communication packets"),
    1159: ("08S01", "Got timeout reading communication packets"),
    1162: ("42000", "Result string is longer than 'max_allowed_packet' bytes"),
    1166: ("42000", "Incorrect column name '%s'"),
    1170: ("42000", "BLOB/TEXT column '%s' used in key specification without a key length"),
    1171: (
        "42000",
        "All parts of a PRIMARY KEY must be NOT NULL; if you need NULL in a key, use UNIQUE instead",
    ),
    1172: ("42000", "Result consisted of more than one row"),
    1176: ("42000", "Key '%s' doesn't exist in table '%s'"),
    1179: ("25000", "You are not allowed to execute this command in a transaction"),
    1180: ("HY000", "Got error %d - '%s' during COMMIT"),
    1192: (
        "HY000",
        "Can't execute the given command because you have active locked tables or an active transaction",
    ),
    1193: ("HY000", "Unknown system variable '%s'"),
    1205: ("HY000", "Lock wait timeout exceeded; try restarting transaction"),
    1206: ("HY000", "The total number of locks exceeds the lock table size"),
    1191: ("HY000", "Can't find FULLTEXT index matching the column list"),
    1210: ("HY000", "Incorrect arguments to %s"),
    1213: ("40001", "Deadlock found when trying to get lock; try restarting transaction"),
    1214: ("HY000", "The used table type doesn't support FULLTEXT indexes"),
    1215: ("HY000", "Cannot add foreign key constraint"),
    1223: ("HY000", "Can't execute the query because you have a conflicting read lock"),
    1221: ("HY000", "Incorrect usage of %s and %s"),
    1222: ("21000", "The used SELECT statements have a different number of columns"),
    1227: ("42000", "Access denied; you need (at least one of) the %s privilege(s) for this operation"),
    1228: ("HY000", "Variable '%s' is a SESSION variable and can't be used with SET GLOBAL"),
    1229: ("HY000", "Variable '%s' is a GLOBAL variable and should be set with SET GLOBAL"),
    1231: ("42000", "Variable '%s' can't be set to the value of '%s'"),
    1232: ("42000", "Incorrect argument type to variable '%s'"),
    1235: ("42000", "This version of MySQL doesn't yet support '%s'"),
    1238: ("HY000", "Variable '%s' is a %s variable"),
    1239: ("42000", "Incorrect foreign key definition for '%s': %s"),
    1241: ("21000", "Operand should contain %d column(s)"),
    1242: ("21000", "Subquery returns more than 1 row"),
    1243: ("HY000", "Unknown prepared statement handler (%s) given to %s"),
    1247: ("42S22", "Reference '%s' not supported (%s)"),
    1248: ("42000", "Every derived table must have its own alias"),
    1250: ("42000", "Table '%s' from one of the SELECTs cannot be used in %s"),
    1251: (
        "08004",
        "Client does not support authentication protocol requested by server; consider upgrading MySQL client",
    ),
    1253: ("42000", "COLLATION '%s' is not valid for CHARACTER SET '%s'"),
    1261: ("01000", "Row %d doesn't contain data for all columns"),
    1262: ("01000", "Row %d was truncated; it contained more data than there were input columns"),
    1263: ("22004", "Column set to default value; NULL supplied to NOT NULL column '%s' at row %d"),
    1264: ("22003", "Out of range value for column '%s' at row %d"),
    1265: ("01000", "Data truncated for column '%s' at row %d"),
    1267: ("HY000", "Illegal mix of collations (%s,%s) and (%s,%s) for operation '%s'"),
    1270: ("HY000", "Illegal mix of collations (%s,%s), (%s,%s), (%s,%s) for operation '%s'"),
    1271: ("HY000", "Illegal mix of collations for operation '%s'"),
    1269: ("HY000", "Can't revoke all privileges for one or more of the requested users"),
    1273: ("HY000", "Unknown collation: '%s'"),
    1274: ("HY000", "SLAVE is running in multi-threaded execution mode"),
    1280: ("42000", "Incorrect index name '%s'"),
    1283: ("HY000", "Column '%s' cannot be part of FULLTEXT index"),
    1031: ("HY000", "Table storage engine for '%s' doesn't have this option"),
    1286: ("42000", "Unknown storage engine '%s'"),
    1288: ("HY000", "The target table %s of the %s is not updatable"),
    1290: ("HY000", "The MySQL server is running with the %s option so it cannot execute this statement"),
    1291: ("HY000", "Column '%s' has duplicated value '%s' in %s"),
    1292: ("22007", "Truncated incorrect %s value: '%s'"),
    1293: ("HY000", "Incorrect table definition"),
    1294: ("HY000", "Invalid ON UPDATE clause for '%s' column"),
    1295: ("HY000", "This command is not supported in the prepared statement protocol yet"),
    1298: ("HY000", "Unknown or incorrect time zone: '%s'"),
    1300: ("HY000", "Invalid %s character string: '%s'"),
    1303: ("2F003", "Can't create a %s from within another stored routine"),
    1304: ("42000", "%s %s already exists"),
    1305: ("42000", "%s %s does not exist"),
    1308: ("42000", "%s with no matching label: %s"),
    1309: ("42000", "Redefining label %s"),
    1313: ("42000", "RETURN is only allowed in a FUNCTION"),
    1314: ("0A000", "%s is not allowed in stored procedures"),
    1317: ("70100", "Query execution was interrupted"),
    1318: ("42000", "Incorrect number of arguments for %s %s; expected %d, got %d"),
    1319: ("42000", "Undefined CONDITION: %s"),
    1320: ("42000", "No RETURN found in FUNCTION %s"),
    1321: ("2F005", "FUNCTION %s ended without RETURN"),
    1322: ("42000", "Cursor statement must be a SELECT"),
    1324: ("42000", "Undefined CURSOR: %s"),
    1325: ("24000", "Cursor is already open"),
    1326: ("24000", "Cursor is not open"),
    1327: ("42000", "Undeclared variable: %s"),
    1328: ("HY000", "Incorrect number of FETCH variables"),
    1329: ("02000", "No data - zero rows fetched, selected, or processed"),
    1331: ("42000", "Duplicate variable: %s"),
    1332: ("42000", "Duplicate condition: %s"),
    1333: ("42000", "Duplicate cursor: %s"),
    1336: ("0A000", "Dynamic SQL is not allowed in stored function or trigger"),
    1337: ("42000", "Variable or condition declaration after cursor or handler declaration"),
    1338: ("42000", "Cursor declaration after handler declaration"),
    1339: ("20000", "Case not found for CASE statement"),
    1347: ("HY000", "'%s.%s' is not %s"),
    1351: ("HY000", "View's SELECT contains a variable or parameter"),
    1353: (
        "HY000",
        "In definition of view, derived table or common table expression, SELECT list and column names list "
        "have different column counts",
    ),
    1356: (
        "HY000",
        "View '%s.%s' references invalid table(s) or column(s) or function(s) or definer/invoker of view lack "
        "rights to use them",
    ),
    1359: ("HY000", "Trigger already exists"),
    1360: ("HY000", "Trigger does not exist"),
    1361: ("HY000", "Trigger's '%s' is view or temporary table"),
    1362: ("HY000", "Updating of %s row is not allowed in %strigger"),
    1363: ("HY000", "There is no %s row in %s trigger"),
    1364: ("HY000", "Field '%s' doesn't have a default value"),
    1365: ("22012", "Division by 0"),
    1366: ("HY000", "Incorrect %s value: '%s' for column '%s' at row %d"),
    1367: ("22007", "Illegal %s '%s' value found during parsing"),
    1370: ("42000", "%s command denied to user '%s'@'%s' for routine '%s'"),
    1381: ("HY000", "You are not using binary logging"),
    1396: ("HY000", "Operation %s failed for %s"),
    1397: ("XAE04", "XAER_NOTA: Unknown XID"),
    1399: (
        "XAE07",
        "XAER_RMFAIL: The command cannot be executed when global transaction is in the  %s state",
    ),
    1400: ("XAE09", "XAER_OUTSIDE: Some work is done outside global transaction"),
    1406: ("22001", "Data too long for column '%s' at row %d"),
    1407: ("42000", "Bad SQLSTATE: '%s'"),
    1393: ("HY000", "Can not modify more than one base table through a join view '%s'"),
    1394: ("HY000", "Can not insert into join view '%s' without fields list"),
    1395: ("HY000", "Can not delete from join view '%s'"),
    1403: ("42000", "There is no such grant defined for user '%s' on host '%s' on routine '%s'"),
    1410: ("42000", "You are not allowed to create a user with GRANT"),
    1411: ("HY000", "Incorrect %s value: '%s' for function %s"),
    1412: ("HY000", "Table definition has changed, please retry transaction"),
    1414: ("42000", "OUT or INOUT argument %d for routine %s is not a variable or NEW pseudo-variable"),
    1415: ("0A000", "Not allowed to return a result set from a %s"),
    1419: ("HY000", "You do not have the SUPER privilege and binary logging is enabled"),
    1421: ("HY000", "The statement (%d) has no open cursor."),
    1422: ("HY000", "Explicit or implicit commit is not allowed in stored function or trigger."),
    1424: ("HY000", "Recursive stored functions and triggers are not allowed."),
    1425: ("42000", "Too big scale %d specified for column '%s'. Maximum is %d."),
    1426: ("42000", "Too-big precision %d specified for '%s'. Maximum is %d."),
    1427: (
        "42000",
        "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '%s').",
    ),
    1435: ("HY000", "Trigger in wrong schema"),
    1439: ("42000", "Display width out of range for column '%s' (max = %d)"),
    1441: ("22008", "Datetime function: %s field overflow"),
    1442: (
        "HY000",
        "Can't update table '%s' in stored function/trigger because it is already used by statement which invoked this "
        "stored function/trigger.",
    ),
    1449: ("HY000", "The user specified as a definer ('%s'@'%s') does not exist"),
    1451: ("23000", "Cannot delete or update a parent row: a foreign key constraint fails (%s)"),
    1452: ("23000", "Cannot add or update a child row: a foreign key constraint fails (%s)"),
    1456: ("HY000", "Recursive limit %d (as set by the max_sp_recursion_depth variable) was exceeded for routine %s"),
    1461: ("42000", "Can't create more than max_prepared_stmt_count statements (current value: %d)"),
    1467: ("HY000", "Failed to read auto-increment value from storage engine"),
    1348: ("HY000", "Column '%s' is not updatable"),
    1352: ("HY000", "View's SELECT refers to a temporary table '%s'"),
    1369: ("HY000", "CHECK OPTION failed '%s'"),
    1471: ("HY000", "The target table %s of the %s is not insertable-into"),
    1524: ("HY000", "Plugin '%s' is not loaded"),
    1525: ("HY000", "Incorrect %s value: '%s'"),
    1526: ("HY000", "Table has no partition for value %s"),
    1537: ("HY000", "Event '%s' already exists"),
    1542: ("HY000", "INTERVAL is either not positive or too big"),
    1543: ("HY000", "ENDS is either invalid or before STARTS"),
    1544: ("HY000", "Event execution time is in the past. Event has been disabled"),
    1576: ("HY000", "Recursion of EVENT DDL statements is forbidden when body is present"),
    1588: (
        "HY000",
        "Event execution time is in the past and ON COMPLETION NOT PRESERVE is set. The event was dropped immediately "
        "after creation.",
    ),
    1589: (
        "HY000",
        "Event execution time is in the past and ON COMPLETION NOT PRESERVE is set. The event was not changed. Specify "
        "a time in the future.",
    ),
    1539: ("HY000", "Unknown event '%s'"),
    1553: ("HY000", "Cannot drop index '%s': needed in a foreign key constraint"),
    1560: ("HY000", "Cannot change tracking while in a transaction"),
    1568: ("25001", "Transaction characteristics can't be changed while a transaction is in progress"),
    1585: ("HY000", "This function '%s' has the same name as a native function"),
    1582: ("42000", "Incorrect parameter count in the call to native function '%s'"),
    1583: ("42000", "Incorrect parameters in the call to native function '%s'"),
    1630: ("42000", "FUNCTION %s does not exist. Check the 'Function Name Parsing and Resolution' section"),
    1637: ("HY000", "Too many active concurrent transactions"),
    1645: ("0K000", "RESIGNAL when handler not active"),
    1646: ("HY000", "SIGNAL/RESIGNAL can only use a CONDITION defined with SQLSTATE"),
    1681: ("HY000", "'%s' is deprecated and will be removed in a future release."),
    1690: ("22003", "%s value is out of range in '%s'"),
    1701: ("42000", "Cannot truncate a table referenced in a foreign key constraint (%s)"),
    1758: ("35000", "Invalid condition number"),
    1765: ("HY000", "Variable cannot be set"),
    1791: ("HY000", "Unknown EXPLAIN format name: '%s'"),
    1761: (
        "23000",
        "Foreign key constraint for table '%s', record '%s' would lead to a duplicate entry in table '%s', key '%s'",
    ),
    1792: ("25006", "Cannot execute statement in a READ ONLY transaction."),
    1815: ("HY000", "Internal error: %s"),
    1820: ("HY000", "You must reset your password using ALTER USER statement before executing this statement."),
    1822: (
        "HY000",
        "Failed to add the foreign key constraint. Missing index for constraint '%s' in the referenced table '%s'",
    ),
    1824: ("HY000", "Failed to open the referenced table '%s'"),
    1826: ("HY000", "Duplicate foreign key constraint name '%s'"),
    1828: ("HY000", "Cannot drop column '%s': needed in a foreign key constraint '%s'"),
    1829: ("HY000", "Cannot drop column '%s': needed in a foreign key constraint '%s' of table '%s'"),
    1830: ("HY000", "Column '%s' cannot be NOT NULL: needed in a foreign key constraint '%s' SET NULL"),
    1832: ("HY000", "Cannot change column '%s': used in a foreign key constraint '%s'"),
    1833: ("HY000", "Cannot change column '%s': used in a foreign key constraint '%s' of table '%s'"),
    1835: ("HY000", "Malformed communication packet."),
    1836: ("HY000", "Running in read-only mode"),
    1845: ("0A000", "%s is not supported for this operation. Try %s."),
    1846: ("0A000", "%s is not supported. Reason: %s. Try %s."),
    1862: (
        "HY000",
        "Your password has expired. To log in you must change it using a client that supports expired passwords.",
    ),
    3011: ("HY000", "Referenced trigger '%s' for the given action time and event type does not exist."),
    3020: ("HY000", "Invalid argument for logarithm"),
    3057: ("42000", "Incorrect user-level lock name '%s'."),
    3058: (
        "HY000",
        "Deadlock found when trying to get user-level lock; try rolling back transaction/releasing locks and "
        "restarting lock acquisition.",
    ),
    3024: ("HY000", "Query execution was interrupted, maximum statement execution time exceeded"),
    3065: (
        "HY000",
        "Expression #%d of ORDER BY clause is not in SELECT list, references column '%s' which is not in SELECT list; "
        "this is incompatible with DISTINCT",
    ),
    3100: ("HY000", "Error on observer while running replication hook '%s'."),
    3102: ("HY000", "Expression of generated column '%s' contains a disallowed function."),
    3105: ("HY000", "The value specified for generated column '%s' in table '%s' is not allowed."),
    3106: ("HY000", "'%s' is not supported for generated columns."),
    3107: ("HY000", "Generated column can refer only to generated columns defined prior to it."),
    3108: ("HY000", "Column '%s' has a generated column dependency."),
    3109: ("HY000", "Generated column '%s' cannot refer to auto-increment column."),
    3118: ("HY000", "Access denied for user '%s'@'%s'. Account is locked."),
    3140: ("22032", "Invalid JSON text: \"%s\" at position %d in value for column '%s'."),
    3141: ("22032", 'Invalid JSON text in argument %d to function %s: "%s" at position %d.%s'),
    3143: ("42000", "Invalid JSON path expression. The error is around character position %d.%s"),
    3149: ("42000", "In this situation, path expressions may not contain the * and ** tokens or an array range."),
    3152: ("42000", "JSON column '%s' supports indexing only via generated columns on a specified JSON path."),
    3153: ("42000", "The path expression '$' is not allowed in this context."),
    3154: ("42000", "The oneOrAll argument to %s may take these values: 'one' or 'all'."),
    3156: ("22018", "Invalid JSON value for CAST to column %s"),
    3158: ("22032", "JSON documents may not contain NULL member names."),
    3159: (
        "HY000",
        "Connections using insecure transport are prohibited while --require_secure_transport=ON.",
    ),
    3161: ("HY000", "Storage engine %s is disabled (Table creation is disallowed)."),
    3165: ("42000", "A path expression is not a path to a cell in an array."),
    3167: ("HY000", "The '%s' feature is disabled"),
    3523: ("HY000", "Unknown authorization ID `%s`@`%s`"),
    3530: ("HY000", "`%s`@`%s` is not granted to `%s`@`%s`"),
    3628: (
        "HY000",
        "The role `%s`@`%s` is a mandatory role and can't be revoked or dropped. The restriction can be lifted by "
        "excluding the role identifier from the global variable mandatory_roles.",
    ),
    4027: (
        "HY000",
        "User account `%s`@`%s` is directly or indirectly granted to the role `%s`@`%s`. The GRANT would create a loop",
    ),
    3546: ("HY000", "@@GLOBAL.GTID_PURGED cannot be changed: %s"),
    3552: ("HY000", "Access to system schema '%s' is rejected."),
    3572: (
        "HY000",
        "Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set.",
    ),
    3665: ("22035", "Missing value for JSON_TABLE column '%s'"),
    3666: ("2203F", "Can't store an array or an object in the scalar JSON_TABLE column '%s'"),
    3667: ("42000", "Every table function must have an alias"),
    3707: ("HY000", "Restart server failed (mysqld is not managed by supervisor process)."),
    3730: (
        "HY000",
        "Cannot drop table '%s' referenced by a foreign key constraint '%s' on table '%s'.",
    ),
    3734: (
        "HY000",
        "Failed to add the foreign key constraint. Missing column '%s' for constraint '%s' in the referenced "
        "table '%s'",
    ),
    3780: (
        "HY000",
        "Referencing column '%s' and referenced column '%s' in foreign key constraint '%s' are incompatible.",
    ),
    3770: ("HY000", "Default value expression of column '%s' contains a disallowed function: %s."),
    3814: ("HY000", "An expression of a check constraint '%s' contains disallowed function: %s."),
    3813: ("HY000", "Column check constraint '%s' references other column."),
    3756: ("HY000", "The primary key cannot be a functional index"),
    3757: (
        "HY000",
        "Cannot create a functional index on an expression that returns a BLOB or TEXT. Please consider using CAST.",
    ),
    3758: ("HY000", "Functional index on a column is not supported. Consider using a regular index instead."),
    3763: ("HY000", "Expression of generated column '%s' contains a disallowed function: %s."),
    3767: (
        "HY000",
        "Default value expression of column '%s' cannot refer to a column defined after it if that column is a "
        "generated column or has an expression as default value.",
    ),
    3768: ("HY000", "Default value expression of column '%s' cannot refer to an auto-increment column."),
    3837: ("HY000", "Column '%s' has a functional index dependency and cannot be dropped or renamed."),
    3818: ("HY000", "Check constraint '%s' cannot refer to an auto-increment column."),
    3819: ("HY000", "Check constraint '%s' is violated."),
    3820: ("HY000", "Check constraint '%s' refers to non-existing column '%s'."),
    3822: ("HY000", "Duplicate check constraint name '%s'."),
    3821: ("HY000", "Check constraint '%s' is not found in the table."),
    3940: ("HY000", "Constraint '%s' does not exist."),
    3948: ("42000", "Loading local data is disabled; this must be enabled on both the client and server sides"),
    3579: ("HY000", "Window name '%s' is not defined."),
    3615: ("HY000", "Variable %s does not exist in persisted config file"),
    3573: (
        "HY000",
        "Recursive Common Table Expression '%s' should have one or more non-recursive query blocks followed by one or "
        "more recursive ones",
    ),
    3636: (
        "HY000",
        "Recursive query aborted after %s iterations. Try increasing @@cte_max_recursion_depth to a larger value.",
    ),
    3593: ("HY000", "You cannot use the window function '%s' in this context.'"),
    3959: ("HY000", "Check constraint '%s' uses column '%s', hence column cannot be dropped or renamed."),
    4031: (
        "HY000",
        "The client was disconnected by the server because of inactivity. See wait_timeout and "
        "interactive_timeout for configuring this behavior.",
    ),
}


def mysql_error(errno: int, *args: object) -> MySQLError:
    """Make the client-visible error `errno`, its template filled with `args`.

    Raises:
        KeyError: `errno` is not in the registry (a programming error: register it first).
    """
    sqlstate, template = ERRORS[errno]
    return MySQLError(errno, sqlstate, template % args if args else template.replace("%%", "%"))


def unsupported(what: str) -> MySQLError:
    """The fail-closed answer for SQL we know but do not offer: 1235."""
    return mysql_error(1235, what)
