"""The sites: host -> module that renders its pages.

To add one: a module here with HOST (and MIRRORS, if sister hosts show the same), PATHS for the index page,
and `answer(visit)`; its page in `templates/`; its name below; its topics in `demo.grammar.SITES`.
"""

from __future__ import annotations

from types import ModuleType

from demo.sites import (
    astroscope,
    astrostar,
    gadalkindom,
    globalmsk,
    goroskop365,
    goroskop1001,
    horoscopecom,
    hyrax,
    ignio,
    mail,
    mycalend,
    newsler,
    orakul,
    rambler,
    retrofm,
    ru74,
    sevendays,
    thevoicemag,
)

_MODULES = (
    ru74,
    retrofm,
    newsler,
    astroscope,
    rambler,
    mail,
    goroskop1001,
    gadalkindom,
    goroskop365,
    ignio,
    orakul,
    thevoicemag,
    mycalend,
    astrostar,
    globalmsk,
    sevendays,
    hyrax,
    horoscopecom,
)
SITES: dict[str, ModuleType] = {
    host: module for module in _MODULES for host in (module.HOST, *getattr(module, "MIRRORS", ()))
}


def host_of(name: str) -> str:
    """Return the host called `name`, itself or a module (`mail`); ValueError listing the known ones."""
    names = {module.__name__.rpartition(".")[2]: module.HOST for module in _MODULES}
    if name not in names and name not in SITES:
        raise ValueError(f"expected a site among {', '.join([*names, *SITES])}, found {name!r}")
    return names.get(name, name)
