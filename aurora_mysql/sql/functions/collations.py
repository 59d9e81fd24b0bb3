"""Sort keys of collations: byte strings that sort as MySQL sorts the texts.

A whole vector is done at once: where it is ASCII, as nearly always, by one table look-up over its bytes, else by one
over its characters. (DuckDB's own collations sort punctuation by its code, which no MySQL collation does.)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from aurora_mysql.catalog.collation import pads_space

#: ASCII as the Unicode collation algorithm (DUCET) has it: white space, punctuation, symbols, then digits, letters.
_UCA_ORDER = "\t\n\x0b\x0c\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
_UCA_WEIGHT = {character: chr(weight) for weight, character in enumerate(_UCA_ORDER, start=1)}

#: Letters that weigh as others, or as several, in the Unicode collation algorithm.
_UCA_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ħ": "h"}

#: So few texts are not worth a vector.
_FEW = 8

#: Between the texts of a vector; no text has it.
_BETWEEN = "\U0010ffff"


def _uca(character: str) -> str:
    """Primary weights: case and accents don't count, control characters weigh nothing."""
    out = []
    for part in unicodedata.normalize("NFKD", character).lower():
        if unicodedata.combining(part):
            continue
        weight = _UCA_WEIGHT.get(part)
        if weight is not None:
            out.append(weight)
        elif unicodedata.category(part) != "Cc":
            out.append(_UCA_LETTERS.get(part, part))
    return "".join(out)


def _general(character: str) -> str:
    """One weight for each character: its upper case without accents; beyond the BMP all are the same."""
    if ord(character) > 0xFFFF:
        return "\ufffd"
    if character == "ß":
        return "S"
    base = unicodedata.normalize("NFD", character)[0]
    upper = base.upper()
    return upper if len(upper) == 1 else base


class _Weights(dict[int, str]):
    """Code point -> weights, worked out when a character is first met."""

    def __init__(self, weigh: Callable[[str], str]) -> None:
        super().__init__({ord(_BETWEEN): _BETWEEN})
        self._weigh = weigh

    def __missing__(self, code: int) -> str:
        self[code] = weights = self._weigh(chr(code))
        return weights


def _primary(weigh: Callable[[str], str]) -> Callable[[Any], Any]:
    """A function over an Arrow array of texts: a table of bytes when all is ASCII, else one of characters."""
    weights = _Weights(weigh)
    # Control characters without a weight would change the length: they are met on the slow way.
    table = bytes(ord(w) if len(w := weigh(chr(c))) == 1 else 255 for c in range(128)) + bytes([255]) * 128

    def keys(texts: Any) -> Any:
        texts = _flat(texts)
        validity, offsets, data = texts.buffers()
        made = b"" if data is None else data.to_pybytes().translate(table)
        if b"\xff" not in made:
            return pa.BinaryArray.from_buffers(
                pa.binary(), len(texts), [validity, offsets, pa.py_buffer(made)], texts.null_count, texts.offset
            )
        rows = texts.to_pylist()
        joined = _BETWEEN.join(["" if row is None else row for row in rows]).translate(weights)
        return _binary([None if r is None else k for r, k in zip(rows, joined.split(_BETWEEN), strict=True)])

    return keys


def _sensitive(case: bool) -> Callable[[Any], Any]:
    """Primary weights first; then accents, then (`case`) case, small letters first."""
    weights = _Weights(_uca)

    def key(text: str) -> str:
        accents = unicodedata.normalize("NFD", text)
        return f"{text.translate(weights)}\0{accents.lower()}" + (f"\0{accents.swapcase()}" if case else "")

    def keys(texts: Any) -> Any:
        return _binary([None if text is None else key(text) for text in _flat(texts).to_pylist()])

    return keys


def _flat(texts: Any) -> Any:
    return (texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts).cast(pa.string())


def _binary(keys: list[str | None]) -> Any:
    return pa.array(keys, type=pa.string()).cast(pa.binary())


_KEYS: dict[str, Callable[[Any], Any]] = {
    "my_uca_key": _primary(_uca),
    "my_general_key": _primary(_general),
    "my_accent_key": _sensitive(False),
    "my_sensitive_key": _sensitive(True),
}


def install_sort_keys(connection: duckdb.DuckDBPyConnection) -> None:
    """Register the vectorised key functions on a new DuckDB instance."""
    for name, function in _KEYS.items():
        connection.create_function(name, function, ["VARCHAR"], "BLOB", type="arrow", null_handling="special")


def sort_keys(texts: Sequence[str | None], collation: str) -> Sequence[Any]:
    """For rows that are in memory: what `texts` sort by in `collation`; None stays None."""
    name = sort_key_function(collation)
    if len(texts) < _FEW and name in _ONE_WEIGHT:
        weights = _ONE_WEIGHT[name]
        return [None if text is None else text.translate(weights).encode() for text in texts]
    keys: Sequence[Any] = texts if name is None else _KEYS[name](pa.array(texts, pa.string())).to_pylist()
    return keys


def text_sort_key(text: str, collation: str) -> str | bytes:
    """What one text sorts by in `collation`."""
    if pads_space(collation):
        text = text.rstrip(" ")
    name = sort_key_function(collation)
    if name is None:
        return text
    if name in _ONE_WEIGHT:
        return text.translate(_ONE_WEIGHT[name])
    key: bytes = _KEYS[name](pa.array([text], pa.string())).to_pylist()[0]
    return key


#: Collations that have nothing but primary weights.
_ONE_WEIGHT = {"my_uca_key": _Weights(_uca), "my_general_key": _Weights(_general)}


def sort_key_function(collation: str) -> str | None:
    """The DuckDB function whose results sort as `collation` does; None where the bytes themselves do."""
    if collation == "binary" or collation.endswith("_bin"):
        return None
    if collation.endswith("_cs"):
        return "my_sensitive_key"
    if "_as_" in collation:
        return "my_accent_key"
    if "_0900_" in collation or "_unicode_" in collation:
        return "my_uca_key"
    return "my_general_key"
