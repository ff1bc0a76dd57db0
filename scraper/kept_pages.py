"""Pages as the live sites sent them, kept for two weeks: a mended spider reads the lost days again and asks
nobody.

    python -m scraper.collect --date 2026-11-23 --history-days 13 --pages .cache/pages

A page lies at `{folder}/{day}/{source}/{days ahead}/{name of its address}`: a line of JSON, its tree as XML
(without attributes, then whole), its bytes. The middleware `KeepPages` writes them (HOROSCOPE_KEEP_PAGES says
where; empty: nowhere), the download handler `KeptPages` answers from them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import glob
import hashlib
import itertools
import json
import logging
import os
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import HtmlResponse, JsonResponse, Response, TextResponse, XmlResponse

from scraper.page_faults import is_cut_short
from scraper.page_tree import Kept, parse_xml, rightly_decoded, tree_as_xml, tree_of, without_attributes

KEPT_DAYS = 14
logger = logging.getLogger(__name__)
KINDS = {kind.__name__: kind for kind in (HtmlResponse, XmlResponse, JsonResponse, TextResponse)}


class KeepPages:
    """A spider middleware: every page that a live site answers with status 200 is kept, but for archives',
    which are there tomorrow too.
    """

    def __init__(self, folder: Path, crawler: Crawler) -> None:
        self.folder = folder
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> KeepPages:
        folder = crawler.settings["HOROSCOPE_KEEP_PAGES"]
        if not folder:
            raise NotConfigured
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            logger.warning("pages are not kept: expected a folder that can be written, found %s", error)
            raise NotConfigured from error
        sweep(Path(folder), before=dt.date.today() - dt.timedelta(days=KEPT_DAYS))
        return cls(Path(folder), crawler)

    def process_spider_input(self, response: Response) -> None:
        if response.meta.get("dont_cache") or response.status != 200:
            return
        spider: Any = self.crawler.spider
        day = response.meta["day"]
        if spider.day_has_turned(day):
            return
        folder = self.folder / str(day) / spider.name / str((day - spider.today).days)
        if isinstance(response, TextResponse):
            try:
                write_page(folder, response.meta["page"].url, rightly_decoded(response))
            except OSError as error:  # a full disk costs the second reading, not the rows
                logger.warning("%s is not kept: %s", response.url, error)


class KeptPages(BaseDownloadHandler):
    """A download handler: answers from the folder of HOROSCOPE_READ_PAGES, never from the network."""

    lazy = True

    async def download_request(self, request: Request) -> Response:
        spider: Any = self.crawler.spider
        day = request.meta["day"]
        folder = Path(self.crawler.settings["HOROSCOPE_READ_PAGES"])
        return read_page(folder / str(day) / spider.name / str(spider.ahead(day)), request.url)

    async def close(self) -> None:
        pass


class KeptPage(HtmlResponse, Kept):
    """An HTML page from the store. Everything is unpacked when somebody wants it: a spider that reads by
    headings wants neither the page's bytes nor an attribute.
    """

    _bare: bytes
    _tree: bytes
    _body_packed: bytes
    _bare_root: Any
    is_whole = True
    """Only whole pages keep a tree; nobody need look at the bytes to know."""

    @classmethod
    def of(cls, url: str, encoding: str, parts: Sequence[bytes]) -> KeptPage:
        page = cls(url, encoding=encoding)
        page._bare, page._tree, page._body_packed = parts
        page._bare_root = None
        return page

    @property
    def body(self) -> bytes:
        return zlib.decompress(self._body_packed)

    @property
    def tree(self) -> bytes:
        return zlib.decompress(self._tree)

    @property
    def bare_root(self) -> Any:
        if self._bare_root is None:
            self._bare_root = parse_xml(zlib.decompress(self._bare))
        return self._bare_root


def write_page(folder: Path, url: str, response: TextResponse) -> None:
    """Whole or not at all. A page cut short keeps no tree: written as XML it would look whole."""
    is_page = isinstance(response, HtmlResponse) and not is_cut_short(response)
    tree = tree_as_xml(tree_of(response)) if is_page else None
    parts = [response.body] if tree is None else [without_attributes(tree), tree, response.body]
    packed = [zlib.compress(part) for part in parts]
    about = {
        "url": url,
        "kind": type(response).__name__,
        "encoding": response.encoding,
        "bytes": [len(part) for part in packed],
    }
    path = folder / name_of(url)
    folder.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_bytes(json.dumps(about).encode() + b"\n" + b"".join(packed))
    aside.replace(path)


def read_page(folder: Path, url: str) -> Response:
    """Status 404 where the page was not kept."""
    try:
        line, _, packed = (folder / name_of(url)).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return Response(url, status=404)
    about = json.loads(line)
    # Before 2026-11-26 a page lay there as its tree and its bytes; such a tree is left alone.
    lengths = about.get("bytes") or [about["tree_bytes"], len(packed) - about["tree_bytes"]]
    ends = itertools.accumulate(lengths, initial=0)
    parts = [packed[start:end] for start, end in itertools.pairwise(ends)]
    if len(parts) == 3:
        return KeptPage.of(url, about["encoding"], parts)
    return KINDS[about["kind"]](url, body=zlib.decompress(parts[-1]), encoding=about["encoding"])


def name_of(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:24]


def kept_days(folder: Path, source: str) -> set[dt.date]:
    """Days of which pages of that source are kept."""
    return {dt.date.fromisoformat(pages.split("/")[0]) for pages in pages_under(folder, f"{source}/*")}


def kept_ahead(folder: Path, source: str, day: dt.date) -> int:
    """How many days ahead the kept pages of a day were when they were asked for; the nearest, if of several.

    Raises:
        ValueError: nothing is kept.
    """
    offsets = [int(path.name) for path in (folder / str(day) / source).glob("*")]
    if not offsets:
        raise ValueError(
            f"expected pages of {source} for {day}, found none, in {folder}; they are kept {KEPT_DAYS} days"
        )
    return min(offsets, key=abs)


def sweep(folder: Path, before: dt.date) -> None:
    """By when they were written, not by the day they are for: an archive's pages are for days long past."""
    for pages in pages_under(folder, "*/*"):
        with contextlib.suppress(FileNotFoundError):  # another collector sweeps too
            if dt.date.fromtimestamp((folder / pages).stat().st_mtime) < before:
                shutil.rmtree(folder / pages, ignore_errors=True)


def forget_pages(folder: Path, source: str, url: str | None) -> int:
    """How many kept pages of a source, or of one address of it, were removed."""
    pages = pages_under(folder, f"{source}/*/{name_of(url) if url else '*'}")
    for page in pages:
        (folder / page).unlink(missing_ok=True)
    return len(pages)


def pages_under(folder: Path, pattern: str) -> list[str]:
    """Paths below the folder, of all days. Unlike Path.glob it bears that others remove what it looks at."""
    return glob.glob(f"????-??-??/{pattern}", root_dir=folder)  # noqa: PTH207
