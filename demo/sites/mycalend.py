"""my-calend.ru: twelve signs on one page, or one sign a page under a Russian name; no date is printed."""

from __future__ import annotations

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit

HOST = "my-calend.ru"
SLUGS = dict(
    zip(
        SIGNS,
        "oven telec bliznecy rak lev deva vesy skorpion strelec kozerog vodoley ryby".split(),  # noqa: SIM905
        strict=True,
    )
)
"""Sign -> its name in this site's addresses."""
PATHS = ("/goroskop", "/goroskop/lev")


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    texts = visit.texts("general", visit.day)
    wanted = {f"/goroskop/{russian}": slug for slug, russian in SLUGS.items()}
    slug = wanted.get(visit.path)
    if visit.path != "/goroskop" and slug not in texts:
        return None
    signs = [
        {"name": SIGNS[sign].words["sg"], "link": f"/goroskop/{SLUGS[sign]}", "text": text}
        for sign, text in texts.items()
    ]
    name = SIGNS[slug].words["sg"] if slug else ""
    return render("mycalend.html", signs=signs, name=name, text=texts[slug] if slug else None)
