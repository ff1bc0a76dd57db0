"""Each row gets its id, once, from what was said."""

from __future__ import annotations

from scraper.items import HoroscopeItem, horoscope_id
from scraper.pipelines.rows import RowPipeline


class Identity(RowPipeline):
    """Stage two."""

    def process_row(self, row: HoroscopeItem) -> None:
        row.horoscope_id = horoscope_id(row)
