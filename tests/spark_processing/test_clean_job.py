import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from chispa import assert_df_equality
from raw_data import COLUMNS, row, text_of, to_csv, write_run

from spark_processing import clean_job as program
from spark_processing.cleaning import comparison_key
from spark_processing.judging import hash_of
from spark_processing.schema import CLEAN

LEO, VIRGO = row(text=text_of(1)), row(sign="virgo", text=text_of(2))


def read(root: Path, table: str, spark):
    state = json.loads((root / "processed" / "dataset.json").read_text())
    return spark.read.parquet(*[f"{root}/processed/part={part['id']}/{table}" for part in state["parts"]])


def dataset(root: Path) -> dict:
    return json.loads((root / "processed" / "dataset.json").read_text())


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted((root / "processed").rglob("*"))
        if path.is_file()
    }


def test_new_runs_become_a_part_with_an_account(tmp_path, clean_job, spark):
    short = row(sign="aries", text="Коротко.")
    write_run(tmp_path, [LEO, VIRGO, short, LEO])
    code, summary, _ = clean_job()
    assert code == 0
    assert {name: summary[name] for name in ("step", "outcome", "rows_in", "rows_out", "rejected")} == {
        "step": "process",
        "outcome": "done",
        "rows_in": 4,
        "rows_out": 2,
        "rejected": {"repeated_id": 1, "too_short": 1},
    }
    ledger = json.loads((tmp_path / f"processed/part={summary['part']}/ledger.json").read_text())
    assert (ledger["schema"], ledger["rows_in"], ledger["kept"]) == (1, 4, 2)
    assert ledger["examples"]["too_short"] == [
        {
            "horoscope_id": short["horoscope_id"],
            "source": "ru74",
            "sign": "aries",
            "before": "Коротко.",
            "after": "Коротко.",
        }
    ]
    state = dataset(tmp_path)
    part = {"id": summary["part"], "rows": 2, "date_from": "2026-11-23", "date_to": "2026-11-23"}
    assert (state["schema"], state["rows"], state["parts"], len(state["raw_manifests"])) == (1, 2, [part], 1)
    expected = spark.createDataFrame([clean_row(LEO), clean_row(VIRGO)], CLEAN)
    assert_df_equality(read(tmp_path, "clean", spark), expected, ignore_nullable=True)


def clean_row(raw: dict[str, str]) -> tuple:
    """What the job makes of a sound raw row."""
    import datetime

    values = [datetime.date.fromisoformat(raw["date"]) if name == "date" else raw[name] for name in COLUMNS]
    same = hash_of(comparison_key(raw["text"]))
    return (*values, raw["text"], len(raw["text"]), same, same, [])


def test_nothing_new_ends_before_spark_is_started(tmp_path, clean_job, monkeypatch):
    write_run(tmp_path, [LEO])
    clean_job()
    before = files(tmp_path)
    monkeypatch.setattr(program, "require_java", lambda: pytest.fail("Spark was about to start"))
    code, summary, _ = clean_job()
    assert (code, summary["outcome"], summary["dataset_rows"]) == (0, "skipped", 1)
    assert summary["seconds"] < 1
    assert files(tmp_path) == before


def test_a_second_day_adds_a_part_and_is_compared_with_the_first(tmp_path, clean_job, spark):
    write_run(tmp_path, [LEO, row(sign="aries", text="Коротко.")])
    clean_job()
    again = row(date="2026-11-24", text=text_of(1))
    write_run(
        tmp_path, [again, row(date="2026-11-24", text=text_of(4)), LEO, row(sign="aries", text="Коротко.")]
    )
    _, summary, _ = clean_job()
    assert (summary["rows_out"], summary["dataset_rows"]) == (1, 2)
    assert summary["rejected"] == {"repeated_id": 2, "duplicate_text": 1}
    rejected = {line["reason"]: line for line in read(tmp_path, "rejected", spark).collect()}
    assert rejected["duplicate_text"]["matched_id"] == LEO["horoscope_id"]
    assert rejected["repeated_id"]["clean_text"] is None
    assert len(dataset(tmp_path)["parts"]) == 2


def test_failed_and_unfinished_runs_do_not_exist(tmp_path, clean_job):
    write_run(tmp_path, [LEO])
    write_run(tmp_path, [VIRGO], run="20261123T070000Z-00000002", outcome="failed")
    unfinished = write_run(tmp_path, [VIRGO], run="20261123T080000Z-00000003")
    (unfinished / "manifest.json").unlink()
    assert clean_job()[1]["rows_in"] == 1


def test_the_same_input_gives_the_same_bytes(tmp_path, clean_job):
    for day in range(1, 5):
        rows = [
            row(date=f"2026-11-{day:02d}", sign=sign, text=text_of(day + n % 3))
            for n, sign in enumerate(("leo", "aries", "libra"))
        ]
        write_run(tmp_path, rows)
    clean_job()
    once = files(tmp_path)
    (tmp_path / "processed" / "dataset.json").unlink()
    clean_job()
    assert files(tmp_path) == once
    assert not (tmp_path / "processed" / "_writing").exists()


def test_other_options_clean_everything_anew(tmp_path, clean_job):
    write_run(tmp_path, [LEO, row(sign="aries", text="Короткий текст.")])
    clean_job()
    code, summary, said = clean_job("--min-chars", "10")
    assert (code, summary["rows_out"], summary["dataset_rows"]) == (0, 2, 2)
    assert "anew" in said and len(dataset(tmp_path)["parts"]) == 1


AWKWARD = [
    'Она сказала: «Да»; "нет", и точка, с запятой; всё.',
    "Строка первая.\nСтрока вторая.\n\nЧетвёртая.",
    "Неразрывный\u00a0пробел и\u2009тонкий; табуляция\tтоже.",
    'Кавычка в начале "так" и в конце "эдак"',
    'Обратная \\ косая \\" черта, запятая,',
]


def test_texts_with_quotes_line_breaks_and_semicolons_come_through_whole(tmp_path, clean_job, spark):
    rows = [
        row(sign=sign, text=text)
        for sign, text in zip(("leo", "virgo", "libra", "aries", "pisces"), AWKWARD, strict=False)
    ]
    write_run(tmp_path, rows)
    code, summary, _ = clean_job("--min-chars", "1")
    assert (code, summary["rows_out"]) == (0, 5)
    clean = {line["sign"]: line for line in read(tmp_path, "clean", spark).collect()}
    assert {sign: line["text"] for sign, line in clean.items()} == {
        line["sign"]: line["text"] for line in rows
    }
    with next((tmp_path / "processed").glob("part=*/clean_csv/*.csv")).open(
        encoding="utf-8", newline=""
    ) as table:
        flat = {line["sign"]: line for line in csv.DictReader(table, strict=True)}
    for sign, line in clean.items():
        expected = {name: "" if value is None else str(value) for name, value in line.asDict().items()}
        assert flat[sign] == {**expected, "quality_flags": "|".join(line["quality_flags"])}


def spoil(folder: Path, how: str) -> None:
    part, manifest = folder / "part-0000.csv", folder / "manifest.json"
    content = part.read_bytes()
    state = json.loads(manifest.read_text())
    swapped = [VIRGO | {"sign": VIRGO["topic"], "topic": VIRGO["sign"]}]
    changed = {
        "a flipped byte": content.replace("Звёзды".encode(), "Звозды".encode()),
        "cut short": content[:-40],
        "swapped columns": to_csv(swapped).replace(b"date,sign,topic", b"date,topic,sign"),
        "an unknown column": content.replace(b"horoscope_id,", b"horoscope,", 1),
        "a row too few": to_csv([]),
        "a broken quote": content + b'"a" b,c\n',
    }.get(how, content)
    part.write_bytes(changed)
    if how not in ("a flipped byte", "cut short"):  # the manifest was made over the wrong content
        import hashlib

        state["parts"][0].update(bytes=len(changed), sha256=hashlib.sha256(changed).hexdigest())
    if how == "a newer schema":
        state["schema"] = 2
    manifest.write_text("not json" if how == "a manifest that is no JSON" else json.dumps(state))
    if how == "a missing part":
        part.unlink()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("a flipped byte", ["sha256", "part-0000.csv"]),
        ("cut short", ["bytes", "part-0000.csv"]),
        ("swapped columns", ["columns", "date,topic,sign", "part-0000.csv"]),
        ("an unknown column", ["columns", "part-0000.csv"]),
        ("a row too few", ["expected 1 rows", "found 0", "part-0000.csv"]),
        ("a broken quote", ["CSV", "part-0000.csv"]),
        ("a missing part", ["no file", "part-0000.csv"]),
        ("a newer schema", ["schema 1", "found 2", "manifest.json"]),
        ("a manifest that is no JSON", ["manifest.json"]),
    ],
)
def test_a_damaged_run_is_named_and_the_old_dataset_stays(tmp_path, clean_job, how, words):
    write_run(tmp_path, [LEO])
    clean_job()
    before = files(tmp_path)
    spoil(write_run(tmp_path, [row(date="2026-11-24", text=text_of(9))]), how)
    code, summary, said = clean_job()
    errors = [line for line in said.splitlines() if line.startswith("error:")]
    assert (code, summary["outcome"], len(errors)) == (1, "failed", 1)
    assert [word for word in [*words, "date=2026-11-24"] if word not in errors[0]] == []
    assert files(tmp_path) == before


def test_a_run_that_changed_after_it_was_cleaned_is_named(tmp_path, clean_job):
    folder = write_run(tmp_path, [LEO])
    clean_job()
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text() + "\n")
    code, _, said = clean_job()
    assert code == 1 and "--rebuild" in said and "manifest.json" in said


def test_nothing_worth_keeping_is_a_failure(tmp_path, clean_job):
    write_run(tmp_path, [row(text="Коротко.")])
    code, summary, said = clean_job()
    assert (code, summary["outcome"]) == (1, "failed")
    assert "at least one row" in said and files(tmp_path) == {"processed/.lock": b""}


def test_nothing_collected_yet_is_a_failure(tmp_path, clean_job):
    code, _, said = clean_job()
    assert code == 1 and str(tmp_path) in said and "collect a day" in said


def test_two_jobs_at_once_do_not_meet(tmp_path, clean_job):
    write_run(tmp_path, [LEO])
    from spark_processing.storage import Folder

    with Folder(str(tmp_path)).locked("processed/.lock"):
        code, _, said = clean_job()
    assert code == 1 and "no other cleaning job" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--min-chars", "600"], ["--min-chars", "600", "500"]),
        (["--language", "de"], ["--language", "ru"]),
        (["--periods", "fortnight"], ["--periods", "day"]),
    ],
)
def test_wrong_arguments_are_explained(tmp_path, arguments, words):
    done = subprocess.run(
        [sys.executable, "-m", "spark_processing.clean_job", "--storage", str(tmp_path), *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert [word for word in words if word not in done.stderr] == []


def test_without_java_one_line_says_what_to_install(tmp_path, monkeypatch, clean_job):
    write_run(tmp_path, [LEO])
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    code, _, said = clean_job()
    assert code == 2 and "expected Java 17" in said
