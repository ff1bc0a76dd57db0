"""Begin a spider: its file, a fixture page to fill in, and a test that fails until both are right.

    python -m scraper.new_spider lunaru https://luna.example/goroskop/

Writes scraper/spiders/NAME.py, tests/scraper/new_NAME.html and tests/scraper/test_new_NAME.py, and
overwrites nothing. Exit codes: 0 written, 2 wrong arguments or a file that exists.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from scraper.outcome import last_line

ROOT = Path(__file__).resolve().parent.parent

SPIDER = '''"""{host}: say here what is on a page and what is odd about the site."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import HoroscopeSpider, Page
from scraper.strategies import Headings


class {camel}Spider(HoroscopeSpider):
    """Ways to the texts, most trusted first: scraper.doctor shows what they find."""

    name = "{name}"
    dated_by = ("h1",)
    strategies = (Headings("headings"),)

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        yield Page("{url}")
'''

FIXTURE = """<html><body>
<h1>Гороскоп на 20 ноября 2026</h1>
<!-- Copy the site's structure here, never its texts: with texts of your own. -->
<h2>Овен</h2><p>Овен встретит день без спешки: утро подскажет, с чего начать и кому позвонить.</p>
</body></html>
"""

TEST = '''"""{host}: the page in new_{name}.html gives all twelve signs."""

import datetime as dt
from pathlib import Path

from scraper.base import Page
from scraper.items import SIGNS
from tests.scraper.pages import respond


def test_a_page_of_{name}_gives_every_sign(make_spider):
    body = Path(__file__).with_name("new_{name}.html").read_text(encoding="utf-8")
    page = Page("{url}")
    items, faults = make_spider("{name}").items_of(respond(body), page, dt.date(2026, 11, 20))
    assert faults == []
    assert [item.sign for item in items] == list(SIGNS)
'''


def main(argv: list[str] | None = None) -> int:
    known = argparse.ArgumentParser(prog="python -m scraper.new_spider", description=__doc__.split("\n")[0])
    known.add_argument("name", metavar="NAME", help="name of the source: a-z, 0-9 and _")
    known.add_argument("url", metavar="URL", help="address of a page with today's horoscopes")
    known.add_argument("--root", type=Path, default=ROOT, help="the repository (default: this one)")
    arguments = known.parse_args(argv)
    started = time.monotonic()
    try:
        files = rendered(arguments.name, arguments.url)
        write_all({arguments.root / path: text for path, text in files.items()})
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in files:
        print(f"wrote {path}", file=sys.stderr)
    name = arguments.name
    print(
        f"next: fill tests/scraper/new_{name}.html, make pytest tests/scraper/test_new_{name}.py pass,",
        file=sys.stderr,
    )
    print(
        "then add a line to scraper/sources.yaml and a page to tests/scraper/site_pages.py", file=sys.stderr
    )
    print(last_line("new-spider", "done", 0, len(files), time.monotonic() - started, files=list(files)))
    return 0


def rendered(name: str, url: str) -> dict[str, str]:
    """Path → content. Raises ValueError for a name or address that cannot be one."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(
            f"expected a name of a-z, 0-9 and _ that begins with a letter, found {name!r}, in NAME"
        )
    host = urlsplit(url).netloc
    if urlsplit(url).scheme not in ("http", "https") or not host:
        raise ValueError(f"expected an http or https address, found {url!r}, in URL")
    words = {"name": name, "url": url, "host": host, "camel": "".join(map(str.title, name.split("_")))}
    return {
        f"scraper/spiders/{name}.py": SPIDER.format(**words),
        f"tests/scraper/new_{name}.html": FIXTURE,
        f"tests/scraper/test_new_{name}.py": TEST.format(**words),
    }


def write_all(files: dict[Path, str]) -> None:
    """Raises FileExistsError before anything is written."""
    for path in files:
        if path.exists():
            raise FileExistsError(f"expected a new name, found {path}, in NAME; choose another")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
