import datetime as dt
import re

import pytest
from fake_model import publish
from hypothesis import given
from hypothesis import strategies as st
from test_api import Site

from serving.days import read_day
from serving.pages import lead, static_files, typeset
from serving.signs import SIGNS


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("pages")
    for offset in (-1, 0, 1):
        publish(root, dt.date(2026, 11, 23) + dt.timedelta(days=offset))
    return root


@pytest.fixture(scope="module")
def site(root):
    return Site(root)


def test_the_first_page_leads_to_every_sign(site):
    page = site.get("/")
    assert page.status_code == 200
    assert "23 ноября, понедельник" in page.text
    assert all(f'href="/{sign.slug}"' in page.text and sign.name in page.text for sign in SIGNS)
    assert "Написано нейросетью, для развлечения." in page.text


def test_a_signs_page_shows_its_text_topics_and_days(site, root):
    page = site.get("/leo/love").text
    assert read_day(str(root), dt.date(2026, 11, 23)).find("leo", "love").text in page
    assert '<a href="/leo/love" aria-current="page">Любовь</a>' in page
    assert '<a href="/2026-11-22/leo/love">Вчера</a>' in page
    assert '<a href="/2026-11-24/leo/love">Завтра</a>' in page
    assert '<html lang="ru">' in page


def test_every_link_of_every_page_leads_somewhere(site):
    seen, waiting = set(), ["/"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = site.get(path)
        assert answer.status_code == 200, path
        if "text/html" in answer.headers["content-type"]:
            waiting += re.findall(r'(?:href|src)="(/[^"#]*)"', answer.text)
    assert len(seen) > 75  # three days of twelve signs with two topics, and the three first pages


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/Лев", "/leo"),
        ("/find?who=17 мая", "/taurus"),
        ("/find?who=♌", "/leo"),
        ("/leo/", "/leo"),
        ("/leo/love/", "/leo/love"),
        ("/ЛЬВУ/love", "/leo/love"),
    ],
)
def test_other_spellings_lead_to_the_signs_own_page(site, path, leads_to):
    answer = site.get(path)
    assert answer.status_code in (303, 308)
    assert answer.headers["location"] == leads_to


@pytest.mark.parametrize(
    "path",
    [
        "/ophiuchus",
        "/leo/weather",
        "/leo/cook",
        "/leo/love/x",
        "/2026-99-99",
        "/find?who=<b>",
        "/static/x",
    ],
)
def test_a_page_that_is_not_there_says_so_in_russian(site, path):
    answer = site.get(path)
    assert answer.status_code == 404
    assert "Такой страницы нет" in answer.text
    assert "<b>" not in answer.text


def test_a_day_not_published_is_an_honest_page(site):
    answer = site.get("/2026-12-31/leo")
    assert answer.status_code == 404
    assert "Прогноза пока нет" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_a_page_with_all_it_loads_is_under_100_kilobytes_and_asks_nobody_else(site):
    page = site.get("/")
    whole = len(page.content) + sum(map(len, static_files().values()))
    assert whole < 100_000
    assert "default-src 'self'" in page.headers["content-security-policy"]
    texts = [page.text, *(content.decode() for content in static_files().values())]
    outside = {address for text in texts for address in re.findall(r"https?://[^\s\"')]+", text)}
    assert outside <= {"http://www.w3.org/2000/svg"}


def test_the_api_is_described_for_people_without_asking_other_hosts(site):
    page = site.get("/docs").text
    assert "GET /v1/horoscopes/{sign}" in page
    assert "general, love" in page
    assert not re.findall(r"(?:src|href)=.https?:", page)


def test_a_page_says_when_the_previous_model_wrote_it(tmp_path, day):
    from fake_model import FakeModel, FakeWriter

    publish(tmp_path, day, [FakeModel(FakeWriter("1"), "previous_champion")])
    assert "предыдущая модель" in Site(tmp_path).get("/leo").text


@given(st.text(min_size=1, max_size=600))
def test_a_lead_is_the_beginning_of_its_text_and_short(text):
    short = lead(text)
    assert len(short) <= 131
    assert text.startswith(short.removesuffix("…").rstrip() if short != text else text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Не спешите, и всё у вас выйдет.", "Не~спешите, и~всё у~вас выйдет."),
        ("Дело — в шляпе", "Дело~— в~шляпе"),
        ("кто-то из друзей", "кто-то из~друзей"),
        ("И в них, и не в них", "И~в~них, и~не~в~них"),
    ],
)
def test_short_words_and_dashes_keep_to_their_neighbours(text, shown):
    assert typeset(text) == shown.replace("~", "\N{NO-BREAK SPACE}")


@given(st.text())
def test_typesetting_changes_nothing_but_spaces(text):
    assert typeset(text).replace("\N{NO-BREAK SPACE}", " ") == text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_day_long_gone_does_not_promise_a_forecast_and_tells_its_year(site):
    page = site.get("/2020-01-01/leo")
    assert page.status_code == 404
    assert "1 января 2020 года" in page.text
    assert "Прогноза нет" in page.text
    assert "загляните" not in page.text
