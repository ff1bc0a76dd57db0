"""A Bot API server on loopback that speaks the real HTTP protocol and keeps what it was sent; faults on
demand.

Run in a thread of its own, so that the bot under test may be in this process or in another.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections import defaultdict

from aiohttp import web

TOKEN = "123456:" + "t" * 35
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
    "same as a current content and reply markup of the message"
)
ME = {"id": 123456, "is_bot": True, "first_name": "Звездочёт", "username": "stargazer_bot"}


class TelegramServer:
    def __init__(self):
        self.messages = defaultdict(list)
        """Chat id → texts that arrived or that a message was changed to, in order."""
        self.sent = defaultdict(list)
        """Chat id → ids of the messages sent to it, in order; one row of ids for all chats, as Telegram's."""
        self.kept = {}
        """Message id → (chat id, text, keyboard) as it stands now."""
        self.calls = []
        """(method, parameters, loop time) of every call."""
        self.faults = {}
        """Chat id → faults still to come: (status, parameters[, description]), `hang`, `lose` (arrives, no
        answer) or `garbage` (a proxy's page for an answer)."""
        self.edit_fault = None
        """(status, parameters[, description]) that every edit gets."""
        self.on_message = lambda chat_id: None
        self.lost_on_the_way = lambda: False
        """Whether a message that has reached the server now goes no further."""
        self._updates = []
        self._ids = itertools.count(1)
        self._update_ids = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        application = web.Application()
        application.router.add_post("/bot{token}/{method}", self._answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        self._loop.run_until_complete(site.start())
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))

    def push(self, update):
        """An update for whoever polls; gives its id."""
        update["update_id"] = next(self._update_ids)
        self._loop.call_soon_threadsafe(self._updates.append, update)
        return update

    def push_text(self, chat_id, text, language="ru"):
        entities = (
            [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
            if text.startswith("/")
            else []
        )
        return self.push({"message": message(chat_id, text, next(self._ids), language, entities)})

    def push_button(self, chat_id, data, language="ru"):
        shown = message(chat_id, "…", next(self._ids), language, [])
        shown["from"] = ME
        self.kept[shown["message_id"]] = (chat_id, "…", None)
        query = {
            "id": str(next(self._ids)),
            "from": person(chat_id, language),
            "chat_instance": "1",
            "data": data,
        }
        return self.push({"callback_query": {**query, "message": shown}})

    async def _answer(self, request):
        assert request.match_info["token"] == TOKEN
        method = request.match_info["method"]
        given = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        self.calls.append((method, given, self._loop.time()))
        answer = getattr(self, f"_{method}", None)
        return await answer(given) if answer else ok(True)

    async def _getMe(self, given):
        return ok(ME)

    async def _getUpdates(self, given):
        offset = int(given.get("offset", 0))
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        for _ in range(20):
            if self._updates:
                return ok(self._updates)
            await asyncio.sleep(0.02)
        return ok([])

    async def _sendMessage(self, given):
        chat_id = int(given["chat_id"])
        fault = self.faults[chat_id].pop(0) if self.faults.get(chat_id) else None
        if isinstance(fault, tuple):
            return refuse(*fault)
        if fault == "garbage":
            return web.Response(text="<html>502 Bad Gateway</html>", status=502)
        if fault == "hang" or self.lost_on_the_way():
            await asyncio.sleep(60)
            return refuse(504, {})
        message_id = next(self._ids)
        self.kept[message_id] = (chat_id, given["text"], given.get("reply_markup"))
        self.messages[chat_id].append(given["text"])
        self.sent[chat_id].append(message_id)
        self.on_message(chat_id)
        if fault == "lose":
            await asyncio.sleep(60)
        return ok(message(chat_id, given["text"], message_id, "ru", []))

    async def _editMessageText(self, given):
        if self.edit_fault:
            return refuse(*self.edit_fault)
        chat_id, message_id = int(given["chat_id"]), int(given["message_id"])
        wanted = (chat_id, given["text"], given.get("reply_markup"))
        known = self.kept.get(message_id)
        if known is None or known[0] != chat_id:
            return refuse(400, {}, "Bad Request: message to edit not found")
        if known == wanted:
            return refuse(400, {}, NOT_MODIFIED)
        self.kept[message_id] = wanted
        self.messages[chat_id].append(given["text"])
        return ok(message(chat_id, given["text"], message_id, "ru", []))

    async def _editMessageReplyMarkup(self, given):
        return ok(message(int(given["chat_id"]), "…", int(given["message_id"]), "ru", []))

    def called(self, method):
        return [given for name, given, _ in self.calls if name == method]


def person(chat_id, language):
    return {"id": chat_id, "is_bot": False, "first_name": "Кто-то", "language_code": language}


def message(chat_id, text, message_id, language, entities):
    chat = {"id": chat_id, "type": "private", "first_name": "Кто-то"}
    sent = {
        "message_id": message_id,
        "date": 1,
        "chat": chat,
        "from": person(chat_id, language),
        "text": text,
    }
    return {**sent, "entities": entities} if entities else sent


def ok(result):
    return web.json_response(
        {"ok": True, "result": result}, dumps=lambda x: json.dumps(x, ensure_ascii=False)
    )


def refuse(status, parameters, told=None):
    body = {
        "ok": False,
        "error_code": status,
        "description": told or f"fault {status}",
        "parameters": parameters,
    }
    return web.json_response(body, status=status)
