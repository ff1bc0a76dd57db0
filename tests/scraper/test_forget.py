"""A source that wants to be forgotten is, and it is said who has seen it."""

import json

import pytest

from scraper.forget import main as forget
from scraper.import_archive import main as import_archive
from scraper.items import HoroscopeItem
from scraper.runs import Aside, RunWriter, manifests, read_rows
from tests.scraper.pages import DAY


@pytest.fixture
def storage(tmp_path):
    """Two sources with two pages each, a dataset part and a model that saw one of them."""
    aside = Aside(str(tmp_path), "process")
    for source in ("orakul", "mail"):
        writer = RunWriter(aside, DAY, source, "20261120T000000Z-00000000")
        writer.write_part([row(source, page) for page in ("leo", "virgo")])
        writer.publish({"outcome": "complete", "failures": []})
    aside.close()
    ledger = tmp_path / "processed/part=abc/ledger.json"
    ledger.parent.mkdir(parents=True)
    ledger.write_text(json.dumps({"by_source_sign": [{"source": "orakul", "sign": "leo"}]}))
    for name, sources in (("old", ["orakul", "mail"]), ("new", ["mail"])):
        (tmp_path / f"models/{name}").mkdir(parents=True)
        (tmp_path / f"models/{name}/training.json").write_text(json.dumps({"sources": sources}))
    return tmp_path


def row(source, page):
    return HoroscopeItem(
        horoscope_id=f"{source}{page}", date=str(DAY), source=source, text=page, url=f"https://{page}/"
    )


def ids(storage):
    return {r["horoscope_id"] for run, m in manifests(str(storage)) for r in read_rows(str(storage), run, m)}


def told(storage, capsys, *arguments):
    code = forget(["--storage", str(storage), *arguments])
    out, errors = capsys.readouterr()
    return code, json.loads(out.splitlines()[-1]), errors


def test_a_source_is_gone_and_who_saw_it_is_named(storage, capsys):
    code, last, errors = told(storage, capsys, "--source", "orakul")
    assert (code, last["removed"], last["dataset_parts"], last["models"]) == (0, 2, ["abc"], ["models/old"])
    assert "clean_job --forget orakul" in errors
    assert ids(storage) == {"mailleo", "mailvirgo"}
    assert not list(storage.glob("raw/date=*/source=orakul/run=*"))


def test_a_page_is_gone_and_the_rest_of_its_run_stays(storage, capsys):
    code, last, _ = told(storage, capsys, "--source", "orakul", "--url", "https://leo/")
    assert (code, last["removed"], last["rows_out"]) == (0, 1, 1)
    assert ids(storage) == {"orakulvirgo", "mailleo", "mailvirgo"}
    ((_, manifest),) = manifests(str(storage), "orakul")
    assert (manifest["outcome"], manifest["rows"]) == ("complete", 1)


def test_forgetting_twice_is_the_same_as_once(storage, capsys):
    told(storage, capsys, "--source", "orakul")
    code, last, _ = told(storage, capsys, "--source", "orakul")
    assert (code, last["removed"]) == (0, 0)
    remembered = json.loads((storage / "raw/forgotten.json").read_text())["forgotten"]
    assert [entry["source"] for entry in remembered] == ["orakul"]


def test_what_is_forgotten_does_not_come_back(storage, capsys, tmp_path):
    told(storage, capsys, "--source", "orakul")
    archive = tmp_path / "a.jsonl"
    archive.write_text(
        '{"date": "2019-03-01", "sign": "leo", "text": "Стоит начать с простого."}\n', encoding="utf-8"
    )
    assert import_archive([str(archive), "--source", "orakul", "--storage", str(storage)]) == 2
    assert "it was forgotten" in capsys.readouterr().err


def test_collecting_skips_a_forgotten_source_and_refuses_to_be_told_otherwise(run, storage, capsys):
    told(storage, capsys, "--source", "retrofm")
    code, _, errors = run("scraper.collect", "--date", str(DAY), "--spiders", "retrofm", storage=storage)
    assert code == 2
    assert "they were forgotten" in errors
