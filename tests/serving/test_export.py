import datetime as dt
import json
import re
import shutil
from xml.etree import ElementTree as ET

import boto3
import pytest
from fake_model import publish

from serving import export
from serving.days import PublishedDays, read_day
from serving.signs import SIGNS


def export_site(storage, output, day, capsys, *options):
    code = export.main(["--storage", str(storage), "--output", str(output), "--date", str(day), *options])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.fixture
def site(storage, day, tmp_path, capsys):
    code, summary = export_site(
        storage, tmp_path / "site", day, capsys, "--base-url", "https://horoscope.example/"
    )
    assert (code, summary["rows_in"]) == (0, 3)
    return tmp_path / "site"


def test_every_link_of_the_exported_pages_leads_to_a_file(site):
    lost = set()
    for page in site.rglob("*.html"):
        for address in re.findall(r'(?:href|src|action)="/([^"?#]*)', page.read_text()):
            if address not in ("docs", "find"):
                target = site / address
                if not (target.is_file() or (target / "index.html").is_file()):
                    lost.add((str(page), address))
    assert not lost


def test_what_needs_a_server_is_left_out_of_the_files(site):
    assert not [page for page in site.rglob("*.html") if re.search(r'"/(docs|find)"', page.read_text())]


def test_files_hold_the_texts_of_their_own_day(site, storage, day):
    for offset in (-1, 0, 1):
        date = day + dt.timedelta(days=offset)
        text = read_day(str(storage), date).find("leo", "love").text
        assert text in (site / str(date) / "leo" / "love" / "index.html").read_text()
    assert json.loads((site / "v1" / "days" / f"{day}.json").read_text())["date"] == str(day)
    assert (
        read_day(str(storage), day).find("leo", "general").text in (site / "leo" / "index.html").read_text()
    )


def test_a_day_not_published_is_said_on_its_pages_not_replaced(storage, day, tmp_path, capsys):
    shutil.rmtree(storage / "published" / f"date={day}")
    code, summary = export_site(storage, tmp_path / "site", day, capsys)
    assert code == 0
    assert "not published" in summary["reason"]
    page = (tmp_path / "site" / "leo" / "index.html").read_text()
    assert "Прогноза пока нет" in page
    assert read_day(str(storage), day - dt.timedelta(days=1)).find("leo", "general").text not in page


def test_feeds_are_well_formed_and_carry_whole_addresses(site, storage, day):
    items = ET.parse(site / "leo" / "rss.xml").findall("./channel/item")
    assert [item.findtext("guid") for item in items] == ["2026-11-24/leo", "2026-11-23/leo", "2026-11-22/leo"]
    assert items[1].findtext("link") == "https://horoscope.example/2026-11-23/leo"
    assert items[1].findtext("pubDate") == "Mon, 23 Nov 2026 00:00:00 +0300"
    calendar = (site / "leo" / "calendar.ics").read_bytes()
    assert all(len(line) <= 75 for line in calendar.split(b"\r\n"))
    unfolded = calendar.decode().replace("\r\n ", "")
    assert unfolded.count("BEGIN:VEVENT") == 3
    assert "DTSTART;VALUE=DATE:20261123\r\nSUMMARY:♌ Лев\\, 23 ноября" in unfolded
    assert read_day(str(storage), day).find("leo", "general").text in unfolded


def test_a_second_export_changes_nothing(site, storage, day, capsys):
    _, summary = export_site(storage, site, day, capsys, "--base-url", "https://horoscope.example")
    assert summary["changed"] == 0


def test_nothing_published_is_one_clear_line(tmp_path, day, capsys):
    assert export.main(["--storage", str(tmp_path), "--output", str(tmp_path / "s"), "--date", str(day)]) == 1
    assert "run serving.publish first" in capsys.readouterr().err


def test_a_day_is_published_to_a_bucket_read_from_it_and_exported_with_its_headers(bucket, day, capsys):
    publish(f"{bucket}/root", day)
    assert publish(f"{bucket}/root", day)["outcome"] == "skipped"
    days = PublishedDays(f"{bucket}/root")
    days.refresh()
    assert (days.dates, days.faults) == ([day], {})
    version = days.version
    days.refresh()
    assert days.version == version

    code, summary = export_site(f"{bucket}/root", f"{bucket}/site", day, capsys)
    assert (code, summary["rows_in"]) == (0, 1)
    client, name = boto3.client("s3"), bucket.removeprefix("s3://")
    page = client.get_object(Bucket=name, Key="site/leo/index.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert page["CacheControl"] == "public"
    assert page["ExpiresString"] == "Mon, 23 Nov 2026 21:00:00 GMT"
    assert SIGNS[4].name in page["Body"].read().decode()
    dated = client.head_object(Bucket=name, Key=f"site/{day}/leo/index.html")
    assert dated["CacheControl"] == "public, max-age=86400"
    assert client.head_object(Bucket=name, Key="site/static/style.css")["ContentType"] == "text/css"
