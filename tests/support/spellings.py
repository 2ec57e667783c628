"""Ways in which people write names, for Hypothesis: wikitext, addresses, lists, scripts, and what programs add."""

import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

Spelling = Callable[[str], str]

NAMESPACES = (
    "User",
    "user talk",
    "Benutzer",
    "Benutzerin Diskussion",
    "Участник",
    "Обсуждение участницы",
    "利用者",
    "利用者‐会話",
    "用户",
    "사용자토론",
    "مستخدم",
    "נוהשתמש",
    "Utilisateur",
    "Usuaria discusión",
    "Wikipedysta",
    "सदस्य वार्ता",
    "Unheard of",
    "ⵉⵙⵎ",
)
"""Some of MediaWiki's words for user and talk pages, and some that it does not have."""
PREFIXES = ("", ":", "w:", "w:de:", ":meta:", "commons:w:ja:", "xyz:")
TEMPLATES = ("u", "user", "ping", "Benutzer", "利用者", "no ping", "Reply to", "userlinks", "обращение")
QUOTES = ("()", "[]", "“”", "„“", "«»", "「」", "''", '""', "‹›", "（）", "【】", "**", "<>", "{}")
ENDS = (".", ",", "!", "?", ":", ";", "。", "、", "؟", "؛", "…", "।", "！", "...", "?!", ").", "”.", "։")
SEPARATORS = (
    ", ",
    " and ",
    "/",
    "、",
    "؛ ",
    " & ",
    " und ",
    "; ",
    " и ",
    " + ",
    " · ",
    ",",
    "，",
    " y ",
    " | ",
    " - ",
)
INVISIBLE = "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2069\u200b\u2060\ufeff\u00ad\u061c\u200d\u200c"
BLANKS = "\u00a0\u2002\u2009\u202f\u3000_\u205f"
SYMBOLS = ("★", "😀", "👩‍💻", "✉️", "♥", "🇺🇳", "→")
ARROWS = ("→", " ⇒ ", "➜", "⟶")
OTHERS = ("Somebodyelse", "Другой", "他の人", "شخص")
WIKIS = (
    "https://en.wikipedia.org",
    "https://de.m.wikipedia.org",
    "http://wiki.example:8080",
    "//zh.wikipedia.org",
    "ja.wikipedia.org",
)


def _encoded(name: str) -> st.SearchStrategy[str]:
    wiki_name = name.replace(" ", "_")
    forms = (wiki_name, quote(wiki_name), quote(name), quote(wiki_name, safe=""), quote(quote(wiki_name)))
    return st.sampled_from(forms)


@st.composite
def _linked(draw: st.DrawFn, name: str) -> str:
    """An address of a page of a person."""
    wiki, title = draw(st.sampled_from(WIKIS)), draw(_encoded(name))
    space = draw(st.sampled_from(NAMESPACES)).replace(" ", "_")
    space = draw(st.sampled_from((space, quote(space))))
    colon = draw(st.sampled_from((":", "%3A")))
    page = draw(
        st.sampled_from(
            (
                f"/wiki/{space}{colon}{title}",
                f"/wiki/{space}:{title}/Archive_3",
                f"/wiki/{space}:{title}#Section",
                f"/wiki/{space}:{title}?action=history&uselang=ja",
                f"/zh-tw/{space}:{title}",
                f"/w/index.php?title={space}{colon}{title}&action=edit&section=2",
                f"/w/index.php?action=history&title={space}:{title}",
                f"/index.php/{space}:{title}",
                f"/wiki/Special:Contributions/{title}",
                f"/wiki/Служебная:Вклад/{title}",
                f"/w/index.php?title=Special:Contributions&target={quote_plus(name)}&limit=50",
                f"/wiki/Special:CentralAuth/{title}",
                f"/wiki/Special:CentralAuth?target={quote_plus(name)}",
            )
        )
    )
    return f"{wiki}{page}"


@st.composite
def spelled(draw: st.DrawFn, name: str) -> str:
    """The name in one of many spellings: first its letters, then what stands around it, then its neighbours."""
    letters: tuple[Spelling, ...] = (
        str,
        str.upper,
        str.lower,
        str.title,
        str.swapcase,
        lambda n: n.replace(" ", draw(st.sampled_from(BLANKS))),
        lambda n: n.replace(" ", "  "),
        lambda n: "".join(draw(st.sampled_from(("", *INVISIBLE))) + c for c in n) + draw(st.sampled_from(INVISIBLE)),
        lambda n: n.translate({c: c + 0xFEE0 for c in range(0x21, 0x7F)}),
        lambda n: n.replace("-", "–").replace("'", "’"),
    )
    written = draw(st.sampled_from(letters))(name)
    space = draw(st.sampled_from(NAMESPACES))
    around: tuple[Callable[[], str], ...] = (
        lambda: written,
        lambda: f"{space}:{written}",
        lambda: f"{space}: {written}",
        lambda: f"{draw(st.sampled_from(PREFIXES))}{space}:{written}",
        lambda: f"@{written}",
        lambda: f"[[{draw(st.sampled_from(PREFIXES))}{space}:{written}|{draw(st.sampled_from(OTHERS))}]]",
        lambda: f"[[{space}:{written}]]",
        lambda: f"[[:{space}:{written}|]]",
        lambda: f"[[{space}:{written}/draft#top|x]] ([[{space}:{written}|talk]])",
        lambda: f"{{{{{draw(st.sampled_from(TEMPLATES))}|{written}}}}}",
        lambda: f"{{{{{draw(st.sampled_from(TEMPLATES))}|1={written}|lang=en}}}}",
        lambda: f"{{{{ping|{draw(st.sampled_from(OTHERS))}|{written}}}}}",
        lambda: f"{space}:{written}/subpage/more",
        lambda: f"{written}/subpage",
        lambda: f"{written} (talk)",
        lambda: f"{written}'s talk page",
        lambda: f"user {written}",
        lambda: f"{written} on enwiki",
        lambda: f"{written}@enwiki",
        lambda: f"[{draw(_linked(name))} {draw(st.sampled_from(OTHERS))}]",
        lambda: f"[here]({draw(_linked(name))})",
        lambda: f"<{draw(_linked(name))}>",
        lambda: draw(_linked(name)),
        lambda: f"see {draw(_linked(name))}, please",
        lambda: quote(f"{space}:{written}"),
        lambda: f"{written}".replace(" ", "&nbsp;"),
        lambda: "".join(f"&#{ord(character)};" for character in written),
        lambda: f"{space}:{quote(written)}".replace("%20", "+") if " " in written else written,
        lambda: quote(quote(quote(written))),
        lambda: f"<b>{written[:1]}</b>{written[1:]}",
        lambda: f"'''{written[:2]}'''{written[2:]}",
        lambda: f"{draw(st.sampled_from(SYMBOLS))}{written}{draw(st.sampled_from(SYMBOLS))}",
        lambda: f"{draw(st.sampled_from(OTHERS))}{draw(st.sampled_from(ARROWS))}{written}",
        lambda: "#" + re.sub(r"[-' ]", "", written) if len(name) > 9 else written,
        lambda: f"> {written}",
    )
    text = draw(st.sampled_from(around))()
    quotes = draw(st.sampled_from(("", "", "", *QUOTES)))
    text = f"{quotes[:1]}{text}{quotes[1:]}" + draw(st.sampled_from(("", "", "", *ENDS)))
    separator, other = draw(st.sampled_from(SEPARATORS)), draw(st.sampled_from(OTHERS))
    return draw(st.sampled_from((text, text, f"{other}{separator}{text}", f"{text}{separator}{other}")))


SCRIPTS = (
    "abcdefghijklmnopqrstuvwxyzßéñøłı",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "αβγδεζηθικλμνξοπρσςτυφχψω",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "אבגדהוזחטיכלמנסעפצקרשת",
    "一二三田中山川口木本村太郎花子",
    "さくらたけのはなひろみ",
    "가나다라마바사김이박최",
    "कखगघचछजझटठडढणत",
    "กขคงจฉชซญดตถท",
    "აბგდევზთიკლ",
    "ابپتثجچ\u200cکگ",
)


@st.composite
def names(draw: st.DrawFn) -> str:
    """A user name of one to three words, in one script."""
    letters = draw(st.sampled_from(SCRIPTS))
    word = st.text(st.sampled_from(letters), min_size=3, max_size=8).map(lambda w: w.strip("\u200c") or letters[:3])
    words = [
        w[:1].upper() + w[1:] if len(w[:1].upper()) == 1 else w for w in draw(st.lists(word, min_size=1, max_size=3))
    ]
    return draw(st.sampled_from((" ", " ", "-", "'"))).join(words) + draw(st.sampled_from(("", "", "7", " 42")))
