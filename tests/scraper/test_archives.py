"""Archives in, one CSV out: formats, mapping, every rejected row by reason, and texts that tempt a CSV
reader.
"""

# ruff: noqa: E501  a table of bad inputs

import contextlib
import csv
import gzip
import json
import resource
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from scraper.export import main as export
from scraper.forget import main as forget
from scraper.import_archive import main as import_archive
from scraper.items import COLUMNS, HoroscopeItem, horoscope_id
from scraper.resume_upload import main as resume_upload
from scraper.runs import Aside, RunWriter, check_writable, complete_days, manifests, render_csv, whole_runs
from tests.scraper.pages import DAY, manifests_under

ROWS = [
    {"date": "2019-03-01", "sign": "Овен", "text": "Утром стоит выйти раньше: дорога порадует тишиной."},
    {"date": "02.03.2019", "sign": "taurus", "text": "День для спокойных дел.\n\nВечер — для друзей."},
    {"date": "2019-04-05T00:00:00", "sign": "general", "text": "Общий совет всем: берегите тепло."},
]
TRICKY = [
    'Она сказала: "Пора", и ушла, не глядя; дверь «хлопнула».',
    "=СУММ(A1:A9) — с такой строки таблицы любят начинать формулу, а мы её храним как есть.",
    "Неразрывный\xa0пробел и\u202fузкий, точка;запятая,\u00adмягкий перенос и 'апостроф'.",
    "Кавычка в конце\"",
    '"',
    "\\ обратная черта \\n не перевод строки",
]  # fmt: skip

CUT_GZIP = gzip.compress(json.dumps(ROWS[0]).encode() + b"\n" * 99)[:-12]


def write_archive(path, rows):
    opened = gzip.open if path.suffix == ".gz" else open
    if ".parquet" in path.name:
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif ".csv" in path.name:
        with opened(path, "wt", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        with opened(path, "wt", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return path


def exported(storage, tmp_path):
    out = tmp_path / "out.csv"
    assert export(["--storage", str(storage), "--output", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@contextlib.contextmanager
def file_size_limit(limit):
    """In bytes; beyond it a write fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def last_line(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.csv.gz", "a.parquet"])
def test_each_format_brings_the_same_rows(name, tmp_path, capsys):
    archive = write_archive(tmp_path / name, ROWS)
    assert import_archive([str(archive), "--source", "old", "--storage", str(tmp_path / "s")]) == 0
    line = last_line(capsys)
    assert (line["rows_in"], line["rows_out"], line["runs"], line["rejected"]) == (3, 3, 2, {})
    rows = exported(tmp_path / "s", tmp_path)
    assert [(r["date"], r["sign"], r["topic"], r["period"], r["strategy"]) for r in rows] == [
        ("2019-03-01", "aries", "general", "day", "archive"),
        ("2019-03-02", "taurus", "general", "day", "archive"),
        ("2019-04-05", "general", "general", "day", "archive"),
    ]
    assert rows[1]["text"] == "День для спокойных дел. Вечер — для друзей."
    assert list(rows[0]) == list(COLUMNS)


def test_every_rejected_row_is_counted_by_reason_with_an_example(tmp_path, capsys):
    bad = [
        ROWS[0],
        {**ROWS[0], "text": "  "},
        {**ROWS[0], "text": None},
        {**ROWS[0], "date": None},
        {**ROWS[0], "date": "2019-02-30"},
        ROWS[0],
        {**ROWS[0], "topic": "lottery"},
    ]
    archive = write_archive(tmp_path / "a.jsonl", bad)
    archive.write_text(archive.read_text() + "{broken\n[1]\n")
    assert import_archive([str(archive), "--source", "old", "--storage", str(tmp_path / "s")]) == 0
    line = last_line(capsys)
    counts = {reason: told["count"] for reason, told in line["rejected"].items()}
    assert counts == {
        "empty_text": 2, "empty_date": 1, "no_date": 1, "duplicate": 1, "unknown_topic": 1, "not_json": 2
    }  # fmt: skip
    assert line["rows_in"] == line["rows_out"] + sum(counts.values()) == 9
    assert "{broken" in line["rejected"]["not_json"]["example"]
    assert [m["dropped"] for _, m in manifests(str(tmp_path / "s"))] == [{"duplicate": 1}]


def test_columns_can_be_mapped_and_rows_can_bring_their_source(tmp_path, capsys):
    rows = [{"when": "2019-03-01", "who": "Львы", "body": "Стоит начать с простого.", "site": "Old-Site.ru"}]
    archive = write_archive(tmp_path / "a.csv", rows)
    assert import_archive(
        [str(archive), "--source", "old", "--source-column", "site", "--map", "date=when", "sign=who", "text=body",
         "--default-topic", "love", "--storage", str(tmp_path / "s")]
    ) == 0  # fmt: skip
    (row,) = exported(tmp_path / "s", tmp_path)
    assert (row["source"], row["sign"], row["topic"]) == ("old_site_ru", "leo", "love")


def test_a_row_without_a_day_gets_the_default_day(tmp_path):
    archive = write_archive(tmp_path / "a.jsonl", [{"sign": "leo", "text": "Стоит начать с простого."}])
    arguments = [str(archive), "--source", "old", "--storage", str(tmp_path / "s")]
    assert import_archive([*arguments, "--default-date", "2020-01-02"]) == 0
    assert [row["date"] for row in exported(tmp_path / "s", tmp_path)] == ["2020-01-02"]


def test_the_same_archive_again_adds_nothing(tmp_path, capsys):
    archive = write_archive(tmp_path / "a.jsonl", ROWS)
    arguments = [str(archive), "--source", "old", "--storage", str(tmp_path / "s")]
    import_archive(arguments)
    before = manifests_under(tmp_path / "s")
    assert import_archive(arguments) == 0
    line = last_line(capsys)
    assert (line["outcome"], line["rows_out"], line["already"]) == ("done", 0, 2)
    assert manifests_under(tmp_path / "s") == before


def test_the_same_archive_twice_at_once_is_one(tmp_path, capsys, monkeypatch):
    archive = write_archive(tmp_path / "a.jsonl", ROWS)
    arguments = [str(archive), "--source", "old", "--storage", str(tmp_path / "s")]
    monkeypatch.setattr("scraper.import_archive.manifests", lambda root: iter(()))  # neither sees the other
    monkeypatch.setattr("scraper.import_archive.run_id", lambda: f"20261120T000000Z-{uuid.uuid4().hex[:8]}")
    assert [import_archive(arguments), import_archive(arguments)] == [0, 0]
    line = last_line(capsys)
    assert (line["rows_out"], line["already"]) == (0, 2)


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path, capsys):
    archive = write_archive(tmp_path / "a.jsonl", ROWS)
    with file_size_limit(200):
        assert import_archive([str(archive), "--source", "old", "--storage", str(tmp_path / "s")]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "File too large" in error
    assert str(tmp_path / "s") in error
    assert list((tmp_path / "s/raw/.aside").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "body", "extra", "code", "words"),
    [
        ("a.jsonl", b"", [], 1, "expected rows, found none"),
        ("a.jsonl.gz", CUT_GZIP, [], 1, "expected a readable archive"),
        ("a.jsonl.gz", b"not gzip at all", [], 1, "expected a readable archive"),
        ("a.parquet", b"PAR1 nonsense", [], 1, "expected Parquet"),
        ("a.csv", b"\xff\xfe\x00bad", [], 1, "expected a readable archive"),
        ("a.xlsx", b"PK", [], 1, "expected .jsonl, .csv, .parquet"),
        ("a.jsonl", b'{"when": "2019-03-01", "sign": "leo", "text": "x"}\n', [], 2, "expected columns date, found when"),
        ("a.jsonl", b'{"date": "2019-03-01", "sign": "leo", "text": ""}\n', [], 1, "expected usable rows, found none"),
        ("a.jsonl", b"{}", ["--map", "colour=red"], 2, "found 'colour=red'"),
        ("a.jsonl", b"{}", ["--source", "Старый"], 2, "found 'Старый'"),
        ("a.jsonl", b"{}", ["--default-date", "soon"], 2, "found 'soon'"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_one_clear_line(name, body, extra, code, words, tmp_path, capsys):
    (tmp_path / name).write_bytes(body)
    storage = tmp_path / "s"
    assert (
        import_archive([str(tmp_path / name), "--source", "old", "--storage", str(storage), *extra]) == code
    )
    errors = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(errors) == 1
    assert words in errors[0]
    assert manifests_under(storage) == {}


def test_a_missing_archive_is_one_clear_line(tmp_path, capsys):
    assert import_archive(["none.jsonl", "--source", "old", "--storage", str(tmp_path)]) == 1
    assert "none.jsonl" in capsys.readouterr().err


def write_run(storage, texts, source="spider", day=DAY, outcome="complete"):
    items = []
    for text in texts:
        item = HoroscopeItem(
            date=str(day), sign="leo", topic="general", period="day", language="ru", text=text, source=source
        )
        item.horoscope_id = horoscope_id(item)
        items.append(item)
    aside = Aside(str(storage), f"p-{source}-{day}-{len(texts)}")
    writer = RunWriter(aside, day, source, "20261120T000000Z-00000000")
    writer.write_part(items)
    writer.publish({"outcome": outcome})
    aside.close()


def test_a_csv_round_trip_keeps_quotes_separators_formulas_and_no_break_spaces(tmp_path):
    write_run(tmp_path / "s", TRICKY)
    assert [row["text"] for row in exported(tmp_path / "s", tmp_path)] == TRICKY


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])), min_size=1, max_size=5))
def test_any_text_survives_the_csv(texts):
    body = render_csv(HoroscopeItem(text=text, source='a"b;c') for text in texts)
    rows = list(csv.DictReader(body.decode().split("\n")[:-1]))
    assert [row["text"] for row in rows] == texts


def test_an_export_holds_each_horoscope_once_and_only_complete_runs(tmp_path):
    write_run(tmp_path / "s", ["Первый текст.", "Второй текст."])
    write_run(tmp_path / "s", ["Первый текст.", "Второй текст."], source="spider2", outcome="failed")
    part = next((tmp_path / "s").rglob("source=spider/*/part-0000.csv"))
    twin = part.parent.with_name("run=20261121T000000Z-00000000")
    twin.mkdir()
    for file in part.parent.iterdir():
        (twin / file.name).write_bytes(file.read_bytes())
    assert [row["text"] for row in exported(tmp_path / "s", tmp_path)] == ["Первый текст.", "Второй текст."]


def test_an_export_of_nothing_leaves_the_old_file(tmp_path, capsys):
    out = tmp_path / "out.csv"
    out.write_text("old")
    assert export(["--storage", str(tmp_path / "none"), "--output", str(out)]) == 1
    assert "expected rows, found none" in capsys.readouterr().err
    assert (out.read_text(), list(tmp_path.iterdir())) == ("old", [out])


@pytest.mark.parametrize("damage", [Path.unlink, lambda part: part.write_bytes(part.read_bytes()[:-40])])
def test_a_damaged_part_is_named_and_nothing_is_exported(damage, tmp_path, capsys):
    write_run(tmp_path / "s", ["Первый текст.", "Второй текст."])
    damage(next(tmp_path.rglob("part-0000.csv")))
    assert export(["--storage", str(tmp_path / "s"), "--output", str(tmp_path / "out.csv")]) == 1
    assert "part-0000.csv" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [tmp_path / "s"]


def test_an_export_can_be_bounded_by_days(tmp_path):
    archive = write_archive(tmp_path / "a.jsonl", ROWS)
    import_archive([str(archive), "--source", "old", "--storage", str(tmp_path / "s")])
    out = tmp_path / "out.csv"
    bounds = ["--date-from", "2019-03-02", "--date-to", "2019-03-31"]
    assert export(["--storage", str(tmp_path / "s"), "--output", str(out), *bounds]) == 0
    assert len(out.read_text().splitlines()) == 2


@pytest.mark.parametrize("name", ["a b", "a::b", "~/a", "file:a", "link", "данные"])
def test_a_storage_of_any_name_is_read_where_it_was_written(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    write_run(name, ["Текст."])
    assert [row["text"] for row in exported(name, tmp_path)] == ["Текст."]
    assert [run.count("/") for run, _ in manifests(name)] == [3]
    assert forget(["--source", "spider", "--storage", name, "--pages", str(tmp_path)]) == 0
    assert list(manifests(name)) == []


def test_a_storage_that_is_a_pattern_is_refused(tmp_path, capsys):
    archive = write_archive(tmp_path / "a.jsonl", ROWS)
    assert import_archive([str(archive), "--source", "old", "--storage", str(tmp_path / "a[1]")]) == 2
    assert f"found {tmp_path / 'a[1]'}, in --storage" in capsys.readouterr().err
    assert not (tmp_path / "a[1]").exists()


def test_only_complete_runs_make_a_day_complete(tmp_path):
    write_run(tmp_path, ["Текст."], outcome="failed")
    assert complete_days(str(tmp_path), "spider") == set()
    write_run(tmp_path, ["Текст."], source="other")
    assert complete_days(str(tmp_path), "other") == {DAY}


def test_a_run_left_aside_by_a_killed_process_is_swept_and_a_living_one_is_not(tmp_path):
    alive = Aside(str(tmp_path), "alive")
    RunWriter(alive, DAY, "spider", "r").write_part([])
    dead = tmp_path / "raw/.aside/dead"
    dead.mkdir()
    (dead / ".lock").touch()
    (dead / "part").touch()
    Aside(str(tmp_path), "next").close()
    assert [folder.name for folder in (tmp_path / "raw/.aside").iterdir()] == ["alive"]
    assert list(manifests(str(tmp_path))) == []
    alive.close()


def test_a_full_disk_leaves_no_run_that_waits_for_a_bucket(tmp_path, monkeypatch):
    monkeypatch.setenv("HOROSCOPE_SPOOL", str(tmp_path))
    aside = Aside("s3://bucket", "p")
    writer = RunWriter(aside, DAY, "spider", "r")
    writer.write_part([])
    with file_size_limit(100), pytest.raises(OSError, match="too large"):
        writer.publish({"outcome": "complete"})
    assert whole_runs(aside.folder) == []


def test_many_resume_one_spool_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("scraper.resume_upload.upload_run", lambda run, *_: shutil.rmtree(run))
    monkeypatch.setattr("scraper.resume_upload.refuse_forgotten", lambda *_: None)
    monkeypatch.setenv("HOROSCOPE_SPOOL", str(tmp_path))
    for turn in range(20):
        for number in range(20):
            aside = Aside("s3://bucket", f"{turn}-{number}")
            (RunWriter(aside, DAY, "spider", "r").folder / "manifest.json").touch()
            aside.close()
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda _: resume_upload([]), range(8))) == [0] * 8


def test_many_processes_enter_and_leave_one_storage_at_once(tmp_path):
    (tmp_path / "raw/.aside/check").mkdir(parents=True)  # of a process killed at its first check

    def come_and_go(number: int) -> None:
        for turn in range(30):
            check_writable(str(tmp_path))
            aside = Aside(str(tmp_path), f"{number}-{turn}")
            RunWriter(aside, DAY, "spider", "r").write_part([])
            aside.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come_and_go, range(8)))
    assert list((tmp_path / "raw/.aside").iterdir()) == []
