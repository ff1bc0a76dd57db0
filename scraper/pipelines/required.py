"""Rows that lack what makes them a horoscope are dropped and counted."""

from __future__ import annotations

import re

from scraper.items import LANGUAGES, PERIODS, SIGNS, TOPICS, HoroscopeItem
from scraper.ledger import Dropped
from scraper.processors import is_horoscope_text

SPREADSHEET_FORMULA = re.compile(r"[=+@＝＋＠]|-[\w(\"'=+@]", re.ASCII)
"""No sentence begins so (a dash before speech is followed by a space or by a Russian letter); a CSV opened in
a spreadsheet would run it.
"""


class RequiredFields:
    """Stage one: sign, date, text, source, and values of the vocabulary."""

    def process_item(self, item: HoroscopeItem) -> HoroscopeItem:
        empty = [
            name
            for name in ("date", "sign", "topic", "text", "source", "fetched_at")
            if not getattr(item, name)
        ]
        if empty:
            raise Dropped("empty_" + empty[0], item.url)
        for name, known in (("sign", SIGNS), ("topic", TOPICS), ("period", PERIODS), ("language", LANGUAGES)):
            if getattr(item, name) not in known:
                raise Dropped("unknown_" + name, f"{getattr(item, name)!r} in {item.url}")
        if not is_horoscope_text(item.text):
            raise Dropped("no_horoscope_text", f"{item.text[:60]!r} in {item.url}")
        if SPREADSHEET_FORMULA.match(item.text):
            raise Dropped("spreadsheet_formula", f"{item.text[:60]!r} in {item.url}")
        return item
