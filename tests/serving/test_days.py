import datetime as dt
import json
import os
import resource
import shutil
from pathlib import Path

import pytest
from fake_model import FakeModel, FakeWriter, publish
from hypothesis import given
from hypothesis import strategies as st

from serving.days import CorruptDayError, PublishedDays, day_path, moscow_midnight, moscow_today, parse_day


def test_today_is_moscows_today():
    assert moscow_today(dt.datetime(2026, 11, 22, 20, 59, tzinfo=dt.UTC)) == dt.date(2026, 11, 22)
    assert moscow_today(dt.datetime(2026, 11, 22, 21, 0, tzinfo=dt.UTC)) == dt.date(2026, 11, 23)
    assert moscow_midnight(dt.date(2026, 11, 22)) == dt.datetime(2026, 11, 22, 21, 0, tzinfo=dt.UTC)


def whole_document(storage, day):
    return json.loads(Path(day_path(str(storage), day)).read_text())


def without_leo(document):
    document["texts"] = [text for text in document["texts"] if text["sign"] != "leo"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda d: d.update(date="2026-11-22"),
            "expected texts for 2026-11-23, found texts for '2026-11-22'",
        ),
        (without_leo, "missing: leo/general, leo/love"),
        (lambda d: d["texts"][3].update(text="  "), "missing: cancer/general"),
        (lambda d: d["texts"][0].pop("seed"), "KeyError: 'seed'"),
        (lambda d: d.update(texts=[]), "missing: all"),
        (lambda d: d.update(status="draft"), "found 'draft'"),
        (lambda d: d.update(schema=2), "expected schema 1"),
        (lambda d: d["texts"][0].update(sign=["leo"]), "not a day's document"),
        (lambda d: d["texts"].append({**d["texts"][0], "sign": "ophiuchus"}), "unknown signs: ophiuchus"),
    ],
)
def test_a_damaged_day_is_refused_with_its_reason(storage, day, damage, message):
    document = whole_document(storage, day)
    damage(document)
    with pytest.raises(CorruptDayError, match=message.replace("(", r"\(")):
        parse_day(json.dumps(document).encode(), day)


@given(
    st.binary()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["schema", "texts", "date", "sign"]), x),
    ).map(lambda x: json.dumps(x).encode())
)
def test_any_bytes_are_a_day_or_a_named_fault(content):
    with pytest.raises(CorruptDayError):
        parse_day(content, dt.date(2026, 11, 23))


def test_a_new_day_and_a_new_text_are_seen_at_the_next_refresh(storage, day):
    days = PublishedDays(str(storage))
    days.refresh()
    assert days.dates == [day - dt.timedelta(days=1), day, day + dt.timedelta(days=1)]
    assert not days.faults
    version = days.version
    days.refresh()
    assert days.version == version
    publish(storage, day, [FakeModel(FakeWriter("2"))])
    publish(storage, day + dt.timedelta(days=2))
    days.refresh()
    assert days.get(day).model["version"] == "2"
    assert day + dt.timedelta(days=2) in days.dates
    assert days.version > version


def test_when_storage_goes_or_a_day_rots_what_was_read_stays(storage, day):
    days = PublishedDays(str(storage))
    days.refresh()
    held = days.get(day)
    Path(day_path(str(storage), day)).write_bytes(b"{ rotten")
    days.refresh()
    assert days.get(day) is held
    assert "CorruptDayError" in days.faults[str(day)]
    shutil.rmtree(storage)
    days.refresh()
    assert days.get(day) is held
    assert "has gone" in days.faults["storage"]
    publish(storage, day, [FakeModel(FakeWriter("3"))])
    days.refresh()
    assert days.get(day).model["version"] == "3"
    assert not days.faults


def test_while_no_file_can_be_opened_what_was_read_stays(storage, day):
    """As under a flood of connections: storage then cannot be listed either."""
    days = PublishedDays(str(storage))
    days.refresh()
    held, (soft, hard) = days.dates, resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as last:
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno(), hard))
        try:
            days.refresh()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert days.dates == held
    assert "Too many open files" in days.faults[str(day)]
    days.refresh()
    assert not days.faults


def test_a_withdrawn_day_is_withdrawn(storage, day):
    days = PublishedDays(str(storage))
    days.refresh()
    Path(day_path(str(storage), day)).unlink()
    days.refresh()
    assert days.get(day) is None


def test_only_the_newest_days_are_kept_in_memory_and_foreign_folders_are_passed_over(storage, day):
    (storage / "published" / "date=2026-99-99").mkdir()
    (storage / "published" / "date=2026-99-99" / "horoscopes.json").write_text("{}")
    days = PublishedDays(str(storage), kept_days=2)
    days.refresh()
    assert days.dates == [day, day + dt.timedelta(days=1)]
    assert not days.faults
