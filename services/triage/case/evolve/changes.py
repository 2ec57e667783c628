"""What the chapters of facts have in common. Pure."""

from collections.abc import Callable
from typing import Any

Fields = dict[str, Any]
"""Fields of a case, and what they are from then on."""
Change = Callable[..., Fields]
"""Gets a case, the fact, and the fact's event. Gives the fields that the fact changes."""
