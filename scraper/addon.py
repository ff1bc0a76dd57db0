"""Settings that depend on the machine: the environment comes in once, as a crawl starts, never on import."""

from __future__ import annotations

import os

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
        ):
            settings.set(name, settings.get(name) or os.environ.get(name, default), "project")
        contact = settings["HOROSCOPE_CONTACT"] or "no contact given, see HOROSCOPE_CONTACT"
        settings.set(
            "USER_AGENT", f"{PROJECT}/{scraper.__version__} (research crawler; {contact})", "project"
        )
        if settings["HOROSCOPE_SNAPSHOTS"]:
            handler = "scraper.snapshots.SnapshotHandler"
            settings.set("DOWNLOAD_HANDLERS", {"http": handler, "https": handler}, "project")
            delay_s = float(os.environ.get("HOROSCOPE_SNAPSHOT_DELAY_S", "0"))  # to rehearse a polite crawl
            settings.set("DOWNLOAD_DELAY", delay_s, "project")
            settings.set("HTTPCACHE_ENABLED", False, "project")
            settings.set("CONCURRENT_REQUESTS_PER_DOMAIN", 1 if delay_s else 16, "project")
