"""What makes a day of a source untrustworthy although every page answered: an account comes in, named faults
go out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scraper.ledger import DayAccount


def faults_of(account: DayAccount) -> list[str]:
    """One line a fault, empty for a day that can be trusted."""
    return [*missing_cells(account), *shared_texts(account)]


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
    cells_by_text = defaultdict(list)
    for (sign, topic), text in account.texts.items():
        cells_by_text[text].append((sign, topic))
    for cells in cells_by_text.values():
        signs = sorted({sign for sign, _ in cells})
        if len(signs) > 1:
            yield f"expected a text of its own for each sign, found one shared by {', '.join(signs)}"
