"""Whatever is wrong, one clear line says so and the exit code is not zero: no traceback, no silence."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DAY = "2026-11-23"


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, cwd=ROOT, timeout=240
    )


def assert_refused(done: subprocess.CompletedProcess, *words: str) -> None:
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert done.returncode in (1, 2), f"exit {done.returncode}: {done.stderr}"
    assert "Traceback" not in done.stderr + done.stdout
    assert len(errors) == 1, done.stderr
    assert [word for word in words if word not in errors[0]] == [], errors[0]


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "storage")


@pytest.fixture
def unwritable() -> str:
    """A root that nobody can make, the superuser included."""
    return "/proc/horoscopes"


@pytest.mark.parametrize(
    "command",
    [
        ["scraper.collect", "--date", "2026-13-40"],
        ["orchestration.run", "--date", "yesterday"],
        ["serving.publish", "--date", "23.11.2026"],
        ["serving.show", "--date", "2026-02-30"],
    ],
    ids=lambda command: command[0],
)
def test_a_wrong_date(command, storage):
    assert_refused(run(*command, "--storage", storage), command[-1], "date")


@pytest.mark.parametrize(
    "command",
    [
        ["scraper.collect", "--date", DAY],
        ["orchestration.run", "--date", DAY],
    ],
    ids=lambda command: command[0],
)
def test_a_storage_root_that_cannot_be_written(command, unwritable):
    assert_refused(run(*command, "--storage", unwritable), unwritable)


@pytest.mark.parametrize("program", ["demo.serve", "serving.api"])
def test_a_port_in_use(program, storage):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        extra = ["--storage", storage] if program == "serving.api" else []
        assert_refused(run(program, "--port", port, *extra), port)


def test_an_unknown_step(storage):
    assert_refused(
        run("orchestration.run", "--only", "dream", "--storage", storage), "dream", "collect", "publish"
    )


def test_an_unknown_site(storage):
    assert_refused(
        run("scraper.collect", "--date", DAY, "--spiders", "nowhere", "--storage", storage), "nowhere", "ru74"
    )


def test_publishing_without_a_model(storage):
    assert_refused(run("serving.publish", "--date", DAY, "--storage", storage), "champion")


def test_evaluating_a_model_that_is_not_there(storage):
    arguments = [
        "--model",
        f"{storage}/models/none",
        "--data",
        f"{storage}/processed",
        "--registry",
        f"{storage}/registry",
    ]
    assert_refused(run("model_training.evaluate", *arguments), "models/none")


def test_training_without_a_dataset(storage):
    arguments = [
        "--config",
        "model_training/configs/tiny.toml",
        "--data",
        storage,
        "--output",
        f"{storage}/model",
    ]
    assert_refused(run("model_training.train", *arguments), "dataset.json")


def test_an_empty_archive(tmp_path, storage):
    archive = tmp_path / "empty.jsonl"
    archive.write_text("")
    assert_refused(
        run("scraper.import_archive", str(archive), "--source", "old", "--storage", storage), "empty.jsonl"
    )


def test_an_archive_that_is_not_there(storage):
    assert_refused(
        run("scraper.import_archive", "no.jsonl", "--source", "old", "--storage", storage), "no.jsonl"
    )


def test_a_corrupt_csv_part(tmp_path, storage):
    archive = tmp_path / "old.csv"
    archive.write_text(f"date,sign,text\n{DAY},leo,Сегодня всё получится\n", encoding="utf-8")
    assert (
        run("scraper.import_archive", str(archive), "--source", "old", "--storage", storage).returncode == 0
    )
    part = next(Path(storage).rglob("part-0000.csv"))
    part.write_bytes(part.read_bytes()[:-7])
    assert_refused(run("spark_processing.clean_job", "--storage", storage), "part-0000.csv", "source=old")


AWAY = "s3://bucket/root"


@pytest.mark.parametrize(
    "command",
    [
        ["serving.show", "--date", DAY, "--storage", AWAY],
        ["serving.why", DAY, "leo", "love", "--storage", AWAY],
        ["serving.ops", "--storage", AWAY],
        ["orchestration.costs", "--storage", AWAY],
        ["orchestration.carry", AWAY, "model"],
        [
            "model_training.train",
            "--config",
            "model_training/configs/tiny.toml",
            "--data",
            AWAY,
            "--output",
            "model",
        ],
    ],
    ids=lambda command: command[0],
)
def test_a_bucket_that_does_not_answer(command, monkeypatch, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "key")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        own = [str(tmp_path / word) if word == "model" else word for word in command]
        assert_refused(run(*own), "Could not connect")
