"""What a page with status 200 can be instead of the page asked for: a response comes in, its fault goes
out.
"""

from __future__ import annotations

import re

from scrapy.http import TextResponse

_CHALLENGES = {
    "Cloudflare": r"cf-browser-verification|cf_chl_|/cdn-cgi/challenge-platform|<title>Just a moment",
    "DDoS-Guard": r"ddos-guard",
    "captcha": r"smart-?captcha|g-recaptcha|h-captcha|showcaptcha",
    "browser check": r"проверка (?:вашего )?браузера|проверяем,? (?:ваш )?браузер|вы не робот"
    r"|checking your browser",
    "access denied": r"<title>[^<]*(?:доступ (?:ограничен|запрещ[её]н)|access denied|forbidden)",
    "error page": r"<(?:title|h1)[^<>]*>[^<]*"
    r"(?:технические работы|страница не найдена|ошибка \d{3}|\b50\d\b|\b404\b)",
    "stub": r"<(?:title|h1)[^<>]*>[^<]*(?:домен прода[её]тся|domain (?:is )?for sale|welcome to nginx)",
}
# [^<>]*, not [^>]*: from each of a hostile page's hundred thousand "<h1" that would look to the page's end.
_OF = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _CHALLENGES.items()}
HEAD_BYTES = 4096


def disguise(response: TextResponse) -> str | None:
    """What a page without horoscopes is, by name: a challenge, an error page with status 200, nothing at all.

    Only for pages on which nothing was found: honest pages carry a captcha's script for their comment form
    too.
    """
    if not response.body.strip():
        return "an empty page"
    for name, pattern in _OF.items():
        if pattern.search(response.text):
            return f"a page that looks like {name}"
    return None


def is_cut_short(response: TextResponse) -> bool:
    """A document that begins and does not end: the connection or a cache dropped the rest."""
    if getattr(response, "is_whole", False):  # found so when it was kept
        return False
    root = re.search(rb"<(html|horo|rss)", response.body[:HEAD_BYTES].lower())
    if root is None:
        return False
    ends = (b"</" + root.group(1), b"</body")
    # From the end: there it is found at once.
    return all(response.body.rfind(case) < 0 for end in ends for case in (end, end.upper()))
