"""How every service starts: `python -m services.NAME`."""

import ctypes
import gc
import sys
from importlib import import_module
from typing import Any, cast

_TRIM_THRESHOLD, _ARENA_MAX = -1, -8
"""Parameters of glibc's mallopt(3)."""


def start(service: str) -> None:
    """Run the service of this name until SIGTERM or SIGINT."""
    _keep_one_heap()
    # What is being loaded stays, so the collector would find nothing; it begins in `serve`.
    gc.disable()
    # httpx loads its own command line, with a terminal's colours, where it finds what that needs: five megabytes.
    cast(dict[str, Any], sys.modules)["httpx._main"] = None
    from shared.settings import load_settings

    # Before all else is loaded, so that a wrong setting is told at once.
    kind = getattr(import_module(f"services.{service}.settings"), f"{service.title()}Settings")
    settings = load_settings(kind)
    build = import_module(f"services.{service}.app").build_app
    from shared.runtime import serve

    serve(service, settings, build)


def _keep_one_heap() -> None:
    """Have all threads share a heap, and give the system back what is free at its end.

    Each thread of the database's driver would keep what it once used, although one thread alone runs at a time.
    """
    if set_parameter := getattr(ctypes.CDLL(None), "mallopt", None):  # in glibc alone
        set_parameter(_ARENA_MAX, 1)
        set_parameter(_TRIM_THRESHOLD, 128 * 1024)
