"""The cost page: what the docs show is what the program says, and the ledger's minutes go before guesses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration import costs
from orchestration.ledger import CLUSTER, JOB, Ledger, Reservation, read_prices
from orchestration.record import Storage

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = 1_795_000_000.0  # November 2026


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.chdir(REPOSITORY)


def test_the_cost_page_shows_what_the_program_says(capsys):
    assert costs.main([]) == 0
    shown = capsys.readouterr().out.rsplit("\n", 2)[0].strip()
    assert shown in (REPOSITORY / "docs" / "costs.md").read_text(encoding="utf-8")


def test_the_minutes_of_the_ledger_go_before_what_is_assumed(tmp_path, capsys):
    ledger = Ledger(Storage(str(tmp_path)))
    for name, kind, minutes in (("c1", CLUSTER, 40), ("c2", CLUSTER, 60), ("j1", JOB, 90)):
        ledger.open(Reservation(name, kind, 10, 2), 1000, NOW)
        ledger.book(name, minutes, minutes / 6, NOW)
    ledger.open(Reservation("running", CLUSTER, 10, 2), 1000, NOW)
    assert costs.main(["--storage", str(tmp_path), "--month", "2026-11"]) == 0
    out = capsys.readouterr().out
    (guessed,) = [line for line in out.splitlines() if line.startswith("Guessed:")]
    assert "`machine` 4000" in guessed
    assert "cluster_minutes_a_run" not in guessed
    assert "cluster: mean of 2 in the ledger, gpu job: mean of 1 in the ledger" in out
    prices = read_prices(Path("orchestration/prices.toml"))
    day = 50 / 60 * 2 * prices.host_hour["s3-c2-m8"]
    gpu = 4 * 90 / 60 * prices.instance_hour["g1.1"]
    (row,) = [line for line in out.splitlines() if line.startswith("| cloud |")]
    columns = [float(cell.replace(",", "")) for cell in row.strip("| ").split("|")[1:]]
    assert columns[3] == pytest.approx(30 * day, abs=1)
    assert columns[4] == pytest.approx(gpu, abs=1)
    assert columns[1] == pytest.approx(sum(columns[3:]), abs=3)
    assert json.loads(out.splitlines()[-1])["rows_in"] == 4


@pytest.mark.parametrize(("more", "less"), [((100, 1), (18, 1)), ((18, 10), (18, 1))])
def test_the_bill_grows_with_sites_and_with_years(more, less):
    prices = read_prices(Path("orchestration/prices.toml"))
    used = costs.usage(prices, 10, 340, [])
    bills = [sum(costs.month_of(prices, used, "cloud", *case).values()) for case in (more, less)]
    assert bills[0] > bills[1]


def test_every_preset_and_instance_that_is_asked_for_has_a_price_with_its_source_and_date():
    text = Path("orchestration/prices.toml").read_text(encoding="utf-8")
    prices = read_prices(Path("orchestration/prices.toml"))
    assert costs.cluster_hour(prices, Path("orchestration/jobs/cluster.toml")) > 0
    assert {"g1.1", "g2.1"} <= prices.instance_hour.keys()
    assert "Source:" in text
    assert "2026-11-26" in text


def test_a_missing_price_is_one_clear_line(tmp_path, capsys):
    assert costs.main(["--instance", "g9.9"]) == 2
    assert capsys.readouterr().err.startswith("error: expected a price for g9.9, found g1.1, g2.1")
