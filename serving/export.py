"""The site as files: published days in, HTML, JSON, RSS and iCalendar out, for a bucket, a CDN or any file
server.

    python -m serving.export --storage data --output site
    python -m serving.export --storage data --output s3://bucket --base-url https://horoscope.example

The same templates as the live pages. Run it after each publishing and at midnight in Moscow: addresses
without a date mean the day of the export, say so in their headers (fresh until midnight) and in their
text. What others link to is written first, the first page last, so a visitor never follows a link to
nothing.
"""

from __future__ import annotations

import datetime as dt
import json
import mimetypes
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from serving import feeds, pages, v1
from serving.command import CommandError, add_date, parser, run_command
from serving.days import Day, PublishedDays, moscow_midnight
from serving.signs import SIGNS

STEP = "export"
FOR_EVER = "public, max-age=31536000, immutable"
A_DAY = "public, max-age=86400"
TYPES = {
    ".ics": "text/calendar; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".xml": "application/rss+xml",
}


@dataclass(frozen=True)
class SiteFile:
    """One file of the site."""

    path: str
    content: bytes
    cache_control: str | None
    """None: fresh until the export's day ends in Moscow."""

    @property
    def media_type(self) -> str:
        suffix = Path(self.path).suffix
        return TYPES.get(suffix) or pages.MEDIA_TYPES.get(suffix) or mimetypes.guess_type(self.path)[0] or ""


def site_files(days: list[Day], today: dt.date, base_url: str) -> Iterator[SiteFile]:
    """Every file of the site, in the order in which they may appear."""
    for name, content in pages.static_files().items():
        yield SiteFile(f"static/{name}", content, FOR_EVER)
    yield SiteFile("sw.js", pages.static_files()["sw.js"], None)
    published = {day.date for day in days}
    for day in days:
        answer = v1.day_answer(day).model_dump(mode="json")
        yield SiteFile(f"v1/days/{day.date}.json", _json(answer), A_DAY)
        yield from _day_pages(day, today, published, f"{day.date}/", A_DAY)
    for sign in SIGNS:
        yield SiteFile(f"{sign.slug}/rss.xml", feeds.render_rss(days, sign, base_url), None)
        yield SiteFile(f"{sign.slug}/calendar.ics", feeds.render_calendar(days, sign, base_url), None)
    yield SiteFile("404.html", pages.render_not_found("", live=False).encode(), A_DAY)
    yield SiteFile("v1/days.json", _json([str(day.date) for day in days]), None)
    shown = next((day for day in days if day.date == today), None)
    yield from _day_pages(shown, today, published, "", None)


def _day_pages(
    day: Day | None, today: dt.date, published: set[dt.date], prefix: str, cache_control: str | None
) -> Iterator[SiteFile]:
    """Each sign's pages and last the page of all signs; without a day honest ones that say so."""
    date = day.date if day else today
    for sign in SIGNS:
        for topic in day.topics if day else ("general",):
            place = pages.Place(date, today, sign, topic)
            folder = sign.slug if topic == "general" else f"{sign.slug}/{topic}"
            content = pages.render_page(place, day, published, live=False).encode()
            yield SiteFile(f"{prefix}{folder}/index.html", content, cache_control)
    content = pages.render_page(pages.Place(date, today), day, published, live=False).encode()
    yield SiteFile(f"{prefix}index.html", content, cache_control)


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def write_file(output: str, file: SiteFile, expires: dt.datetime) -> bool:
    """Write one file atomically, in a bucket with its headers; False if a folder had the same already."""
    fs, path = fsspec.url_to_fs(f"{output.rstrip('/')}/{file.path}")
    if "file" not in fs.protocol:
        until = {} if file.cache_control else {"Expires": expires}
        kept = file.cache_control or "public"
        fs.pipe_file(path, file.content, ContentType=file.media_type, CacheControl=kept, **until)
        return True
    target = Path(path)
    if target.is_file() and target.read_bytes() == file.content:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    aside.write_bytes(file.content)
    aside.replace(target)
    return True


def export_site(storage: str, output: str, today: dt.date, kept_days: int, base_url: str) -> dict[str, Any]:
    """Write the whole site; the summary's own fields."""
    days = PublishedDays(storage, kept_days)
    days.refresh()
    if days.faults:
        raise CommandError(f"expected readable published days, found {days.faults}, in {storage}")
    if not days.dates:
        raise CommandError(f"expected published days, found none, in {storage}; run serving.publish first")
    held = [day for date in days.dates if (day := days.get(date))]
    expires = moscow_midnight(today).astimezone(dt.UTC)
    written = [write_file(output, file, expires) for file in site_files(held, today, base_url)]
    missing = {} if days.get(today) else {"reason": f"{today} is not published: its pages say so"}
    return {
        "rows_in": len(held),
        "rows_out": len(written),
        "changed": sum(written),
        "output": output,
        **missing,
    }


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    add_date(made)
    made.add_argument("--output", required=True, help="a folder or s3://bucket/prefix")
    made.add_argument("--days", type=int, default=7, help="how many newest days to write (default: 7)")
    made.add_argument(
        "--base-url", default="http://127.0.0.1:8080", help="where the files will be served, for feeds"
    )
    args = made.parse_args(argv)
    base_url = args.base_url.rstrip("/")
    return run_command(STEP, lambda: export_site(args.storage, args.output, args.date, args.days, base_url))


if __name__ == "__main__":
    sys.exit(main())
