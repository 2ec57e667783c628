"""What a mail server's refusal speaks of: the recipient, our own set-up, or a bad moment. Pure.

Codes: RFC 5321, 4.2; RFC 7504; RFC 4954. Enhanced codes (X.Y.Z): RFC 3463 and its registry (RFC 5248). Only a refusal
of the recipient is final. What speaks of our set-up is tried again, because the operator can mend it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Step = Literal["session", "sender", "recipient", "content"]
"""When the server said it: before any mail (greeting, TLS, sign-in), to MAIL, to RCPT, or to DATA and its end."""


class About(StrEnum):
    """What a refusal speaks of."""

    MOMENT = "moment"
    SETUP = "setup"
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal, and a stable code for it, such as `smtp_550_5.1.1` or, of our set-up, `setup_554_5.7.1`."""

    about: About
    reason: str


SIGN_IN_CODES = frozenset({530, 534, 535, 538})
"""The server wants a sign-in, a better one, or TLS before it (RFC 4954). No enhanced code says otherwise."""
RECIPIENT_CODES = frozenset({501, 550, 551, 552, 553, 556})
"""To RCPT, these speak of the mailbox: its spelling, its being there, its room, its domain."""

SUBJECTS: dict[int, About | None] = {
    0: None,
    1: About.RECIPIENT,
    2: About.RECIPIENT,
    3: About.SETUP,
    4: About.SETUP,
    5: About.SETUP,
    6: About.SETUP,
    7: About.SETUP,
}
"""The subject Y of a code 5.Y.Z: addresses, mailboxes, systems, routes, protocol, content, policy. None: it is open."""
DETAILS: dict[tuple[int, int], About | None] = {
    (1, 0): None,
    (1, 5): None,
    (1, 7): About.SETUP,
    (1, 8): About.SETUP,
    (1, 9): None,
    (2, 0): None,
    # Large hosts also say so of a mailbox that is not there.
    (4, 1): None,
    (5, 0): None,
}
"""The codes 5.Y.Z that speak of something else than their subject does: of the sender's address, or of nothing."""

_SETUP_WORDS = re.compile(
    r"relay|authenticat|authoriz|authoris|sign.?in|log.?in|\btls\b|encrypt|\bspf\b|\bdkim\b|\bdmarc\b|reputation|spam|"
    r"\b(?:block|black|deny)[ -]?list|\b(?:rbl|dnsbl|spamhaus|spamcop|barracuda)|\bpolicy|reverse dns|\bptr\b|\bhelo\b|"
    r"\behlo\b|sender|rate limit|too many|too large|\bsize\b|content|\bip\b|\bhost(?:name)? rejected|client host",
    re.IGNORECASE,
)
_RECIPIENT_WORDS = re.compile(
    r"(?:no such|unknown|invalid|unrouteable|unroutable|non-?existent|inactive|disabled|suspended) "
    r"(?:local )?(?:user|recipient|mailbox|address|account|person|domain|destination)|"
    r"(?:user|recipient|mailbox|address|account|inbox|domain)\b.{0,60}?\b(?:unknown|unavailable|not found|not exist|"
    r"no longer|disabled|inactive|suspended|full|over ?quota|rejected|not known|is closed)|quota exceeded",
    re.IGNORECASE | re.DOTALL,
)
_SETUP_FOR_NOW = re.compile(
    r"relay(?:ing)? (?:\w+ )?(?:denied|not permitted|not allowed|prohibited)|unable to relay|authentication required|"
    r"password|starttls command|encryption required|unauthenticated|\b(?:spf|dkim|dmarc|ptr)\b|reverse dns|reputation|"
    r"\b(?:block|black|deny)[ -]?list|sender (?:address|domain)\b.{0,60}?rejected|cannot find your",
    re.IGNORECASE | re.DOTALL,
)
"""Words of a reply 4yz by which it will come again until the operator mends our set-up."""
_GREYLISTED = re.compile(r"gr[ae]y[ -]?list", re.IGNORECASE)
_ADDRESS = re.compile(r"\S+@\S+")
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")


def read_refusal(code: int, text: str, step: Step) -> Refusal:
    """What a reply speaks of. `text` is what stands behind its code; the reason repeats nothing of it but X.Y.Z."""
    enhanced = _ENHANCED.match(text)
    number = f"{code}_{enhanced[0]}" if enhanced else f"{code}"
    about = _about(code, (int(enhanced[2]), int(enhanced[3])) if enhanced else None, text, step)
    return Refusal(about, f"setup_{number}" if about is About.SETUP else f"smtp_{number}")


def _about(code: int, enhanced: tuple[int, int] | None, text: str, step: Step) -> About:
    if code in SIGN_IN_CODES:
        return About.SETUP
    if not 500 <= code < 600:
        # 454 to AUTH or STARTTLS is about a moment of the server's (RFC 3207, RFC 4954). Postfix also defers relaying.
        words = _ADDRESS.sub(" ", text)
        lasts = _SETUP_FOR_NOW.search(words) and not _GREYLISTED.search(words)
        return About.SETUP if lasts else About.MOMENT
    if step in ("session", "sender"):
        # Nobody has been named to the server yet.
        return About.SETUP
    said = DETAILS.get(enhanced, SUBJECTS.get(enhanced[0])) if enhanced else None
    if said is None:
        said = _in_words(text)
    if said is None:
        said = About.RECIPIENT if step == "recipient" and code in RECIPIENT_CODES else About.SETUP
    return said


def _in_words(text: str) -> About | None:
    """What the words of a reply speak of, where its codes leave that open. Many servers write no enhanced codes."""
    # An address may hold any of the words.
    words = _ADDRESS.sub(" ", text)
    if _RECIPIENT_WORDS.search(words) and not re.search(r"relay|sender", words, re.IGNORECASE):
        return About.RECIPIENT
    return About.SETUP if _SETUP_WORDS.search(words) else None
