"""Signed notes and checkpoints against the vectors of Go's note package and the C2SP specifications."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.tlog.note import (
    COSIGNATURE_V1,
    BadSignatureError,
    Checkpoint,
    MalformedNoteError,
    NoteError,
    NoteSigner,
    SigningKey,
    UnknownSignerError,
    VerifierKey,
    add_signature_lines,
    open_checkpoint,
    open_note,
    parse_note,
    sign_checkpoint,
    sign_note,
)
from services.audit.tlog.tree import root_of

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)  # fmt: skip
PETERS_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ORIGIN = "hearth.example/audit/cases/0"
LOG = SigningKey("hearth.example/audit", bytes(range(32)))
OTHER = SigningKey("hearth.example/audit", bytes(32))
WITNESS = SigningKey("witness.example/w1", bytes([7] * 32), COSIGNATURE_V1)


def test_the_documented_note_of_the_go_package_opens() -> None:
    opened = open_note(TEXT + "\n" + PETERS_LINE, [VerifierKey.parse(PETER)])
    assert opened.text == TEXT
    assert [one.name for one in opened.verified] == ["PeterNeumann"]


def test_a_verifier_key_reads_and_writes_the_same_text() -> None:
    assert str(VerifierKey.parse(PETER)) == PETER
    assert VerifierKey.parse(PETER).key_id.hex() == "c74f20a3"


def test_a_signing_key_reads_and_writes_the_same_text_and_hides_its_seed() -> None:
    assert SigningKey.parse(LOG.export()) == LOG
    assert LOG.seed.hex() not in repr(LOG)
    assert LOG.export() not in repr(LOG)


def test_the_signing_key_of_the_go_package_makes_the_documented_signature() -> None:
    key = SigningKey.parse("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    assert str(key.verifier) == PETER
    assert sign_note(TEXT, [NoteSigner.of(key)]) == TEXT + "\n" + PETERS_LINE


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "PeterNeumann",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("PeterNeumann", "Peter Neumann"),
        PETER.replace("PeterNeumann", "PeterNewmann"),
        PETER[:-1],
        PETER.replace("+ARpc", "+Ahpc"),
        PETER + "\n",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_a_damaged_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(MalformedNoteError):
        VerifierKey.parse(vkey)


def test_several_keys_sign_and_unknown_ones_are_set_aside() -> None:
    note = sign_note(TEXT, [NoteSigner.of(LOG), NoteSigner.of(OTHER)]) + PETERS_LINE
    opened = open_note(note, [LOG.verifier])
    assert len(opened.verified) == 1
    assert [one.name for one in opened.unknown] == [OTHER.name, "PeterNeumann"]
    assert len(open_note(note, [LOG.verifier, OTHER.verifier, VerifierKey.parse(PETER)]).verified) == 3


def test_sixteen_signatures_and_more_are_read() -> None:
    keys = [SigningKey(f"key{number}.example", bytes([number] * 32)) for number in range(40)]
    note = sign_note(TEXT, map(NoteSigner.of, keys))
    assert len(open_note(note, [key.verifier for key in keys]).verified) == 40
    with pytest.raises(MalformedNoteError, match="100"):
        parse_note(note + PETERS_LINE * 61)


def test_a_note_by_unknown_keys_only_is_refused() -> None:
    with pytest.raises(UnknownSignerError):
        open_note(sign_note(TEXT, [NoteSigner.of(OTHER)]), [LOG.verifier])


def test_a_bad_signature_by_a_known_key_refuses_the_note_even_beside_a_good_one() -> None:
    forged = PETERS_LINE.replace("ZJku", "ZJkv")
    note = sign_note(TEXT, [NoteSigner.of(LOG)]) + forged
    assert open_note(note, [LOG.verifier]).text == TEXT
    with pytest.raises(BadSignatureError, match="PeterNeumann"):
        open_note(note, [LOG.verifier, VerifierKey.parse(PETER)])


def test_the_text_may_hold_blank_lines_and_ends_at_the_last_one() -> None:
    text = "first\n\nsecond\n\n"
    assert open_note(sign_note(text, [NoteSigner.of(LOG)]), [LOG.verifier]).text == text


@pytest.mark.parametrize(
    "note",
    [
        b"",
        TEXT.encode(),
        (TEXT + "\n").encode(),
        (TEXT + "\n" + PETERS_LINE[:-1]).encode(),
        (TEXT + "\n" + PETERS_LINE + "\n").encode(),
        (TEXT + "\n" + PETERS_LINE + "more\n").encode(),
        (TEXT + PETERS_LINE).encode(),
        (TEXT + "\n" + PETERS_LINE.replace("—", "-")).encode(),
        (TEXT + "\n" + PETERS_LINE.replace("AM=", "AN=")).encode(),
        (TEXT + "\n" + "— PeterNeumann x08go/Y\n").encode(),
        (TEXT + "\n" + "— PeterNeumann x08goy==\n").encode(),
        ("tab\there\n\n" + PETERS_LINE).encode(),
        b"\xff\n\n" + PETERS_LINE.encode(),
        b"x" * 1_000_001,
    ],
)
def test_what_is_not_a_note_is_refused(note: bytes) -> None:
    with pytest.raises(MalformedNoteError):
        open_note(note, [VerifierKey.parse(PETER)])


@given(st.data())
def test_no_byte_of_a_signed_checkpoint_can_change(data: st.DataObject) -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 5, root_of([])), [NoteSigner.of(LOG)]).encode()
    at = data.draw(st.integers(0, len(note) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != note[at]))
    with pytest.raises(NoteError):
        open_checkpoint(note[:at] + bytes([byte]) + note[at + 1 :], [LOG.verifier], ORIGIN)


def test_a_checkpoint_is_three_lines_exactly() -> None:
    checkpoint = Checkpoint(ORIGIN, 20852163, root_of([]))
    assert checkpoint.text == f"{ORIGIN}\n20852163\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert Checkpoint.parse(checkpoint.text) == checkpoint
    assert Checkpoint.parse(f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n").size == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "o\n05\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "o\n-5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "o\n٥\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "o\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
        "o\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZ\n",
        "o\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "o\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nextension\n",
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedNoteError):
        Checkpoint.parse(text)


def test_a_checkpoint_of_another_log_is_refused() -> None:
    note = sign_checkpoint(Checkpoint("hearth.example/audit/cases/1", 0, root_of([])), [NoteSigner.of(LOG)])
    with pytest.raises(NoteError, match="cases/1"):
        open_checkpoint(note, [LOG.verifier], ORIGIN)


def test_a_witness_cosigns_with_a_time_and_the_log_cannot_stand_in_for_it() -> None:
    checkpoint = Checkpoint(ORIGIN, 5, root_of([]))
    note = sign_checkpoint(checkpoint, [NoteSigner.of(LOG)])
    note = add_signature_lines(note, [NoteSigner.of(WITNESS).cosign(checkpoint.text, 1_679_315_147)])
    opened = open_note(note, [LOG.verifier, WITNESS.verifier])
    assert [one.name for one in opened.verified] == [LOG.name, WITNESS.name]
    assert opened.verified[1].cosigned_at == 1_679_315_147
    assert VerifierKey.parse(str(WITNESS.verifier)) == WITNESS.verifier
    assert open_note(note, [LOG.verifier]).unknown[0].name == WITNESS.name
    with pytest.raises(NoteError):
        NoteSigner.of(WITNESS).line(checkpoint.text)
    with pytest.raises(NoteError):
        NoteSigner.of(LOG).cosign(checkpoint.text, 0)


def test_a_cosignature_at_another_time_is_refused() -> None:
    checkpoint = Checkpoint(ORIGIN, 5, root_of([]))
    signer = NoteSigner.of(WITNESS)
    line = signer.cosign(checkpoint.text, 2_000_000_000)
    signature = parse_note(checkpoint.text + "\n" + line)[1][0].signature
    assert WITNESS.verifier.verify(checkpoint.text, signature)
    assert not WITNESS.verifier.verify(checkpoint.text, bytes(8) + signature[8:])
    assert not WITNESS.verifier.verify(checkpoint.text, signature[8:])


def test_added_lines_must_be_signature_lines() -> None:
    note = sign_note(TEXT, [NoteSigner.of(LOG)])
    for lines in (["nonsense\n"], ["\n" + PETERS_LINE], ["more text\n\n" + PETERS_LINE]):
        with pytest.raises(MalformedNoteError):
            add_signature_lines(note, lines)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x00b"])
def test_a_name_that_could_be_misread_cannot_sign(name: str) -> None:
    with pytest.raises(MalformedNoteError):
        SigningKey(name, bytes(32))


@pytest.mark.parametrize("text", ["no newline", "tab\t\n", ""])
def test_a_text_that_is_no_notes_is_not_signed(text: str) -> None:
    with pytest.raises(MalformedNoteError):
        sign_note(text, [NoteSigner.of(LOG)])
