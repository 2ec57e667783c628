"""What each reply of a mail server speaks of: every code of RFC 5321, every enhanced code, and those without words."""

import pytest

from services.notification.channels.replies import DETAILS, SUBJECTS, About, Step, read_refusal
from tests.support.cases import cases


@pytest.mark.parametrize("case", cases("mail_replies"))
def test_a_refusal_is_final_only_if_it_speaks_of_the_recipient(case: dict[str, str]) -> None:
    code, _, text = case["reply"].partition(" ")
    step: Step = {"RCPT": "recipient", "MAIL": "sender", "DATA": "content"}.get(case["to"], "session")  # type: ignore[assignment]  # one of the four
    refusal = read_refusal(int(code), text, step)
    assert refusal.about == case["speaks_of"]
    assert refusal.reason.partition("_")[0] == ("setup" if refusal.about is About.SETUP else "smtp")


@pytest.mark.parametrize("code", [421, 432, 450, 451, 452, 454, 455])
@pytest.mark.parametrize("step", ["session", "sender", "recipient", "content"])
def test_what_begins_with_a_four_is_of_the_moment(code: int, step: Step) -> None:
    assert read_refusal(code, "4.7.1 Try again later", step).about is About.MOMENT


@pytest.mark.parametrize("code", [500, 501, 502, 503, 504, 521, 530, 534, 535, 538, 550, 551, 552, 553, 554, 555, 556])
@pytest.mark.parametrize("step", ["session", "sender"])
def test_a_refusal_before_the_recipient_is_named_is_ours(code: int, step: Step) -> None:
    assert read_refusal(code, "5.1.1 No such user", step).about is About.SETUP


@pytest.mark.parametrize(
    ("code", "about"),
    [
        *((code, About.SETUP) for code in (500, 502, 503, 504, 521, 530, 534, 535, 538, 554, 555)),
        *((code, About.RECIPIENT) for code in (501, 550, 551, 552, 553, 556)),
    ],
)
def test_a_bare_code_speaks_of_what_the_standard_says(code: int, about: About) -> None:
    assert read_refusal(code, "", "recipient").about is about
    assert read_refusal(code, "", "content").about is About.SETUP


@pytest.mark.parametrize("subject", [y for y, about in SUBJECTS.items() if about is not None])
def test_an_enhanced_code_counts_for_more_than_code_and_step(subject: int) -> None:
    for detail in range(40):
        about = DETAILS.get((subject, detail), SUBJECTS[subject])
        if about is not None:
            for code in (550, 554):
                for step in ("recipient", "content"):
                    refusal = read_refusal(code, f"5.{subject}.{detail} No", step)  # type: ignore[arg-type]  # a step
                    assert refusal.about is about
                    assert refusal.reason.endswith(f"_{code}_5.{subject}.{detail}")


def test_no_word_of_an_address_counts_and_no_reason_repeats_one() -> None:
    refusal = read_refusal(550, "<relay.spam@policy.example>: unknown user", "recipient")
    assert (refusal.about, refusal.reason) == (About.RECIPIENT, "smtp_550")
