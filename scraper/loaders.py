"""The loader that turns what a strategy found into an item: one processor chain a column."""

from __future__ import annotations

from itemloaders.processors import Join, MapCompose, TakeFirst
from scrapy.loader import ItemLoader

from scraper.processors import node_text, single_spaces, without_interface_words


class HoroscopeLoader(ItemLoader):
    """Columns that come from the page; the spider knows the others. Give it no `response=`: that parses the
    page again for every item.
    """

    default_item_class = dict
    default_input_processor = MapCompose(single_spaces)
    default_output_processor = TakeFirst()
    text_in = MapCompose(node_text, single_spaces, without_interface_words)
    text_out = Join(" ")
