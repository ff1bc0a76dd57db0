"""Print a published day for a person: twelve texts of one topic.

python -m serving.show --date 2026-11-23 --topic general --storage data
"""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from serving.command import CommandError, add_date, parser, run_command
from serving.days import CorruptDayError, Day, read_day
from serving.signs import SIGNS
from serving.texts import ELEMENTS, STATUS_NOTES, TOPICS, spell_date

STEP = "show"
COLOURS = {"fire": "red", "earth": "green", "air": "cyan", "water": "blue"}


def print_day(console: Console, day: Day, topic: str) -> int:
    """Print the texts of one topic; how many there were."""
    console.rule(f"[bold]{spell_date(day.date)}[/] · {TOPICS[topic].lower()}")
    texts = [(sign, found) for sign in SIGNS if (found := day.find(sign.slug, topic))]
    for sign, found in texts:
        title = f"[bold]{sign.symbol} {sign.name}[/] · {ELEMENTS[sign.element].lower()}"
        colour = COLOURS[sign.element]
        console.print(
            Panel(Text(found.text), title=title, title_align="left", border_style=colour, padding=(0, 1))
        )
    model = f"модель {day.model['name']} v{day.model['version']}"
    console.print(f"[dim]{day.disclaimer} {STATUS_NOTES[day.status]} {model}[/]", highlight=False)
    return len(texts)


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    add_date(made)
    made.add_argument(
        "--topic", default="general", choices=sorted(TOPICS), metavar="TOPIC", help="default: general"
    )
    args = made.parse_args(argv)

    def work() -> dict[str, Any]:
        try:
            day = read_day(args.storage, args.date)
        except CorruptDayError as error:
            raise CommandError(
                f"{error}, in the day {args.date} of {args.storage}; publish it again"
            ) from error
        if day is None:
            raise CommandError(
                f"expected a published day {args.date}, found none in {args.storage}; "
                f"run: python -m serving.publish --date {args.date} --storage {args.storage}"
            )
        if args.topic not in day.topics:
            raise CommandError(
                f"expected topic {args.topic}, found only {', '.join(day.topics)} on {args.date}"
            )
        console = Console(width=None if sys.stdout.isatty() else 100)
        shown = print_day(console, day, args.topic)
        return {"rows_in": len(day.horoscopes), "rows_out": shown, "status": day.status}

    return run_command(STEP, work)


if __name__ == "__main__":
    sys.exit(main())
