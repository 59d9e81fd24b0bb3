"""Stored password forms."""

from __future__ import annotations

import hashlib

from aurora_mysql.catalog.passwords import native_auth_string, sha2_auth_string, sha256_crypt, verify_sha2
from aurora_mysql.session.auth import new_scramble, verify_fast_sha2, verify_native, xor


def test_sha256_crypt_known_answer() -> None:
    salt = bytes.fromhex("F9CC98CE08892924F50A213B6BC571A2C11778C5")
    assert sha256_crypt(b"hashcat", salt, 5000) == b"bTy95Y99eAME1dwEkHOA1ndHGBWz.1bxSSRkuTXFGV/"


def test_sha2_round_trip() -> None:
    stored = sha2_auth_string("s3cret")
    assert len(stored) == 70
    assert verify_sha2(b"s3cret", stored)
    assert not verify_sha2(b"s3cres", stored)
    assert not verify_sha2(b"s" * 100_000, stored)


def test_native_known_answer() -> None:
    assert native_auth_string("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"


def test_native_exchange() -> None:
    scramble = new_scramble()
    stage1 = hashlib.sha1(b"pw").digest()
    answer = xor(stage1, hashlib.sha1(scramble + hashlib.sha1(stage1).digest()).digest())
    assert verify_native(answer, scramble, native_auth_string("pw"))
    assert not verify_native(answer, scramble, native_auth_string("other"))
    assert not verify_native(b"", scramble, native_auth_string("pw"))
    assert not verify_native(answer, scramble, "")
    assert not verify_native(answer, scramble, "*zz")


def test_fast_sha2_exchange() -> None:
    scramble = new_scramble()
    stage1 = hashlib.sha256(b"pw").digest()
    stage2 = hashlib.sha256(stage1).digest()
    answer = xor(stage1, hashlib.sha256(stage2 + scramble).digest())
    assert verify_fast_sha2(answer, scramble, stage2)
    assert not verify_fast_sha2(answer, new_scramble(), stage2)
    assert not verify_fast_sha2(answer[:-1], scramble, stage2)
