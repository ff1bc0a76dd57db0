"""One horoscope from a site's page to a reader, by the commands a person would type, with a small model.

The stages run once, in order; each test then looks at one border that the horoscope crossed.
"""

import csv
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import pyarrow.parquet as pq
import pytest

from model_training import registry

ROOT = Path(__file__).resolve().parent.parent
DAY = "2026-11-20"
SIGNS = 12

pytestmark = [pytest.mark.serial, pytest.mark.timeout(900)]


def run(*arguments: str) -> dict:
    """The program's JSON summary; a failure shows the program's own words."""
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, f"{arguments[0]}: {done.stderr[-2000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def crown(address: str) -> dict:
    """Make version 1 the champion by hand, as the registry does it: a model of one minute may write texts
    that pass and still be refused as a whole, which is for other tests to judge.
    """
    client = mlflow.MlflowClient(f"sqlite:///{address}/mlflow.db")
    client.set_model_version_tag(registry.NAME, "1", registry.LIVE_SINCE, f"{DAY}T00:00:00+00:00")
    client.set_registered_model_alias(registry.NAME, registry.CHAMPION, "1")
    return {"outcome": "done"}


@pytest.fixture(scope="module")
def way(tmp_path_factory) -> tuple[Path, dict[str, dict]]:
    """The storage root after a whole day, and each stage's summary."""
    root = tmp_path_factory.mktemp("way")
    config = root / "small.toml"
    shipped = (ROOT / "model_training" / "configs" / "tiny.toml").read_text("utf-8").splitlines()
    lines = ["max_tokens = 100_000" if line.startswith("max_tokens") else line for line in shipped]
    config.write_text("\n".join(lines), "utf-8")
    data = ["--data", f"{root}/processed", "--registry", f"{root}/registry"]
    collect = ["scraper.collect", "--date", DAY, "--history-days", "9", "--spiders", "ru74,newsler"]
    storage = ["--storage", str(root)]
    summaries = {
        "collect": run("demo.run", "--", sys.executable, "-m", *collect, *storage),
        "process": run("spark_processing.clean_job", *storage),
        "train": run(
            "model_training.train", "--config", str(config), "--output", f"{root}/models/{DAY}", *data
        ),
        "evaluate": run(
            "model_training.evaluate", "--model", f"{root}/models/{DAY}", "--candidates", "2", *data
        ),
        "promote": run("model_training.registry", "promote", "--registry", f"{root}/registry"),
        "crowned": crown(f"{root}/registry"),
        "publish": run("serving.publish", "--date", DAY, "--topics", "general,love", *storage),
        "show": run("serving.show", "--date", DAY, *storage),
    }
    return root, summaries


def test_every_stage_is_done_and_hands_on_what_it_took(way):
    _, summaries = way
    outcomes = {name: summary["outcome"] for name, summary in summaries.items()}
    decision = outcomes.pop("promote")
    assert outcomes == dict.fromkeys(outcomes, "done")
    assert decision == "done" or "is needed" in summaries["promote"]["reason"]
    assert summaries["process"]["rows_in"] == summaries["collect"]["rows_out"]
    assert summaries["train"]["rows_in"] == summaries["process"]["rows_out"]


def test_a_row_keeps_its_id_and_its_words_from_page_to_training(way):
    root, _ = way
    parts = list(root.glob("processed/part=*/clean/*.parquet"))
    kept = [row for path in parts for row in pq.read_table(path).to_pylist()]
    raw = {}
    for path in root.glob("raw/*/*/*/part-*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            raw |= {row["horoscope_id"]: row for row in csv.DictReader(file)}
    assert kept
    for row in kept:
        source = raw[row["horoscope_id"]]
        assert (str(row["date"]), row["sign"], row["text"]) == (
            source["date"],
            source["sign"],
            source["text"],
        )


def test_the_model_knows_which_raw_runs_taught_it(way):
    root, _ = way
    training = json.loads((root / "models" / DAY / "training.json").read_text("utf-8"))
    manifests = {str(path.relative_to(root)) for path in root.glob("raw/*/*/*/manifest.json")}
    assert {entry["path"] for entry in training["raw_manifests"]} == manifests
    assert training["sources"] == ["newsler", "ru74"]


def test_the_day_is_whole_and_every_text_is_for_readers(way):
    root, _ = way
    day = json.loads((root / "published" / f"date={DAY}" / "horoscopes.json").read_text("utf-8"))
    assert len({(text["topic"], text["sign"]) for text in day["texts"]}) == 2 * SIGNS
    assert [text for text in day["texts"] if not 300 <= len(text["text"]) <= 500] == []
    assert day["status"] == "champion"


def test_no_published_text_repeats_a_collected_one(way):
    root, _ = way
    day = json.loads((root / "published" / f"date={DAY}" / "horoscopes.json").read_text("utf-8"))
    collected = set()
    for path in root.glob("raw/*/*/*/part-*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            collected |= {row["text"] for row in csv.DictReader(file)}
    assert [text["text"] for text in day["texts"] if text["text"] in collected] == []


def test_a_reader_gets_the_text_over_http(way):
    root, _ = way
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "serving.api", "--storage", str(root), "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/v1/horoscopes/leo?date={DAY}&topic=love"
        answer = json.loads(get_when_up(address))
    finally:
        server.terminate()
        server.wait(timeout=30)
    day = json.loads((root / "published" / f"date={DAY}" / "horoscopes.json").read_text("utf-8"))
    published = {(text["topic"], text["sign"]): text["text"] for text in day["texts"]}
    assert published["love", "leo"] in json.dumps(answer, ensure_ascii=False)


def get_when_up(address: str, within_s: float = 30) -> str:
    deadline = time.monotonic() + within_s
    while True:
        try:
            return urllib.request.urlopen(address, timeout=5).read().decode()
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_the_same_day_again_is_recognised(way):
    root, _ = way
    assert (
        run("serving.publish", "--date", DAY, "--topics", "general,love", "--storage", str(root))["outcome"]
        == "skipped"
    )
    assert run("spark_processing.clean_job", "--storage", str(root))["outcome"] == "skipped"
