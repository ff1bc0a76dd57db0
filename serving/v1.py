"""The JSON API, version 1: published days in memory in, one horoscope, a day or the signs out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from serving.clock import MoscowClock
from serving.days import Day, Horoscope, PublishedDays
from serving.problems import MEDIA_TYPE, Problem, ProblemError
from serving.signs import SIGNS, Sign, UnknownSignError, birthdays, find_sign
from serving.texts import ELEMENTS, NO_FORECAST, TOPICS

SignWords = Annotated[
    str,
    Path(
        description="slug, Russian name in any case, symbol or birthday",
        max_length=60,
        openapi_examples={
            "slug": {"value": "leo"},
            "по-русски": {"value": "Льву"},
            "symbol": {"value": "♌"},
            "birthday": {"value": "17.05.1990"},
        },
    ),
]
DayWords = Annotated[
    str,
    Query(
        alias="date",
        description="ISO date, today, tomorrow or yesterday, in Moscow",
        examples=["today"],
    ),
]
Topic = Annotated[
    Literal[*TOPICS],  # type: ignore[valid-type]  # one list of topics, also for the OpenAPI document
    Query(description="which side of life"),
]
AnyTopic = Annotated[
    Literal[*TOPICS] | None,  # type: ignore[valid-type]
    Query(description="which side of life; all when left out"),
]
Language = Annotated[Literal["ru", "en"], Query(alias="lang", description="language of the text")]


class HoroscopeAnswer(BaseModel):
    """One text with what is needed to show it honestly."""

    date: dt.date
    sign: str
    sign_name: str
    symbol: str
    topic: str
    language: str
    text: str
    status: str
    """`champion`, or `previous_champion` when the newest model could not write the day."""
    model_version: str
    disclaimer: str

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "date": "2026-11-23",
                    "sign": "leo",
                    "sign_name": "Лев",
                    "symbol": "♌",
                    "topic": "general",
                    "language": "ru",
                    "text": "Утро начнётся с доброй вести. …",
                    "status": "champion",
                    "model_version": "7",
                    "disclaimer": "Написано нейросетью, для развлечения.",
                }
            ]
        }
    }


class DayAnswer(BaseModel):
    """All signs of one day, for one topic or for all."""

    date: dt.date
    status: str
    topics: list[str]
    disclaimer: str
    horoscopes: list[HoroscopeAnswer]


class SignAnswer(BaseModel):
    """One sign of the zodiac."""

    sign: str
    name: str
    symbol: str
    element: str
    element_name: str
    birthdays_from: str
    """`MM-DD`, inclusive."""
    birthdays_to: str


class WhyAnswer(BaseModel):
    """Where a text came from, as far as readers are told; `python -m serving.why` tells the operator all."""

    date: dt.date
    sign: str
    topic: str
    generated_at: str
    status: str
    model: dict[str, Any]
    """Name, version, dataset version and the sources that taught it."""
    seed: str
    """Digits: wider than a number of JavaScript."""
    candidates: int
    """How many texts were sampled for this one."""
    gates: dict[str, bool]


def no_day(day: dt.date, days: PublishedDays) -> ProblemError:
    kept = ", ".join(map(str, days.dates[-3:])) or "none"
    return ProblemError(
        404,
        NO_FORECAST,
        f"expected a published day {day}, newest published: {kept}; ask again later",
        Retry_After="60",
    )


def horoscope_answer(day: Day, horoscope: Horoscope) -> HoroscopeAnswer:
    sign = find_sign(horoscope.sign)
    return HoroscopeAnswer(
        date=day.date,
        sign=sign.slug,
        sign_name=sign.name,
        symbol=sign.symbol,
        topic=horoscope.topic,
        language=horoscope.language,
        text=horoscope.text,
        status=day.status,
        model_version=horoscope.model_version,
        disclaimer=day.disclaimer,
    )


def day_answer(day: Day, found: Sequence[Horoscope] = ()) -> DayAnswer:
    """The day with the horoscopes found, or with all of them."""
    found = found or day.horoscopes
    return DayAnswer(
        date=day.date,
        status=day.status,
        topics=list(dict.fromkeys(horoscope.topic for horoscope in found)),
        disclaimer=day.disclaimer,
        horoscopes=[horoscope_answer(day, horoscope) for horoscope in found],
    )


def sign_answer(sign: Sign) -> SignAnswer:
    first, last = birthdays(sign)
    return SignAnswer(
        sign=sign.slug,
        name=sign.name,
        symbol=sign.symbol,
        element=sign.element,
        element_name=ELEMENTS[sign.element],
        birthdays_from=f"{first:%m-%d}",
        birthdays_to=f"{last:%m-%d}",
    )


def sign_of(words: str) -> Sign:
    try:
        return find_sign(words)
    except UnknownSignError as error:
        raise ProblemError(404, "Unknown sign", str(error)) from error


def published_day(request: Request, words: str) -> Day:
    """The day that `words` name in Moscow; a problem if it is no day or not published."""
    clock: MoscowClock = request.app.state.clock
    days: PublishedDays = request.app.state.days
    try:
        date = clock.day_of(words)
    except ValueError as error:
        raise ProblemError(422, "Wrong date", f"date: {error}") from error
    day = days.get(date)
    if day is None:
        raise no_day(date, days)
    return day


def no_topic(day: Day, topic: str, language: str) -> ProblemError:
    known = ", ".join(day.topics)
    return ProblemError(
        404, NO_FORECAST, f"expected topic {topic} in {language}, published on {day.date}: {known}"
    )


PUBLIC = {"Cache-Control": "public"}
"""Fresh until midnight in Moscow; `serving.front` adds the instant."""
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": meaning, "content": {MEDIA_TYPE: {}}}
    for status, meaning in {
        404: "No such sign, or no such day or topic published yet",
        422: "Wrong arguments",
        429: "Too many requests from one address",
    }.items()
}
router = APIRouter(prefix="/v1", responses=PROBLEMS, tags=["horoscopes"])


@router.get("/horoscopes/{sign}")
async def horoscope(
    request: Request,
    response: Response,
    sign: SignWords,
    day: DayWords = "today",
    topic: Topic = "general",
    language: Language = "ru",
) -> HoroscopeAnswer:
    """One text: a sign, a day, a topic."""
    wanted, published = sign_of(sign), published_day(request, day)
    found = published.find(wanted.slug, topic, language)
    if found is None:
        raise no_topic(published, topic, language)
    response.headers.update(PUBLIC)
    return horoscope_answer(published, found)


@router.get("/horoscopes")
async def horoscopes(
    request: Request,
    response: Response,
    day: DayWords = "today",
    topic: AnyTopic = None,
    language: Language = "ru",
) -> DayAnswer:
    """All twelve signs of a day, for one topic or for all."""
    published = published_day(request, day)
    found = [h for h in published.horoscopes if topic in (None, h.topic) and h.language == language]
    if not found:
        raise no_topic(published, topic or "any", language)
    response.headers.update(PUBLIC)
    return day_answer(published, found)


@router.get("/why/{date}/{sign}")
async def why(
    request: Request,
    response: Response,
    date: Annotated[str, Path(description="ISO date, today, tomorrow or yesterday", examples=["today"])],
    sign: SignWords,
    topic: Topic = "general",
) -> WhyAnswer:
    """The lineage of one text: model, dataset, sources, seed, gates."""
    wanted, published = sign_of(sign), published_day(request, date)
    found = published.find(wanted.slug, topic)
    if found is None:
        raise no_topic(published, topic, "ru")
    response.headers.update(PUBLIC)
    return WhyAnswer(
        date=published.date,
        sign=found.sign,
        topic=found.topic,
        generated_at=published.generated_at,
        status=published.status,
        model=published.model,
        seed=str(found.seed),
        candidates=found.candidates,
        gates=found.gates,
    )


@router.get("/signs")
async def signs(response: Response) -> list[SignAnswer]:
    """The twelve signs with their birthdays."""
    response.headers.update(PUBLIC)
    return [sign_answer(sign) for sign in SIGNS]


@router.get("/signs/{sign}")
async def sign(response: Response, sign: SignWords) -> SignAnswer:
    """One sign, also by birthday."""
    response.headers.update(PUBLIC)
    return sign_answer(sign_of(sign))


@router.get("/days")
async def published_dates(request: Request, response: Response) -> list[dt.date]:
    """The dates that can be asked for, oldest first."""
    response.headers.update(PUBLIC)
    return request.app.state.days.dates


@router.get("/{rest:path}", include_in_schema=False)
async def nothing(rest: str) -> None:
    """So that a program asking for nothing of ours gets a problem document, not a page."""
    raise ProblemError(404, "Not Found", "see /docs for what can be asked")
