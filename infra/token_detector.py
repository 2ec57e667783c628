"""What our own tokens look like, for the scan of `make check-leaks`."""

import re
from collections.abc import Sequence

from detect_secrets.plugins.base import RegexBasedDetector


class HearthTokenDetector(RegexBasedDetector):
    """The opaque tokens of people (`hearth_pat_`) and of integrators (`hearth_int_`)."""

    secret_type = "Hearth Token"  # noqa: S105  # pragma: allowlist secret  # a name
    denylist: Sequence[re.Pattern[str]] = (re.compile(r"\bhearth_(?:pat|int)_[A-Za-z0-9_-]{20,}"),)
