"""The loader that turns what a strategy found into an item: one processor chain a column."""

from __future__ import annotations

from itemloaders.processors import MapCompose, TakeFirst
from scrapy.loader import ItemLoader

from scraper.items import HoroscopeItem
from scraper.processors import node_text, single_spaces, without_interface_words


def joined(pieces: list[str]) -> str:
    """Paragraphs made one text; the item's own empty default is no paragraph."""
    return " ".join(piece for piece in pieces if piece)


class HoroscopeLoader(ItemLoader):
    """Give it a `selector=`, never a `response=`: the latter parses the page again for every item."""

    default_item_class = HoroscopeItem
    default_input_processor = MapCompose(node_text, single_spaces)
    default_output_processor = TakeFirst()
    text_in = MapCompose(node_text, single_spaces, without_interface_words)
    text_out = joined
