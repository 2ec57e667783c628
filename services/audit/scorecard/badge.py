"""The badge of a community: a small picture with the word of its level, and the date of the checkpoint."""

from html import escape

from services.audit.scorecard.result import Scorecard
from services.audit.scorecard.views import Words, standing_of, tell_standing
from shared.i18n.messages import direction

HEIGHT = 20
MOST_OF_A_NAME = 200
"""Letters of a name in the title: a badge has 3 kB at most, whatever the policy calls a community."""
GREY = "#54595d"
COLOURS = {"unassessed": GREY, "below": "#886425", "1": "#177860", "2": "#177860", "3": "#177860"}
"""White text on each has a contrast of 4.5 at least."""
_WIDE = 0x1100
"""From here on letters are about as wide as high (Hangul, kana, Chinese characters)."""


def draw_badge(card: Scorecard, name: str, words: Words) -> bytes:
    """The badge as SVG. It is grey while nothing is known of the community, and when the policy no longer lists it."""
    standing = standing_of(card)
    what = words.text("scorecard-badge")
    level = words.text("scorecard-badge-level", tell_standing(standing, words), f"{card.as_of.at:%Y-%m-%d}")
    title = words.text("scorecard-badge-title", name[:MOST_OF_A_NAME], level)
    left, right = _width(what), _width(level)
    return _draw(what, level, title, left, right, COLOURS.get(standing, GREY), direction(words.language)).encode()


def _draw(what: str, level: str, title: str, left: int, right: int, colour: str, way: str) -> str:
    width = left + right
    # Read from right to left, the picture begins at the right, too.
    first, second = (right, 0) if way == "rtl" else (0, left)
    texts = "".join(
        f'<text x="{x + wide / 2:g}" y="14" textLength="{wide - 12}">{escape(text)}</text>'
        for x, wide, text in ((first, left, what), (second, right, level))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" role="img">'
        f"<title>{escape(title)}</title>"
        f'<rect x="{first}" width="{left}" height="{HEIGHT}" fill="#202122"/>'
        f'<rect x="{second}" width="{right}" height="{HEIGHT}" fill="{colour}"/>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" '
        f'direction="{way}">{texts}</g></svg>'
    )


def _width(text: str) -> int:
    """About as many pixels as the text needs, with 6 at each side."""
    return 12 + round(sum(11 if ord(letter) >= _WIDE else 6.6 for letter in text))
