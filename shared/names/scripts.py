"""Kinds of characters that names and running text are taken apart by, each as ranges of a pattern."""

DENSE = (
    r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
"""Scripts that put no blanks between words, and Korean with its particles."""
ARROWS = r"\u2190-\u21ff\u2794\u2798-\u27be\u27f0-\u27ff\u2900-\u297f\u2b00-\u2b11"
SYMBOLS = r"\u20a0-\u20cf\u2190-\u27ff\u2900-\u2bff\U0001f000-\U0001faff"
"""Arrows, pictures and the like. They stand next to a name without a blank."""
