"""One round of deliveries, for a scheduler where the bot does not run by itself: what is due now goes out,
and the program ends.

    TELEGRAM_BOT_TOKEN=… python -m serving.bot.once --storage data --state bot.db

Beside a running bot it does no harm: each delivery is claimed by one of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import sys
from collections import Counter
from typing import Any

from aiogram.utils.token import TokenValidationError
from sqlalchemy.exc import SQLAlchemyError

from serving.bot.__main__ import BotSettings, make_bot, no_database, utc_now
from serving.bot.broadcast import Broadcast
from serving.bot.pace import Pace
from serving.bot.subscribers import Subscribers
from serving.command import CommandError, parser, run_command
from serving.days import PublishedDays
from serving.logs import set_up_logs

STEP = "broadcast"
LEFT = {"released", "in doubt"}
"""Outcomes after which another call has something left to do."""


async def deliver_due(
    settings: BotSettings, days: PublishedDays, subscribers: Subscribers, now: dt.datetime
) -> Counter[str]:
    """What an earlier call left in doubt, then all that is due at `now`, round after round; outcome →
    deliveries."""
    pace, total = Pace(settings.per_s, settings.chat_interval_s), Counter[str]()
    bot = make_bot(settings, None)
    try:
        broadcast = Broadcast(bot, days, subscribers, pace)
        total.update(await broadcast.doubts.resolve())
        while outcomes := await broadcast.deliver(now):
            total += outcomes
            if outcomes.keys() & LEFT:
                break
    finally:
        await bot.session.close()
    return total


def work(settings: BotSettings, storage: str, state: str) -> dict[str, Any]:
    """The summary's own fields."""
    set_up_logs()
    if not settings.token:
        raise CommandError(
            "expected a bot's token, found none, in TELEGRAM_BOT_TOKEN; ask @BotFather for one", 2
        )
    days = PublishedDays(storage)
    days.refresh()
    if "storage" in days.faults:
        raise CommandError(f"expected readable published days, found {days.faults}, in {storage}")
    try:
        with contextlib.closing(Subscribers(state)) as subscribers:
            outcomes = asyncio.run(deliver_due(settings, days, subscribers, utc_now()))
    except TokenValidationError as error:
        raise CommandError("expected a bot's token in TELEGRAM_BOT_TOKEN, found something else", 2) from error
    except SQLAlchemyError as error:
        raise no_database(error) from error
    left = {outcome: count for outcome, count in outcomes.items() if outcome in LEFT}
    if left:
        raise CommandError(f"expected the Bot API to take every message, found {left}, at {settings.api_url}")
    return {"rows_in": outcomes.total(), "rows_out": outcomes["sent"], "outcomes": dict(outcomes)}


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument(
        "--state", default="bot.db", help="the bot's database, as serving.bot takes it (default: bot.db)"
    )
    made.add_argument("--api-url", default="https://api.telegram.org", help="address of the Bot API")
    args = made.parse_args(argv)
    settings = BotSettings(os.environ.get("TELEGRAM_BOT_TOKEN", ""), args.api_url)
    return run_command(STEP, lambda: work(settings, args.storage, args.state))


if __name__ == "__main__":
    sys.exit(main())
