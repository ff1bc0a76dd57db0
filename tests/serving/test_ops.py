import datetime as dt
import json
import re
import shutil

import pytest
from fake_model import FakeModel, FakeWriter, publish
from fsspec.implementations.local import LocalFileSystem
from test_api import Site

from serving import ops


def manifest(source, outcome="complete", found=12, rows=12, failures=()):
    cells = {"expected": 12, "found": found, "missing": []}
    return {"source": source, "outcome": outcome, "coverage": cells, "rows": rows, "failures": list(failures)}


@pytest.fixture
def root(storage, day):
    """Three published days, two sources, one failed today, a ledger, a promotion refused yesterday."""

    def put(path, document):
        (storage / path).parent.mkdir(parents=True, exist_ok=True)
        (storage / path).write_text(json.dumps(document))

    yesterday = day - dt.timedelta(days=1)
    put(f"raw/date={day}/source=one/run=1/manifest.json", manifest("one", "failed", failures=["a cut page"]))
    put(f"raw/date={day}/source=one/run=2/manifest.json", manifest("one", rows=24))
    put(
        f"raw/date={day}/source=two/run=1/manifest.json",
        manifest("two", "failed", failures=["a <challenge> page"]),
    )
    put(f"raw/date={yesterday}/source=two/run=1/manifest.json", manifest("two", found=11))
    put(f"raw/date={day - dt.timedelta(days=300)}/source=old/run=1/manifest.json", manifest("old"))
    put("processed/part=p/ledger.json", {"kept": 7, "rejected": {"too_short": 3, "too_long": 1}})
    put(f"runs/date={day}/collect.json", {"step": "collect", "outcome": "done", "seconds": 3.2, "reason": ""})
    told = {"step": "promote", "outcome": "done", "seconds": 1.0, "reason": "no better than version 1"}
    put(f"runs/date={yesterday}/promote.json", told)
    return storage


def test_the_last_days_are_told_as_the_files_tell_them(root, day):
    overview = ops.gather(str(root), day)
    assert overview.ahead == 1
    assert overview.sources == ["one", "two"]
    today, yesterday = overview.days[1], overview.days[2]
    assert (today.date, today.coverage, today.failed) == (
        day,
        {"one": (12, 12)},
        {"two": "a <challenge> page"},
    )
    assert today.rows == {"one": 24}
    assert yesterday.coverage == {"two": (11, 12)}
    assert ops.rejections(overview.ledgers) == [("kept", 7), ("too_short", 3), ("too_long", 1)]


def test_a_run_that_is_still_written_is_not_shown_and_one_that_goes_meanwhile_is_passed_over(
    root, day, monkeypatch
):
    whole = f"raw/date={day}/source=one/run=2"
    shutil.copytree(root / whole, root / f"raw/.aside/process/date={day}/source=three/run=3")
    gone = root / f"raw/date={day}/source=two/run=1/manifest.json"
    read = LocalFileSystem.cat_file

    def read_late(files, path, *arguments, **settings):
        gone.unlink(missing_ok=True)
        return read(files, path, *arguments, **settings)

    monkeypatch.setattr(LocalFileSystem, "cat_file", read_late)
    overview = ops.gather(str(root), day)
    assert overview.sources == ["one", "two"]
    assert overview.days[1].failed == {}


def test_the_page_shows_them_and_escapes_what_sites_said(root, day, tmp_path, capsys):
    page = tmp_path / "ops.html"
    assert ops.main(["--storage", str(root), "--date", str(day), "--output", str(page)]) == 0
    html = page.read_text()
    assert "no better than version 1" in html
    assert "a &lt;challenge&gt; page" in html
    assert "2026-11-22: 11 из 12" in html
    assert "<style>" in html
    assert not re.search(r"<link|<script|https?://", html)
    assert json.loads(capsys.readouterr().out)["rows_out"] == 3


def test_a_corrupt_day_and_half_a_record_do_not_hide_the_rest(root, day):
    (root / "runs" / f"date={day}" / "process.json").write_text('{"step": "pro')
    next(root.glob(f"published/date={day}/*.json")).write_text("{")
    html = ops.render(ops.gather(str(root), day), inline=True)
    assert "испорчен" in html
    assert "не опубликован" in html


def test_an_empty_storage_is_a_page_too(tmp_path, day):
    assert "не опубликован" in ops.render(ops.gather(str(tmp_path), day), inline=True)


def test_the_plots_tell_their_scale(root, day):
    html = ops.render(ops.gather(str(root), day), inline=True)
    assert "Собрано по дням, самое большее 24 строк" in html
    assert "Время всех шагов по дням, самое большее 3 с" in html


def test_a_day_by_the_previous_model_stands_out(tmp_path, day):
    publish(tmp_path, day, [FakeModel(FakeWriter("1"), "previous_champion")])
    assert "previous_champion" in ops.render(ops.gather(str(tmp_path), day), inline=True)


def test_readers_do_not_see_it_unless_the_operator_says_so(root):
    assert Site(root).get("/ops").status_code == 404
    shown = Site(root, ops=True).get("/ops")
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    assert "Покрытие источников" in shown.text
