"""Each row gets its id, once, from what was said."""

from __future__ import annotations

from scraper.items import HoroscopeItem, horoscope_id


class Identity:
    """Stage two."""

    def process_item(self, item: HoroscopeItem) -> HoroscopeItem:
        item.horoscope_id = horoscope_id(item)
        return item
