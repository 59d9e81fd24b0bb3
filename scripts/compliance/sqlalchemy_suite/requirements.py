"""What the suite may expect of MySQL 8.0, on any server that says it is one."""

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

#: Closed in the suite's base class because not every database has it; MySQL does.
_OPEN = """
    aggregate_order_by autocommit boolean_col_expressions check_constraint_reflection comment_reflection
    computed_columns computed_columns_reflect_persisted computed_columns_stored computed_columns_virtual
    create_or_replace_view create_table_as create_temp_table_as cross_schema_fk_reflection ctes date_historic
    datetime_historic datetime_literals dbapi_lastrowid emulated_lastrowid emulated_lastrowid_even_with_sequences
    except_ expression_server_defaults fetch_expression fk_constraint_option_reflection_ondelete_noaction
    fk_constraint_option_reflection_ondelete_restrict fk_constraint_option_reflection_onupdate_restrict
    foreign_key_constraint_name_reflection foreign_key_constraint_option_reflection_ondelete
    foreign_key_constraint_option_reflection_onupdate foreign_keys_reflect_as_index has_temp_table
    indexes_check_column_order indexes_with_ascdesc intersect isolation_level json_array_indexes json_type
    legacy_unconditional_json_extract mod_operator_as_percent_sign nvarchar_types order_by_collation
    order_by_label_with_expression percent_schema_names precision_numerics_enotation_small
    precision_numerics_many_significant_digits precision_numerics_retains_significant_digits
    reflect_indexes_with_ascdesc reflect_table_options regexp_match regexp_replace savepoints schema_create_delete
    schemas server_defaults skip_autocommit_rollback supports_bitwise_and supports_bitwise_or supports_bitwise_shift
    supports_bitwise_xor table_ddl_if_exists temp_table_comment_reflection temp_table_reflect_indexes
    temp_table_reflection tuple_in tuple_in_w_empty unicode_ddl unique_constraint_reflection
    unique_constraints_reflect_as_index unique_index_reflect_as_unique_constraints update_from
    view_column_reflection view_reflection views window_functions window_range window_range_numeric
"""

#: Open in the base class; MySQL has it not: DATETIME and TIME have whole seconds unless declared otherwise, VARCHAR
#: needs a length, LIMIT takes no expression, sequences don't exist, and drivers send values as text.
_CLOSED = """
    datetime_microseconds time_microseconds unbounded_varchar sql_expression_limit_offset
    json_index_supplementary_unicode_element precision_generic_float_type date_implicit_bound
    datetime_implicit_bound time_implicit_bound
"""


class Requirements(SuiteRequirements):
    """The base class with :data:`_OPEN` opened and :data:`_CLOSED` closed."""

    def get_order_by_collation(self, config: Any) -> str:
        return "utf8mb4_bin"


for _name in _OPEN.split():
    setattr(Requirements, _name, property(lambda self: exclusions.open()))
for _name in _CLOSED.split():
    setattr(Requirements, _name, property(lambda self: exclusions.closed()))
