"""Catalogs and catalog deltas as bytes: exact (tuples, frozensets, None for a dropped object) and versioned.

Layout: one format byte, then msgpack. A definition is an extension that holds ``[class number, {field: value}]``
with the fields that differ from their defaults, so a field added later with a default does not break old redo.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgpack

from aurora_mysql.catalog import model
from aurora_mysql.errors import CorruptRecordError, VolumeFormatError
from aurora_mysql.redo.values import VALUE_EXTENSIONS, pack_value, unpack_value

#: First byte of every encoded catalog or delta.
FORMAT = 1

_TUPLE, _FROZENSET, _DEFINITION = 1, 2, 3

#: Append only: a class's position + 1 is its number in the format.
_CLASSES: tuple[type[Any], ...] = (
    model.ColumnType,
    model.Column,
    model.IndexPart,
    model.Index,
    model.ForeignKey,
    model.Check,
    model.Table,
    model.View,
    model.Database,
    model.User,
    model.Grant,
    model.Catalog,
    model.CatalogDelta,
    model.Creation,
    model.Routine,
    model.Trigger,
    model.Event,
)
_NUMBER = {cls: i + 1 for i, cls in enumerate(_CLASSES)}
_BY_NUMBER = {i + 1: cls for i, cls in enumerate(_CLASSES)}
_MISSING = object()

_T = TypeVar("_T", model.Catalog, model.CatalogDelta)


def _default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return _MISSING


_FIELDS: dict[type[Any], list[tuple[str, Any]]] = {
    cls: [(f.name, _default_of(f)) for f in dataclasses.fields(cls)] for cls in _CLASSES
}


def encode_catalog(catalog: model.Catalog) -> bytes:
    """`catalog` as bytes; :func:`decode_catalog` gives an equal one."""
    return bytes((FORMAT,)) + _pack(catalog)


def decode_catalog(data: bytes) -> model.Catalog:
    """
    Raises:
        CorruptRecordError: `data` is not an encoded catalog.
        VolumeFormatError: it was written by a newer version.
    """
    return _decode(data, model.Catalog)


def encode_delta(delta: model.CatalogDelta) -> bytes:
    """`delta` as bytes; :func:`decode_delta` gives an equal one."""
    return bytes((FORMAT,)) + _pack(delta)


def decode_delta(data: bytes) -> model.CatalogDelta:
    """
    Raises:
        CorruptRecordError: `data` is not an encoded delta.
        VolumeFormatError: it was written by a newer version.
    """
    return _decode(data, model.CatalogDelta)


def _decode(data: bytes, kind: type[_T]) -> _T:
    if not data:
        raise CorruptRecordError("empty catalog record")
    if data[0] > FORMAT:
        raise VolumeFormatError(f"catalog format {data[0]} is newer than this version's {FORMAT}")
    if data[0] != FORMAT:
        raise CorruptRecordError(f"unknown catalog format {data[0]}")
    try:
        value = _unpack(data[1:])
    except (CorruptRecordError, VolumeFormatError):
        raise
    except Exception as error:
        raise CorruptRecordError(f"malformed catalog record: {error}") from error
    if not isinstance(value, kind):
        raise CorruptRecordError(f"expected a {kind.__name__}, found a {type(value).__name__}")
    return value


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, default=_default, strict_types=True)
    return packed


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, ext_hook=_ext, strict_map_key=False)


def _default(value: Any) -> Any:
    kind = type(value)
    number = _NUMBER.get(kind)
    if number is not None:
        fields = {}
        for name, default in _FIELDS[kind]:
            actual = getattr(value, name)
            if default is _MISSING or actual != default or type(actual) is not type(default):
                fields[name] = actual
        return msgpack.ExtType(_DEFINITION, _pack([number, fields]))
    if kind is tuple:
        return msgpack.ExtType(_TUPLE, _pack(list(value)))
    if isinstance(value, frozenset):
        return msgpack.ExtType(_FROZENSET, _pack(sorted(value)))
    if isinstance(value, (Decimal, date, datetime, timedelta)):
        return pack_value(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"a {kind.__name__} has no place in the catalog")


def _ext(code: int, data: bytes) -> Any:
    if code == _TUPLE:
        return tuple(_unpack(data))
    if code == _FROZENSET:
        return frozenset(_unpack(data))
    if code == _DEFINITION:
        number, fields = _unpack(data)
        cls = _BY_NUMBER.get(number)
        if cls is None:
            raise VolumeFormatError(f"catalog class {number} is unknown to this version")
        known = {name for name, _ in _FIELDS[cls]}
        if not known.issuperset(fields):
            raise VolumeFormatError(f"{cls.__name__} has fields unknown to this version: {set(fields) - known}")
        return cls(**fields)
    if code in VALUE_EXTENSIONS:
        return unpack_value(code, data)
    raise CorruptRecordError(f"unknown extension {code} in a catalog record")
