"""Has a site asked not to be used for machine learning? Its robots.txt, TDMRep file, headers or page come
in, the words in which it says so go out, or None. Five ways of saying it are known; each is binding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from parsel import Selector
from protego import Protego

AI_AGENTS = (
    "GPTBot", "ClaudeBot", "anthropic-ai", "CCBot", "Google-Extended", "Applebot-Extended", "Bytespider",
    "Meta-ExternalAgent", "FacebookBot", "Amazonbot", "PerplexityBot", "cohere-ai", "Diffbot", "Omgilibot",
    "ImagesiftBot", "AI2Bot",
)  # fmt: skip
"""Crawlers that gather training data: who forbids them forbids the purpose."""
_SIGNAL = re.compile(r"\b(?:ai-train|train-(?:gen)?ai|ai)\s*=\s*(?:no|n)\b", re.IGNORECASE)
_NO_AI = re.compile(r"\bno(?:ai|-ai|ml)\b", re.IGNORECASE)


def in_robots(rules: str, parsed: Protego, url: str) -> str | None:
    """`Content-Signal: ai-train=no`, `Content-Usage: train-ai=n`, or a rule that keeps an AI agent off the
    page.
    """
    for line in rules.splitlines():
        name, _, value = line.partition("#")[0].partition(":")
        if name.strip().lower() in ("content-signal", "content-usage") and _SIGNAL.search(value):
            return f"robots.txt says {line.strip()}"
    for agent in AI_AGENTS:
        if not parsed.can_fetch(url, agent):
            return f"robots.txt forbids {agent}"
    return None


def in_tdmrep(body: str, path: str) -> str | None:
    """`/.well-known/tdmrep.json`: the first entry whose location fits the path decides; anything but such a
    list says nothing.
    """
    try:
        entries = json.loads(body)
    except ValueError:
        return None
    for entry in entries if isinstance(entries, list) else []:
        location = str(entry.get("location", "")) if isinstance(entry, dict) else ""
        pattern = location.removesuffix("$") if location.endswith("$") else location + "*"
        if location and fnmatchcase(path, pattern):
            return "tdmrep.json reserves the page" if str(entry.get("tdm-reservation")) == "1" else None
    return None


def in_headers(headers: Iterable[tuple[str, str]]) -> str | None:
    """`TDM-Reservation: 1`, `X-Robots-Tag: noai`, `Content-Signal`, `Content-Usage`."""
    for name, value in headers:
        lowered = name.lower()
        if lowered == "tdm-reservation" and value.strip() == "1":
            return "TDM-Reservation: 1"
        if lowered == "x-robots-tag" and _NO_AI.search(value):
            return f"X-Robots-Tag: {value}"
        if lowered in ("content-signal", "content-usage") and _SIGNAL.search(value):
            return f"{name}: {value}"
    return None


def in_page(page: Selector) -> str | None:
    """`<meta name="robots" content="noai">`, `<meta name="tdm-reservation" content="1">`."""
    for meta in page.root.iter("meta"):
        name, content = (meta.get("name") or "").lower(), meta.get("content") or ""
        if name == "tdm-reservation" and content.strip() == "1":
            return "meta tdm-reservation"
        if name in ("robots", "horoscope-mlops") and _NO_AI.search(content):
            return f"meta {name}: {content}"
    return None
