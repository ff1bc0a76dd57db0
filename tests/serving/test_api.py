import datetime as dt
import gzip
import json
import shutil
from pathlib import Path

import pytest
from fake_model import FakeModel, FakeWriter, publish
from starlette.testclient import TestClient

from serving.app import Settings, create_app
from serving.clock import MoscowClock
from serving.days import PublishedDays, day_path, read_day
from serving.signs import SIGNS

NOON = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)


class Site:
    """The whole application over a storage root, with a clock one can set."""

    def __init__(self, root, **settings):
        self.now = NOON
        self.days = PublishedDays(str(root))
        self.days.refresh()
        options = Settings(refresh_s=3600, **{"max_requests": 0, **settings})
        self.app = create_app(self.days, MoscowClock(lambda: self.now.timestamp()), options)
        self.client = TestClient(self.app, raise_server_exceptions=False, follow_redirects=False)

    def get(self, path, **options):
        return self.client.get(path, **options)


@pytest.fixture
def site(storage):
    return Site(storage)


def test_one_horoscope_has_todays_text_and_says_who_wrote_it(site, storage, day):
    answer = site.get("/v1/horoscopes/leo").json()
    assert answer == {
        "date": "2026-11-23",
        "sign": "leo",
        "sign_name": "Лев",
        "symbol": "♌",
        "topic": "general",
        "language": "ru",
        "text": read_day(str(storage), day).find("leo", "general").text,
        "status": "champion",
        "model_version": "1",
        "disclaimer": "Написано нейросетью, для развлечения.",
    }


@pytest.mark.parametrize("words", ["leo", "Лев", "ЛЬВУ", "♌", "♌️", "25.07", "1990-07-25", "25 июля"])
def test_a_sign_may_be_asked_for_as_people_name_it(site, words):
    assert site.get(f"/v1/horoscopes/{words}").json()["sign"] == "leo"


@pytest.mark.parametrize(
    ("asked", "date"), [("yesterday", "2026-11-22"), ("tomorrow", "2026-11-24"), ("2026-11-22", "2026-11-22")]
)
def test_another_day_is_given_only_under_its_own_date(site, storage, asked, date):
    answer = site.get(f"/v1/horoscopes/leo?topic=love&date={asked}").json()
    assert answer["date"] == date
    assert answer["text"] == read_day(str(storage), dt.date.fromisoformat(date)).find("leo", "love").text


def test_all_signs_of_a_day_for_one_topic_or_all(site):
    one = site.get("/v1/horoscopes?topic=love").json()
    assert [h["sign"] for h in one["horoscopes"]] == [sign.slug for sign in SIGNS]
    assert one["topics"] == ["love"]
    assert len(site.get("/v1/horoscopes").json()["horoscopes"]) == 24


def test_why_tells_the_lineage_of_a_text(site):
    told = site.get("/v1/why/today/♌?topic=love").json()
    assert told["model"]["sources"] == ["demo_site"]
    assert told["gates"]["unlike_last_days"] is True
    assert told["seed"].isdigit()
    assert site.get("/v1/why/2020-01-01/leo").status_code == 404


def test_signs_and_days_are_listed(site):
    assert [sign["name"] for sign in site.get("/v1/signs").json()][4] == "Лев"
    assert site.get("/v1/signs/17 мая").json()["sign"] == "taurus"
    assert site.get("/v1/days").json() == ["2026-11-22", "2026-11-23", "2026-11-24"]


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/v1/horoscopes/ophiuchus", 404, "known signs: aries"),
        ("/v1/horoscopes/leo?date=2020-01-01", 404, "newest published: 2026-11-22"),
        ("/v1/horoscopes/leo?date=tuesday", 422, "expected a date such as 2026-11-23"),
        ("/v1/horoscopes/leo?date=2026-02-30", 422, "date:"),
        ("/v1/horoscopes/leo?date=20261123", 422, "date:"),
        ("/v1/horoscopes/leo?topic=weather", 422, "query.topic"),
        ("/v1/horoscopes/leo?topic=cook", 404, "general, love"),
        ("/v1/horoscopes/leo?lang=en", 404, "in en"),
        ("/v1/horoscopes?lang=de", 422, "query.lang"),
        ("/v1/nothing", 404, "/docs"),
        ("/v1/horoscopes/" + "x" * 61, 422, "at most 60"),
    ],
)
def test_wrong_input_is_a_problem_document_and_never_a_500(site, path, status, told):
    answer = site.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status"] == status
    assert told in answer.json()["detail"]


def test_a_post_is_refused_as_a_problem(site):
    answer = site.client.post("/v1/signs")
    assert answer.status_code == 405
    assert answer.json()["status"] == 405


def test_yesterdays_text_is_never_given_under_todays_date(site, storage, day):
    shutil.rmtree(storage / "published" / f"date={day}")
    site.days.refresh()
    answer = site.get("/v1/horoscopes/leo")
    assert answer.status_code == 404
    assert answer.json()["title"] == "Прогноза пока нет"
    assert site.get("/v1/horoscopes/leo?date=yesterday").status_code == 200
    page = site.get("/leo")
    assert page.status_code == 503
    assert "Прогноза пока нет" in page.text
    assert read_day(str(storage), day - dt.timedelta(days=1)).find("leo", "general").text not in page.text


def test_at_midnight_in_moscow_today_becomes_the_next_day(site):
    site.now = dt.datetime(2026, 11, 23, 20, 59, 59, tzinfo=dt.UTC)
    assert site.get("/v1/horoscopes/leo").json()["date"] == "2026-11-23"
    site.now = dt.datetime(2026, 11, 23, 21, 0, 0, tzinfo=dt.UTC)
    assert site.get("/v1/horoscopes/leo").json()["date"] == "2026-11-24"
    assert "24 ноября, вторник" in site.get("/").text
    site.now = NOON  # a clock set back
    assert site.get("/v1/horoscopes/leo").json()["date"] == "2026-11-23"


def test_a_new_text_of_the_day_is_given_without_a_restart(site, storage, day):
    before = site.get("/v1/horoscopes/leo").json()
    publish(storage, day, [FakeModel(FakeWriter("2"))])
    assert site.get("/v1/horoscopes/leo").json() == before
    site.days.refresh()
    after = site.get("/v1/horoscopes/leo").json()
    assert after["model_version"] == "2"
    assert after["text"] != before["text"]


def test_when_storage_goes_readers_do_not_notice_and_the_operator_does(site, storage):
    before = site.get("/v1/horoscopes/leo").content
    shutil.rmtree(storage)
    site.days.refresh()
    assert site.get("/v1/horoscopes/leo").content == before
    assert site.get("/v1/horoscopes/pisces").status_code == 200
    ready = site.get("/readyz")
    assert ready.status_code == 200
    assert "storage" in ready.json()["faults"]
    assert "horoscope_storage_faults 1.0" in site.get("/metrics").text


def test_a_corrupt_day_file_leaves_the_day_that_was_read(site, storage, day):
    before = site.get("/v1/horoscopes/leo").content
    with Path(day_path(str(storage), day)).open("r+b") as file:
        file.truncate(1000)
    site.days.refresh()
    assert site.get("/v1/horoscopes/leo").content == before
    assert str(day) in site.get("/readyz").json()["faults"]


def test_with_nothing_published_it_lives_and_says_it_is_not_ready(tmp_path):
    site = Site(tmp_path / "nowhere")
    assert site.get("/healthz").status_code == 200
    assert site.get("/readyz").status_code == 503
    assert site.get("/v1/horoscopes/leo").status_code == 404
    assert "Прогноза пока нет" in site.get("/").text


def test_an_answer_is_fresh_until_midnight_and_costs_nothing_when_known(site):
    first = site.get("/v1/horoscopes/leo")
    assert first.headers["cache-control"] == "public"
    assert first.headers["expires"] == "Mon, 23 Nov 2026 21:00:00 GMT"
    again = site.get("/v1/horoscopes/leo", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = site.get("/v1/horoscopes/virgo", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


def test_an_answer_sent_from_memory_is_the_same_answer(site):
    first, second = site.get("/v1/horoscopes/leo"), site.get("/v1/horoscopes/leo")
    assert first.content == second.content
    assert first.headers.pop("x-request-id") != second.headers.pop("x-request-id")
    assert dict(first.headers) == dict(second.headers)
    head = site.client.head("/v1/horoscopes/leo")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])


def test_long_answers_are_gzipped_for_those_who_ask(site):
    plain = site.get("/v1/horoscopes", headers={"Accept-Encoding": "identity"})
    with site.client.stream("GET", "/v1/horoscopes", headers={"Accept-Encoding": "gzip"}) as zipped:
        raw = b"".join(zipped.iter_raw())
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert zipped.headers["etag"] != plain.headers["etag"]


def test_memory_is_bounded_whatever_is_asked(storage):
    site = Site(storage)
    site.app.max_bytes = 100_000
    most = 0
    for number in range(50):
        assert site.get(f"/?x={number}").status_code == 200
        most = max(most, sum(len(answer.body) for answer in site.app._answers.values()))
    assert 10_000 < most <= 100_000


def test_one_address_that_asks_too_fast_is_slowed_down(storage):
    site = Site(storage, max_requests=5, window_s=60)
    statuses = [site.get("/v1/signs").status_code for _ in range(8)]
    assert statuses[:5] == [200] * 5
    assert statuses[-1] == 429
    refused = site.get("/v1/signs")
    assert refused.headers["retry-after"] == "60"
    assert refused.json()["status"] == 429


def test_every_answer_carries_a_request_id_the_callers_own_if_sane(site):
    assert site.get("/v1/signs", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert site.get("/nowhere", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert " " not in site.get("/v1/signs", headers={"X-Request-ID": "evil id"}).headers["x-request-id"]


def test_pages_of_other_sites_may_call_the_api_only_by_setting(storage):
    origin = {"Origin": "https://example.org"}
    assert "access-control-allow-origin" not in Site(storage).get("/v1/signs", headers=origin).headers
    allowed = Site(storage, cors_origins=["https://example.org"]).get("/v1/signs", headers=origin)
    assert allowed.headers["access-control-allow-origin"] == "https://example.org"


def test_metrics_count_answers_by_route(site):
    for _ in range(3):
        site.get("/v1/horoscopes/leo")
    told = site.get("/metrics").text
    assert 'horoscope_answers_total{route="/v1/horoscopes/{sign}",status="200"} 3.0' in told
    assert "horoscope_today_published 1.0" in told
    assert "horoscope_days_ahead 1.0" in told


def test_a_bug_is_a_problem_document_too(site, monkeypatch):
    def bug(*_):
        raise RuntimeError("a bug with a secret in it")

    monkeypatch.setattr("serving.v1.sign_answer", bug)
    answer = site.get("/v1/signs")
    assert answer.status_code == 500
    assert answer.json()["title"] == "Internal error"
    assert "secret" not in answer.text


def test_the_openapi_document_has_examples_and_problems(site):
    document = site.get("/openapi.json").json()
    one = document["paths"]["/v1/horoscopes/{sign}"]["get"]
    assert one["parameters"][0]["examples"]["по-русски"]["value"] == "Льву"
    assert "application/problem+json" in one["responses"]["404"]["content"]
    assert document["components"]["schemas"]["HoroscopeAnswer"]["examples"][0]["sign"] == "leo"
    json.dumps(document)
