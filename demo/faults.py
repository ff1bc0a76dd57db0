"""Accidents of real sites, by name: a visit and a fault's name come in, the page as it would look goes out.

`python -m demo.serve --fault missing-sign --site mail`, or `?FAULTS=missing-sign` after an address.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256

from demo.sites.visit import Page, Visit

LOST_SIGN = "gemini"
SWAPPED_SIGNS = ("leo", "virgo")
SHARING_SIGNS = ("aries", "taurus", "gemini", "cancer")
SLOW_S = 5.0
"""How long a slow site keeps a visitor waiting, in seconds."""

_CLASS = re.compile(r'class="([^"]+)"')
_JSON_KEY = re.compile(r'"(content|text|type|paragraph|h1)"')
_XML_SIGN = re.compile(r"<(/?)(item|title|description|today|tomorrow|yesterday|tomorrow02)\b")
_CHALLENGE = (
    "<!DOCTYPE html><html lang='en-US'><head><title>Just a moment...</title>"
    "<meta name='robots' content='noindex,nofollow'></head><body><h1>Checking your browser before accessing "
    "{host}</h1><noscript>Enable JavaScript and cookies to continue</noscript>"
    "<script src='/cdn-cgi/challenge-platform/h/g/orchestrate/chl_page/v1'></script></body></html>"
)


class _MissingSign(Visit):
    """One sign was not filled in."""

    def texts(self, topic: str, day: date) -> dict[str, str]:
        return {sign: text for sign, text in super().texts(topic, day).items() if sign != LOST_SIGN}


class _SameAsYesterday(Visit):
    """The date moved on, the texts did not."""

    def texts(self, topic: str, day: date) -> dict[str, str]:
        return super().texts(topic, day - timedelta(1))


class _Empty(Visit):
    """The layout is there, the texts are not."""

    def texts(self, topic: str, day: date) -> dict[str, str]:
        return dict.fromkeys(super().texts(topic, day), "")


class _SharedText(Visit):
    """Several signs show the text of the first."""

    def texts(self, topic: str, day: date) -> dict[str, str]:
        texts = super().texts(topic, day)
        return texts | dict.fromkeys(SHARING_SIGNS, texts[SHARING_SIGNS[0]])


class _SwappedSigns(Visit):
    """Two signs show one another's text."""

    def texts(self, topic: str, day: date) -> dict[str, str]:
        texts = super().texts(topic, day)
        first, second = SWAPPED_SIGNS
        return texts | {first: texts[second], second: texts[first]}


class _WrongDate(Visit):
    """The page prints a date three days old over the right texts."""

    def printed(self, day: date) -> date:
        return day - timedelta(3)


VISITS: dict[str, type[Visit]] = {
    "missing-sign": _MissingSign,
    "same-as-yesterday": _SameAsYesterday,
    "empty": _Empty,
    "shared-text": _SharedText,
    "swapped-signs": _SwappedSigns,
    "wrong-date": _WrongDate,
}
"""Faults of what a site publishes."""


def _renamed(match: re.Match[str]) -> str:
    names = (f"c{sha256(name.encode()).hexdigest()[:7]}" for name in match[1].split())
    return f'class="{" ".join(names)}"'


def _redesigned(page: Page, host: str) -> Page:
    """Classes get new names, as in a release of the site; in JSON and XML the keys do."""
    if "json" in page.content_type:
        return replace(page, body=_JSON_KEY.sub(r'"\1_v4"', page.body))
    if "xml" in page.content_type:
        return replace(page, body=_XML_SIGN.sub(r"<\1n_\2", page.body))
    return replace(page, body=_CLASS.sub(_renamed, page.body))


def _challenged(page: Page, host: str) -> Page:
    return Page(
        _CHALLENGE.format(host=host), "text/html; charset=UTF-8", headers={"cf-mitigated": "challenge"}
    )


def _truncated(page: Page, host: str) -> Page:
    return replace(page, body=page.body[: len(page.body) * 2 // 5])


def _misdeclared(page: Page, host: str) -> Page:
    declared = "utf-8" if page.encoding == "windows-1251" else "windows-1251"
    return replace(page, content_type=f"{page.content_type.split(';')[0]}; charset={declared}")


def _refused(status: int) -> Callable[[Page, str], Page]:
    headers = {"retry-after": "120"} if status in (429, 503) else {}
    return lambda page, host: Page(f"<html><h1>{status}</h1></html>", status=status, headers=headers)


PAGES: dict[str, Callable[[Page, str], Page]] = {
    "renamed-class": _redesigned,
    "challenge": _challenged,
    "truncated": _truncated,
    "wrong-encoding": _misdeclared,
    "http-403": _refused(403),
    "http-429": _refused(429),
    "http-503": _refused(503),
}
"""Faults of how a page is answered."""

WORDS = {
    "challenge": "a browser check instead of the page, with status 200",
    "empty": "the layout is there, the texts are not",
    "http-403": "forbidden",
    "http-429": "too many requests, with Retry-After",
    "http-503": "out of service, with Retry-After",
    "missing-sign": "one sign (gemini) was not filled in",
    "renamed-class": "every class, JSON key or XML element has a new name",
    "same-as-yesterday": "the date moved on, the texts did not",
    "shared-text": "four signs show one text",
    "slow": f"each answer takes {SLOW_S:g} s",
    "swapped-signs": "leo and virgo show one another's text",
    "truncated": "the page breaks off",
    "wrong-date": "a date three days old over the right texts",
    "wrong-encoding": "windows-1251 declared as UTF-8, or the other way round",
    "yesterday-page": "yesterday's whole page",
}
"""What each does, for --help."""

NAMES = sorted(WORDS)


def disturbed(visit: Visit, fault: str | None) -> Visit:
    """Return the visit under `fault`: the same to a site that does not suffer from it."""
    if fault == "yesterday-page":
        return replace(visit, day=visit.day - timedelta(1))
    kind = VISITS.get(fault or "", Visit)
    return kind(visit.day, visit.host, visit.path, visit.query)


def damaged(page: Page, host: str, fault: str | None) -> Page:
    """Return the page under `fault`: the same if the fault is not one of pages."""
    return PAGES[fault](page, host) if fault in PAGES else page
