"""String functions with MySQL's corner cases."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import os
import re
import uuid
import zlib
from functools import lru_cache

from aurora_mysql.catalog.collation import collation_key
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.collations import text_sort_key
from aurora_mysql.sql.functions.diagnostics import conversion_warning
from aurora_mysql.sql.functions.registry import udf

_CI = "utf8mb4_0900_ai_ci"


def _fold(text: str, sensitive: bool) -> str:
    return text if sensitive else collation_key(text, _CI)


def _index(haystack: str, needle: str, start: int, sensitive: bool) -> int:
    """1-based position of `needle` at or after 1-based `start`, 0 when absent. Case folding keeps lengths for
    all but a handful of letters; a fold that changes the length compares exactly."""
    if start < 1 or start > len(haystack) + 1:
        return 0
    if not sensitive:
        low, small = _fold(haystack, False), _fold(needle, False)
        if len(low) == len(haystack):
            return low.find(small, start - 1) + 1
    return haystack.find(needle, start - 1) + 1


@udf("my_random_bytes", ["BIGINT"], "BLOB", volatile=True)
def random_bytes(length: int) -> bytes:
    """Fit for cryptography. Raises 1690 beyond 1 to 1024."""
    if not 1 <= length <= 1024:
        raise mysql_error(1690, "length", "random_bytes")
    return os.urandom(length)


@udf("my_locate", ["VARCHAR", "VARCHAR", "BIGINT", "BOOLEAN"], "BIGINT")
def locate(needle: str, haystack: str, start: int, sensitive: bool) -> int:
    return _index(haystack, needle, start, sensitive)


@udf("my_join_distinct", ["VARCHAR[]", "VARCHAR", "BOOLEAN"], "VARCHAR")
def join_distinct(values: list[str], divider: str, sensitive: bool) -> str:
    """The values in their order, each once."""
    seen: dict[str, str] = {}
    for value in values:
        seen.setdefault(_fold(value, sensitive), value)
    return divider.join(seen.values())


@udf("my_greatest", None, "VARCHAR")
def greatest(collation: str, *texts: str) -> str:
    """The first of the greatest texts in `collation`."""
    return max(texts, key=lambda text: text_sort_key(text, collation))


@udf("my_least", None, "VARCHAR")
def least(collation: str, *texts: str) -> str:
    """The first of the least texts in `collation`."""
    return min(texts, key=lambda text: text_sort_key(text, collation))


@udf("my_weight", ["VARCHAR", "VARCHAR"], "VARCHAR")
def weight(text: str, collation: str) -> str:
    """The key by which a collation compares: equal texts have equal keys."""
    return collation_key(text, collation)


@udf("my_is_ipv4", ["VARCHAR"], "BOOLEAN")
def is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


@udf("my_is_ipv6", ["VARCHAR"], "BOOLEAN")
def is_ipv6(text: str) -> bool:
    try:
        return "%" not in text and ipaddress.IPv6Address(text) is not None
    except ValueError:
        return False


@udf("my_is_ipv4_compat", ["BLOB"], "BOOLEAN")
def is_ipv4_compat(data: bytes) -> bool:
    return len(data) == 16 and data[:12] == bytes(12) and data[12:] > b"\0\0\0\1"


@udf("my_is_ipv4_mapped", ["BLOB"], "BOOLEAN")
def is_ipv4_mapped(data: bytes) -> bool:
    return len(data) == 16 and data[:12] == bytes(10) + b"\xff\xff"


@udf("my_char_cast", ["VARCHAR", "BIGINT", "BIGINT"], "VARCHAR")
def char_cast(text: str, length: int, warn: int) -> str:
    """CAST(... AS CHAR(n))."""
    if len(text) > length:
        conversion_warning(warn, 1292, f"Truncated incorrect CHAR({length}) value: '{text[:128]}'")
    return text[:length]


@udf("my_binary_cast", ["BLOB", "BIGINT", "BIGINT"], "BLOB")
def binary_cast(data: bytes, length: int, warn: int) -> bytes:
    """CAST(... AS BINARY(n)): exactly n bytes."""
    if len(data) > length:
        shown = data[:128].decode("utf-8", "replace")
        conversion_warning(warn, 1292, f"Truncated incorrect BINARY({length}) value: '{shown}'")
    return data[:length].ljust(length, b"\0")


@udf("my_substring", ["VARCHAR", "BIGINT", "BIGINT"], "VARCHAR")
def substring(text: str, start: int, length: int) -> str:
    if start == 0 or length <= 0:
        return ""
    first = start - 1 if start > 0 else len(text) + start
    if first < 0 or first >= len(text):
        return ""
    return text[first : first + length]


@udf("my_bsubstring", ["BLOB", "BIGINT", "BIGINT"], "BLOB")
def bsubstring(data: bytes, start: int, length: int) -> bytes:
    if start == 0 or length <= 0:
        return b""
    first = start - 1 if start > 0 else len(data) + start
    return b"" if first < 0 or first >= len(data) else data[first : first + length]


@udf("my_substring_index", ["VARCHAR", "VARCHAR", "BIGINT"], "VARCHAR")
def substring_index(text: str, delimiter: str, count: int) -> str:
    if not delimiter or not count:
        return ""
    parts = text.split(delimiter)
    return delimiter.join(parts[:count] if count > 0 else parts[count:])


@udf("my_lpad", ["VARCHAR", "BIGINT", "VARCHAR"], "VARCHAR")
def lpad(text: str, length: int, pad: str) -> str | None:
    if length < 0:
        return None
    if len(text) >= length:
        return text[:length]
    if not pad:
        return ""
    missing = length - len(text)
    return (pad * (missing // len(pad) + 1))[:missing] + text


@udf("my_rpad", ["VARCHAR", "BIGINT", "VARCHAR"], "VARCHAR")
def rpad(text: str, length: int, pad: str) -> str | None:
    if length < 0:
        return None
    if len(text) >= length:
        return text[:length]
    if not pad:
        return ""
    missing = length - len(text)
    return text + (pad * (missing // len(pad) + 1))[:missing]


@udf("my_insert", ["VARCHAR", "BIGINT", "BIGINT", "VARCHAR"], "VARCHAR")
def insert(text: str, start: int, length: int, new: str) -> str:
    if start < 1 or start > len(text):
        return text
    end = len(text) if length < 0 else start - 1 + length
    return text[: start - 1] + new + text[end:]


@udf("my_trim", ["VARCHAR", "VARCHAR", "VARCHAR"], "VARCHAR")
def trim(text: str, what: str, side: str) -> str:
    if not what:
        return text
    if side != "TRAILING":
        while text.startswith(what):
            text = text[len(what) :]
    if side != "LEADING":
        while text.endswith(what):
            text = text[: -len(what)]
    return text


@udf("my_find_in_set", ["VARCHAR", "VARCHAR", "BOOLEAN"], "BIGINT")
def find_in_set(needle: str, members: str, sensitive: bool) -> int:
    if not members:
        return 0
    wanted = _fold(needle, sensitive)
    for position, member in enumerate(members.split(","), 1):
        if _fold(member, sensitive) == wanted:
            return position
    return 0


@udf("my_make_set", None, "VARCHAR", nulls=True)
def make_set(bits: int | None, *members: str | None) -> str | None:
    if bits is None:
        return None
    return ",".join(m for i, m in enumerate(members) if m is not None and bits >> i & 1)


@udf("my_export_set", ["BIGINT", "VARCHAR", "VARCHAR", "VARCHAR", "BIGINT"], "VARCHAR")
def export_set(bits: int, on: str, off: str, separator: str, count: int) -> str:
    return separator.join(on if bits >> i & 1 else off for i in range(min(max(count, 0), 64)))


@udf("my_elt", None, "VARCHAR", nulls=True)
def elt(position: int | None, *items: str | None) -> str | None:
    return items[position - 1] if position is not None and 1 <= position <= len(items) else None


@udf("my_field", None, "BIGINT", nulls=True)
def field(wanted: str | float | None, *items: str | float | None) -> int:
    if wanted is None:
        return 0
    for position, item in enumerate(items, 1):
        if item is None:
            continue
        if isinstance(wanted, str) and isinstance(item, str):
            if _fold(wanted, False) == _fold(item, False):
                return position
        elif wanted == item:
            return position
    return 0


@udf("my_interval", None, "BIGINT", nulls=True)
def interval(value: float | None, *limits: float | None) -> int:
    if value is None:
        return -1
    for position, limit in enumerate(limits):
        if limit is not None and limit > value:
            return position
    return len(limits)


@udf("my_strcmp", ["VARCHAR", "VARCHAR", "BOOLEAN"], "BIGINT")
def strcmp(left: str, right: str, sensitive: bool) -> int:
    first, second = _fold(left, sensitive), _fold(right, sensitive)
    return (first > second) - (first < second)


@udf("my_ord", ["VARCHAR"], "BIGINT")
def ord_(text: str) -> int:
    return int.from_bytes(text[0].encode(), "big") if text else 0


@udf("my_ascii", ["VARCHAR"], "BIGINT")
def ascii_(text: str) -> int:
    return text[0].encode()[0] if text else 0


@udf("my_char", None, "BLOB", nulls=True)
def char(*codes: int | None) -> bytes:
    out = b""
    for code in codes:
        if code is not None:
            value = int(code) & 0xFFFFFFFF
            out += value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    return out


@udf("my_quote", ["VARCHAR"], "VARCHAR", nulls=True)
def quote(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0").replace("\x1a", "\\Z")
    return f"'{escaped}'"


@udf("my_soundex", ["VARCHAR"], "VARCHAR")
def soundex(text: str) -> str:
    codes = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "01230120022455012623010202", strict=True))
    letters = [c for c in text.upper() if c.isalpha()]
    if not letters:
        return ""
    out, last = letters[0], codes.get(letters[0], "0")
    for letter in letters[1:]:
        code = codes.get(letter, "0")
        # Vowels between equal codes don't part them, unlike in other databases.
        if code not in ("0", last):
            out += code
            last = code
    return out.ljust(4, "0")


@udf("my_unhex", ["VARCHAR"], "BLOB")
def unhex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text if len(text) % 2 == 0 else "0" + text)
    except ValueError:
        return None


@udf("my_sha2", ["BLOB", "BIGINT"], "VARCHAR")
def sha2(data: bytes, bits: int) -> str | None:
    name = {0: "sha256", 224: "sha224", 256: "sha256", 384: "sha384", 512: "sha512"}.get(bits)
    return None if name is None else hashlib.new(name, data).hexdigest()


@udf("my_md5", ["BLOB"], "VARCHAR")
def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@udf("my_sha1", ["BLOB"], "VARCHAR")
def sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


@udf("my_inet_aton", ["VARCHAR"], "UBIGINT")
def inet_aton(text: str) -> int | None:
    parts = text.split(".")
    if not 1 <= len(parts) <= 4 or not all(p.isdigit() and int(p) < 256 for p in parts):
        return None
    numbers = [int(p) for p in parts]
    numbers = numbers[:-1] + [0] * (4 - len(numbers)) + numbers[-1:]
    return int.from_bytes(bytes(numbers), "big")


@udf("my_inet_ntoa", ["BIGINT"], "VARCHAR")
def inet_ntoa(number: int) -> str | None:
    return str(ipaddress.IPv4Address(number)) if 0 <= number < 2**32 else None


@udf("my_inet6_aton", ["VARCHAR"], "BLOB")
def inet6_aton(text: str) -> bytes | None:
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        return None


@udf("my_inet6_ntoa", ["BLOB"], "VARCHAR")
def inet6_ntoa(data: bytes) -> str | None:
    return str(ipaddress.ip_address(data)) if len(data) in (4, 16) else None


@udf("my_to_base64", ["BLOB"], "VARCHAR")
def to_base64(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return "\n".join(text[i : i + 76] for i in range(0, len(text), 76))


@udf("my_from_base64", ["VARCHAR"], "BLOB")
def from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


@udf("my_compress", ["BLOB"], "BLOB")
def compress(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + zlib.compress(data) if data else b""


@udf("my_uncompress", ["BLOB"], "BLOB")
def uncompress(data: bytes) -> bytes | None:
    if not data:
        return b""
    try:
        return zlib.decompress(data[4:])
    except zlib.error:
        return None


@udf("my_uuid_to_bin", ["VARCHAR", "BIGINT"], "BLOB")
def uuid_to_bin(text: str, swap: int) -> bytes:
    data = uuid.UUID(text).bytes
    return data[6:8] + data[4:6] + data[0:4] + data[8:] if swap else data


@udf("my_bin_to_uuid", ["BLOB", "BIGINT"], "VARCHAR")
def bin_to_uuid(data: bytes, swap: int) -> str:
    return str(uuid.UUID(bytes=data[4:8] + data[2:4] + data[0:2] + data[8:] if swap else data))


@udf("my_is_uuid", ["VARCHAR"], "BOOLEAN")
def is_uuid(text: str) -> bool:
    return bool(re.fullmatch(r"\{?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?", text))


@lru_cache(maxsize=1024)
def _like_pattern(pattern: str, escape: str, sensitive: bool) -> re.Pattern[str]:
    out, i = [], 0
    text = _fold(pattern, sensitive)
    while i < len(text):
        c = text[i]
        if escape and c == escape and i + 1 < len(text):
            i += 1
            out.append(re.escape(text[i]))
        elif c == "%":
            out.append(".*")
        elif c == "_":
            out.append(".")
        else:
            out.append(re.escape(c))
        i += 1
    return re.compile("".join(out), re.DOTALL)


@udf("my_like", ["VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN"], "BOOLEAN")
def like(text: str, pattern: str, escape: str, sensitive: bool) -> bool:
    """LIKE under a collation; `escape` '' for none."""
    return _like_pattern(pattern, escape, sensitive).fullmatch(_fold(text, sensitive)) is not None


@udf("my_ckey", ["VARCHAR"], "VARCHAR")
def default_collation_key(text: str) -> str:
    """The collation key in the default collation."""
    return collation_key(text, _CI)


@udf("my_btext", ["BLOB"], "VARCHAR")
def binary_text(data: bytes) -> str:
    """Bytes read as a character string."""
    return data.decode("utf-8", "replace")


@udf("my_set_number", ["VARCHAR", "VARCHAR"], "UBIGINT")
def set_number(value: str, members: str) -> int:
    """The bit mask of a SET value; `members` are joined by commas."""
    names = members.split(",")
    return sum(1 << names.index(v) for v in value.split(",") if v in names)
