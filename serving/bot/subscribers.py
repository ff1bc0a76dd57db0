"""What the bot remembers of a chat, in SQLite or Postgres: sign, language, time zone, hour of delivery, days
delivered.

A delivery is claimed, on disk, before it is sent, by a row that can exist once: no crash, no second process
and no retry sends it while another may be sending it. What is claimed and never settled is a `Doubt`:
`serving.bot.doubts` finds out whether it arrived.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

SCHEMA = (
    """create table if not exists chats (
    chat_id bigint primary key,
    sign text,
    language text not null default 'ru',
    zone text not null default 'Europe/Moscow',
    deliver_minute integer,  -- of the local day; null: no daily delivery
    active boolean not null default true  -- false once the chat has blocked the bot
)""",
    "create index if not exists chats_by_time on chats (zone, deliver_minute)",
    """create table if not exists deliveries (
    chat_id bigint not null,
    date text not null,
    state text not null check (state in ('sending', 'sent', 'refused', 'unknown', 'skipped')),
    claimed_s double precision not null,  -- UNIX seconds
    after_id bigint,  -- the newest message_id known when it was claimed; null: none yet
    message_id bigint,
    primary key (chat_id, date)
)""",
    "create index if not exists deliveries_by_message on deliveries (message_id)",
    "create index if not exists deliveries_open on deliveries (claimed_s) where state = 'sending'",
)
LATEST_MINUTES = 6 * 60
"""A delivery later than this is left out: a morning's text at night helps nobody."""
WINDOW_IDS = 100
"""So many messages are asked about at most before a doubt stays one."""
KEPT_DAYS = 30


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


@dataclass(frozen=True)
class Doubt(Due):
    """A delivery that was claimed and may or may not have arrived."""

    claimed_s: float
    after_id: int | None


class Subscribers:
    """The chats and deliveries at a database address: `bot.db`, `sqlite:///bot.db`, `postgresql://…`; open it
    in one thread of each process."""

    def __init__(self, address: str, seconds: Callable[[], float] = time.time) -> None:
        url = sa.make_url(address if "://" in address else f"sqlite:///{address}")
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        local = url.get_backend_name() == "sqlite"
        options = {"timeout": 30} if local else {"connect_timeout": 5}
        self._engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=options)
        self._seconds = seconds
        if local:
            sa.event.listen(self._engine, "connect", _make_durable)
        with self._engine.begin() as db:
            for statement in SCHEMA:
                db.execute(sa.text(statement))

    def close(self) -> None:
        self._engine.dispose()

    def _run(self, statement: str, **values: Any) -> tuple[list[Any], int]:
        """One statement in a transaction of its own; its rows and how many rows it touched."""
        with self._engine.begin() as db:
            made = db.execute(sa.text(statement), values)
            return (list(made) if made.returns_rows else []), made.rowcount

    def get(self, chat_id: int) -> Chat | None:
        rows, _ = self._run("select * from chats where chat_id = :chat_id", chat_id=chat_id)
        return _chat(rows[0]) if rows else None

    def save(self, chat: Chat) -> None:
        self._run(
            "insert into chats values (:chat_id, :sign, :language, :zone, :deliver_minute, :active)"
            " on conflict (chat_id) do update set sign = excluded.sign, language = excluded.language,"
            " zone = excluded.zone, deliver_minute = excluded.deliver_minute, active = excluded.active",
            **vars(chat),
        )

    def forget(self, chat_id: int) -> None:
        """Remove all that is known of a chat."""
        with self._engine.begin() as db:
            for table in ("deliveries", "chats"):
                db.execute(sa.text(f"delete from {table} where chat_id = :chat_id"), {"chat_id": chat_id})

    def deactivate(self, chat_id: int) -> None:
        self._run("update chats set active = false where chat_id = :chat_id", chat_id=chat_id)

    def move(self, chat_id: int, new_id: int) -> None:
        """A group that became a supergroup goes on under its new id; its delivery is still to be made."""
        with self._engine.begin() as db:
            ids = {"chat_id": chat_id, "new_id": new_id}
            db.execute(sa.text("delete from deliveries where chat_id = :chat_id and state = 'sending'"), ids)
            db.execute(sa.text("delete from chats where chat_id = :new_id"), ids)
            db.execute(sa.text("update chats set chat_id = :new_id where chat_id = :chat_id"), ids)

    def due(self, now: dt.datetime, dates: Collection[dt.date], limit: int) -> list[Due]:
        """At most `limit` deliveries of those dates whose local time has come, not yet claimed, the longest
        waiting first in each zone."""
        found: list[Due] = []
        zones, _ = self._run("select distinct zone from chats where deliver_minute is not null")
        for (zone,) in zones:
            local = now.astimezone(ZoneInfo(zone))
            if local.date() not in dates:
                continue
            minute = local.hour * 60 + local.minute
            rows, _ = self._run(
                "select chats.* from chats left join deliveries as made"
                " on made.chat_id = chats.chat_id and made.date = :date"
                " where zone = :zone and active and sign is not null"
                " and deliver_minute between :earliest and :minute"
                " and made.chat_id is null order by deliver_minute, chats.chat_id limit :limit",
                date=str(local.date()),
                zone=zone,
                earliest=minute - LATEST_MINUTES,
                minute=minute,
                limit=limit - len(found),
            )
            found += [Due(_chat(row), local.date()) for row in rows]
        return found

    def claim(self, chat_id: int, date: dt.date, state: str = "sending") -> bool:
        """Whether this delivery is now ours to make; False if it was ever claimed before."""
        _, made = self._run(
            "insert into deliveries (chat_id, date, state, claimed_s, after_id)"
            " values (:chat_id, :date, :state, :now_s, (select message_id from deliveries"
            " where message_id is not null and chat_id > 0 order by message_id desc limit 1))"
            " on conflict do nothing",
            chat_id=chat_id,
            date=str(date),
            state=state,
            now_s=self._seconds(),
        )
        return made == 1

    def settle(
        self,
        chat_id: int,
        date: dt.date,
        state: str,
        message_id: int | None = None,
        claimed_s: float | None = None,
    ) -> None:
        """Say how a delivery ended; with `claimed_s` only if it is still that claim."""
        self._run(
            "update deliveries set state = :state, message_id = :message_id"
            " where chat_id = :chat_id and date = :date and claimed_s = coalesce(:claimed_s, claimed_s)",
            state=state,
            message_id=message_id,
            chat_id=chat_id,
            date=str(date),
            claimed_s=claimed_s,
        )

    def release(
        self, chat_id: int, date: dt.date, state: str = "sending", claimed_s: float | None = None
    ) -> None:
        """Give a claim back: surely nothing was sent; with `claimed_s` only if it is still that claim."""
        self._run(
            "delete from deliveries where chat_id = :chat_id and date = :date and state = :state"
            " and claimed_s = coalesce(:claimed_s, claimed_s)",
            chat_id=chat_id,
            date=str(date),
            state=state,
            claimed_s=claimed_s,
        )

    def doubts(self, older_than_s: float) -> list[Doubt]:
        """Deliveries claimed longer ago than that and never settled."""
        rows, _ = self._run(
            "select chats.*, date, claimed_s, after_id from deliveries join chats using (chat_id)"
            " where state = 'sending' and claimed_s < :until_s order by claimed_s",
            until_s=self._seconds() - older_than_s,
        )
        return [Doubt(_chat(row[:6]), dt.date.fromisoformat(row[6]), *row[7:]) for row in rows]

    def is_fresh(self, doubt: Doubt) -> bool:
        """Whether the delivery, had it not left, would still be worth making."""
        return self._seconds() - doubt.claimed_s < LATEST_MINUTES * 60

    def ids_rise(self) -> bool:
        """Whether every delivery to a private chat got a message_id above those known before: they do while
        the bot counts all its private messages in one row."""
        rows, _ = self._run(
            "select count(*) from deliveries where chat_id > 0 and state = 'sent' and message_id <= after_id"
        )
        return rows[0][0] == 0

    def possible_ids(self, doubt: Doubt, older_than_s: float) -> tuple[list[int], bool] | None:
        """Message ids that the doubtful message may have, and whether it can have no other; None while no
        message is known to begin from.

        It came after the newest known when it was claimed, before the first of a claim made when it was
        surely done with, and is none of the deliveries known. WINDOW_IDS at most.
        """
        (low, high), *_ = self._run(
            "select :after_id, min(message_id) from deliveries"
            " where state = 'sent' and chat_id > 0 and claimed_s > :surely_s",
            after_id=doubt.after_id,
            surely_s=doubt.claimed_s + older_than_s,
        )[0]
        if low is None and high is None:
            return None
        low = max(0, high - WINDOW_IDS - 1) if low is None else low
        high = low + WINDOW_IDS + 1 if high is None else high
        rows, _ = self._run(
            "select message_id from deliveries"
            " where chat_id > 0 and message_id > :low and message_id < :high",
            low=low,
            high=high,
        )
        taken = {message_id for (message_id,) in rows}
        ids = list(islice((i for i in range(low + 1, high) if i not in taken), WINDOW_IDS + 1))
        return ids[:WINDOW_IDS], len(ids) <= WINDOW_IDS

    def prune(self, today: dt.date) -> None:
        """Forget deliveries that no longer matter."""
        until = str(today - dt.timedelta(days=KEPT_DAYS))
        self._run("delete from deliveries where date < :until", until=until)

    def count_deliveries(self, date: dt.date) -> dict[str, int]:
        """State → deliveries of a day."""
        rows, _ = self._run(
            "select state, count(*) from deliveries where date = :date group by state", date=str(date)
        )
        return dict(map(tuple, rows))


def _make_durable(connection: Any, _: Any) -> None:
    """A claim must outlive the power."""
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")


def _chat(row: Any) -> Chat:
    chat_id, sign, language, zone, deliver_minute, active = row
    return Chat(chat_id, sign, language, zone, deliver_minute, bool(active))
