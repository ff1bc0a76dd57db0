"""A source that wants to be forgotten is, and it is said who has seen it."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from scraper.forget import main as forget
from scraper.forgotten import ForgottenPages
from scraper.import_archive import main as import_archive
from scraper.items import HoroscopeItem
from scraper.runs import Aside, RunWriter, complete_days, manifests, read_rows
from tests.scraper.pages import DAY, retrofm_page


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """Two sources with two pages each, a dataset part and a model that saw one of them."""
    monkeypatch.setenv("HOROSCOPE_HTTP_CACHE", str(tmp_path / "http"))
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
    code, last, errors = told(storage, capsys, "--source", "orakul", "--url", "https://leo/")
    assert "clean_job --rebuild" in errors, "forgetting the source would take the rest of it too"
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


def test_many_forgets_at_once_are_all_remembered_and_done(storage, capsys):
    asked = [("orakul", "leo"), ("orakul", "virgo"), ("mail", "leo"), ("mail", "virgo")]
    asked += [(f"source{number}", "leo") for number in range(8)]

    def ask(of):
        return forget(["--storage", str(storage), "--source", of[0], "--url", f"https://{of[1]}/"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, asked)) == [0] * len(asked)
    remembered = json.loads((storage / "raw/forgotten.json").read_text())["forgotten"]
    assert {(entry["source"], entry["url"]) for entry in remembered} == {
        (source, f"https://{page}/") for source, page in asked
    }
    assert ids(storage) == set()


def test_what_a_killed_forget_left_goes_with_the_next(storage, capsys):
    manifest = next(storage.glob("raw/date=*/source=orakul/run=*/manifest.json"))
    manifest.unlink()
    told(storage, capsys, "--source", "orakul", "--url", "https://leo/")
    assert not manifest.parent.exists()
    assert ids(storage) == {"mailleo", "mailvirgo"}


def test_a_source_forgotten_while_it_is_collected_is_not_stored(run, archive, tmp_path, capsys):
    def page(day):
        told(tmp_path, capsys, "--source", "retrofm")
        return retrofm_page(day)

    archive.changes["retrofm.ru", "/goroskop"] = page
    arguments = ("--date", str(DAY), "--spiders", "retrofm,ru74")
    code, last, errors = run("scraper.collect", *arguments, storage=tmp_path)
    assert (code, last["rows_out"]) == (1, 12)
    assert "expected a source that may be kept, found retrofm, forgotten meanwhile" in errors
    assert [manifest["source"] for _, manifest in manifests(str(tmp_path))] == ["ru74"]
    assert not list(tmp_path.glob("raw/date=*/source=retrofm/run=*"))


def test_rows_of_a_forgotten_source_are_left_out_of_an_archive(storage, capsys, tmp_path):
    told(storage, capsys, "--source", "orakul")
    archive = tmp_path / "a.jsonl"
    line = '{"date": "2019-03-01", "sign": "leo", "text": "Стоит начать с простого.", "site": "%s"}\n'
    archive.write_text(line % "orakul" + line % "other", encoding="utf-8")
    arguments = [str(archive), "--source", "old", "--source-column", "site", "--storage", str(storage)]
    assert import_archive(arguments) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["rows_out"], last["rejected"]["forgotten_source"]["count"]) == (1, 1)
    assert "orakul" not in {manifest["source"] for _, manifest in manifests(str(storage))}


def test_its_cached_answers_go_too_and_a_name_that_is_none_forgets_nothing(storage, capsys, tmp_path):
    for source in ("orakul", "mail"):
        (tmp_path / "http" / source / "ab").mkdir(parents=True)
    with pytest.raises(SystemExit, match="2"):
        forget(["--storage", str(storage), "--source", "*"])
    assert "expected a name of a-z, 0-9 and _, found '*', in --source" in capsys.readouterr().err
    told(storage, capsys, "--source", "orakul")
    assert [path.name for path in (tmp_path / "http").iterdir()] == ["mail"]
    assert ids(storage) == {"mailleo", "mailvirgo"}


def test_a_damaged_list_is_one_clear_line(storage, capsys):
    (storage / "raw/forgotten.json").write_text("")
    assert forget(["--storage", str(storage), "--source", "mail"]) == 1
    assert "raw/forgotten.json" in capsys.readouterr().err
    assert ids(storage) == {"orakulleo", "orakulvirgo", "mailleo", "mailvirgo"}


def test_what_is_forgotten_does_not_come_back(storage, capsys, tmp_path):
    told(storage, capsys, "--source", "orakul")
    archive = tmp_path / "a.jsonl"
    archive.write_text(
        '{"date": "2019-03-01", "sign": "leo", "text": "Стоит начать с простого."}\n', encoding="utf-8"
    )
    assert import_archive([str(archive), "--source", "orakul", "--storage", str(storage)]) == 2
    assert "it was forgotten" in capsys.readouterr().err


def test_collecting_skips_a_forgotten_source_and_refuses_to_be_told_otherwise(run, archive, storage, capsys):
    told(storage, capsys, "--source", "retrofm")
    code, _, errors = run("scraper.collect", "--date", str(DAY), "--spiders", "retrofm", storage=storage)
    assert code == 2
    assert "they were forgotten" in errors
    code, _, errors = run("scrapy", "crawl", "retrofm", "-a", f"date={DAY}", storage=storage)
    assert code == 2
    assert "it was forgotten" in errors
    assert archive.asked == []


def test_a_forgotten_page_does_not_come_back_for_the_days_up_to_then(run, archive, tmp_path, capsys):
    collect = ["scraper.collect", "--date", str(DAY), "--spiders", "retrofm", "--force"]
    assert run(*collect, storage=tmp_path)[0] == 0
    runs = list(manifests(str(tmp_path)))
    (url,) = {row["url"] for one, manifest in runs for row in read_rows(str(tmp_path), one, manifest)}
    told(tmp_path, capsys, "--source", "retrofm", "--url", url)
    assert ids(tmp_path) == set()
    code, _, _ = run(*collect, storage=tmp_path)
    assert (code, ids(tmp_path)) == (0, set())
    ((_, manifest),) = manifests(str(tmp_path))
    assert manifest["dropped"] == {"forgotten_page": 12}
    assert complete_days(str(tmp_path), "retrofm") == {DAY}, "or every crawl would ask for it again"


def test_the_same_address_may_say_something_else_the_day_after(storage, capsys):
    told(storage, capsys, "--source", "orakul", "--url", "https://leo/")
    known = storage / "raw/forgotten.json"
    known.write_text(re.sub(r'"since": "[^"]*"', '"since": "2026-11-20T21:30:00+00:00"', known.read_text()))
    pages = ForgottenPages(str(storage))
    assert HoroscopeItem(date="2026-11-21", source="orakul", url="https://leo/") in pages, "by Moscow"
    assert HoroscopeItem(date="2026-11-22", source="orakul", url="https://leo/") not in pages
    assert HoroscopeItem(date="2026-11-21", source="mail", url="https://leo/") not in pages
