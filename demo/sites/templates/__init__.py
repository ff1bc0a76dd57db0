"""Renders a site's template: its name and values come in, the page goes out, every value escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from demo.sites.visit import HTML, Page


@cache
def _environment() -> Environment:
    folder = Path(__file__).parent
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)


def render(template: str, content_type: str = HTML, encoding: str = "utf-8", **values: object) -> Page:
    """Return `template` as a page; jinja2.UndefinedError if it names a value that was not given."""
    body = _environment().get_template(template).render(**values)
    return Page(body, content_type=content_type, encoding=encoding)
