"""The same programs with a bucket as the storage, on a real S3 server."""

import json
import os
import subprocess
import sys

import boto3
import pytest

from scraper.export import main as export
from scraper.import_archive import main as import_archive
from scraper.runs import manifests, read_rows
from tests.scraper.conftest import ROOT
from tests.scraper.pages import DAY, text_of


@pytest.fixture
def collect_to(archive, tmp_path):
    def collect(storage, **environment):
        command = [
            sys.executable,
            "-m",
            "scraper.collect",
            "--date",
            str(DAY),
            "--spiders",
            "ru74,retrofm",
            "--storage",
            storage,
        ]
        env = (
            os.environ
            | {"HOROSCOPE_SNAPSHOTS": archive.url, "HOROSCOPE_SPOOL": str(tmp_path / "spool")}
            | environment
        )
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    return collect


def test_a_day_is_collected_into_a_bucket_and_a_rerun_asks_for_nothing(collect_to, bucket, archive, tmp_path):
    code, out, errors = collect_to(bucket + "/prefix")
    assert (code, json.loads(out.splitlines()[-1])["rows_out"]) == (0, 24), errors
    runs = dict(manifests(bucket + "/prefix"))
    assert sorted(m["source"] for m in runs.values()) == ["retrofm", "ru74"]
    texts = [row["text"] for run, m in runs.items() for row in read_rows(bucket + "/prefix", run, m)]
    assert texts.count(text_of("leo")) == 2
    asked = len(archive.asked)
    assert json.loads(collect_to(bucket + "/prefix")[1].splitlines()[-1])["already"] == 2
    assert len(archive.asked) == asked
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


def test_wrong_keys_are_one_clear_line(collect_to, bucket):
    code, _, errors = collect_to(bucket, AWS_SECRET_ACCESS_KEY="wrong")
    assert code == 2
    assert [line for line in errors.splitlines() if "error:" in line] and "Traceback" not in errors
    assert "wrong" not in errors.replace("wrong arguments", "")


def test_an_archive_goes_into_a_bucket_and_out_as_one_csv(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("HOROSCOPE_SPOOL", str(tmp_path / "spool"))
    archive = tmp_path / "a.jsonl"
    archive.write_text(
        '{"date": "2019-03-01", "sign": "leo", "text": "Стоит начать с простого."}\n', encoding="utf-8"
    )
    assert import_archive([str(archive), "--source", "old", "--storage", bucket]) == 0
    assert export(["--storage", bucket, "--output", str(tmp_path / "out.csv")]) == 0
    assert "Стоит начать с простого." in (tmp_path / "out.csv").read_text(encoding="utf-8")


def test_the_manifest_is_the_last_object_of_a_run(bucket, tmp_path, monkeypatch, collect_to):
    collect_to(bucket)
    objects = boto3.client("s3").list_objects_v2(Bucket=bucket.removeprefix("s3://"))["Contents"]
    by_run = {}
    for entry in objects:
        by_run.setdefault(entry["Key"].rsplit("/", 1)[0], []).append((entry["LastModified"], entry["Key"]))
    for entries in by_run.values():
        newest = max(when for when, _ in entries)
        assert any(key.endswith("manifest.json") and when == newest for when, key in entries)
