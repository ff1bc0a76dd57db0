"""All programs of the scraper by name: `python -m scraper doctor PAGE` is `python -m scraper.doctor PAGE`.

Exit codes are those of the program; 2 for a name that is none.
"""

from __future__ import annotations

import importlib
import sys

PROGRAMS = (
    "collect", "doctor", "export", "forget", "health", "import-archive", "new-spider", "resume-upload",
)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    name, *arguments = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        print(f"usage: python -m scraper {{{','.join(PROGRAMS)}}} ...\n\n--help after a name tells more.")
        return 0
    if name not in PROGRAMS:
        print(f"error: expected one of {', '.join(PROGRAMS)}, found {name!r}", file=sys.stderr)
        return 2
    return int(importlib.import_module(f"scraper.{name.replace('-', '_')}").main(arguments))


if __name__ == "__main__":
    sys.exit(main())
