"""horoscope.com, in English: a dated page a sign, back to 2016."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import TODAY, HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import DateLed, EmbeddedTexts

ARCHIVE = "https://www.horoscope.com/us/horoscopes/general/horoscope-archive.aspx"


class HoroscopeComSpider(HoroscopeSpider):
    """The page's chat widget holds text and date; the paragraph itself begins with the date in bold."""

    name = "horoscopecom"
    reach = (TODAY,)
    archive_from = dt.date(2016, 11, 25)
    language = "en"
    dated_by = (".main-horoscope p strong",)
    strategies = (
        EmbeddedTexts(
            "widget", r'horoscopeDate:\s*"(?P<date>\d{8})",\s*horoscopeText:\s*"(?P<text>(?:[^"\\]|\\.)*)"'
        ),
        DateLed("paragraph", ".main-horoscope > p"),
    )

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for number, sign in enumerate(SIGNS, 1):
            yield Page(f"{ARCHIVE}?sign={number}&laDate={day:%Y%m%d}", sign)
