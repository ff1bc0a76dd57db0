"""Settings that depend on the machine: the environment comes in once, as a crawl starts, never on import."""

from __future__ import annotations

import os
from pathlib import Path

from scrapy.settings import BaseSettings

import scraper

PROJECT = "horoscope-mlops"


class Environment:
    """A Scrapy add-on. The environment wins over scraper.settings, `-s NAME=VALUE` wins over both."""

    def update_settings(self, settings: BaseSettings) -> None:
        for name, default in (
            ("HOROSCOPE_STORAGE", "data"),
            ("HOROSCOPE_SNAPSHOTS", ""),
            ("HOROSCOPE_CONTACT", ""),
            ("HOROSCOPE_HTTP_CACHE", ".cache/http"),
            ("HOROSCOPE_KEEP_PAGES", ".cache/pages"),
            ("HOROSCOPE_READ_PAGES", ""),
        ):
            settings.set(name, settings.get(name) or os.environ.get(name, default), "project")
        contact = settings["HOROSCOPE_CONTACT"] or "no contact given, see HOROSCOPE_CONTACT"
        settings.set(
            "USER_AGENT", f"{PROJECT}/{scraper.__version__} (research crawler; {contact})", "project"
        )
        settings.set("HTTPCACHE_DIR", str(Path(settings["HOROSCOPE_HTTP_CACHE"]).resolve()), "project")
        if settings["HOROSCOPE_READ_PAGES"]:
            self._answer_by(settings, "scraper.kept_pages.KeptPages", delay_s=0)
            # No host is asked, so none is asked for its rules.
            settings.set("DOWNLOADER_MIDDLEWARES", {"scraper.manners.Manners": None}, "project")
        elif settings["HOROSCOPE_SNAPSHOTS"]:
            delay_s = float(os.environ.get("HOROSCOPE_SNAPSHOT_DELAY_S", "0"))  # to rehearse a polite crawl
            self._answer_by(settings, "scraper.snapshots.SnapshotHandler", delay_s)

    def _answer_by(self, settings: BaseSettings, handler: str, delay_s: float) -> None:
        """Not the live web: nothing to keep, and no pace but the one that is rehearsed."""
        settings.set("DOWNLOAD_HANDLERS", {"http": handler, "https": handler}, "project")
        settings.set("DOWNLOAD_DELAY", delay_s, "project")
        settings.set("CONCURRENT_REQUESTS_PER_DOMAIN", 1 if delay_s else 16, "project")
        settings.set("HTTPCACHE_ENABLED", False, "project")
        settings.set("HOROSCOPE_KEEP_PAGES", "", "project")
