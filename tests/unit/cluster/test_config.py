"""Bad configuration gets one clear message."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from aurora_mysql.cluster.config import SECTIONS, ClusterConfig, load_config
from aurora_mysql.cluster.data_dir import DataDir
from aurora_mysql.errors import ConfigError, VolumeFormatError

SAMPLE = Path(__file__).parents[3] / "conf" / "cluster.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[clutser]\n", "unknown section [clutser]; did you mean 'cluster'?"),
        ("[cluster]\nreadrs = 1\n", "unknown setting 'readrs' in [cluster]; did you mean 'readers'?"),
        ("[cluster]\nreaders = '2'\n", "[cluster] readers must be a whole number"),
        ("[cluster]\nreaders = 16\n", "readers is 16; it must be between 0 and 15"),
        ("[endpoints]\nport = 70000\n", "port is 70000"),
        ("[endpoints]\nhost = 'nowhere'\n", "must be an IP address"),
        ("[endpoints]\nport = 5\nreader_port = 5\n", "both 127.0.0.1:5"),
        ("[tls]\nenabled = 1\n", "must be true or false"),
        ("[tls]\ncert = 'x.pem'\n", "cert and key go together"),
        ("[[instance]]\nhost = '127.0.0.2'\n", "has no id"),
        ("[[instance]]\nid = 'a'\n[[instance]]\nid = 'a'\n", "used twice"),
        ("not toml", "Expected"),
    ],
)
def test_messages(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert message in str(caught.value)


def test_the_sample_names_every_setting_with_its_default() -> None:
    lines = [line.removeprefix("# ") for line in SAMPLE.read_text().splitlines()]
    text = "\n".join(line for line in lines if line.startswith("[") or (" = " in line.split("#")[0]))
    document = tomllib.loads(text)
    defaults = ClusterConfig()
    for section, keys in SECTIONS.items():
        for key, name in keys.items():
            value = document[section][key]
            assert str(value) == str(getattr(defaults, name)), (section, key)


def test_json_round_trip_without_the_password() -> None:
    config = load_config(None, {"admin_password": "secret", "readers": 3})
    document = config.to_json()
    assert "secret" not in str(document)
    assert ClusterConfig.from_json(document).readers == 3


def test_data_directory_of_a_newer_format_or_another_cluster(tmp_path: Path) -> None:
    directory = DataDir(tmp_path / "d")
    config = load_config(None, {"admin_password": "x"})
    state = directory.initialise(config)
    directory.keep_password(config.admin_password, None)
    directory.save(state)
    assert directory.load(config).cluster_id == state.cluster_id
    with pytest.raises(ConfigError, match="belongs to cluster 'aurora'"):
        directory.load(load_config(None, {"name": "other"}))
    with pytest.raises(ConfigError, match=r"are in its volume, chosen when it was made; .* s3://bucket/path"):
        directory.load(load_config(None, {"chunk_store_url": "s3://bucket/path"}))
    document = json.loads(directory.state_path.read_text())
    directory.state_path.write_text(json.dumps({**document, "format_version": 9}))
    with pytest.raises(VolumeFormatError, match="format 9"):
        directory.load(config)
    del document["medium"]
    directory.state_path.write_text(json.dumps({**document, "format_version": 1}))
    assert directory.load(config) == state


def test_a_directory_with_other_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match="not empty"):
        DataDir(tmp_path).initialise(load_config(None))


def test_one_supervisor_at_a_time(tmp_path: Path) -> None:
    directory = DataDir(tmp_path)
    directory.prepare_run()
    with directory.lock_supervisor(), pytest.raises(ConfigError, match="already runs"):
        directory.lock_supervisor()
