"""Why does a spider not understand this page? Which ways of finding texts match, what they find, what else
is there.

    python -m scraper.doctor https://74.ru/horoscope/daily/
    python -m scraper.doctor page.html --spider ru74 --date 2026-11-23

An address or a saved page comes in; the findings go to stdout. Exit codes: 0 some strategy reads the page
whole, 1 none does, 2 wrong arguments, or no page. An address is asked for once, politely named; robots.txt
is yours to mind.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.http import Headers, HtmlResponse, TextResponse
from scrapy.responsetypes import responsetypes
from scrapy.settings import Settings
from scrapy.spiderloader import SpiderLoader

import scraper
from scraper.anatomy import anatomy
from scraper.base import HoroscopeSpider, Page
from scraper.days import moscow_today, parse_day
from scraper.outcome import last_line
from scraper.page_tree import rightly_decoded
from scraper.processors import is_horoscope_text, node_text, single_spaces
from scraper.signs import sign_in
from scraper.strategies import select

PAGE_MAX_BYTES = 8 * 1024 * 1024


def main(argv: list[str] | None = None) -> int:
    known = argparse.ArgumentParser(prog="python -m scraper.doctor", description=__doc__.split("\n")[0])
    known.add_argument("page", metavar="URL-OR-FILE", help="the page that is not understood")
    known.add_argument(
        "--spider", help="try this spider's strategies (default: the one of the address's host)"
    )
    known.add_argument(
        "--date", default="today", help="the day the page should be for (default today in Moscow)"
    )
    arguments = known.parse_args(argv)
    started = time.monotonic()
    try:
        day = parse_day(arguments.date, moscow_today())
        response = rightly_decoded(fetch(arguments.page))
        spiders = candidates(arguments.page, arguments.spider, day)
    except (ValueError, OSError) as error:
        print(f"error: expected a page, found {error}, in {arguments.page}", file=sys.stderr)
        return 2
    readers = 0
    for spider in spiders:
        print(f"\nspider {spider.name}")
        readers += examine(spider, response, arguments.page, day)
    if not spiders:
        print(f"no spider asks {arguments.page}; give --spider, or begin one with scraper.new_spider")
    for line in anatomy(response, day):
        print(line)
    reason = {} if readers else {"reason": "no strategy reads this page whole"}
    print(
        last_line("doctor", "done" if readers else "failed", 1, readers, time.monotonic() - started, **reason)
    )
    return int(not readers)


def fetch(page: str) -> TextResponse:
    """Raises OSError or ValueError where there is no page of text."""
    headers = Headers()
    if urlsplit(page).scheme in ("http", "https"):
        name = {"User-Agent": f"horoscope-mlops/{scraper.__version__} (doctor)"}
        with urllib.request.urlopen(urllib.request.Request(page, headers=name), timeout=30) as answer:
            body = answer.read(PAGE_MAX_BYTES)
            headers["Content-Type"] = answer.headers.get("Content-Type", "")
    else:
        body = Path(page).read_bytes()
        page = Path(page).resolve().as_uri()
    kind: Any = responsetypes.from_args(headers=headers or None, url=page, body=body)
    kind = kind if issubclass(kind, TextResponse) else HtmlResponse
    return kind(page, body=body, headers=headers)


def candidates(page: str, name: str | None, day: dt.date) -> list[HoroscopeSpider]:
    """The spider asked for, or those that ask for pages of this host. Raises ValueError for an unknown
    name.
    """
    settings = Settings()
    settings.setmodule("scraper.settings", "project")
    loader = SpiderLoader.from_settings(settings)
    if name and name not in loader.list():
        raise ValueError(f"spider {name!r}, known are {', '.join(sorted(loader.list()))}")
    chosen = []
    for known in [name] if name else sorted(loader.list()):
        spider_class: Any = loader.load(known)
        spider = spider_class.from_crawler(Crawler(spider_class, settings), date=str(day), today=str(day))
        hosts = {urlsplit(asked.url).netloc for asked in spider.pages(day, 0)}
        if name or urlsplit(page).netloc in hosts:
            chosen.append(spider)
    return chosen


def examine(spider: HoroscopeSpider, response: TextResponse, url: str, day: dt.date) -> int:
    """Prints what each strategy finds; returns how many strategies read the page whole."""
    printed = spider.page_date(response, day)
    print(f"  printed date: {printed.words!r} = {printed.day}" if printed else "  printed date: none found")
    whole = 0
    for strategy in spider.strategies:
        found = list(strategy.find(response))
        texts = [single_spaces(" ".join(map(node_text, piece.pieces))) for piece in found]
        good = [text for text in texts if is_horoscope_text(text)]
        signs = sorted({piece.sign for piece in found if piece.sign})
        whole += bool(good) and (len(signs) in (0, 12))
        print(
            f"  {strategy.name}: {len(found)} pieces, {len(good)} texts, {len(signs)} signs {' '.join(signs)}"
        )
        if good:
            print(f"    first: {good[0][:100]}")
    for fault in spider.items_of(response, page_of(spider, response, url, day), day)[1]:
        print(f"  fault: {fault}")
    return whole


def page_of(spider: HoroscopeSpider, response: TextResponse, url: str, day: dt.date) -> Page:
    """What the spider expects of this address; of a saved file, what it expects of any page with that
    title.
    """
    pages = list(spider.pages(day, 0))
    asked = next((page for page in pages if page.url == url), pages[0])
    title = sign_in(" ".join(map(node_text, select(response, spider.titled_by))))
    return asked._replace(url=url, sign=(title or asked.sign) if asked.sign else None, instead=())


if __name__ == "__main__":
    sys.exit(main())
