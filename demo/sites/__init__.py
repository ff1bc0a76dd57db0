"""The sites: host -> module that renders its pages, a module being HOST, PATHS and `answer(visit)`."""

from __future__ import annotations

from types import ModuleType

from demo.sites import (
    astroscope,
    gadalkindom,
    goroskop365,
    goroskop1001,
    mail,
    newsler,
    rambler,
    retrofm,
    ru74,
)

SITES: dict[str, ModuleType] = {
    module.HOST: module
    for module in (
        ru74,
        retrofm,
        newsler,
        astroscope,
        rambler,
        mail,
        goroskop1001,
        gadalkindom,
        goroskop365,
    )
}


def host_of(name: str) -> str:
    """Return the host called `name`, itself or a module (`mail`); ValueError listing the known ones."""
    names = {module.__name__.rpartition(".")[2]: host for host, module in SITES.items()}
    if name not in names and name not in SITES:
        raise ValueError(f"expected a site among {', '.join([*names, *SITES])}, found {name!r}")
    return names.get(name, name)
