import asyncio

from serving.front import Front, RateLimit
from serving.metrics import Metrics


class World:
    """An application whose answer is the world it began in; it may be held in the middle of its work."""

    def __init__(self):
        self.number = 1
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.runs = 0

    async def __call__(self, scope, receive, send):
        seen = self.number
        self.runs += 1
        await self.may_end.wait()
        headers = [(b"content-type", b"text/plain"), (b"cache-control", b"public")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": str(seen).encode()})


async def ask(front, path="/"):
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
        "client": None,
    }
    sent = []

    async def send(message):
        sent.append(message)

    await front(scope, None, send)
    return sent[1]["body"]


def front_over(app):
    return Front(app, lambda: app.number, lambda: 0.0, RateLimit(0, 1.0), Metrics())


def test_an_answer_begun_before_the_day_changed_is_not_remembered_after():
    async def scene():
        app = World()
        front = front_over(app)
        app.may_end.clear()
        slow = asyncio.create_task(ask(front))
        await asyncio.sleep(0)
        app.number = 2
        other = asyncio.create_task(ask(front, "/other"))  # the front learns of the new world
        await asyncio.sleep(0)
        app.may_end.set()
        assert (await slow, await other) == (b"1", b"2")
        assert await ask(front) == b"2"

    asyncio.run(scene())


def test_an_answer_is_made_once_until_the_world_changes():
    async def scene():
        app = World()
        front = front_over(app)
        assert [await ask(front) for _ in range(3)] == [b"1"] * 3
        assert app.runs == 1
        app.number = 2
        assert await ask(front) == b"2"

    asyncio.run(scene())


def test_the_limit_is_of_each_client_and_of_each_window():
    limit = RateLimit(2, 10.0)
    assert [limit.admits("a", 0.0) for _ in range(3)] == [True, True, False]
    assert limit.admits("b", 1.0)
    assert limit.admits("a", 10.0)
    assert all(RateLimit(0, 10.0).admits("a", 0.0) for _ in range(1000))
