import json

from serving import show
from serving.days import read_day


def test_all_twelve_texts_are_printed_then_one_json_line(storage, day, capsys):
    assert show.main(["--date", str(day), "--storage", str(storage)]) == 0
    printed = capsys.readouterr().out
    summary = json.loads(printed.splitlines()[-1])
    assert (summary["step"], summary["outcome"], summary["rows_out"]) == ("show", "done", 12)
    assert "Козерог" in printed and "23 ноября, понедельник" in printed and "нейросетью" in printed
    first_words = read_day(str(storage), day).find("leo", "general").text[:40]
    assert first_words in printed


def test_a_day_that_is_not_published_says_how_to_publish_it(storage, capsys):
    assert show.main(["--date", "2020-01-01", "--storage", str(storage)]) == 1
    captured = capsys.readouterr()
    assert "python -m serving.publish --date 2020-01-01" in captured.err
    assert json.loads(captured.out)["outcome"] == "failed"


def test_a_topic_that_is_not_published_names_those_that_are(storage, day, capsys):
    assert show.main(["--date", str(day), "--storage", str(storage), "--topic", "cook"]) == 1
    assert "general, love" in capsys.readouterr().err


def test_a_corrupt_day_is_named(storage, day, capsys):
    next(storage.glob(f"published/date={day}/*.json")).write_text("{")
    assert show.main(["--date", str(day), "--storage", str(storage)]) == 1
    assert "publish it again" in capsys.readouterr().err
