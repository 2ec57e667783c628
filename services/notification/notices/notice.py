"""What a notice is made of, pure. Each channel renders it in its own way.

No notice holds anything of the report: no words, names, places, community or category. Labels of deadlines are the
notice's own, because the policy's names for them would tell a bystander what a report was about.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A text that leads somewhere."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines of a list; each may lead somewhere."""

    lines: tuple[Paragraph | Link, ...]


Block = Paragraph | Link | Listing


@dataclass(frozen=True, slots=True)
class Notice:
    """What a recipient reads, in one language (a code such as `pt-br`)."""

    language: str
    subject: str
    blocks: tuple[Block, ...]
