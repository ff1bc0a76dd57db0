"""thevoicemag.ru: a dated page a sign."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import TODAY, HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import Article


class TheVoiceMagSpider(HoroscopeSpider):
    """How far its archive reaches nobody has written down; an unknown day answers 404 and is named as
    missing.
    """

    name = "thevoicemag"
    reach = (TODAY,)
    archive_from = dt.date(2019, 1, 1)
    dated_by = (".sign__description-date",)
    strategies = (Article("description", ".sign__description-text"),)

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for sign in SIGNS:
            yield Page(f"https://www.thevoicemag.ru/horoscope/daily/{sign}/{day:%d-%m-%Y}/", sign)
