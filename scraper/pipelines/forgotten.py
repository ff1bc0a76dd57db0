"""What a page said that was forgotten is not collected again, nor waited for."""

from __future__ import annotations

from scrapy.crawler import Crawler

from scraper.forgotten import ForgottenPages
from scraper.items import PageRows
from scraper.ledger import Ledger


class NoForgottenPages:
    """After the rows have their source, date and address. The day is whole without them, or each crawl would
    ask for it again.
    """

    def __init__(self, pages: ForgottenPages, ledger: Ledger) -> None:
        self.pages = pages
        self.ledger = ledger

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> NoForgottenPages:
        ledger = crawler.get_extension(Ledger)
        assert ledger is not None
        return cls(ForgottenPages(crawler.settings["HOROSCOPE_STORAGE"]), ledger)

    def process_item(self, page: PageRows) -> PageRows:
        forgotten = [row for row in page.rows if row in self.pages]
        if forgotten:
            page.dropped["forgotten_page"] += len(forgotten)
            page.rows = [row for row in page.rows if row not in self.pages]
            self.ledger.accounts[page.day].expected -= {(row.sign, row.topic) for row in forgotten}
        return page
