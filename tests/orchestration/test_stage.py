"""The cleaning job over a real S3 server (SeaweedFS) by way of a folder, and the whole runner with its
root there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from orchestration.stage import Bucket, stage_in, stage_out

# Adds one part over the raw runs that dataset.json does not cover; FAKE_BETWEEN is run before it ends.
CLEAN_JOB = """
import json, os, pathlib, sys
root = pathlib.Path(sys.argv[sys.argv.index("--storage") + 1])
dataset = root / "processed/dataset.json"
known = json.loads(dataset.read_text()) if dataset.exists() else {"parts": [], "raw_manifests": []}
covered = {entry["path"] for entry in known["raw_manifests"]}
found = sorted(str(path.relative_to(root)) for path in root.glob("raw/*/*/*/manifest.json"))
new = [path for path in found if path not in covered]
part = f"p{len(known['parts'])}"
folder = root / "processed" / f"part={part}" / "clean"
folder.mkdir(parents=True, exist_ok=True)
texts = [(root / path).with_name("part-0000.csv").read_text() for path in new]
(folder / "part-0000.parquet").write_text("".join(texts))
known["parts"].append({"id": part})
known["raw_manifests"] += [{"path": path} for path in new]
dataset.write_text(json.dumps(known))
exec(os.environ.get("FAKE_BETWEEN", ""))
print(json.dumps({"step": "process", "outcome": "done", "rows_in": len(new), "rows_out": len(new)}))
"""


@pytest.fixture
def files():
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    return lambda: fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)


def add_run(files, bucket: str, day: str) -> None:
    folder = f"{bucket}/root/raw/date={day}/source=fake/run=1"
    files().pipe_file(f"{folder}/part-0000.csv", f"text of {day}\n".encode())
    files().pipe_file(f"{folder}/manifest.json", b"{}")


def clean(bucket: str, tmp_path: Path, between: str = "") -> subprocess.CompletedProcess[str]:
    (tmp_path / "clean_job.py").write_text(CLEAN_JOB)
    argv = [sys.executable, "-m", "orchestration.stage", "--storage", f"{bucket}/root"]
    job = ["--folder", str(tmp_path / "copy"), "--", sys.executable, str(tmp_path / "clean_job.py")]
    environment = {**os.environ, "FAKE_BETWEEN": between}
    return subprocess.run([*argv, *job], env=environment, capture_output=True, text=True)


def test_new_raw_runs_become_a_part_in_the_bucket_and_old_ones_are_not_copied_again(bucket, files, tmp_path):
    add_run(files, bucket, "2026-11-22")
    first = clean(bucket, tmp_path)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout.splitlines()[-1])["rows_in"] == 1
    for copy in (tmp_path / "copy" / "raw").rglob("*.csv"):
        copy.unlink()
    add_run(files, bucket, "2026-11-23")
    assert clean(bucket, tmp_path).returncode == 0
    dataset = json.loads(files().cat_file(f"{bucket}/root/processed/dataset.json"))
    assert [part["id"] for part in dataset["parts"]] == ["p0", "p1"]
    parts = {
        name: files().cat_file(f"{bucket}/root/processed/part={name}/clean/part-0000.parquet")
        for name in ("p0", "p1")
    }
    assert parts == {"p0": b"text of 2026-11-22\n", "p1": b"text of 2026-11-23\n"}
    assert [path.parent.parent.parent.name for path in (tmp_path / "copy" / "raw").rglob("*.csv")] == [
        "date=2026-11-23"
    ]


def test_a_job_that_dies_leaves_the_bucket_as_it_was(bucket, files, tmp_path):
    add_run(files, bucket, "2026-11-22")
    died = clean(bucket, tmp_path, between="os.kill(os.getpid(), 9)")
    assert died.returncode == 137
    assert not files().exists(f"{bucket}/root/processed")
    assert clean(bucket, tmp_path).returncode == 0
    assert json.loads(files().cat_file(f"{bucket}/root/processed/dataset.json"))["parts"] == [{"id": "p0"}]


def test_the_dataset_is_replaced_last(bucket, files, tmp_path, monkeypatch):
    add_run(files, bucket, "2026-11-22")
    place = Bucket(f"{bucket}/root")
    found = stage_in(place, tmp_path)
    (tmp_path / "job.py").write_text(CLEAN_JOB)
    subprocess.run(
        [sys.executable, tmp_path / "job.py", "--storage", tmp_path], check=True, capture_output=True
    )
    uploaded = []
    monkeypatch.setattr(place, "upload", lambda source, name: uploaded.append(name))
    stage_out(place, tmp_path, found)
    assert uploaded == ["processed/part=p0/clean/part-0000.parquet", "processed/dataset.json"]


def test_a_dataset_that_changed_meanwhile_is_not_overwritten(bucket, files, tmp_path):
    add_run(files, bucket, "2026-11-22")
    address = f"{bucket}/root/processed/dataset.json"
    other = f"import fsspec; fsspec.filesystem('s3').pipe_file({address!r}, b'other')"
    beaten = clean(bucket, tmp_path, between=other)
    assert beaten.returncode == 1
    assert "run the job again" in beaten.stderr
    assert files().cat_file(address) == b"other"


def test_two_at_once_on_one_copy_work_one_after_the_other(bucket, files, tmp_path):
    """The local runner beside Airflow; the second finds the first's part."""
    for day in range(10, 30):
        add_run(files, bucket, f"2026-11-{day}")
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda _: clean(bucket, tmp_path, "import time; time.sleep(0.3)"), range(2)))
    assert [job.returncode for job in ended] == [0, 0], [job.stderr for job in ended]
    assert sorted(json.loads(job.stdout.splitlines()[-1])["rows_in"] for job in ended) == [0, 20]
    dataset = json.loads(files().cat_file(f"{bucket}/root/processed/dataset.json"))
    assert [part["id"] for part in dataset["parts"]] == ["p0", "p1"]


def test_a_bucket_that_is_not_there_is_one_clear_line(seaweedfs, bucket, tmp_path):
    refused = clean("s3://no-such-bucket-here", tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in refused.stderr


def test_the_runner_keeps_its_records_in_the_bucket(bucket, files, project):
    project.environment |= {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    root = f"{bucket}/root"
    code, _, err = project.run("--storage", root)
    assert code == 0, err
    assert files().exists(f"{root}/runs/date=2026-11-23/publish.json")
    staged = next(call for call in project.calls() if call[0] == "process")
    assert ".cache/stage" in staged[3]
    trained = next(call for call in project.calls() if call[0] == "train")
    assert trained[trained.index("--data") + 1] == f"{root}/processed"
    assert trained[trained.index("--registry") + 1] == str(project.folder / "data" / "registry")
    project.forget_calls()
    project.run("--storage", root)
    assert project.steps_called() == ["show"]
