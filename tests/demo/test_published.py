import json
import multiprocessing

from starlette.testclient import TestClient

from demo import published
from serving.app import Settings, create_app
from serving.clock import MoscowClock
from serving.days import PublishedDays
from serving.signs import SIGNS


def test_the_demo_days_are_whole_days_for_the_page_and_say_that_no_model_wrote_them(tmp_path, capsys):
    assert published.main(["--storage", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["rows_out"] == 3
    days = PublishedDays(str(tmp_path))
    days.refresh()
    assert (len(days.dates), days.faults) == (3, {})
    client = TestClient(create_app(days, MoscowClock(), Settings()))
    page = client.get("/leo/love").text
    assert "Показательный текст: составлен по шаблонам, без нейросети." in page
    assert "Написано нейросетью" not in page
    assert all(sign.name in client.get("/").text for sign in SIGNS)


def test_many_may_write_the_demo_days_at_once(tmp_path):
    def publish_often():
        for _ in range(5):
            published.main(["--storage", str(tmp_path)])

    writers = [multiprocessing.get_context("fork").Process(target=publish_often) for _ in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 6
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["horoscopes.json"] * 3


def test_a_day_is_the_same_whenever_it_is_made():
    day = published.dt.date(2026, 11, 23)
    assert published.document(day) == published.document(day)
    assert len({text["text"] for text in published.document(day)["texts"]}) > 60
