"""Names are looked up, addresses inside a private network are refused: a site, or a redirect of it, may name
a host whose address is our own machine's or a cloud's metadata service.

Hosts that the operator named, of a proxy or of an archive of snapshots, may lie where they like.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from scrapy.crawler import Crawler
from scrapy.resolver import CachingThreadedResolver
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError

from scraper.manners import is_private

logger = logging.getLogger(__name__)


class PublicResolver(CachingThreadedResolver):
    """Scrapy's own, with a look at what comes back."""

    trusted: frozenset[str] = frozenset()

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: Any) -> PublicResolver:
        resolver = super().from_crawler(crawler, reactor)
        named = [
            *getproxies().values(),
            crawler.settings.get("HOROSCOPE_SNAPSHOTS") or os.environ.get("HOROSCOPE_SNAPSHOTS", ""),
        ]
        resolver.trusted = frozenset(urlsplit(address).hostname or "" for address in named)
        return resolver

    def getHostByName(self, name: str, timeout: Sequence[int] = ()) -> Deferred[str]:
        found = super().getHostByName(name, timeout)
        return found if name in self.trusted else found.addCallback(self._public, name)

    def _public(self, address: str, name: str) -> str:
        if is_private(address):
            logger.warning("%s has the address %s inside a private network, it is not asked", name, address)
            raise DNSLookupError(f"{name} lies inside a private network, refused")
        return address
