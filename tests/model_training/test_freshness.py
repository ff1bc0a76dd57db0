"""Freshness is measured against the last published days only."""

import datetime as dt
import json
from pathlib import Path

from model_training.freshness import published_texts, shares_seen


def publish(root: Path, day: dt.date, text: str) -> None:
    folder = root / f"date={day}"
    folder.mkdir(parents=True)
    (folder / "horoscopes.json").write_text(json.dumps({"texts": [{"text": text}]}), "utf-8")


def test_the_last_thirty_published_days_count_and_later_ones_do_not(tmp_path: Path) -> None:
    first = dt.date(2026, 1, 1)
    for number in range(40):
        publish(tmp_path, first + dt.timedelta(2 * number), f"текст {number}")
    found = published_texts(str(tmp_path), first + dt.timedelta(70))
    assert found == [f"текст {number}" for number in range(6, 36)]
    assert published_texts(str(tmp_path / "none"), first) == []


def test_a_text_our_readers_had_is_seen(tmp_path: Path) -> None:
    had = "раз два три четыре пять шесть семь"
    assert shares_seen([had, "совсем другой текст из семи новых слов"], [had]) == [1.0, 0.0]
