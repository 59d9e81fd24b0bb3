"""The parser may be the compiled one (``aurora-mysql[fast]``), whose classes can't be inherited from."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from sqlglot import exp
from sqlglot.generator import Generator
from sqlglot.parser import Parser
from sqlglot.tokens import Tokenizer

import aurora_mysql


def _descendants(kind: type) -> Iterator[type]:
    for child in type.__subclasses__(kind):
        yield child
        yield from _descendants(child)


def test_no_class_inherits_from_the_parser_s() -> None:
    for module in pkgutil.walk_packages(aurora_mysql.__path__, "aurora_mysql."):
        importlib.import_module(module.name)
    kinds = {child for base in (exp.Expression, Parser, Generator, Tokenizer) for child in _descendants(base)}
    assert len(kinds) > 100
    assert [kind for kind in kinds if not kind.__module__.startswith("sqlglot")] == []
