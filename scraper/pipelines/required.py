"""Rows that lack what makes them a horoscope are dropped and counted."""

from __future__ import annotations

import re

from scraper.items import LANGUAGES, PERIODS, SIGNS, TOPICS, HoroscopeItem
from scraper.pipelines.rows import DroppedRow, RowPipeline
from scraper.processors import is_horoscope_text

SPREADSHEET_FORMULA = re.compile(r"[=+@＝＋＠]|-[\w(\"'=+@]", re.ASCII)
"""No sentence begins so (a dash before speech is followed by a space or by a Russian letter); a CSV opened in
a spreadsheet would run it.
"""


class RequiredFields(RowPipeline):
    """Stage one: sign, date, text, source, and values of the vocabulary."""

    def process_row(self, row: HoroscopeItem) -> None:
        for name in ("date", "sign", "topic", "text", "source", "fetched_at"):
            if not getattr(row, name):
                raise DroppedRow("empty_" + name, row.url)
        for name, known in (("sign", SIGNS), ("topic", TOPICS), ("period", PERIODS), ("language", LANGUAGES)):
            if getattr(row, name) not in known:
                raise DroppedRow("unknown_" + name, f"{getattr(row, name)!r} in {row.url}")
        if not is_horoscope_text(row.text):
            raise DroppedRow("no_horoscope_text", f"{row.text[:60]!r} in {row.url}")
        if SPREADSHEET_FORMULA.match(row.text):
            raise DroppedRow("spreadsheet_formula", f"{row.text[:60]!r} in {row.url}")
