"""The stages of a day as commands, defined once: a `Plan` in, each step's argument list out.

The local runner (`python -m orchestration.run`) and the Airflow DAGs both take their commands from here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestration.plan import Plan
from orchestration.settings import BadSetting


@dataclass(frozen=True)
class Step:
    """One command of the day."""

    name: str
    command: Callable[[Plan], list[str]]
    purpose: str
    """One line for a person."""
    product: str = ""
    """What it leaves under the storage root; a finished step whose product has gone is run again."""
    makes_candidate: bool = False
    """True: its product is the day's model, which lies in the plan's home."""
    judges_candidate: bool = False
    """True: there is nothing to do on a day when training was skipped."""
    only_shows: bool = False
    """True: it leaves nothing behind, so it is run every time."""
    needs: str = ""
    """A setting of the plan without which there is nothing to do."""


def program(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def collect(plan: Plan) -> list[str]:
    days = str(plan.profile.history_days[plan.sites])
    command = program(
        "scraper.collect", "--date", plan.day, "--history-days", days, "--storage", plan.storage
    )
    return program("demo.run", "--", *command) if plan.sites == "demo" else command


def process(plan: Plan) -> list[str]:
    if plan.in_bucket and plan.profile.stage_buckets:
        return program("orchestration.stage", "--storage", plan.storage, "--", *plan.profile.clean_job)
    return [*plan.profile.clean_job, "--storage", plan.storage]


def train(plan: Plan) -> list[str]:
    where = ["--data", f"{plan.storage}/processed", "--output", plan.model, "--registry", plan.registry]
    return program("model_training.train", "--config", plan.profile.training_config, *where)


def due(plan: Plan) -> list[str]:
    return [*train(plan), "--check"]


def fetch(plan: Plan) -> list[str]:
    return program("orchestration.carry", f"{plan.storage}/models/{plan.day}", plan.model)


def evaluate(plan: Plan) -> list[str]:
    where = ["--model", plan.model, "--data", f"{plan.storage}/processed", "--registry", plan.registry]
    return program("model_training.evaluate", *where, "--published", f"{plan.storage}/published")


def promote(plan: Plan) -> list[str]:
    return program("model_training.registry", "promote", "--registry", plan.registry)


def publish(plan: Plan) -> list[str]:
    registry = ["--registry", plan.registry] if plan.in_bucket else []
    return program("serving.publish", "--date", plan.day, "--storage", plan.storage, *registry)


def show(plan: Plan) -> list[str]:
    return program("serving.show", "--date", plan.day, "--storage", plan.storage)


def export(plan: Plan) -> list[str]:
    """Without a date: the site always shows the day of its export."""
    url = ["--base-url", plan.profile.site_url] if plan.profile.site_url else []
    return program("serving.export", "--storage", plan.storage, "--output", plan.site, *url)


def broadcast(plan: Plan) -> list[str]:
    server = os.environ.get("HOROSCOPE_TELEGRAM_API")
    api = ["--api-url", server] if server else []
    return program("serving.bot.once", "--storage", plan.storage, "--state", plan.bot_state, *api)


STEPS = (
    Step("collect", collect, "collect the sites' texts into raw/", product="raw"),
    Step("process", process, "clean them into processed/", product="processed/dataset.json"),
    Step("train", train, "train today's candidate model", makes_candidate=True),
    Step("evaluate", evaluate, "measure the candidate and register it", judges_candidate=True),
    Step("promote", promote, "make it champion if it is proved better", judges_candidate=True),
    Step("publish", publish, "write the day's texts", product="published/date={day}/horoscopes.json"),
    Step("show", show, "print the day's texts", only_shows=True),
)
"""The day, as the local runner goes through it."""

AIRFLOW_STEPS = (
    Step("due", due, "see whether there is enough new to learn"),
    Step("fetch", fetch, "bring a model that was trained elsewhere"),
    Step("export", export, "write the static site", needs="site"),
    Step("broadcast", broadcast, "send subscribers what is due", needs="bot_state"),
)
"""What only an installation with Airflow does."""


def find_step(name: str) -> Step:
    """Raises BadSetting for a name that is no step."""
    return step_among(STEPS + AIRFLOW_STEPS, name)


def step_among(steps: Sequence[Step], name: str) -> Step:
    for step in steps:
        if step.name == name:
            return step
    known = ", ".join(step.name for step in steps)
    raise BadSetting(f"expected a step among {known}, found {name!r}; name one of them")
