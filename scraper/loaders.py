"""The loader that turns what a strategy found into an item: one processor chain a column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from itemloaders.processors import Join, MapCompose, TakeFirst
from scrapy.loader import ItemLoader

from scraper.processors import node_text, single_spaces, without_interface_words


def clean_pieces(pieces: Iterable[Any]) -> list[str]:
    """As MapCompose of the three would do, which costs more than they do."""
    cleaned = (without_interface_words(single_spaces(node_text(piece))) for piece in pieces)
    return [piece for piece in cleaned if piece is not None]


class HoroscopeLoader(ItemLoader):
    """Columns that come from the page; the spider knows the others. Give it no `response=`: that parses the
    page again for every item.
    """

    default_item_class = dict
    default_input_processor = MapCompose(single_spaces)
    default_output_processor = TakeFirst()
    text_in = clean_pieces
    text_out = Join(" ")
