"""Fields of a form, URL-encoded (WHATWG URL, 5.1), read strictly, in little memory and little time. Pure."""

from binascii import a2b_qp

MOST_FIELDS = 100


def parse_fields(body: bytes, most: int) -> dict[str, list[str]]:
    """The values of each field, in their order.

    Raises ValueError for more than `most` fields, a broken escape, no ASCII, and no UTF-8.
    """
    if body.count(b"&") >= most or not body.isascii():
        raise ValueError
    fields: dict[str, list[str]] = {}
    for part in filter(None, body.split(b"&")):
        name, _, value = part.partition(b"=")
        fields.setdefault(_decode(name), []).append(_decode(value))
    return fields


def _decode(text: bytes) -> str:
    """The library would make objects of every escape. But for its sign, an escape is one of quoted-printable."""
    if b"%\n" in text or b"%\r" in text:
        # Quoted-printable takes these for soft line breaks.
        raise ValueError
    quoted = text.replace(b"+", b" ").replace(b"=", b"=3D").replace(b"%", b"=")
    found = a2b_qp(quoted)
    # Each escape of three bytes has become one byte, and a broken one has not.
    if len(found) != len(quoted) - 2 * quoted.count(b"="):
        raise ValueError
    return found.decode()
