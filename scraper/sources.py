"""Permission for each source, from sources.yaml: who may be crawled, who is crawled by default, and why."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("sources.yaml")


@dataclass(frozen=True)
class Permission:
    """One line of sources.yaml."""

    allowed: bool
    default: bool
    reviewed_on: dt.date | None
    why: str


def permissions(file: Path = FILE) -> dict[str, Permission]:
    """Source name → permission. A source that is not listed has none."""
    return {
        name: Permission(**line) for name, line in yaml.safe_load(file.read_text(encoding="utf-8")).items()
    }


def default_sources() -> list[str]:
    return [name for name, permission in permissions().items() if permission.default and permission.allowed]
