"""How long to bear with a remote service: calls repeated through short outages, what cannot heal raised
at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

CAN_HEAL = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED", "UNAUTHENTICATED"}
"""UNAUTHENTICATED too: a token may expire between two calls, and the next call fetches a new one."""


@dataclass(frozen=True)
class Patience:
    poll_s: float = 10.0
    """Pause between two looks at something that takes its time."""
    first_s: float = 1.0
    """Pause before the second try of a call; doubles with each further one."""
    tries: int = 6
    call_s: float = 60.0
    """Longest time one call may take."""

    def call(self, method: Callable[..., Any], request: Any) -> Any:
        """Only for calls that may arrive twice."""
        for again in range(self.tries):
            try:
                return method(request, timeout=self.call_s)
            except Exception as error:
                if not self.can_heal(error) or again == self.tries - 1:
                    raise
                time.sleep(self.first_s * 2**again)
        raise AssertionError("tries is at least one")

    def pause(self) -> None:
        time.sleep(self.poll_s)

    @staticmethod
    def can_heal(error: Exception) -> bool:
        """True for a gRPC error of a kind that goes away by itself."""
        code = getattr(error, "code", None)
        return callable(code) and getattr(code(), "name", "") in CAN_HEAL


def try_each(act: Callable[[str], Any], names: Iterable[str]) -> None:
    """Every one has its turn, whatever becomes of the others; then the first failure is raised."""
    failures = []
    for name in names:
        try:
            act(name)
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
    if failures:
        raise failures[0]
