"""Scrapy's HTTP cache, for one thing only: a page that has not changed answers 304 and is not sent again.

An answer kept lies at `{HOROSCOPE_HTTP_CACHE}/{source}/{2 hex digits}/{name of the request}.answer`.
"""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import time
from pathlib import Path
from typing import Any

from scrapy import Request, Spider
from scrapy.downloadermiddlewares.httpcache import HttpCacheMiddleware
from scrapy.extensions.httpcache import FilesystemCacheStorage, RFC2616Policy
from scrapy.http import Response
from scrapy.utils.response import response_from_dict

logger = logging.getLogger(__name__)


class ConditionalRequests(HttpCacheMiddleware):
    """Scrapy's own answers for a host that cannot be reached: an earlier day's texts would get today's
    date.
    """

    DOWNLOAD_EXCEPTIONS: Any = ()


class OnlyUnchanged(RFC2616Policy):
    """Nor does a kept page answer for a host that says 5xx."""

    def is_cached_response_valid(
        self, cachedresponse: Response, response: Response, request: Request
    ) -> bool:
        return response.status == 304


class WholeAnswers(FilesystemCacheStorage):
    """Scrapy's own writes seven files over one another: killed between them it leaves yesterday's page under
    today's ETag, which the host then calls unchanged.
    """

    def retrieve_response(self, spider: Spider, request: Request) -> Response | None:
        try:
            with self._open(self._path(spider, request), "rb") as file:
                kept_at, answer = pickle.load(file)
        except FileNotFoundError:
            return None
        request.meta["cache_timestamp"] = kept_at
        return response_from_dict(answer)

    def store_response(self, spider: Spider, request: Request, response: Response) -> None:
        path = self._path(spider, request)
        aside = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._open(aside, "wb") as file:
                pickle.dump((time.time(), response.to_dict()), file)
            aside.replace(path)
        except OSError as error:  # a full disk costs asking for the whole page again, not the page
            logger.warning("the answer of %s is not cached: %s", request.url, error)

    def _path(self, spider: Spider, request: Request) -> Path:
        return Path(self._get_request_path(spider, request)).with_suffix(".answer")


def forget_answers(folder: Path, source: str) -> None:
    """Those of all its addresses: the cache only saves asking twice."""
    shutil.rmtree(folder / source, ignore_errors=True)
