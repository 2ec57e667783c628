"""What a mail says, pure: from deliveries to a letter in the reader's language, and to plain text and HTML.

No letter holds anything of the report: no words, names, places, community or category. Labels of deadlines are the
letter's own, because the policy's names for them would tell a bystander what a report was about.
"""

from dataclasses import dataclass
from html import escape

from shared.i18n.messages import direction


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
    """A mail without its envelope."""

    language: str
    subject: str
    blocks: tuple[Block, ...]

    def plain(self) -> str:
        """The letter as plain text, lines ending in newlines."""
        return "\n\n".join(_plain(block) for block in self.blocks) + "\n"

    def html(self) -> str:
        """The letter as a whole HTML page, complete without images, styles or scripts from elsewhere."""
        language = escape(self.language)
        body = "\n".join(_html(block) for block in self.blocks)
        return (
            f'<!DOCTYPE html>\n<html lang="{language}" dir="{direction(self.language)}">\n<head>\n'
            f'<meta charset="utf-8">\n<title>{escape(self.subject)}</title>\n</head>\n'
            f'<body style="font-family: sans-serif; line-height: 1.5; max-width: 40em">\n{body}\n</body>\n</html>\n'
        )


def _plain(block: Block) -> str:
    match block:
        case Paragraph(text):
            return text
        case Link(text, url):
            return f"{text}\n{url}"
        case Listing(lines):
            return "\n".join("- " + _plain(line).replace("\n", "\n  ") for line in lines)


def _html(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Link():
            return f"<p>{_anchor(block)}</p>"
        case Listing(lines):
            items = "\n".join(
                f"<li>{_anchor(line) if isinstance(line, Link) else escape(line.text)}</li>" for line in lines
            )
            return f"<ul>\n{items}\n</ul>"


def _anchor(link: Link) -> str:
    return f'<a href="{escape(link.url)}">{escape(link.text)}</a>'
