"""Scrapy's own feeds (`scrapy crawl NAME -O rows.csv`): pages come in, a line a horoscope goes out."""

from __future__ import annotations

from scrapy.exporters import BaseItemExporter, CsvItemExporter, JsonItemExporter, JsonLinesItemExporter

from scraper.items import PageRows


class Rows(BaseItemExporter):
    """Before an exporter of single items."""

    def export_item(self, item: PageRows) -> None:
        for row in item.rows:
            super().export_item(row)  # type: ignore[safe-super]  # the exporter that stands behind this class


class CsvRows(Rows, CsvItemExporter):
    """`.csv`"""


class JsonRows(Rows, JsonItemExporter):
    """`.json`"""


class JsonLinesRows(Rows, JsonLinesItemExporter):
    """`.jsonl`"""
