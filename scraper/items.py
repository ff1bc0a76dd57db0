"""The schema: one horoscope as a site published it, its columns in the order of DATA_FORMAT.md, and its
id.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections import Counter

SIGNS = (
    "aries", "taurus", "gemini", "cancer", "leo", "virgo",
    "libra", "scorpio", "sagittarius", "capricorn", "aquarius", "pisces",
)  # fmt: skip
TOPICS = (
    "general", "love", "business", "health", "career", "finance", "erotic", "anti", "cook", "mobile",
    "family", "beauty", "man", "woman", "teen", "flirt", "friends",
)  # fmt: skip
PERIODS = ("day", "week", "month", "year")
LANGUAGES = ("ru", "en")


@dataclasses.dataclass
class HoroscopeItem:
    """Every value is a string; empty means the page does not say."""

    horoscope_id: str = ""
    """Made once from the raw values by `horoscope_id`, never recomputed downstream."""
    date: str = ""
    """The day the text is for, ISO."""
    sign: str = ""
    """One of SIGNS; an imported archive may hold a pseudo-sign, which cleaning rejects."""
    topic: str = ""
    """One of TOPICS."""
    period: str = ""
    """The span the text speaks of, one of PERIODS."""
    language: str = ""
    """One of LANGUAGES."""
    text: str = ""
    """As published; only runs of spaces, tabs and line breaks became one space."""
    source: str = ""
    """Spider or archive name, `[a-z0-9_]+`."""
    url: str = ""
    """The page, empty for an archive without addresses."""
    printed_date: str = ""
    """The date in the page's own words, empty if it prints none."""
    strategy: str = ""
    """The extraction strategy that found the text."""
    fetched_at: str = ""
    """Instant of the download, UTC; not part of the id."""


@dataclasses.dataclass
class PageRows:
    """All horoscopes of one page, which go through the pipelines together: Scrapy spends more on handing an
    item on than we on checking it.
    """

    day: dt.date
    rows: list[HoroscopeItem]
    dropped: Counter[str] = dataclasses.field(default_factory=Counter)
    """Why rows were left out on the way → how many."""


COLUMNS = tuple(field.name for field in dataclasses.fields(HoroscopeItem))
ID_COLUMNS = ("source", "date", "sign", "topic", "period", "language", "text")


def horoscope_id(item: HoroscopeItem) -> str:
    """32 hex digits that depend on what was said, for whom and when, not on when it was fetched."""
    said = "\x1f".join(getattr(item, column) for column in ID_COLUMNS)
    return hashlib.sha256(said.encode()).hexdigest()[:32]
