"""A model's way through a bucket (SeaweedFS): whole or not at all, whatever cuts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest

from orchestration import carry


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(os.urandom(300_000))
    (folder / "tokenizer" / "vocab.json").write_text("{}")
    (folder / "metrics.json").write_text('{"loss": 1}')
    return folder


def files_of(folder) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_model_arrives_as_it_was_sent(model, bucket, tmp_path, capsys):
    assert carry.main([str(model), f"{bucket}/models/2026-11-23"]) == 0
    assert json.loads(capsys.readouterr().out)["rows_out"] == 3
    here = tmp_path / "here" / "2026-11-23"
    assert carry.main([f"{bucket}/models/2026-11-23", str(here)]) == 0
    assert files_of(here) == files_of(model)


def test_a_shared_folder_carries_like_a_bucket(model, tmp_path):
    shared = f"file://{tmp_path}/shared/models/2026-11-23"
    carry.put(model, shared)
    carry.fetch(shared, tmp_path / "here")
    assert files_of(tmp_path / "here") == files_of(model)


def test_a_newer_model_replaces_the_older_one_as_a_whole(model, bucket, tmp_path):
    here = tmp_path / "here"
    for content in (b"old", b"new"):
        (model / "model.safetensors").write_bytes(content)
        (model / f"only-{content.decode()}").write_text("")
        carry.put(model, f"{bucket}/m")
        carry.fetch(f"{bucket}/m", here)
        (model / f"only-{content.decode()}").unlink()
    assert (here / "model.safetensors").read_bytes() == b"new"
    assert sorted(path.name for path in here.glob("only-*")) == ["only-new"]


def test_a_copy_without_its_list_does_not_exist(model, bucket, tmp_path, capsys):
    carry.put(model, f"{bucket}/m")
    fsspec.filesystem("s3", skip_instance_cache=True).rm_file(f"{bucket}/m/{carry.LIST}")
    assert carry.main([f"{bucket}/m", str(tmp_path / "here")]) == 1
    assert capsys.readouterr().err.startswith("error: expected a complete copy, found no carried.json")
    assert not (tmp_path / "here").exists()


def test_a_file_that_changed_on_the_way_is_refused_and_the_old_model_stays(model, bucket, tmp_path):
    here = tmp_path / "here"
    carry.put(model, f"{bucket}/m")
    carry.fetch(f"{bucket}/m", here)
    before = files_of(here)
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.pipe_file(f"{bucket}/m/model.safetensors", b"damaged")
    with pytest.raises(carry.CarryFailed, match=r"model\.safetensors"):
        carry.fetch(f"{bucket}/m", here)
    assert files_of(here) == before


@pytest.mark.parametrize("half", ["", '{"model.safetensors": "12'])
def test_a_list_cut_off_while_it_was_written_is_no_copy(model, tmp_path, half, capsys):
    shared = tmp_path / "shared"
    carry.put(model, f"file://{shared}")
    (shared / carry.LIST).write_text(half)
    assert carry.main([f"file://{shared}", str(tmp_path / "here")]) == 1
    expected = f"error: expected a complete copy, found a damaged carried.json, in file://{shared}; run"
    assert capsys.readouterr().err.startswith(expected)


def test_two_that_fetch_one_model_at_once_both_have_it(model, tmp_path):
    """A retried task beside one that is still ending."""
    carry.put(model, f"file://{tmp_path}/shared")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: carry.fetch(f"file://{tmp_path}/shared", tmp_path / "here" / "m"), range(40)))
    assert files_of(tmp_path / "here" / "m") == files_of(model)


def test_killed_on_its_way_out_there_is_no_copy_and_a_second_try_makes_it(model, bucket, tmp_path):
    (model / "model.safetensors").write_bytes(os.urandom(30_000_000))
    argv = [sys.executable, "-m", "orchestration.carry", str(model), f"{bucket}/m"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    files, deadline = (
        fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False),
        time.time() + 60,
    )
    while not files.exists(f"{bucket}/m/metrics.json"):
        assert time.time() < deadline
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with pytest.raises(carry.CarryFailed, match="found no carried"):
        carry.fetch(f"{bucket}/m", tmp_path / "here")
    assert subprocess.run(argv, capture_output=True).returncode == 0
    carry.fetch(f"{bucket}/m", tmp_path / "here")
    assert files_of(tmp_path / "here") == files_of(model)


@pytest.mark.parametrize(("source", "target"), [("a", "b"), ("s3://a", "s3://b")])
def test_one_folder_and_one_address_are_wanted(source, target, capsys):
    assert carry.main([source, target]) == 2
    assert "one folder and one address" in capsys.readouterr().err


def test_an_empty_folder_is_nothing_to_carry(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert carry.main([str(tmp_path / "empty"), "memory://m"]) == 1
    assert "found none" in capsys.readouterr().err
