"""One request to a site as it stood on a day, and the page that answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from demo import grammar

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Page:
    """What a site answers: `body` is encoded with `encoding`, which `content_type` may or may not tell."""

    body: str
    content_type: str = HTML
    encoding: str = "utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the body as the bytes that travel; a letter the encoding lacks becomes an HTML reference."""
        return self.body.encode(self.encoding, "xmlcharrefreplace")


@dataclass(frozen=True)
class Visit:
    """A request to `host`: `day` is the day in Moscow it is looked at, `path` begins with `/`."""

    day: date
    host: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def tomorrow(self) -> date:
        """The day after the visit."""
        return self.day + timedelta(1)

    def texts(self, topic: str, day: date) -> dict[str, str]:
        """Return sign -> text as the site has them for `day`; KeyError for an unknown topic."""
        return dict(grammar.page(day, topic, self.host))

    def printed(self, day: date) -> date:
        """Return the date the page prints for texts of `day`."""
        return day
