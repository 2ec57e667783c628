"""What may stand in the public words of a community: no names, no addresses. Pure.

Nobody can tell a name from any other word. What looks like an address can be told, and is refused: with an address, a
public sentence says who a person is.
"""

import re
import unicodedata
from ipaddress import ip_address
from urllib.parse import urlsplit

from shared.input.texts import Fault, is_too_long, trim_line
from shared.names.addresses import ips_in, mails_in
from shared.names.folding import clear, normalise
from shared.names.readings import decodings_of
from shared.names.scripts import DENSE

WORDS_LIMIT = 500
"""Characters of a statement, as people count them: a letter with its marks is one, and so is a joined picture."""
LINE_LIMIT = 200
LINK_LIMIT = 2_000

_USER = (
    "user|benutzer(?:in)?|bruker|bruger|brukar|användare|gebruik(?:er|ster)|meidogger|notandi|brúkari|utilisat(?:eur|rice)"
    "|usuari[oa]?|usuário|usuària|utente|utilizat(?:or|oare)|uusuari|wantaria|utent|utilizador|usator|uzanto|vikipediist[oi]?"
    "|käyttäjä|kasutaja|szerkesztő|lankide|wikipedyst(?:a|k[ai]|y)|uživatel(?:ka)?|redaktor(?:ka)?|uporabni(?:k|ca)|korisni(?:k|ca)"
    "|suradni(?:k|ca)|przezděwk|lietotāj[as]|naudotoj(?:as|a)|përdoruesi?|perdoruesi?|kullanıcı|[iİ]stifadəçi|foydalanuvchi"
    "|qatısushı|ulanyjy|pengguna|naraguna|paraguna|gumagamit|mtumiaji|ma'aikaci|oníṣe|umsebenzisi|defnyddiwr|úsáideoir|implijer"
    "|cleachdaiche|thành viên|участни(?:к|ца|цы)|удзельни(?:к|ца)|користувач(?:ка|ки)?|корисни(?:к|ца)|потребител"
    "|қатысушы|катышуучу|корбар|хэрэглэгч|кулланучы|χρήστη[ςσ]|χρήστρια|մասնակից|მომხმარებელი|משתמש(?:ת)?|באַניצער"
    "|مستخدمة?|مستعمل|کاربر|صارف|بەکارھێنەر|ئىشلەتكۈچى|सदस्य|प्रयोगकर्ता|प्रयोक्ता|ব্যবহারকারী|সদস্য|ਵਰਤੋਂਕਾਰ|સભ્ય"
    "|ବ୍ୟବହାରକାରୀ|பயனர்|వాడుకరి|ಸದಸ್ಯ|ഉപയോക്താവ്|පරිශීලක|ผู้ใช้|ຜູ້ໃຊ້|အသုံးပြုသူ|អ្នកប្រើប្រាស់|አባል|使用者|用户|用戶|利用者|사용자"
)
"""What wikis call the pages of their users."""
_TALK = (
    "talk|diskussion(?:en)?|diskusjon|diskusjo|overleg|oerlis|spjall|discuss(?:ion|ione|ió|io)|discusi[óo]n"
    "|discussão|discuție|diskuto|keskustelu|arutelu|eztabaida|vita|dyskusja|diskus[ei]a?|pogovor|razgovor|diskusija|aptarimas"
    "|tartışma|mesaj|müzakirəsi|munozarasi|pembicaraan|perbincangan|thảo luận"
    "|sgwrs|plé|обсуждение|гутарк[іи]|обговорення|разговор|беседа"
    "|талқылауы|συζήτηση|քննարկում|განხილვა|שיחת|نقاش|بحث|تبادلۂ خیال|वार्ता|चर्चा|আলাপ|আলোচনা|பேச்சு|చర్చ|സംവാദം|สนทนา|พูดคุย"
    "|會話|会話|討論|讨论|토론"
)
_SPECIAL = (
    "spe[cz]ial|spécial|especial|speciale|speciaal|spesial|specjalna|speciální|špeciálne|special[aă]|specialus|istimewa|khas|özel"
    "|toiminnot|eri|speciális|служебная|спеціальна|специални|посебно|ειδικό|מיוחד|خاص|ویژه|विशेष|বিশেষ|พิเศษ"
    "|đặc biệt|特別|特殊|특수"
)
_SITES = (
    r"t(?:elegram)?\.me|wa\.me|signal\.me|(?:twitter|x|instagram|facebook|linkedin|threads|tiktok|vk)\.com"
    r"|bsky\.app/profile"
)
_PERSON = re.compile(
    rf"(?:\b|(?<=[{DENSE}]))(?:(?:{_TALK})[ _\-\u2010:])?(?:{_USER})(?:[ _\-\u2010・·]?(?:{_TALK}))?[ _]?:[ _]?\w"
    # Short forms, which stand in links only.
    r"|\[\[\s*:?\s*(?:u|ut|bd|b|ud|ou|оу|ло|лу|у|п|uv|sd|ks)\s*:\s*\w"
    r"|\b(?:u|ut|bd|ud|оу|лу):\w"
    # The number of a revision or of a difference names nobody, nor does a page in the reader's language.
    rf"|\b(?:{_SPECIAL})[ _]?:(?!mylanguage/)[^\s/:?]{{1,60}}/(?!(?:\d+/)*\d+(?![\w/.]))\w"
    r"|[?&](?:target|user|username|ucuser|ususers)=\w"
    # Templates take names, and public words need none.
    r"|\{\{[^{}|]{1,60}\|\s*\w"
    r"|(?<![\w.])@\w{2,}"
    r"|\w\s*[\[({<]\s*(?:at|@|ät)\s*[\])}>]\s*\w"
    r"|\w\s+at\s+[\w-]+\s+dot\s+\w"
    r"|\w\s?@\s?[\w-]{1,63}\.\w"
    r"|\b(?:mailto|skype|xmpp|sip|tel):\w"
    rf"|\b(?:{_SITES})/@?\w"
    r"|\w#\d{4}\b",
    re.IGNORECASE,
)
_DATES = re.compile(
    r"(?<!\d)(?:\d{4}-\d\d?(?:-\d\d?)?|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d\d)|(?:19|20)\d\d\s?[-/–]\s?(?:(?:19|20)\d\d|\d\d))(?!\d)"
)
_PHONE = re.compile(r"(?<!\w)\+?\(?\d(?:[ .()/\-–‑]{0,3}\d){6,}")


def tidied(text: str) -> str:
    """The text without marks of copying, in NFC, with one blank wherever it has blanks or line breaks."""
    return " ".join(normalise("NFC", trim_line(text)).split())


def fault_of_words(text: str, limit: int = WORDS_LIMIT) -> Fault | None:
    """What is wrong with public words: they are too long, cannot be shown, or have what looks like an address."""
    if is_too_long(text, limit):
        return "string_too_long", f"At most {limit} characters."
    if any(unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") for char in text):
        return "not_printable", "This text has characters that cannot be shown."
    if has_address(text):
        return "address", "This looks like a name or an address of a person. Public words name nobody."
    return None


def has_address(text: str) -> bool:
    """Whether a text has what looks like an address of a person: of mail, a user page, a network, or a telephone."""
    cleared = "\n".join(map(clear, decodings_of(clear(text))))
    return (
        _PERSON.search(cleared) is not None
        or any(mails_in(cleared))
        or any(ips_in(cleared))
        or _PHONE.search(_DATES.sub("x", cleared)) is not None
    )


def fault_of_link(link: str) -> Fault | None:
    """What is wrong with the address of a public page. What its host resolves to is looked at later, at each look."""
    if is_too_long(link, LINK_LIMIT):
        return "string_too_long", f"At most {LINK_LIMIT} characters."
    try:
        parts = urlsplit(link)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return "not_a_link", "This is no address of a page."
    if not link.isprintable() or " " in link or "\\" in link:
        return "not_a_link", "This is no address of a page."
    if parts.scheme != "https":
        return "not_https", "A link begins with https://."
    if "@" in parts.netloc:
        return "has_credentials", "A link holds no user name and no password."
    if port not in (None, 443):
        return "other_port", "A link has no port, or 443."
    if not _is_public_name(host):
        return "private_host", "A link leads to a public host, by its name."
    *_, shown = decodings_of(f"{host}{parts.path} ?{parts.query} {parts.fragment}".replace("_", " "))
    if _PERSON.search(clear(shown)) or any(mails_in(clear(shown))):
        return "address", "This looks like the page or the address of a person. Public links name nobody."
    return None


def _is_public_name(host: str) -> bool:
    try:
        # One dot at the end is the root of all names; with two, it is no name.
        name = host.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return False
    labels = name.split(".")
    if len(labels) < 2 or not all(re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in labels):
        return False
    try:
        ip_address(name)
    except ValueError:
        return not labels[-1].isdigit() and labels[-1] not in _LOCAL and not re.fullmatch("0x[0-9a-f]*", labels[-1])
    return False


_LOCAL = frozenset(
    ("local", "localhost", "localdomain", "internal", "intranet", "lan", "home", "corp", "private", "test", "invalid",
     "arpa", "onion", "cluster", "svc", "consul", "docker")
)  # fmt: skip
"""Ends of names that no public host has."""
