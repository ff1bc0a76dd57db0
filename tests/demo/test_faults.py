"""Each accident can be seen in the page as a visitor of the real site would see it, and in nothing else."""

from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from demo import faults
from demo.archive import answer, application
from demo.grammar import page
from demo.serve import main
from demo.sites import SITES, host_of
from demo.sites.visit import Visit
from demo.sites.words import long_date

DAY = date(2026, 11, 23)
DAILY = "/horoscope/daily/"


def ru74(fault=None, day=DAY, path=DAILY):
    return answer(Visit(day, "74.ru", path), fault)


def plain(body):
    return body.replace("\u00a0", " ")


def shown(fault, sign, day=DAY):
    return page(day, "general", "74.ru")[sign] in plain(ru74(fault).body)


@pytest.mark.parametrize("fault", faults.NAMES)
@pytest.mark.parametrize("host", list(SITES))
def test_no_fault_breaks_the_archive_itself(host, fault):
    for link in SITES[host].PATHS:
        parts = urlsplit(link)
        damaged = answer(Visit(DAY, host, parts.path, dict(parse_qsl(parts.query))), fault)
        assert damaged.encoded() is not None


def test_every_fault_but_a_slow_answer_changes_the_page():
    healthy = ru74()
    assert [fault for fault in faults.NAMES if ru74(fault) == healthy] == ["slow"]


def test_renamed_class_keeps_texts_and_headings_and_loses_the_classes():
    body = ru74("renamed-class").body
    assert "forecastBlock_on0yT" not in body
    assert "Гороскоп для Львов" in body
    assert shown("renamed-class", "leo")


def test_renamed_class_renames_the_keys_of_an_api():
    visit = Visit(DAY, "horoscopes.rambler.ru", "/api/front/v3/horoscope/general/leo/today/")
    assert '"text"' in answer(visit).body
    assert '"text"' not in answer(visit, "renamed-class").body


def test_missing_sign_leaves_eleven_on_a_page_and_a_404_for_a_page_of_its_own():
    assert ru74("missing-sign").body.count("Гороскоп для ") == ru74().body.count("Гороскоп для ") - 1
    own = Visit(DAY, "horo.mail.ru", f"/prediction/{faults.LOST_SIGN}/today/")
    assert answer(own).status == 200
    assert answer(own, "missing-sign").status == 404


def test_yesterday_page_is_the_whole_page_of_yesterday():
    assert ru74("yesterday-page") == ru74(day=DAY - timedelta(1))


def test_same_as_yesterday_prints_today_over_the_texts_of_yesterday():
    assert long_date(DAY) in ru74("same-as-yesterday").body
    assert shown("same-as-yesterday", "leo", DAY - timedelta(1))
    assert not shown("same-as-yesterday", "leo", DAY)


def test_challenge_is_a_page_with_status_200_and_no_horoscope():
    challenge = ru74("challenge")
    assert challenge.status == 200
    assert "Checking your browser" in challenge.body
    assert "Гороскоп" not in challenge.body


def test_empty_keeps_the_headings_and_loses_the_texts():
    body = ru74("empty").body
    assert "Гороскоп для Рыб" in body
    assert not any(shown("empty", sign) for sign in page(DAY, "general", "74.ru"))


def test_truncated_page_breaks_off_in_the_middle():
    body, whole = ru74("truncated").body, ru74().body
    assert whole.startswith(body)
    assert len(body) < len(whole) / 2


def test_shared_text_stands_under_several_signs():
    text = page(DAY, "general", "74.ru")[faults.SHARING_SIGNS[0]]
    assert plain(ru74().body).count(text) == 1
    assert plain(ru74("shared-text").body).count(text) == len(faults.SHARING_SIGNS)


def test_swapped_signs_show_one_anothers_texts():
    first, second = faults.SWAPPED_SIGNS
    texts = page(DAY, "general", "astroscope.ru")
    body = answer(
        Visit(DAY, "astroscope.ru", f"/horoskop/ejednevniy_goroskop/{first}.html"), "swapped-signs"
    ).body
    assert texts[second] in body
    assert texts[first] not in body


def test_wrong_date_prints_another_day_over_the_right_texts():
    body = ru74("wrong-date").body
    assert long_date(DAY - timedelta(3)) in body
    assert long_date(DAY) not in body
    assert shown("wrong-date", "leo")


def test_wrong_encoding_declares_one_charset_and_sends_another():
    damaged = ru74("wrong-encoding")
    assert damaged.content_type.endswith("windows-1251")
    assert "Гороскоп" in damaged.encoded().decode("utf-8")


@pytest.mark.parametrize(("fault", "status"), [("http-403", 403), ("http-429", 429), ("http-503", 503)])
def test_a_refusal_has_its_status_and_says_when_to_come_back(fault, status):
    refusal = ru74(fault)
    assert refusal.status == status
    assert ("retry-after" in refusal.headers) == (status != 403)


def test_slow_site_keeps_a_visitor_waiting_and_answers(monkeypatch):
    waits = []

    async def note(seconds):
        waits.append(seconds)

    monkeypatch.setattr("demo.archive.asyncio.sleep", note)
    client = TestClient(application({"74.ru": "slow"}))
    assert client.get(f"/{DAY}/74.ru{DAILY}").status_code == 200
    assert waits == [faults.SLOW_S]


def test_a_fault_strikes_its_site_on_its_day_only():
    client = TestClient(application({"74.ru": "http-503"}, sick_day=DAY))
    assert client.get(f"/{DAY}/74.ru{DAILY}").status_code == 503
    assert client.get(f"/{DAY}/retrofm.ru/goroskop").status_code == 200
    assert client.get(f"/{DAY - timedelta(1)}/74.ru{DAILY}").status_code == 200


def test_a_fault_can_be_asked_for_in_the_address():
    client = TestClient(application())
    assert client.get(f"/{DAY}/74.ru{DAILY}?FAULTS=http-429").status_code == 429


def test_an_unknown_fault_in_the_address_is_refused_by_naming_the_known():
    refusal = TestClient(application()).get(f"/{DAY}/74.ru{DAILY}?FAULTS=flood")
    assert refusal.status_code == 400
    assert "missing-sign" in refusal.text


def test_robots_file_is_there_even_when_the_pages_are_not():
    assert ru74("http-503", path="/robots.txt").status == 200


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fault", "flood", "--site", "mail"], "missing-sign"),
        (["--fault", "empty", "--site", "nowhere"], "horo.mail.ru"),
        (["--fault", "empty"], "--site for each --fault"),
    ],
)
def test_wrong_fault_options_are_refused_by_naming_what_is_known(arguments, told, capsys):
    with pytest.raises(SystemExit) as refusal:
        main(arguments)
    assert refusal.value.code == 2
    assert told in capsys.readouterr().err


def test_a_site_is_known_by_its_host_and_by_its_module():
    assert host_of("mail") == host_of("horo.mail.ru") == "horo.mail.ru"
