"""Pages of past days: sites as they stood on a day, from an archive of snapshots instead of the live web.

HOROSCOPE_SNAPSHOTS is the archive's base address; the page of a host on a day lies at
`{base}/{YYYY-MM-DD}/{host}/{path}?{query}`. The change of address happens at the wire, below every
middleware: spiders, robots rules, redirects and per-host delays see the site's own addresses only.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Response

from scraper.manners import is_private


class SnapshotHandler(HTTP11DownloadHandler):
    """Downloads from the archive, answers in the name of the site."""

    lazy = True

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.base = crawler.settings["HOROSCOPE_SNAPSHOTS"].rstrip("/")
        self.is_near = is_private(urlsplit(self.base).hostname or "")
        self.crawler = crawler

    async def download_request(self, request: Request) -> Response:
        # A request without a day, such as robots.txt, is for the newest day that is crawled.
        day = request.meta.get("day") or max(self.crawler.spider.days)  # type: ignore[union-attr]
        site = urlsplit(request.url)
        wire = f"{self.base}/{day}/{site.netloc}{site.path or '/'}" + (f"?{site.query}" if site.query else "")
        wired = request.replace(url=wire)
        if self.is_near:
            wired.meta.pop("proxy", None)  # chosen by the site's address: the way out into the web
        response = await super().download_request(wired)
        return response.replace(url=request.url)
