"""Mending a spider and beginning one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scraper.__main__ import PROGRAMS
from scraper.__main__ import main as scraper_main
from scraper.doctor import main as doctor
from scraper.new_spider import main as new_spider
from scraper.new_spider import rendered
from tests.scraper.conftest import ROOT
from tests.scraper.pages import DAY, retrofm_page, ru74_page, text_of
from tests.scraper.site_pages import PAGES, mail_2024

REAL_PAGES = {
    "ignio.com__daily_com.xml": ("ignio", "2021-03-01", "xml: 48 pieces, 48 texts, 12 signs"),
    "gadalkindom.ru__oven-nedelya.html": ("gadalkindom", "2023-06-09", "dated: 7 pieces, 7 texts"),
    "horo.mail.ru__prediction_today.html": ("mail", "2024-03-28", "classes-2024: 1 pieces, 1 texts"),
}


def examine(capsys, page, *arguments):
    code = doctor([str(page), "--date", str(DAY), *arguments])
    out, errors = capsys.readouterr()
    return code, out, errors


def test_the_doctor_says_what_each_strategy_finds_on_a_page(tmp_path, capsys):
    page = tmp_path / "page.html"
    page.write_text(retrofm_page(DAY), encoding="utf-8")
    code, out, _ = examine(capsys, page, "--spider", "retrofm")
    assert code == 0
    assert "boxes: 12 pieces, 12 texts, 12 signs" in out
    assert text_of("aries")[:40] in out
    assert "fault" not in out


def test_the_doctor_shows_where_signs_dates_and_texts_are_when_nothing_matches(tmp_path, capsys):
    page = tmp_path / "page.html"
    page.write_text(mail_2024(DAY, "leo", "general").replace("article_", "a9"), encoding="utf-8")
    code, out, _ = examine(capsys, page, "--spider", "mail")
    assert code == 1
    assert "fault: " in out
    assert "1 sign leo: div.p-prediction > h1.hdr__inner" in out
    assert f"1 text of {len(text_of('leo'))} characters: div.a9_item.a9_item_html > p" in out
    assert json.loads(out.splitlines()[-1])["reason"] == "no strategy reads this page whole"


def test_the_doctor_tells_like_places_together_and_proposes_what_reads_all_signs(tmp_path, capsys):
    page = tmp_path / "page.html"
    redesigned = ru74_page(DAY).replace("<h2>Гороскоп для", "<b>").replace("</h2><span>", "</b><span>")
    redesigned = redesigned.replace("forecastBlock_on0yT", "md:grid card_9Zx").replace("head_x1", "w-1/2")
    page.write_text(redesigned, encoding="utf-8")
    code, out, _ = examine(capsys, page, "--spider", "ru74")
    assert code == 1
    assert "12 signs aries taurus gemini" in out
    assert "14 texts of 50–98 characters: div > p: " in out
    assert 'reads all twelve: Blocks("blocks", "div.card_9Zx", sign="b", text="p")' in out


def test_the_doctor_finds_the_spider_of_an_address(archive, capsys, monkeypatch):
    archive.changes["74.ru", "/horoscope/daily/"] = lambda day: PAGES["ru74"](day, None, "general")
    code, out, _ = examine(capsys, f"{archive.url}/{DAY}/74.ru/horoscope/daily/", "--spider", "ru74")
    assert code == 0
    assert "printed date: '20 ноября' = 2026-11-20" in out


@pytest.mark.parametrize(
    ("page", "arguments", "words"),
    [
        ("no.html", [], "no.html"),
        ("no.html", ["--spider", "nobody"], "nobody"),
        ("http://127.0.0.1:1/", [], "127.0.0.1"),
    ],
)
def test_the_doctor_needs_a_page_and_a_spider_it_knows(page, arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "--spider" in arguments:
        Path(page).write_text("<html></html>")
    code, _, errors = examine(capsys, page, *arguments)
    assert code == 2
    assert errors.startswith("error: expected")
    assert words in errors


if REAL := os.environ.get("HOROSCOPE_PAGES"):

    @pytest.mark.parametrize("page", [Path(REAL) / name for name in REAL_PAGES])
    def test_a_real_page_is_read(page, capsys):
        spider, day, words = REAL_PAGES[page.name]
        assert doctor([str(page), "--spider", spider, "--date", day]) in (0, 1)
        assert words in capsys.readouterr().out


def test_a_new_spider_comes_with_a_test_that_fails_until_the_page_is_filled_in(tmp_path):
    assert new_spider(["luna_ru", "https://luna.example/goroskop/", "--root", str(tmp_path)]) == 0
    files = rendered("luna_ru", "https://luna.example/goroskop/")
    spider = (tmp_path / "scraper/spiders/luna_ru.py").read_text(encoding="utf-8")
    assert len(spider.splitlines()) <= 40
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import sys, datetime as dt\n"
        "from pathlib import Path\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path / 'scraper/spiders')!r}]\n"
        "from luna_ru import LunaRuSpider\n"
        "from scraper.base import Page\n"
        "from tests.scraper.pages import respond\n"
        "day = dt.date(2026, 11, 20)\n"
        "body = Path(sys.argv[1]).read_text(encoding='utf-8')\n"
        "page = Page('https://luna.example/')\n"
        "items, faults = LunaRuSpider(days=[day], today=day).items_of(respond(body), page, day)\n"
        "print(len(items), faults)\n"
    )
    fixture = tmp_path / "tests/scraper/new_luna_ru.html"
    done = subprocess.run(
        [sys.executable, str(probe), str(fixture)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.startswith("1 []"), done.stderr
    for path in files:
        assert (tmp_path / path).exists()
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--config",
        str(ROOT / "pyproject.toml"),
        str(tmp_path / "scraper"),
    ]
    lint = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert lint.returncode == 0, lint.stdout


def test_a_new_spider_overwrites_nothing(tmp_path, capsys):
    arguments = ["luna", "https://luna.example/", "--root", str(tmp_path)]
    assert new_spider(arguments) == 0
    assert new_spider(arguments) == 2
    assert "expected a new name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "url"), [("Luna", "https://l.example/"), ("1x", "https://l.example/"), ("l", "luna.example")]
)
def test_a_new_spider_needs_a_name_and_an_address(name, url, tmp_path, capsys):
    assert new_spider([name, url, "--root", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_can_be_called_by_name(name, capsys):
    with pytest.raises(SystemExit) as ended:
        scraper_main([name, "--help"])
    assert ended.value.code == 0
    assert f"python -m scraper.{name.replace('-', '_')}" in capsys.readouterr().out


def test_a_name_that_is_no_program_is_told_with_those_that_are(capsys):
    assert scraper_main(["heal"]) == 2
    assert "health" in capsys.readouterr().err
    assert scraper_main([]) == 0
