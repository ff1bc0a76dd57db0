"""kill -9 at any instant: the old dataset stays, and running again gives what an undisturbed run gives."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from raw_data import row, text_of, write_run

from spark_processing import session, warm_start
from spark_processing.clean_job import main


def make_raw(root: Path) -> None:
    for day in (1, 2, 3):
        rows = [
            row(date=f"2026-11-{day:02d}", sign=sign, text=text_of(day * 3 + n))
            for n, sign in enumerate(("leo", "virgo"))
        ]
        write_run(root, rows)


def files(root: Path) -> dict[str, bytes]:
    found = sorted(path for path in (root / "processed").rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def calm(tmp_path_factory, spark):
    """A root with two days cleaned and a third collected; what lies there, and what a third run leaves."""
    root = tmp_path_factory.mktemp("calm")
    make_raw(root)
    third = (root / "raw" / "date=2026-11-03").rename(root / "aside")
    assert main(["--storage", str(root)]) == 0
    before = files(root)
    third.rename(root / "raw" / "date=2026-11-03")
    waiting = shutil.copytree(root, tmp_path_factory.mktemp("waiting"), dirs_exist_ok=True)
    assert main(["--storage", str(root)]) == 0
    return waiting, before, files(root)


@pytest.fixture
def undisturbed(calm, tmp_path):
    """A root of its own to kill a job in, what is there, and what should be there in the end."""
    waiting, before, after = calm
    return shutil.copytree(waiting, tmp_path, dirs_exist_ok=True), before, after


def start(root: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "spark_processing.clean_job", "--storage", str(root)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def dataset_of(state: dict[str, bytes]) -> bytes:
    return state["processed/dataset.json"]


@pytest.mark.parametrize(("said", "wait_s"), [("judging rows", 0.5), ("writing", 0.3)])
def test_a_job_killed_at_work_leaves_the_old_dataset_and_a_rerun_heals(undisturbed, said, wait_s):
    root, before, after = undisturbed
    job = start(root)
    assert any(said in line for line in job.stderr)
    time.sleep(wait_s)
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    left = files(root)
    assert dataset_of(left) in (dataset_of(before), dataset_of(after))
    assert {name: left[name] for name in before} == before or dataset_of(left) == dataset_of(after)
    assert main(["--storage", str(root)]) == 0
    assert files(root) == after


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_job_killed_at_a_random_instant(undisturbed, seed):
    root, before, after = undisturbed
    job = start(root)
    time.sleep(random.Random(seed).uniform(0.5, 20))
    if job.poll() is None:
        os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    left = files(root)
    assert dataset_of(left) in (dataset_of(before), dataset_of(after))
    assert main(["--storage", str(root)]) == 0
    assert files(root) == after


def no_more_than(size: int) -> Callable[[], None]:
    """What a full disk is to a program: no file grows beyond this size, for Java and its workers too."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_leaves_the_old_dataset_and_a_rerun_heals(undisturbed):
    root, before, after = undisturbed
    command = [sys.executable, "-m", "spark_processing.clean_job", "--storage", str(root)]
    done = subprocess.run(command, preexec_fn=no_more_than(5_000), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ") and "Traceback" not in done.stderr
    assert "File too large" in done.stderr.splitlines()[-1]
    left = files(root)
    assert {name: left[name] for name in before} == before
    assert main(["--storage", str(root)]) == 0
    assert files(root) == after


def test_a_polite_stop_ends_with_its_own_code(undisturbed):
    root, before, _ = undisturbed
    job = start(root)
    assert any("judging rows" in line for line in job.stderr)
    job.terminate()
    job.communicate()
    assert job.returncode == 143
    assert dataset_of(files(root)) == dataset_of(before)


def test_half_an_archive_of_classes_is_not_put_to_use(tmp_path, monkeypatch):
    archive = tmp_path / "spark.jsa"

    def java_is_killed() -> int:
        archive.with_suffix(f".{os.getpid()}").write_bytes(b"half")
        return -9

    monkeypatch.setattr(session, "class_archive", lambda: archive)
    monkeypatch.setattr(session, "close_java", java_is_killed)
    monkeypatch.setattr("spark_processing.clean_job.main", lambda argv: 0)
    assert warm_start.main([]) == 1
    assert list(tmp_path.iterdir()) == []
