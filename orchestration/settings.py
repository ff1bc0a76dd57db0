"""Settings of a way to run the system: a TOML file of `orchestration/profiles/` in, a `Profile` out.

A profile is a file of settings and never a branch in code: copy `local.toml`, change values, and name
it with `python -m orchestration.run --profile NAME`.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "profiles"


class BadSetting(ValueError):
    """A setting, an argument or the environment is wrong; the message is one line for a person."""


@dataclass(frozen=True)
class Profile:
    """One profile file; every setting is mandatory, so that a file shows all there is to set."""

    name: str
    """The file's name without `.toml`."""
    storage: str
    """Root of all data where neither --storage nor HOROSCOPE_STORAGE names one: a folder or s3://bucket/prefix."""
    work: str
    """Folder for models and the registry when `storage` is a bucket; in a folder they lie beside the rest."""
    sites: str
    """`demo` or `live`, where --sites does not say."""
    history_days: Mapping[str, int]
    """For demo and for live sites: how many days before the asked one are collected if they are missing."""
    training_config: str
    """The training's own TOML file."""
    clean_job: tuple[str, ...]
    """How the cleaning job is started; `{python}` stands for this interpreter. `--storage ROOT` is added."""
    stage_buckets: bool
    """True where this Spark cannot read s3:// itself: the job works on a copy in a folder."""
    site: str
    """Where the published days go as a static site: a folder or address, `{storage}` stands for the root.
    Empty: nowhere. HOROSCOPE_SITE goes before it."""
    site_url: str
    """Under which address readers see the site, for its feeds; empty: the exporter's own default."""
    bot_state: str
    """The bot's memory (SQLite) where Airflow delivers for it; empty: the bot runs by itself."""
    spark: Mapping[str, Any]
    """For the DAG spark_process: `master`, `deploy_mode` and `conf` of spark-submit, where `{python}` stands
    for this interpreter; empty: none."""
    environment: Mapping[str, str]
    """Set for every step unless the caller's environment already has it."""


def profile_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_profile(name: str, folder: Path = FOLDER) -> Profile:
    """Raises BadSetting for an unknown name, or a file with a missing or unknown setting."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise BadSetting(f"expected a profile among {known}, found {name!r}; add {path} or name another")
    try:
        settings: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"expected TOML, found {error}, in {path}; repair the file") from error
    expected = {field.name for field in fields(Profile)} - {"name"}
    if expected != settings.keys():
        missing, unknown = sorted(expected - settings.keys()), sorted(settings.keys() - expected)
        raise BadSetting(
            f"expected all settings and no others, found missing {missing}, unknown {unknown}, in {path}"
        )
    settings["clean_job"] = tuple(part.replace("{python}", sys.executable) for part in settings["clean_job"])
    conf = settings["spark"].get("conf", {})
    settings["spark"]["conf"] = {
        key: value.replace("{python}", sys.executable) for key, value in conf.items()
    }
    return Profile(name=name, **settings)
