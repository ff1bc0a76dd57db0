"""What makes a day of a source untrustworthy although every page answered.

An account of a day comes in (and the texts of the days beside it), named faults go out, one line each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from scraper.items import SIGNS
from scraper.signs import signs_in

if TYPE_CHECKING:
    from scraper.ledger import Cell, DayAccount

STALE_SIGNS = 3
Neighbours = Mapping[str, Mapping["Cell", str]]
"""Name of a day beside this one (`the day before`, …) → its texts."""


def faults_of(account: DayAccount, neighbours: Neighbours) -> list[str]:
    """Empty for a day that can be trusted."""
    return [
        *missing_cells(account),
        *shared_texts(account),
        *swapped_signs(account),
        *repeated_texts(account, neighbours),
    ]


def missing_cells(account: DayAccount) -> Iterator[str]:
    if account.expected and not account.texts:
        yield f"expected {len(account.expected)} horoscopes for {account.day}, found none"
    elif account.missing:
        names = ", ".join(missing_by_topic(account))
        yield f"missing {len(account.missing)} of {len(account.expected)}: {names}"


def missing_by_topic(account: DayAccount) -> Iterator[str]:
    """`leo/love/2026-11-23` for single cells, `all signs/love/2026-11-23` where a whole topic is gone."""
    for topic in sorted({topic for _, topic in account.expected}):
        signs = {sign for sign, of in account.expected if of == topic}
        gone = sorted(sign for sign in signs if (sign, topic) not in account.texts)
        names = ["all signs"] if len(gone) == len(signs) > 1 else gone
        yield from (f"{name}/{topic}/{account.day}" for name in names)


def shared_texts(account: DayAccount) -> Iterator[str]:
    """One text under several signs: the page was misread, or the site fell back to a stub."""
    signs_by_text = defaultdict(set)
    for (sign, _), text in account.texts.items():
        signs_by_text[text].add(sign)
    for signs in signs_by_text.values():
        if len(signs) > 1:
            yield f"expected a text of its own for each sign, found one shared by {', '.join(sorted(signs))}"


def swapped_signs(account: DayAccount) -> Iterator[str]:
    """Two texts that name each other's sign and not their own. One alone proves nothing: «помогут Львы»."""
    named = {cell: signs_in(text) for cell, text in account.texts.items()}
    for (sign, topic), others in named.items():
        for other in sorted(others):
            if sign < other and named.get((other, topic)) == {sign} and others == {other}:
                yield f"expected texts of {sign} and {other} each in its place, found them swapped in {topic}"


def repeated_texts(account: DayAccount, neighbours: Neighbours) -> Iterator[str]:
    """The site shows an old page under a new date: several signs of a topic repeat the day beside it."""
    for when, topic, signs in _repeats(account, neighbours):
        if len(signs) >= STALE_SIGNS:
            names = "all signs" if len(signs) == len(SIGNS) else ", ".join(signs)
            yield f"expected new texts for {account.day}, found those of {when} in {topic}: {names}"


def warnings_of(account: DayAccount, neighbours: Neighbours) -> list[str]:
    """What a person may want to know of a day that is trusted all the same: editors do reprint a text now
    and then.
    """
    return [
        f"{sign}/{topic}/{account.day} repeats the text of {when}"
        for when, topic, signs in _repeats(account, neighbours)
        if len(signs) < STALE_SIGNS
        for sign in signs
    ]


def _repeats(account: DayAccount, neighbours: Neighbours) -> Iterator[tuple[str, str, list[str]]]:
    """(day beside, topic, signs whose text is the same there)."""
    for when, texts in neighbours.items():
        signs_by_topic = defaultdict(list)
        for (sign, topic), text in sorted(account.texts.items()):
            if texts.get((sign, topic)) == text:
                signs_by_topic[topic].append(sign)
        yield from ((when, topic, signs) for topic, signs in signs_by_topic.items())
