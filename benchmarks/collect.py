"""How much collecting costs beside bare tools doing the same, in the same invocation.

    python -m benchmarks.collect --pages 500 --rounds 5

(a) Parsing one page of 300 KB with twelve texts: our spider, the same spider reading the page again from the
store of kept pages (the file opened and unpacked each time), bare parsel, lxml, selectolax: CPU seconds a
page. (b) A crawl of such pages over loopback, politeness off, of a site with a day on one page and of one
with eight pages a day: our collector (checked, counted, a part and a manifest a day), a bare Scrapy spider
and aiohttp + lxml, which put address, date, sign and text into one CSV: CPU a page. (c) A polite crawl of the
live demo web by all sources that are on by default: wall time beside the bound that the slowest host's pages
and delay set, and the least gap by the web's own log. Results must be equal before a time is printed. Ratios
above 1 are in our favour. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import datetime as dt
import functools
import http.server
import importlib.util
import itertools
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SIGNS = "Овнов Тельцов Близнецов Раков Львов Дев Весов Скорпионов Стрельцов Козерогов Водолеев Рыб"
TOPICS = ",/erotic,/anti,/business,/health,/cook,/love,/mobile"
MONTHS = "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
LAST = dt.date(2026, 11, 20)


SCRIPT_BYTES = 165_000
CARDS = 340
CRAWL_DELAY_S = 1.0
PAGES_A_ROUND = 10


class Source(NamedTuple):
    """A site of the loopback crawl, and how a bare script reads it."""

    block: str
    label: str
    """XPath of the element that names a sign."""
    text: str
    """XPath of its text, from there."""
    paths: tuple[str, ...]
    """A day's pages."""


SOURCES = {
    "ru74": Source(
        '<div><div><h2>Гороскоп для {sign}</h2></div><div class="text"><p>{text}</p></div></div>',
        "//h2[contains(., 'Гороскоп для')]",
        "../following-sibling::div/p/text()",
        ("74.ru/horoscope/daily/",),
    ),
    "newsler": Source(
        '<div class="horoscope-block"><div class="ico"><span class="t">{sign}</span></div>'
        '<div class="text">{text}</div></div>',
        "//div[@class='horoscope-block']//span[@class='t']",
        "../following-sibling::div/text()",
        tuple("www.newsler.ru/horoscope" + topic for topic in TOPICS.split(",")),
    ),
}
"""A day on one page, and a day on eight pages, as half of the sites that are on have it (twelve and more)."""


def page_of(day: dt.date, source: str = "ru74", path: str = "") -> bytes:
    """A portal's page: twelve texts among much else, in the mix of two pages captured from such sites (280
    and 820 elements in 100 KB, 70 and 43 % of the bytes in scripts and styles): 590 elements, 55 %.
    """
    printed = f"{day.day} {MONTHS.split()[day.month - 1]} {day.year}"
    block = SOURCES[source].block
    blocks = "".join(block.format(sign=sign, text=text(sign, day, path)) for sign in SIGNS.split())
    body = f"<h1>Гороскоп</h1><p>Прогноз на {printed}.</p>{around()}{blocks}<h2>Читайте также</h2>"
    head = f"<meta charset='utf-8'><script>{script()}</script>"
    page = f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"
    return page.encode()


@functools.cache
def around() -> str:
    """The portal's other news: five elements a card."""
    card = (
        '<div class="styles_card__x7Kq1 styles_card_small__pQ2zR" data-testid="news-card-{0}">'
        '<a class="styles_link__Lw3dT styles_link_block__0aVbN" href="/text/gorod/2026/11/20/{0}/?from=card">'
        '<span class="styles_title__b4YtE">Новость города № {0}</span></a>'
        '<time class="styles_time__Qe9Vn" datetime="2026-11-20T10:00:00+05:00">10:00</time>'
        '<i class="styles_views__m2Xcz">12</i></div>'
    )
    return "".join(card.format(number) for number in range(CARDS))


@functools.cache
def script() -> str:
    """The state that such pages carry, as JSON."""
    story = '{{"id":{0},"type":"news","header":"Новость города","isCommentsAllowed":true,"views":{0}}}'
    stories = ",".join(story.format(number) for number in range(SCRIPT_BYTES // 100))
    return f"window.__INITIAL_STATE__=[{stories}]"


def text(sign: str, day: dt.date, path: str = "") -> str:
    topic = " " + path.rpartition("/")[2] if "newsler" in path else ""
    return f"День {day} для {sign}{topic} сложится ровно: утром стоит закончить начатое, а вечер — отдых."


Parser = Callable[[bytes], list[str]]


def ours(store: Path) -> tuple[Parser, Parser]:
    """Parse a page as it came; parse the one that was kept of it."""
    from scrapy.crawler import Crawler
    from scrapy.http import HtmlResponse, Response
    from scrapy.settings import Settings

    from scraper.base import Page
    from scraper.kept_pages import read_page, write_page
    from scraper.spiders.ru74 import Ru74Spider

    settings = Settings()
    settings.setmodule("scraper.settings", "project")
    spider = Ru74Spider.from_crawler(Crawler(Ru74Spider, settings), date=str(LAST))
    page = Page("https://74.ru/")

    def texts(response: Response) -> list[str]:
        items, faults = spider.items_of(response, page, LAST)
        assert not faults, faults
        return [item.text for item in items]

    def answer(body: bytes) -> HtmlResponse:
        return HtmlResponse(page.url, body=body, headers={"Content-Type": "text/html; charset=utf-8"})

    write_page(store, page.url, answer(page_of(LAST)))
    return lambda body: texts(answer(body)), lambda _: texts(read_page(store, page.url))


def bare_parsel(body: bytes) -> list[str]:
    from parsel import Selector

    page = Selector(text=body.decode())
    assert page.xpath("//p[contains(., 'Прогноз на')]")
    return page.xpath("//h2[contains(., 'Гороскоп для')]/../following-sibling::div/p/text()").getall()


def bare_lxml(body: bytes) -> list[str]:
    from lxml import html

    page = html.document_fromstring(body.decode())
    assert page.xpath("//p[contains(., 'Прогноз на')]")
    return page.xpath("//h2[contains(., 'Гороскоп для')]/../following-sibling::div/p/text()")


def bare_selectolax(body: bytes) -> list[str]:
    from selectolax.lexbor import LexborHTMLParser

    page = LexborHTMLParser(body.decode())
    assert any("Прогноз на" in node.text() for node in page.css("p"))
    heads = [node for node in page.css("h2") if "Гороскоп для" in node.text()]
    return [head.parent.next.css_first("p").text() for head in heads]


def parsing(rounds: int) -> dict[str, Any]:
    """Peers take turns in each of many short rounds; times of a round are compared with each other, for on a
    shared machine one round is not like the next.
    """
    body = page_of(LAST)
    with tempfile.TemporaryDirectory() as store:
        return compare(body, *ours(Path(store)), rounds)


def compare(body: bytes, first: Parser, again: Parser, rounds: int) -> dict[str, Any]:
    peers = {
        "ours": first,
        "ours_again": again,
        "parsel": bare_parsel,
        "lxml": bare_lxml,
        "selectolax": bare_selectolax,
    }
    expected = [text(sign, LAST) for sign in SIGNS.split()]
    for name, peer in peers.items():
        assert peer(body) == expected, name
    cpu_s: dict[str, list[float]] = {name: [] for name in peers}
    shuffled = random.Random(0)
    for _ in range(rounds):
        for name in shuffled.sample(
            list(peers), len(peers)
        ):  # whoever comes first leaves the memory it leaves
            began = time.process_time()
            for _ in range(PAGES_A_ROUND):
                peers[name](body)
            cpu_s[name].append((time.process_time() - began) / PAGES_A_ROUND)
    medians = {name: statistics.median(times) for name, times in cpu_s.items()}

    def ratio(name: str) -> float:
        pairs = zip(cpu_s["parsel"], cpu_s[name], strict=True)
        return round(statistics.median(parsel / other for parsel, other in pairs), 3)

    return {
        "cpu_ms_a_page": {name: round(1000 * s, 3) for name, s in medians.items()},
        "pages_a_second_and_core": {name: round(1 / s) for name, s in medians.items()},
        "ratio_to_parsel": ratio("ours"),
        "ratio_to_parsel_again": ratio("ours_again"),
    }


class Site(http.server.BaseHTTPRequestHandler):
    """`/{day}/{host}/…` gives that page of the day. Made anew each time: 5,000 of them are 1.5 GB."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        _, day, path = self.path.split("/", 2)
        body = b"User-agent: *\nAllow: /\n"
        if not path.endswith(("robots.txt", "tdmrep.json")):
            source = next(name for name, source in SOURCES.items() if path in source.paths)
            body = page_of(dt.date.fromisoformat(day), source, path)
        self.send_response(404 if path.endswith("tdmrep.json") else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


BARE_SCRAPY = """
import sys, scrapy
addresses, output, label, text = sys.argv[1:]
class Bare(scrapy.Spider):
    name = "bare"
    custom_settings = {"CONCURRENT_REQUESTS_PER_DOMAIN": 16, "DOWNLOAD_DELAY": 0, "LOG_LEVEL": "ERROR",
                       "TELNETCONSOLE_ENABLED": False, "FEEDS": {output: {"format": "csv"}}}
    start_urls = open(addresses).read().split()
    def parse(self, response):
        printed = response.xpath("//p[contains(., 'Прогноз на')]/text()").get()
        for sign in response.xpath(label):
            yield {"url": response.url, "date": printed, "sign": sign.xpath("string()").get(),
                   "text": sign.xpath(text).get()}
from scrapy.crawler import AsyncCrawlerProcess
process = AsyncCrawlerProcess()
process.crawl(Bare)
process.start()
"""


async def aiohttp_crawl(addresses: list[str], output: Path, label: str, text: str) -> None:
    import aiohttp
    from lxml import html

    gate = asyncio.Semaphore(16)

    def rows_of(address: str, body: bytes) -> list[tuple[str, ...]]:
        page = html.document_fromstring(body.decode())
        (printed,) = page.xpath("//p[contains(., 'Прогноз на')]/text()")
        # str(): what lxml finds holds on to its tree, and 5,000 trees are 6.6 GB.
        return [
            (address, str(printed), sign.text_content(), str(sign.xpath(text)[0]))
            for sign in page.xpath(label)
        ]

    async with aiohttp.ClientSession() as session:

        async def one(address: str) -> list[tuple[str, ...]]:
            async with gate, session.get(address) as answer:
                return rows_of(address, await answer.read())

        found = await asyncio.gather(*map(one, addresses))
    with output.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows(
            [("url", "date", "sign", "text"), *(row for rows in found for row in rows)]
        )


def child_cpu_s(command: list[str], **environment: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def texts_in(files: list[Path]) -> list[str]:
    found = []
    for file in files:
        with file.open(encoding="utf-8", newline="") as lines:
            found += [row["text"] for row in csv.DictReader(lines)]
    return sorted(found)


def crawling(pages: int, rounds: int) -> dict[str, Any]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    results = {name: crawling_of(name, base, pages, rounds) for name in SOURCES}
    server.shutdown()
    return {"pages": pages, **results}


def crawling_of(name: str, base: str, pages: int, rounds: int) -> dict[str, Any]:
    """One source by all three; they must have found the same texts."""
    source = SOURCES[name]
    days = [LAST - dt.timedelta(days=back) for back in range(pages // len(source.paths))]
    addresses = [f"{base}/{day}/{path}" for day in days for path in source.paths]
    cpu_s: dict[str, list[float]] = {"ours": [], "scrapy": [], "aiohttp": []}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "addresses").write_text("\n".join(addresses))
        (work / "bare.py").write_text(BARE_SCRAPY, encoding="utf-8")
        for number in range(rounds):
            root, out = work / f"ours{number}", work / f"scrapy{number}.csv"
            asked = ["--date", str(LAST), "--history-days", str(len(days) - 1), "--spiders", name]
            bare = [str(work / "addresses"), str(out), source.label, source.text]
            lean = [str(work / "addresses"), str(work / "aio.csv"), source.label, source.text]
            commands = {
                "ours": [sys.executable, "-m", "scraper.collect", *asked, "--storage", str(root)],
                "scrapy": [sys.executable, str(work / "bare.py"), *bare],
                "aiohttp": [sys.executable, "-m", "benchmarks.collect", "--peer", *lean],
            }
            names = list(commands)[number % 3 :] + list(commands)[: number % 3]
            for peer in names:
                cpu_s[peer].append(child_cpu_s(commands[peer], HOROSCOPE_SNAPSHOTS=base))
            parts = texts_in(list(root.glob("raw/date=*/source=*/run=*/part-*.csv")))
            assert parts == texts_in([out]) == texts_in([work / "aio.csv"])
            assert len(parts) == 12 * len(addresses)
    medians = {peer: statistics.median(times) / len(addresses) for peer, times in cpu_s.items()}
    return {
        "pages_a_day": len(source.paths),
        "cpu_ms_a_page": {peer: round(1000 * s, 2) for peer, s in medians.items()},
        "ratio_to_scrapy": round(medians["scrapy"] / medians["ours"], 3),
        "ratio_to_aiohttp_lxml": round(medians["aiohttp"] / medians["ours"], 3),
    }


def polite() -> dict[str, Any]:
    """The demo web's hosts ask for a Crawl-delay of 1 s. Start-up counts."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "web.log"
        ours = {name: value for name, value in os.environ.items() if not name.startswith("HOROSCOPE_")}
        told = {name: str(Path(folder) / name) for name in ("HOROSCOPE_KEEP_PAGES", "HOROSCOPE_HTTP_CACHE")}
        web = [sys.executable, "-m", "demo.run", "--live", "--log", str(log), "--"]
        done = subprocess.run(
            [*web, sys.executable, "-m", "scraper.collect", "--storage", folder],
            cwd=ROOT, check=True, text=True, env=ours | told, capture_output=True,
        )  # fmt: skip
        last = json.loads(done.stdout.splitlines()[-1])
        times: dict[str, list[float]] = {}
        for line in log.read_text().splitlines():
            request = json.loads(line)
            times.setdefault(request["host"], []).append(request["time"])
    gaps = [after - before for of in times.values() for before, after in itertools.pairwise(of)]
    bound_s = max(map(len, times.values())) * CRAWL_DELAY_S
    return {
        "hosts": len(times), "requests": sum(map(len, times.values())), "crawl_s": last["seconds"],
        "bound_s": bound_s, "crawl_to_bound": round(last["seconds"] / bound_s, 3),
        "least_gap_s": round(min(gaps), 4), "gaps_under_the_delay": sum(gap < CRAWL_DELAY_S for gap in gaps),
    }  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    known = argparse.ArgumentParser(prog="python -m benchmarks.collect", description=__doc__.split("\n")[0])
    known.add_argument("--pages", type=int, default=5000, help="pages of the loopback crawl (default 5000)")
    known.add_argument("--rounds", type=int, default=5, help="rounds of each comparison (default 5)")
    known.add_argument("--only", choices=["parsing", "crawling", "polite"], help="one of the three parts")
    known.add_argument("--peer", nargs=4, help=argparse.SUPPRESS)
    arguments = known.parse_args(argv)
    if arguments.peer:
        addresses, output, *queries = arguments.peer
        asyncio.run(aiohttp_crawl(Path(addresses).read_text().split(), Path(output), *queries))
        return 0
    if importlib.util.find_spec("selectolax") is None:
        print(
            "error: expected selectolax, found none; pip install -r benchmarks/requirements.txt",
            file=sys.stderr,
        )
        return 2
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "parsing": lambda: parsing(8 * arguments.rounds),
        "crawling": lambda: crawling(arguments.pages, min(arguments.rounds, 3)),
        "polite": polite,
    }
    results = {}
    for name, part in parts.items():
        if arguments.only in (None, name):
            results[name] = part()
            print(f"{name}: {json.dumps(results[name])}", file=sys.stderr, flush=True)
    print(json.dumps({"step": "benchmark-collect", "outcome": "done", **results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
