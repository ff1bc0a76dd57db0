"""What a guest does: asks first (robots.txt by RFC 9309), respects who does not want to feed a model, keeps
the pace that the host names, and goes when told to (403, 429). A downloader middleware; refusals become
named faults.

What was found and done is kept in `Manners.record`, host → words, and goes into the manifest.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse, Response
from scrapy.http.request import NO_CALLBACK

from scraper import opt_outs
from scraper.page_tree import rightly_decoded, tree_of

ROBOTS_MAX_BYTES = 512 * 1024
STOP_STATUSES = (403, 429)
OURS = "manners"
"""Mark in the meta of requests that this middleware itself makes."""
logger = logging.getLogger(__name__)


@dataclass
class HostRules:
    """What one host asks of its guests."""

    robots: str
    parsed: Protego
    tdmrep: str
    reachable: bool = True
    """False: robots.txt answered 5xx or not at all, which by RFC 9309 means that nothing may be asked."""


class Manners:
    """One for each crawl; rules are asked for once a host."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.record: dict[str, str] = {}
        self.stopped: dict[str, int] = {}
        self._rules: dict[str, asyncio.Task[HostRules]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Manners:
        manners = cls(crawler)
        if crawler.settings.getfloat("DOWNLOAD_DELAY"):
            crawler.signals.connect(manners.rest, signals.headers_received)
        return manners

    def rest(self, request: Request) -> None:
        """The pause runs from the answer's first byte: counted from our sending, as Scrapy does, a slow
        connection before a quick one makes the host see less than it asked for.
        """
        assert self.crawler.engine is not None
        slots = self.crawler.engine.downloader.slots
        slots[request.meta["download_slot"]].lastseen = time.monotonic()

    async def process_request(self, request: Request) -> None:
        """Raises IgnoreRequest, with the reason, for what a guest does not ask for."""
        host = urlsplit(request.url).netloc
        if is_private(urlsplit(request.url).hostname or ""):
            raise IgnoreRequest("an address inside a private network, refused")
        if request.meta.get(OURS):
            return
        if host in self.stopped:
            raise IgnoreRequest(
                f"{host} answered {self.stopped[host]} before, no more is asked in this crawl"
            )
        if host not in self._rules:
            self._rules[host] = asyncio.ensure_future(self._ask_rules(request))
        rules = await asyncio.shield(self._rules[host])
        refusal = self._refusal(rules, request)
        if refusal:
            self.record[host] = refusal
            raise IgnoreRequest(refusal)

    def _refusal(self, rules: HostRules, request: Request) -> str | None:
        agent = str(self.crawler.settings["USER_AGENT"])
        if not rules.reachable:
            return "robots.txt could not be read, which means no"
        if not rules.parsed.can_fetch(request.url, agent):
            return "forbidden by robots.txt"
        no = opt_outs.in_robots(rules.robots, rules.parsed, request.url)
        no = no or opt_outs.in_tdmrep(rules.tdmrep, urlsplit(request.url).path or "/")
        return f"the site keeps its texts from machine learning: {no}" if no else None

    async def process_response(self, request: Request, response: Response) -> Response:
        host = urlsplit(request.url).netloc
        if request.meta.get(OURS):
            return response
        if response.status in STOP_STATUSES:
            self.stopped[host] = response.status
            self.record[host] = f"stopped at status {response.status}"
        headers = [
            (name.decode(), b", ".join(values).decode("latin-1")) for name, values in response.headers.items()
        ]
        no = opt_outs.in_headers(headers)
        if not no and isinstance(response, HtmlResponse):
            no = opt_outs.in_page(tree_of(rightly_decoded(response)))
        if no:
            self.record[host] = f"the site keeps its texts from machine learning: {no}"
            raise IgnoreRequest(self.record[host])
        return response

    async def _ask_rules(self, request: Request) -> HostRules:
        robots = await self._ask(request, "/robots.txt")
        if robots is None or robots.status >= 500:
            return HostRules("", Protego.parse(""), "", reachable=False)
        text = robots.body[:ROBOTS_MAX_BYTES].decode("utf-8", "replace") if robots.status == 200 else ""
        parsed = Protego.parse(text)
        self._keep_pace(request, parsed)
        tdmrep = await self._ask(request, "/.well-known/tdmrep.json")
        found = tdmrep.text if tdmrep is not None and tdmrep.status == 200 and hasattr(tdmrep, "text") else ""
        return HostRules(text, parsed, found)

    async def _ask(self, request: Request, path: str) -> Response | None:
        """None: no answer at all."""
        site = urlsplit(request.url)
        meta = {OURS: True, "handle_httpstatus_all": True, "day": request.meta.get("day")}
        question = Request(
            f"{site.scheme}://{site.netloc}{path}", meta=meta, callback=NO_CALLBACK, priority=1000
        )
        assert self.crawler.engine is not None
        try:
            return await self.crawler.engine.download_async(question)
        except Exception as error:  # noqa: BLE001  whatever the network does, the answer is missing
            logger.info("no answer from %s: %s", question.url, error)
            return None

    def _keep_pace(self, request: Request, parsed: Protego) -> None:
        """Scrapy knows no Crawl-delay: the slot's delay is set here. No delay at all, as for an archive of
        snapshots, stays none: the archive is not the host.
        """
        host = urlsplit(request.url).hostname or ""
        asked_s = parsed.crawl_delay(str(self.crawler.settings["USER_AGENT"])) or 0.0
        ours_s = self.crawler.settings.getfloat("DOWNLOAD_DELAY")
        delay_s = max(asked_s, ours_s) if ours_s else 0.0
        self.record.setdefault(
            urlsplit(request.url).netloc, f"robots.txt obeyed, {delay_s:g} s between requests"
        )
        assert self.crawler.engine is not None
        downloader = self.crawler.engine.downloader
        downloader.per_slot_settings[host] = {"delay": delay_s, "concurrency": 1 if delay_s else 16}
        if host in downloader.slots:
            downloader.slots[host].delay = delay_s


def is_private(host: str) -> bool:
    """Loopback, private and metadata addresses, by number or name: a redirect may point a crawler inwards."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return host.isdigit() or host.startswith("0x")  # 2130706433 and 0x7f000001 are 127.0.0.1 too
