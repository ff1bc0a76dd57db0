"""The sites: host -> module that renders its pages, a module being HOST, PATHS and `answer(visit)`."""

from __future__ import annotations

from types import ModuleType

from demo.sites import astroscope, newsler, retrofm, ru74

SITES: dict[str, ModuleType] = {module.HOST: module for module in (ru74, retrofm, newsler, astroscope)}
