"""Feeds of published days: RSS 2.0 for readers of news, iCalendar for calendars; days in, text of the file
out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from email.utils import format_datetime
from xml.etree import ElementTree as ET

from serving.days import MOSCOW, Day
from serving.signs import Sign
from serving.texts import DISCLAIMER, spell_date, spell_day

MAX_LINE_BYTES = 75
"""RFC 5545 folds longer lines."""


def render_rss(days: Sequence[Day], sign: Sign, base_url: str) -> bytes:
    """The general text of one sign for each day, the newest first."""
    rss = ET.Element("rss", version="2.0")
    channel = ET.SubElement(rss, "channel")
    _add(
        channel, title=f"{sign.name}: гороскоп на каждый день", link=f"{base_url}/{sign.slug}", language="ru"
    )
    _add(channel, description=DISCLAIMER)
    for day in sorted(days, key=lambda day: day.date, reverse=True):
        horoscope = day.find(sign.slug, day.topics[0])
        if horoscope:
            item = ET.SubElement(channel, "item")
            link = f"{base_url}/{day.date}/{sign.slug}"
            _add(item, title=f"{sign.name}, {spell_date(day.date)}", link=link, description=horoscope.text)
            ET.SubElement(item, "guid", isPermaLink="false").text = f"{day.date}/{sign.slug}"
            begins = dt.datetime.combine(day.date, dt.time(), MOSCOW)
            _add(item, pubDate=format_datetime(begins))
    ET.indent(rss)
    return ET.tostring(rss, encoding="utf-8", xml_declaration=True)


def render_calendar(days: Sequence[Day], sign: Sign, base_url: str) -> bytes:
    """One all-day event a day with the general text."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//horoscope//serving//RU",
        f"X-WR-CALNAME:{sign.name}",
    ]
    for day in sorted(days, key=lambda day: day.date):
        horoscope = day.find(sign.slug, day.topics[0])
        if horoscope:
            lines += [
                "BEGIN:VEVENT",
                f"UID:{day.date}-{sign.slug}@horoscope",
                f"DTSTAMP:{dt.datetime.fromisoformat(day.generated_at).astimezone(dt.UTC):%Y%m%dT%H%M%SZ}",
                f"DTSTART;VALUE=DATE:{day.date:%Y%m%d}",
                f"SUMMARY:{_escape(f'{sign.symbol} {sign.name}, {spell_day(day.date)}')}",
                f"DESCRIPTION:{_escape(horoscope.text + ' ' + DISCLAIMER)}",
                f"URL:{base_url}/{day.date}/{sign.slug}",
                "TRANSP:TRANSPARENT",
                "END:VEVENT",
            ]
    lines.append("END:VCALENDAR")
    return "".join(_fold(line) for line in lines).encode()


def _add(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _fold(line: str) -> str:
    """CRLF lines of at most 75 bytes, no character cut."""
    folded, bytes_in_line = "", 0
    for character in line:
        size = len(character.encode())
        if bytes_in_line + size > MAX_LINE_BYTES:
            folded, bytes_in_line = folded + "\r\n ", 1
        folded, bytes_in_line = folded + character, bytes_in_line + size
    return folded + "\r\n"
