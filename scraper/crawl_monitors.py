"""What a crawl as a whole is judged by when it ends, as a Spidermon suite: whoever uses Spidermon's actions
(Telegram, Slack, e-mail) hangs them here by settings, SPIDERMON_… as its documentation says.

Days are judged earlier, before they are published: scraper.monitors. That a crawl did not end by itself, or
left days unasked, no day can know: those monitors fail the source.
"""

from __future__ import annotations

from typing import Any, ClassVar

from spidermon import Monitor, MonitorSuite, monitors
from spidermon.contrib.scrapy.monitors import FinishReasonMonitor
from spidermon.core.actions import Action

from scraper.ledger import Ledger

WHOLE = "every day is whole"


@monitors.name("days")
class DaysMonitor(Monitor):  # type: ignore[misc]  # untyped library
    """What the ledger says of the days that were asked for."""

    @monitors.name(WHOLE)
    def test_every_day_is_whole(self) -> None:
        failed = [day for day, account in ledger_of(self.data).outcomes.items() if account.failures]
        first = ledger_of(self.data).outcomes[min(failed)].failures[0] if failed else ""
        self.assertFalse(failed, f"{len(failed)} days failed, first {min(failed, default='')}: {first}")

    @monitors.name("every day was asked for")
    def test_every_day_was_asked_for(self) -> None:
        forgotten = self.data.spider.asked - ledger_of(self.data).outcomes.keys()
        first = min(forgotten, default="")
        self.assertFalse(forgotten, f"{len(forgotten)} days were never opened, first {first}")


class TellLedger(Action):  # type: ignore[misc]  # untyped library
    """Failed monitors become faults of the crawl: they are printed and decide the exit code. Of days that are
    not whole the ledger knows.
    """

    def run_action(self) -> None:
        for failed in self.result.monitors_failed_results:
            if WHOLE not in failed.monitor.name:
                reason = str(failed.reason or failed.error).strip().splitlines()[-1]
                ledger_of(self.data).crawl_faults.append(f"{failed.monitor.name}: {reason}")


class CrawlMonitors(MonitorSuite):  # type: ignore[misc]  # untyped library
    """Runs when a spider has closed, after the ledger has closed its last day."""

    monitors: ClassVar = [FinishReasonMonitor, DaysMonitor]
    monitors_failed_actions: ClassVar = [TellLedger]


def ledger_of(data: Any) -> Ledger:
    ledger = data.crawler.get_extension(Ledger)
    assert ledger is not None
    return ledger  # type: ignore[no-any-return]
