"""What the bot remembers of a chat, in one SQLite file: sign, language, time zone, hour of delivery, days
delivered.

A delivery is claimed before it is sent, by a row that can exist once. So no crash, no second process and
no retry sends a day twice; what a crash leaves claimed is told as `unknown` and is not sent again.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

SCHEMA = """
create table if not exists chats (
    chat_id integer primary key,
    sign text,
    language text not null default 'ru',
    zone text not null default 'Europe/Moscow',
    deliver_minute integer,  -- of the local day; null: no daily delivery
    active integer not null default 1  -- 0 once the chat has blocked the bot
) strict;
create index if not exists chats_by_time on chats (zone, deliver_minute) where deliver_minute is not null;
create table if not exists deliveries (
    chat_id integer not null,
    date text not null,
    state text not null check (state in ('sending', 'sent', 'refused', 'unknown', 'skipped')),
    message_id integer,
    primary key (chat_id, date)
) strict, without rowid;
"""
LATEST_MINUTES = 6 * 60
"""A delivery later than this is left out: a morning's text at night helps nobody."""


@dataclass(frozen=True)
class Chat:
    """One row of `chats`."""

    chat_id: int
    sign: str | None = None
    language: str = "ru"
    zone: str = "Europe/Moscow"
    deliver_minute: int | None = None
    active: bool = True

    def today(self, now: dt.datetime) -> dt.date:
        return now.astimezone(ZoneInfo(self.zone)).date()


@dataclass(frozen=True)
class Due:
    """A delivery that should be made now."""

    chat: Chat
    date: dt.date
    """The day it is where the chat lives."""


class Subscribers:
    """The file; open it in one thread of each process."""

    def __init__(self, path: str | Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")  # a claim must outlive the power
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    def get(self, chat_id: int) -> Chat | None:
        row = self._db.execute("select * from chats where chat_id = ?", (chat_id,)).fetchone()
        return _chat(row) if row else None

    def save(self, chat: Chat) -> None:
        self._db.execute(
            "insert or replace into chats values (?, ?, ?, ?, ?, ?)",
            (chat.chat_id, chat.sign, chat.language, chat.zone, chat.deliver_minute, int(chat.active)),
        )

    def forget(self, chat_id: int) -> None:
        """Remove all that is known of a chat."""
        self._db.execute("begin")
        self._db.execute("delete from chats where chat_id = ?", (chat_id,))
        self._db.execute("delete from deliveries where chat_id = ?", (chat_id,))
        self._db.execute("commit")

    def deactivate(self, chat_id: int) -> None:
        self._db.execute("update chats set active = 0 where chat_id = ?", (chat_id,))

    def due(self, now: dt.datetime) -> Iterator[Due]:
        """Deliveries whose local time has come, not yet claimed, the longest waiting first in each zone."""
        zones = self._db.execute(
            "select distinct zone from chats where deliver_minute is not null"
        ).fetchall()
        for (zone,) in zones:
            local = now.astimezone(ZoneInfo(zone))
            minute = local.hour * 60 + local.minute
            rows = self._db.execute(
                "select chats.* from chats left join deliveries as made"
                " on made.chat_id = chats.chat_id and made.date = ?"
                " where zone = ? and active and sign is not null and deliver_minute between ? and ?"
                " and made.chat_id is null order by deliver_minute, chats.chat_id",
                (local.date().isoformat(), zone, minute - LATEST_MINUTES, minute),
            ).fetchall()
            yield from (Due(_chat(row), local.date()) for row in rows)

    def claim(self, chat_id: int, date: dt.date, state: str = "sending") -> bool:
        """Whether this delivery is now ours to make; False if it was ever claimed before."""
        made = self._db.execute(
            "insert or ignore into deliveries values (?, ?, ?, null)", (chat_id, date.isoformat(), state)
        )
        return made.rowcount == 1

    def settle(self, chat_id: int, date: dt.date, state: str, message_id: int | None = None) -> None:
        self._db.execute(
            "update deliveries set state = ?, message_id = ? where chat_id = ? and date = ?",
            (state, message_id, chat_id, date.isoformat()),
        )

    def release(self, chat_id: int, date: dt.date) -> None:
        """Give a claim back: surely nothing was sent."""
        self._db.execute("delete from deliveries where chat_id = ? and date = ?", (chat_id, date.isoformat()))

    def settle_interrupted(self) -> int:
        """At start: what a crash left in the middle may have arrived, so it is not sent again; how many."""
        return self._db.execute("update deliveries set state = 'unknown' where state = 'sending'").rowcount

    def count_deliveries(self, date: dt.date) -> dict[str, int]:
        """State → deliveries of a day."""
        asked = "select state, count(*) from deliveries where date = ? group by state"
        return dict(self._db.execute(asked, (date.isoformat(),)).fetchall())


def _chat(row: tuple) -> Chat:
    chat_id, sign, language, zone, deliver_minute, active = row
    return Chat(chat_id, sign, language, zone, deliver_minute, bool(active))
