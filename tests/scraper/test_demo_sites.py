"""The spiders against the demo sites, which imitate the real ones' pages and accidents."""

import json
import os
import subprocess
import sys

import pytest

from tests.scraper.conftest import ROOT
from tests.scraper.pages import DAY, manifests_under


@pytest.fixture
def collect_demo(tmp_path):
    def collect(*arguments, fault=()):
        command = [sys.executable, "-m", "demo.run", *fault, "--", sys.executable, "-m", "scraper.collect"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOROSCOPE_")}
        done = subprocess.run(
            [*command, "--date", str(DAY), "--storage", str(tmp_path), *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr

    return collect


def test_every_default_source_is_collected_whole_from_its_demo_site(collect_demo, tmp_path):
    code, last, errors = collect_demo()
    assert (code, last["outcome"]) == (0, "done"), errors
    assert last["missing"] == {}
    for manifest in manifests_under(tmp_path).values():
        assert manifest["coverage"]["missing"] == []
        assert len(manifest["strategies"]) == 1, (
            "the demo page is not built as the spider's first choice expects"
        )
