"""What one day's run is about: date, storage, sites and profile as a person gave them in, a checked
`Plan` out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestration.settings import BadSetting, Profile, load_profile

SITES = ("demo", "live")


@dataclass(frozen=True)
class Plan:
    """Every command of a day follows from this."""

    day: str
    """ISO date the run is for."""
    storage: str
    """Root of all data: an absolute folder or s3://bucket/prefix, without a slash at its end."""
    sites: str
    """`demo`: the loopback sites; `live`: the real ones."""
    profile: Profile

    @property
    def in_bucket(self) -> bool:
        return "://" in self.storage

    @property
    def home(self) -> str:
        """Where models and the registry lie: they need a folder."""
        return str(Path(self.profile.work).resolve()) if self.in_bucket else self.storage

    @property
    def model(self) -> str:
        """Today's candidate."""
        return f"{self.home}/models/{self.day}"

    @property
    def registry(self) -> str:
        return f"{self.home}/registry"

    @property
    def site(self) -> str:
        """Folder or address of the static site; empty where there is none."""
        return os.environ.get("HOROSCOPE_SITE") or self.profile.site.format(storage=self.storage)

    @property
    def bot_state(self) -> str:
        """The bot's memory, where Airflow delivers for it; else empty."""
        return os.environ.get("HOROSCOPE_BOT_STATE") or self.profile.bot_state


def make_plan(day: str, profile: str = "", sites: str | None = None, storage: str | None = None) -> Plan:
    """What is not given comes from HOROSCOPE_PROFILE (else local), HOROSCOPE_STORAGE and the profile.

    Raises BadSetting.
    """
    settings = chosen_profile(profile)
    root = storage or os.environ.get("HOROSCOPE_STORAGE") or settings.storage
    root = root.rstrip("/") if "://" in root else str(Path(root).resolve())
    sites = sites or settings.sites
    if sites not in SITES:
        raise BadSetting(f"expected sites among {', '.join(SITES)}, found {sites!r}; name one of them")
    return Plan(checked_day(day), root, sites, settings)


def chosen_profile(name: str = "") -> Profile:
    """The one asked for, else HOROSCOPE_PROFILE's, else local. Raises BadSetting."""
    return load_profile(name or os.environ.get("HOROSCOPE_PROFILE") or "local")


def checked_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise BadSetting(f"expected a date such as 2026-11-23, found {text!r}; write YYYY-MM-DD") from error


def moscow_today() -> str:
    """For a program's edge only: deeper, the day is an argument."""
    return datetime.now(ZoneInfo("Europe/Moscow")).date().isoformat()
