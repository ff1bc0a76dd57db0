"""What one part writes, another reads: each schema is stated twice, explained once, and the three agree."""

import csv
import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from model_training import corpus, prompts
from scraper import items
from serving import signs as serving_signs
from serving import texts as serving_texts
from spark_processing import schema

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "DATA_FORMAT.md").read_text("utf-8")
DAY = "2026-11-20"


def section(title: str) -> str:
    return re.search(rf"^#+ {re.escape(title)}.*?$(.*?)(?=^#|\Z)", PAGE, re.S | re.M).group(1)


def table_names(text: str) -> list[str]:
    return re.findall(r"^\| `(\w+)`", text, re.M)


def vocabulary(name: str) -> list[str]:
    return re.search(rf"^\| {name} \| `([^`]+)`", PAGE, re.M).group(1).split()


def test_raw_columns():
    documented = table_names(section("raw/: one CSV row a horoscope"))
    assert documented == list(items.COLUMNS) == list(schema.RAW_COLUMNS)


def test_clean_columns():
    added = table_names(section("clean/*.parquet"))
    assert schema.CLEAN.fieldNames() == [*items.COLUMNS, *added]


def test_training_reads_only_columns_that_cleaning_writes():
    assert set(corpus.COLUMNS) <= set(schema.CLEAN.fieldNames())
    assert {field.name for field in dataclasses.fields(corpus.Horoscope)} <= set(corpus.COLUMNS)


@pytest.mark.parametrize("name", ["sign", "topic", "period", "language"])
def test_vocabularies(name):
    stated = {"sign": "SIGNS", "topic": "TOPICS", "period": "PERIODS", "language": "LANGUAGES"}[name]
    assert vocabulary(name) == list(getattr(items, stated)) == list(getattr(schema, stated))


def test_the_model_and_the_page_know_every_sign_and_topic():
    signs, topics = vocabulary("sign"), vocabulary("topic")
    assert list(prompts.SIGN_NAMES) == signs == [sign.slug for sign in serving_signs.SIGNS]
    assert list(prompts.TOPIC_NAMES) == topics
    assert set(serving_texts.TOPICS) <= set(topics)


@pytest.fixture(scope="module")
def storage(tmp_path_factory) -> Path:
    """Two real days of demo sites, collected and cleaned by the real programs."""
    root = tmp_path_factory.mktemp("contracts")
    collect = ["-m", "scraper.collect", "--date", DAY, "--history-days", "1", "--storage", str(root)]
    for command in (
        [sys.executable, "-m", "demo.run", "--", sys.executable, *collect],
        [sys.executable, "-m", "spark_processing.clean_job", "--storage", str(root)],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return root


def test_a_manifest_holds_what_the_page_says(storage):
    stated = section("manifest.json").split("A run without")[0]
    keys = set(re.findall(r"`(\w+)`", re.sub(r"\([^()]*\)", "", stated)))
    for path in storage.glob("raw/*/*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        assert set(manifest) == keys
        assert set(manifest["coverage"]) == {"expected", "found", "missing"}
        assert all(set(part) == {"name", "rows", "bytes", "sha256"} for part in manifest["parts"])
        assert path.parent.parent.name == f"source={manifest['source']}"
        assert path.parent.name == f"run={manifest['run']}"


def test_parts_hold_the_columns_in_order(storage):
    raw_names = [
        next(csv.reader(path.open(encoding="utf-8"))) for path in storage.glob("raw/*/*/*/part-*.csv")
    ]
    assert raw_names and all(names == list(items.COLUMNS) for names in raw_names)
    clean = [pq.read_schema(path).names for path in storage.glob("processed/part=*/clean/*.parquet")]
    assert clean and all(names == schema.CLEAN.fieldNames() for names in clean)
    rejected = [pq.read_schema(path).names for path in storage.glob("processed/part=*/rejected/*.parquet")]
    assert rejected and all(names == schema.REJECTED.fieldNames() for names in rejected)


def test_nothing_is_lost_between_raw_and_ledger(storage):
    collected = sum(json.loads(path.read_text())["rows"] for path in storage.glob("raw/*/*/*/manifest.json"))
    ledgers = [json.loads(path.read_text()) for path in storage.glob("processed/part=*/ledger.json")]
    assert collected == sum(ledger["rows_in"] for ledger in ledgers)
    for ledger in ledgers:
        for line in (ledger, *ledger["by_source_sign"]):
            assert line["rows_in"] == line["kept"] + sum(line["rejected"].values())


def test_the_dataset_is_read_whole_by_training(storage):
    dataset = json.loads((storage / "processed" / "dataset.json").read_text())
    documented = set(re.findall(r"`(\w+)`", section("dataset.json"))) - {
        "id", "date_from", "date_to", "path", "sha256",
    }  # fmt: skip
    assert set(dataset) == documented
    rows, _ = corpus.read_dataset(str(storage / "processed"))
    assert len(rows) == dataset["rows"] > 0
