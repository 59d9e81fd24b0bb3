"""Key files, KMS keys, keyrings and their rotation, and when a cluster stops for want of its key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto.server import ThreadedMotoServer

from aurora_mysql.cluster.cluster_key import make_key, provider_apart_from
from aurora_mysql.cluster.key_rotation import rotate
from aurora_mysql.cluster.key_watch import KeyWatch
from aurora_mysql.encryption.keyring import Keyring, KeyringFormatError, unlock
from aurora_mysql.encryption.kms_key import KmsKey
from aurora_mysql.encryption.local_key import create_key_file
from aurora_mysql.encryption.providers import open_provider
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import ConfigError, CorruptRecordError, KeyUnavailableError, KeyUnreachableError, StorageError
from aurora_mysql.storage.keyrings import Keyrings
from aurora_mysql.storage.places import write_durably

ROOT = RootKey.generate()


def key_file(path: Path) -> str:
    create_key_file(path)
    return f"local:{path}"


@pytest.fixture(scope="module")
def kms() -> Iterator[tuple[Any, str]]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield boto3.client("kms", endpoint_url=endpoint, region_name="eu-west-1"), endpoint
    server.stop()


def kms_key(kms: tuple[Any, str]) -> tuple[str, str]:
    client, endpoint = kms
    key_id = client.create_key()["KeyMetadata"]["KeyId"]
    return key_id, f"kms:{key_id}?region=eu-west-1&endpoint={endpoint}"


# -- local keys -------------------------------------------------------------------------------------------------------


def test_a_key_file_is_for_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "k" / "one.key"
    create_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="never overwritten"):
        create_key_file(path)
    provider = open_provider(f"local:{path}")
    wrapped = provider.wrap(ROOT.secret, "context")
    assert provider.unwrap(wrapped, "context") == ROOT.secret
    assert ROOT.secret not in wrapped
    with pytest.raises(KeyUnavailableError, match="does not open"):
        provider.unwrap(wrapped, "another context")
    path.chmod(0o644)
    with pytest.raises(KeyUnavailableError, match="open to others"):
        provider.unwrap(wrapped, "context")


def test_a_missing_a_foreign_and_a_broken_key_file_say_what_they_are(tmp_path: Path) -> None:
    wrapped = open_provider(key_file(tmp_path / "one")).wrap(ROOT.secret, "c")
    with pytest.raises(KeyUnavailableError, match="No such file"):
        open_provider(f"local:{tmp_path / 'none'}").unwrap(wrapped, "c")
    with pytest.raises(KeyUnavailableError, match="is wanted"):
        open_provider(key_file(tmp_path / "two")).unwrap(wrapped, "c")
    bad = {"": "no key file", "aurora-mysql-key 1 zz zz": "no key file", "aurora-mysql-key 2 a b": "version 2"}
    for text, why in bad.items():
        (tmp_path / "bad").write_text(text)
        (tmp_path / "bad").chmod(0o600)
        with pytest.raises(KeyUnavailableError, match=why):
            open_provider(f"local:{tmp_path / 'bad'}").unwrap(wrapped, "c")


@pytest.mark.parametrize("name", ["", "x", "local:", "kms:", "vault:x", "kms:k?zone=1"])
def test_what_names_no_key(name: str) -> None:
    with pytest.raises(ConfigError, match="names no key"):
        open_provider(name)


def test_a_key_inside_the_data_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="inside the data directory"):
        provider_apart_from(tmp_path / "data", f"local:{tmp_path / 'data' / 'run' / '..' / 'x.key'}")
    with pytest.raises(ConfigError, match="needs a key"):
        make_key(tmp_path / "data", "")


# -- KMS --------------------------------------------------------------------------------------------------------------


def test_kms_wraps_and_says_when_it_will_not(kms: tuple[Any, str]) -> None:
    _, endpoint = kms
    _, name = kms_key(kms)
    provider = open_provider(name)
    assert provider.name == name
    wrapped = provider.wrap(ROOT.secret, ROOT.id)
    assert provider.unwrap(wrapped, ROOT.id) == ROOT.secret
    with pytest.raises(KeyUnavailableError) as refused:
        provider.unwrap(wrapped, "another root key")
    assert not isinstance(refused.value, KeyUnreachableError)
    with pytest.raises(KeyUnavailableError, match="NotFound"):
        open_provider(f"kms:alias/none?region=eu-west-1&endpoint={endpoint}").wrap(b"x", "c")
    with pytest.raises(KeyUnreachableError):
        open_provider("kms:x?region=eu-west-1&endpoint=http://127.0.0.1:9").unwrap(wrapped, "c")


@pytest.mark.parametrize(
    ("code", "status", "passing"),
    [
        ("DisabledException", 400, False),
        ("KMSInvalidStateException", 400, False),
        ("AccessDeniedException", 400, False),
        ("IncorrectKeyException", 400, False),
        ("ThrottlingException", 400, True),
        ("KeyUnavailableException", 500, True),
        ("SomethingElse", 503, True),
    ],
)
def test_which_answers_of_kms_are_about_the_key(code: str, status: int, passing: bool) -> None:
    """moto knows no disabled keys, so botocore's own stub gives KMS's answers."""
    provider = KmsKey("key", region="eu-west-1", endpoint="http://127.0.0.1:9")
    client = provider._client()
    with Stubber(client) as stub:
        for _ in range(3):
            stub.add_client_error("decrypt", code, "the reason", status)
        with pytest.raises(KeyUnavailableError, match=f"{code}: the reason") as raised:
            provider.unwrap(b"x", "c")
    assert isinstance(raised.value, KeyUnreachableError) == passing


# -- keyrings ---------------------------------------------------------------------------------------------------------


def test_a_keyring_survives_its_bytes_and_says_when_it_does_not(tmp_path: Path) -> None:
    keyring = Keyring.create(ROOT, open_provider(key_file(tmp_path / "one")))
    data = keyring.encode()
    assert Keyring.decode(data, "x") == keyring
    assert ROOT.secret.hex().encode() not in data
    with pytest.raises(CorruptRecordError, match="can't be read"):
        Keyring.decode(data.replace(b"wrapped", b"wrappeD"), "x")
    with pytest.raises(KeyringFormatError, match="format 9"):
        Keyring.decode(data.replace(b'"format_version": 1', b'"format_version": 9'), "x")


def test_a_moved_key_is_found_where_one_says(tmp_path: Path) -> None:
    keyring = Keyring.create(ROOT, open_provider(key_file(tmp_path / "one")))
    (tmp_path / "one").rename(tmp_path / "moved")
    with pytest.raises(KeyUnavailableError, match="No such file"):
        unlock([keyring])
    assert unlock([keyring], also=f"local:{tmp_path / 'moved'}") == ROOT


def test_every_step_of_a_rotation_may_be_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash after each write of a zone: what is left opens with the keys that exist, and rotating again ends well."""
    writes = 0
    for crash_at in range(8):
        zones = [tmp_path / str(crash_at) / zone for zone in "abc"]
        old, new = key_file(tmp_path / f"{crash_at}.old"), key_file(tmp_path / f"{crash_at}.new")
        keyrings = Keyrings(zones)
        keyrings.write(Keyring.create(ROOT, open_provider(old)))
        writes = 0

        def counted(path: Path, data: bytes) -> None:
            nonlocal writes
            if writes == crash_at:  # noqa: B023
                raise KeyboardInterrupt
            writes += 1
            write_durably(path, data)

        monkeypatch.setattr("aurora_mysql.storage.keyrings.write_durably", counted)
        if crash_at < 6:
            with pytest.raises(KeyboardInterrupt):
                rotate(keyrings, ROOT.id, open_provider(new))
        else:
            rotate(keyrings, ROOT.id, open_provider(new))
        monkeypatch.undo()
        assert unlock(keyrings.read(ROOT.id)) == ROOT
        # The disk of any one zone may be lost on top of it.
        for lost in range(3):
            assert unlock(Keyrings([z for n, z in enumerate(zones) if n != lost]).read(ROOT.id)) == ROOT
        rotate(keyrings, ROOT.id, open_provider(new))
        Path(old.removeprefix("local:")).unlink()
        assert unlock(keyrings.read(ROOT.id)) == ROOT
        assert keyrings.newest(ROOT.id).key == new
    assert writes == 6


def test_a_rotation_can_be_taken_back_and_one_to_a_bad_key_changes_nothing(tmp_path: Path) -> None:
    old, new = key_file(tmp_path / "old"), key_file(tmp_path / "new")
    keyrings = Keyrings([tmp_path / zone for zone in "abc"])
    keyrings.write(Keyring.create(ROOT, open_provider(old)))
    before = keyrings.newest(ROOT.id)
    with pytest.raises(KeyUnavailableError):
        rotate(keyrings, ROOT.id, open_provider(f"local:{tmp_path / 'none'}"))
    assert keyrings.newest(ROOT.id) == before
    rotate(keyrings, ROOT.id, open_provider(new), keep_old=True)
    (tmp_path / "new").rename(tmp_path / "away")
    assert unlock(keyrings.read(ROOT.id)) == ROOT
    (tmp_path / "away").rename(tmp_path / "new")
    rotate(keyrings, ROOT.id, open_provider(old))
    (tmp_path / "new").unlink()
    assert unlock(keyrings.read(ROOT.id)) == ROOT
    assert [wrap.key for wrap in keyrings.newest(ROOT.id).wraps] == [old]


def test_a_rotation_to_kms_and_a_lost_zone(tmp_path: Path, kms: tuple[Any, str]) -> None:
    _, name = kms_key(kms)
    zones = [tmp_path / zone for zone in "abc"]
    keyrings = Keyrings(zones)
    keyrings.write(Keyring.create(ROOT, open_provider(key_file(tmp_path / "old"))))
    rotate(keyrings, ROOT.id, open_provider(name))
    assert unlock(keyrings.read(ROOT.id)) == ROOT
    with pytest.raises(StorageError, match="in no zone"):
        Keyrings([tmp_path / "elsewhere"]).newest(ROOT.id)
    (zones[0] / "keyrings" / f"{ROOT.id}.json").write_bytes(b"rot")
    assert unlock(keyrings.read(ROOT.id)) == ROOT


def test_the_root_key_goes_from_process_to_process() -> None:
    assert RootKey.take_over(ROOT.hand_over()) == ROOT
    assert RootKey.take_over(b"\n") is None
    assert RootKey.take_over(b"") is None


def test_data_keys_differ_by_purpose_salt_and_root() -> None:
    salt = os.urandom(16)
    keys = {
        ROOT.derive("a", salt),
        ROOT.derive("b", salt),
        ROOT.derive("a", bytes(16)),
        RootKey.generate().derive("a", salt),
    }
    assert len(keys) == 4
    assert ROOT.secret not in keys


# -- when a cluster stops ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "decisions"),
    [
        ("uuu", "---"),
        ("r", "-"),
        ("rr", "-S"),
        ("rur", "---"),
        ("rrrru", "-S--R"),
        ("rru", "-SR"),
        ("n" * 4, "----"),
        ("n" * 11, "-" * 10 + "S"),
        ("nnu" + "n" * 10, "-" * 13),
        ("n" * 11 + "nru", "-" * 10 + "S--R"),
        ("nrr", "--S"),
    ],
)
def test_when_a_cluster_stops_and_resumes(answers: str, decisions: str) -> None:
    """u: usable, r: refused, n: no answer; one per second, with ten seconds of grace. S: stop, R: resume."""
    watch = KeyWatch(check_interval_s=60, grace_s=10)
    said: dict[Any, str] = {None: "-", "stop": "S", "resume": "R"}
    names: dict[str, Any] = {"u": "usable", "r": "refused", "n": "unreachable"}
    found = "".join(said[watch.judge(names[answer], float(second))] for second, answer in enumerate(answers))
    assert found == decisions


def test_it_asks_more_often_when_something_is_wrong() -> None:
    watch = KeyWatch(check_interval_s=60, grace_s=10)
    assert watch.wait_s() == 60
    watch.judge("refused", 0)
    assert watch.wait_s() == 1
    watch.judge("usable", 1)
    assert watch.wait_s() == 60
