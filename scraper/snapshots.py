"""Pages of past days: sites as they stood on a day, from an archive of snapshots instead of the live web.

HOROSCOPE_SNAPSHOTS is the archive's base address; the page of a host on a day lies at
`{base}/{YYYY-MM-DD}/{host}/{path}?{query}`. The change of address happens at the wire, below every
middleware: spiders, robots rules, redirects and per-host delays see the site's own addresses only.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.core.downloader.handlers._aiohttp import AiohttpDownloadHandler
from scrapy.crawler import Crawler


class SnapshotHandler(AiohttpDownloadHandler):
    """Downloads from the archive, answers in the name of the site. Over aiohttp, which takes less of a page's
    time than Twisted: an archive has thousands and no pace. Live sites are asked by Scrapy's own handler.
    """

    lazy = True
    experimental = False  # Scrapy would warn of it on every run; our tests crawl through it

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.base = crawler.settings["HOROSCOPE_SNAPSHOTS"].rstrip("/")

    def _make_request(self, request: Request, timeout: float) -> Any:
        # A request without a day, such as robots.txt, is for the newest day that is crawled.
        day = request.meta.get("day") or max(self.crawler.spider.days)  # type: ignore[union-attr]
        site = urlsplit(request.url)
        wire = f"{self.base}/{day}/{site.netloc}{site.path or '/'}" + (f"?{site.query}" if site.query else "")
        return super()._make_request(request.replace(url=wire), timeout)
