"""Which account a login meets."""

from __future__ import annotations

import ipaddress

from aurora_mysql.catalog.model import Catalog, User


def find_account(catalog: Catalog, user: str, host: str) -> User | None:
    """The account for `user` from `host` (an address or name), in MySQL's order: the most specific host first, then a
    named user before the anonymous one."""
    found = [
        account for account in catalog.users.values() if account.user in (user, "") and host_matches(account.host, host)
    ]
    return min(found, key=lambda account: (_specificity(account.host), account.user == ""), default=None)


def host_matches(pattern: str, host: str) -> bool:
    """MySQL's host patterns: % and _, and address/netmask."""
    if "/" in pattern:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(pattern, strict=False)
        except ValueError:
            return False
    return like(pattern.lower(), host.lower())


def _specificity(pattern: str) -> tuple[int, int]:
    wildcard = min((pattern.find(c) for c in "%_" if c in pattern), default=-1)
    if wildcard < 0:
        return (1, 0) if "/" in pattern else (0, 0)
    return (2, -wildcard) if pattern != "%" else (3, 0)


def like(pattern: str, text: str) -> bool:
    """SQL LIKE with backslash escapes, without a regular expression's cost."""
    p = t = 0
    star, mark = -1, 0
    while t < len(text):
        if p < len(pattern) and pattern[p] == "%":
            star, mark, p = p, t, p + 1
        elif p < len(pattern) and pattern[p] == "\\" and p + 1 < len(pattern) and pattern[p + 1] == text[t]:
            p, t = p + 2, t + 1
        elif p < len(pattern) and pattern[p] != "\\" and (pattern[p] == "_" or pattern[p] == text[t]):
            p, t = p + 1, t + 1
        elif star >= 0:
            mark += 1
            p, t = star + 1, mark
        else:
            return False
    return pattern[p:].strip("%") == ""
