"""What is done to a dataset over the years: rebuilt, compacted, a source forgotten, runs set aside."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from raw_data import SENTENCES, row, write_run

from spark_processing import compact
from spark_processing.alarms import find_warnings, refuse_sudden_copies
from spark_processing.clean_job import main
from spark_processing.dataset import read_dataset
from spark_processing.diversity import SAMPLE, diversity_by_month
from spark_processing.ledger import LedgerError
from spark_processing.plan import make_plan, publish
from spark_processing.rules import Options
from spark_processing.schema import KEYS, SIGNS
from spark_processing.shingles import shingles_of
from spark_processing.storage import Folder, StorageError


def text(number: int) -> str:
    return " ".join(f"{sentence[:-1]}, {number} раз." for sentence in SENTENCES[:5])


def day_of(date: int) -> list[dict[str, str]]:
    """Texts that repeat over days and sources, some of them nearly."""
    day = f"2026-11-{date:02d}"
    return [
        row(date=day, text=text(date)),
        row(date=day, sign="virgo", text=text(date - 1)),
        row(date=day, sign="libra", text=text(date).replace("Вечер", "Завтрашний вечер")),
        row(date=day, sign="aries", text="Коротко."),
        row(date=day, sign="aries", text=text(50 + date), source="astro"),
    ]


def collect(root: Path, date: int) -> None:
    rows = day_of(date)
    write_run(root, [line for line in rows if line["source"] == "ru74"])
    write_run(root, [line for line in rows if line["source"] == "astro"])


def kept(root: Path, spark) -> Counter:
    parts = read_dataset(Folder(str(root))).parts
    clean = spark.read.parquet(*[f"{root}/{part.folder}/clean" for part in parts])
    return Counter(tuple(line) for line in clean.select("horoscope_id", "text_hash", "cluster_id").collect())


@pytest.fixture
def three_days(tmp_path, clean_job):
    for date in (1, 2, 3):
        collect(tmp_path, date)
        assert clean_job()[0] == 0
    return tmp_path


def test_rebuilt_compacted_and_daily_hold_the_same_texts(three_days, clean_job, spark, capsys):
    daily = kept(three_days, spark)
    assert len(read_dataset(Folder(str(three_days))).parts) == 3 and sum(daily.values()) > 8

    assert compact.main(["--storage", str(three_days)]) == 0
    assert kept(three_days, spark) == daily
    (part,) = read_dataset(Folder(str(three_days))).parts
    ledger = json.loads((three_days / part.folder / "ledger.json").read_text())
    assert (ledger["rows_in"], ledger["kept"], part.date_to) == (15, part.rows, "2026-11-03")
    assert compact.main(["--storage", str(three_days)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["outcome"] == "skipped"

    _, summary, _ = clean_job("--rebuild")
    assert (summary["rows_in"], summary["rows_out"]) == (15, part.rows)
    assert kept(three_days, spark) == daily
    _, again, _ = clean_job("--rebuild")
    assert kept(three_days, spark) == daily and again["part"] != summary["part"]


def test_a_forgotten_source_leaves_disk_and_dataset_and_stays_away(three_days, clean_job, spark):
    code, _, _ = clean_job("--forget", "ru74")
    assert code == 0
    collect(three_days, 4)
    assert clean_job()[1]["rows_in"] == 1
    tables = [pq.read_table(path) for path in three_days.glob("processed/part=*/*/*.parquet")]
    for path in three_days.glob("processed/part=*/known/texts.arrow"):
        with pa.memory_map(str(path)) as mapped:
            tables.append(pa.ipc.open_file(mapped).read_all())
    assert {source for table in tables for source in table.column("source").to_pylist()} == {"astro"}
    assert b"ru74" not in b"".join(path.read_bytes() for path in three_days.glob("processed/part=*/*/*.csv"))


def test_forgetting_killed_before_it_deleted_is_done_by_the_next_try(three_days, clean_job, monkeypatch):
    def die(storage, name):
        if name.startswith("processed/part=") and storage.exists(name):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "delete", die)
        assert clean_job("--forget", "ru74")[0] == 130
    code, summary, _ = clean_job("--forget", "ru74")
    assert (code, summary["outcome"]) == (0, "skipped")
    tables = [path for path in three_days.glob("processed/*/*/*") if path.is_file()]
    assert tables and not [path for path in tables if b"ru74" in path.read_bytes()]


def test_a_job_that_comes_while_the_dataset_is_compacted_loses_nothing(three_days, clean_job, monkeypatch):
    collect(three_days, 4)
    seen = []

    def another_job():
        clean_job()
        seen.append(read_dataset(Folder(str(three_days))).covered)

    monkeypatch.setattr(compact, "require_java", another_job)
    compact.main(["--storage", str(three_days)])
    assert read_dataset(Folder(str(three_days))).covered == seen[0]


def test_a_damaged_run_can_be_set_aside_and_joins_when_it_is_restored(tmp_path, clean_job):
    collect(tmp_path, 1)
    damaged = write_run(tmp_path, [row(date="2026-11-02", text=text(9))])
    sound = (damaged / "part-0000.csv").read_bytes()
    (damaged / "part-0000.csv").write_bytes(sound[:-20])
    assert clean_job()[0] == 1
    code, summary, said = clean_job("--quarantine")
    name = str((damaged / "manifest.json").relative_to(tmp_path))
    assert (code, summary["quarantined"], summary["rows_in"]) == (0, [name], 5)
    assert "quarantined: expected" in said
    aside = json.loads((tmp_path / "processed" / "quarantine.json").read_text())
    assert [line["path"] for line in aside["runs"]] == [name] and "bytes" in aside["runs"][0]["fault"]
    (damaged / "part-0000.csv").write_bytes(sound)
    assert clean_job()[1]["rows_in"] == 1
    assert not (tmp_path / "processed" / "quarantine.json").exists()


def test_what_another_job_published_meanwhile_is_not_overwritten(tmp_path, clean_job):
    collect(tmp_path, 1)
    storage = Folder(str(tmp_path))
    slow = make_plan(storage, Options())
    clean_job()
    before = storage.read("processed/dataset.json")
    (part,) = read_dataset(storage).parts
    with pytest.raises(StorageError, match="another job"):
        publish(storage, slow, part._replace(id="of-the-slow-job"))
    assert storage.read("processed/dataset.json") == before


def ledger(*lines: tuple[str, str, int, dict[str, int]], diversity: dict[str, float] | None = None) -> dict:
    """A ledger of (source, sign, kept, rejected)."""
    by = [
        {"source": source, "sign": sign, "rows_in": kept + sum(lost.values()), "kept": kept, "rejected": lost}
        for source, sign, kept, lost in lines
    ]
    months = [
        {"source": source, "month": "2026-11", "texts": 48, "distinct": distinct}
        for source, distinct in (diversity or {}).items()
    ]
    return {"kept": sum(line["kept"] for line in by), "by_source_sign": by, "diversity": months}


def names(found: list) -> list[str]:
    return [warned.name for warned in found]


def test_a_source_or_sign_that_loses_far_more_than_before_is_named():
    before, now = (
        ledger(("ru74", "leo", 40, {"too_short": 10})),
        ledger(("ru74", "leo", 10, {"too_short": 40})),
    )
    found = find_warnings(now, [before])
    assert names(found) == ["source_lost_more", "sign_lost_more"]
    assert found[0].detail == "ru74 lost 80% of its rows, 20% before"
    assert find_warnings(before, [now]) == [] == find_warnings(now, [])


def test_a_source_that_copies_is_named():
    found = find_warnings(ledger(("astro", "leo", 5, {"duplicate_text": 30, "repeated_id": 100})), [])
    assert names(found) == ["copying_source"]


def test_a_source_that_suddenly_copies_everything_needs_a_human():
    copies = ledger(("ru74", "leo", 1, {"near_duplicate": 40}))
    with pytest.raises(LedgerError, match="--accept-loss ru74"):
        refuse_sudden_copies(copies, [ledger(("ru74", "leo", 40, {}))], [])
    refuse_sudden_copies(copies, [ledger(("ru74", "leo", 40, {}))], ["ru74"])
    refuse_sudden_copies(copies, [copies], [])  # a mirror has always been one
    refuse_sudden_copies(
        ledger(("ru74", "leo", 9, {"duplicate_text": 40})), [ledger(("ru74", "leo", 40, {}))], []
    )


@pytest.mark.parametrize(("texts", "expected"), [(27, []), (26, ["rare_sign"]), (0, ["rare_sign"])])
def test_a_sign_with_a_tenth_fewer_texts_over_the_whole_dataset_is_named(texts, expected):
    before = ledger(*[("ru74", sign, 20, {}) for sign in SIGNS[1:]], ("ru74", SIGNS[0], texts, {}))
    now = ledger(
        *[("ru74", sign, 10, {}) for sign in SIGNS[1:]], ("astro", "general", 0, {"pseudo_sign": 50})
    )
    found = find_warnings(now, [before])
    assert names(found) == expected and all(w.detail.startswith(SIGNS[0]) for w in found)


def test_a_source_whose_texts_begin_to_repeat_themselves_is_named():
    before = [ledger(diversity={"ru74": share, "astro": 0.8}) for share in (0.9, 0.95, 0.85)]
    found = find_warnings(ledger(diversity={"ru74": 0.5, "astro": 0.7, "new": 0.1}), before)
    assert names(found) == ["less_diverse"] and "ru74" in found[0].detail and "50%" in found[0].detail


def test_diversity_is_the_share_of_phrases_that_differ():
    texts = [
        [f"слово{n} слово{n + 1} слово{n + 2}" for n in range(0, 3 * SAMPLE, 3)],
        ["одно и то же"] * SAMPLE,
    ]
    lines = [
        {"source": source, "date": "2026-11-01", "id_key": n, "shingles": shingles}
        for source, own in zip(("ru74", "astro"), texts, strict=True)
        for n, shingles in enumerate(shingles_of(own))
    ]
    keys = pa.Table.from_pylist(lines, KEYS).combine_chunks()
    found = diversity_by_month(keys, np.ones(len(lines), bool))
    assert [(line["source"], line["month"], line["distinct"]) for line in found] == [
        ("astro", "2026-11", round(1 / SAMPLE, 4)),
        ("ru74", "2026-11", 1.0),
    ]
    assert diversity_by_month(keys.slice(0, SAMPLE - 1), np.ones(SAMPLE - 1, bool)) == []


@pytest.mark.parametrize("name", ["known/ids.arrow", "known/texts.arrow", "ledger.json"])
def test_a_damaged_file_of_a_part_is_named_with_the_way_out(tmp_path, clean_job, name):
    collect(tmp_path, 1)
    clean_job()
    collect(tmp_path, 2)
    (damaged,) = tmp_path.glob(f"processed/part=*/{name}")
    damaged.write_bytes(damaged.read_bytes()[:100])
    code, summary, _ = clean_job()
    assert code == 1 and str(damaged) in summary["reason"] and "--rebuild" in summary["reason"]
    assert clean_job("--rebuild")[0] == 0


@pytest.mark.parametrize("content", ["not json", "{}", '{"rules_version": "1", "options": {}, "parts": 3}'])
def test_a_dataset_file_that_cannot_be_read_is_named(tmp_path, content, capsys):
    collect(tmp_path, 1)
    Folder(str(tmp_path)).write("processed/dataset.json", content.encode())
    assert main(["--storage", str(tmp_path)]) == 1
    assert "processed/dataset.json" in capsys.readouterr().err
