"""What pipelines of rows share: a page's rows come in, those that may go on go out."""

from __future__ import annotations

import logging

from scraper.items import HoroscopeItem, PageRows

logger = logging.getLogger(__name__)


class DroppedRow(Exception):
    """A row that goes no further; `reason` is its name in the manifest's `dropped`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class RowPipeline:
    """A stage that looks at each row by itself."""

    def process_item(self, page: PageRows) -> PageRows:
        kept = []
        for row in page.rows:
            try:
                self.process_row(row)
                kept.append(row)
            except DroppedRow as dropped:
                logger.debug("a row is dropped: %s", dropped)
                page.dropped[dropped.reason] += 1
        page.rows = kept
        return page

    def process_row(self, row: HoroscopeItem) -> None:
        """Changes the row, or raises DroppedRow."""
        raise NotImplementedError
