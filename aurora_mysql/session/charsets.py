"""Which Python codec a client's character set means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mysql_mimic.charset import Collation

#: MySQL character set -> Python codec. latin1 is Windows-1252 in MySQL. Charsets with NUL bytes inside characters
#: (ucs2, utf16, utf32) can't be client character sets in MySQL either.
CODECS = {
    "utf8mb4": "utf-8",
    "utf8mb3": "utf-8",
    "utf8": "utf-8",
    "binary": "utf-8",
    "latin1": "cp1252",
    "ascii": "ascii",
    "big5": "big5",
    "gbk": "gbk",
    "gb2312": "gb2312",
    "gb18030": "gb18030",
    "sjis": "shift_jis",
    "cp932": "cp932",
    "ujis": "euc_jp",
    "eucjpms": "euc_jp",
    "euckr": "euc_kr",
    "tis620": "tis_620",
    "latin2": "iso8859_2",
    "latin5": "iso8859_9",
    "latin7": "iso8859_13",
    "greek": "iso8859_7",
    "hebrew": "iso8859_8",
    "cp850": "cp850",
    "cp852": "cp852",
    "cp866": "cp866",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp1256": "cp1256",
    "cp1257": "cp1257",
    "koi8r": "koi8_r",
    "koi8u": "koi8_u",
    "macroman": "mac_roman",
    "macce": "mac_latin2",
}


@dataclass(frozen=True, slots=True)
class ClientCharset:
    """A connection's character set: MySQL's names, and the Python codec."""

    charset: str
    collation: str
    codec: str


DEFAULT_CHARSET = ClientCharset("utf8mb4", "utf8mb4_0900_ai_ci", "utf-8")


@lru_cache(maxsize=512)
def charset_of_collation(collation_id: int) -> ClientCharset:
    """The character set of a client's collation id; utf8mb4 for ids that are unknown or not allowed to clients."""
    try:
        collation = Collation(collation_id)
        charset = str(collation.charset.name)
        name = str(collation.name)
    except (ValueError, KeyError):
        return DEFAULT_CHARSET
    codec = CODECS.get(charset)
    if codec is None:
        return DEFAULT_CHARSET
    if charset == "utf8":
        charset, name = "utf8mb3", name.replace("utf8_", "utf8mb3_", 1)
    return ClientCharset(charset, name, codec)


def codec_of(charset: object) -> str:
    """The codec for the value of a character_set_* variable; UTF-8 for NULL, binary and unknown names."""
    return CODECS.get(charset, "utf-8") if isinstance(charset, str) else "utf-8"


#: character set -> default collation id for column definitions, per character_set_results.
RESULT_COLLATIONS = {"utf8mb4": 255, "utf8mb3": 33, "utf8": 33, "latin1": 8, "ascii": 11, "gbk": 28, "cp1251": 51}
