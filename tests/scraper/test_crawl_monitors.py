"""A crawl that did not end by itself, or forgot a day, fails although every day it told of is whole."""

import pytest
from scrapy.crawler import Crawler
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector
from spidermon.contrib.scrapy.extensions import Spidermon

from scraper.ledger import DayAccount, Ledger
from scraper.spiders.retrofm import RetroFmSpider
from tests.scraper.pages import DAY


@pytest.fixture
def judge():
    """Runs the suite as Spidermon does when a spider closes: faults of the crawl come back."""

    def run(finish_reason="finished", days=(DAY,), failures=()):
        settings = Settings()
        settings.setmodule("scraper.settings", "project")
        crawler = Crawler(RetroFmSpider, settings)
        crawler.stats = MemoryStatsCollector(crawler)
        crawler.spider = RetroFmSpider.from_crawler(crawler, date=str(DAY))
        ledger = Ledger(crawler)
        for day in days:
            ledger.outcomes[day] = DayAccount("retrofm", day, "run", "now", failures=list(failures))
        crawler.get_extension = lambda kind: ledger
        crawler.stats.set_value("finish_reason", finish_reason)
        watcher = Spidermon.from_crawler(crawler)
        watcher.spider_opened(crawler.spider)
        watcher.spider_closed(crawler.spider)
        return ledger.crawl_faults

    return run


def test_a_crawl_that_ended_by_itself_with_every_day_is_trusted(judge):
    assert judge() == []


def test_a_crawl_that_was_ended_is_told(judge):
    (fault,) = judge(finish_reason="memusage_exceeded")
    assert 'Finished with "memusage_exceeded"' in fault


def test_a_day_that_was_never_opened_is_told(judge):
    (fault,) = judge(days=())
    assert "1 days were never opened, first 2026-11-20" in fault


def test_a_day_that_failed_is_told_by_the_ledger_not_twice(judge):
    assert judge(failures=["missing 1 of 12: leo/general/2026-11-20"]) == []


def test_a_source_whose_crawl_is_ended_early_fails_by_name(run, archive, monkeypatch):
    """CLOSESPIDER_PAGECOUNT ends it after its day was whole, which no day can see."""
    code, last, errors = run(
        "scrapy",
        "crawl",
        "retrofm",
        "-a",
        f"days={DAY},{DAY.replace(day=19)}",
        "-s",
        "CLOSESPIDER_ITEMCOUNT=1",
    )
    assert (code, last["outcome"]) == (1, "failed")
    assert "retrofm crawl: " in errors
    assert "closespider_itemcount" in errors
