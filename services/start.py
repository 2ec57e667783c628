"""How every service starts: `python -m services.NAME`."""

import gc
import sys
from importlib import import_module
from typing import Any, cast


def start(service: str) -> None:
    """Run the service of this name until SIGTERM or SIGINT."""
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
