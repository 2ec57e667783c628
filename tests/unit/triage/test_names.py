"""Names of people on the roster: only added, typed ones wait, and two coordinators take one away."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.triage.roster.names import (
    ASKING,
    TYPED_DELAY,
    Alarm,
    Names,
    alarm_of,
    has_user_name,
    is_confirmed,
    keys_that_hold,
    look_at,
    with_given,
    with_told,
    without_name,
)
from shared.own_names import NameKeys, Trust

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
ADA, NICK, MAIL = (NameKeys((letter * 32,), trust) for letter, trust in zip("abc", Trust, strict=True))
TYPED = NameKeys(("f" * 32,), Trust.TYPED)
STRANGER = NameKeys(("e" * 32,), Trust.TYPED)
CORA, CARL = "person:00000000000000c0", "person:00000000000000c1"


def keys(*names: NameKeys) -> set[str]:
    return {key for name in names for key in name.keys}


def holding(names: Names) -> set[str]:
    return set(keys_that_hold(names))


def test_what_the_provider_vouches_for_holds_at_once_and_for_good() -> None:
    names = with_told((), [ADA], AT, signed_in=True)
    assert (holding(names), has_user_name(names)) == (keys(ADA), True)
    renamed = NameKeys(("d" * 32,), Trust.ACCOUNT)
    later = with_told(names, [renamed], AT + timedelta(days=9), signed_in=True)
    assert holding(later) == keys(ADA, renamed)
    assert alarm_of(names, later) is Alarm.RENAMED
    assert look_at(later, AT) == ("renamed",)


def test_a_name_typed_later_waits_for_a_sign_in_after_a_day() -> None:
    names = with_told((), [ADA], AT, signed_in=True)
    typed = with_told(names, [ADA, STRANGER], AT, signed_in=True)
    assert holding(typed) == keys(ADA)
    assert alarm_of(names, typed) is Alarm.TYPED
    assert look_at(typed, AT) == ("typed",)
    # Neither the next sign-in, nor a session that runs on, makes it hold before its time.
    soon, late = AT + TYPED_DELAY - timedelta(seconds=1), AT + TYPED_DELAY
    assert holding(with_told(typed, [ADA, STRANGER], soon, signed_in=True)) == keys(ADA)
    assert holding(with_told(typed, [ADA, STRANGER], late, signed_in=False)) == keys(ADA)
    # To change the name back does not help: it holds for good.
    assert holding(with_told(typed, [ADA], late, signed_in=True)) == keys(ADA, STRANGER)


def test_what_is_typed_before_the_first_sign_in_holds_at_once() -> None:
    # The person has seen no case, so nothing can vanish.
    names = with_told(with_given((), [ADA.keys], AT), [ADA, TYPED], AT, signed_in=True)
    assert holding(names) == keys(ADA, TYPED)
    assert look_at(names, AT) == ()


def test_an_address_that_is_verified_later_holds_at_once() -> None:
    names = with_told((), [ADA], AT, signed_in=True)
    waiting = with_told(names, [NameKeys(MAIL.keys, Trust.TYPED)], AT, signed_in=True)
    assert holding(waiting) == keys(ADA)
    verified = with_told(waiting, [NameKeys(MAIL.keys, Trust.PROVED)], AT, signed_in=False)
    assert holding(verified) == keys(ADA, MAIL)
    assert look_at(verified, AT) == ()


def test_a_user_name_typed_once_more_raises_no_alarm() -> None:
    names = with_told((), [ADA], AT, signed_in=True)
    again = with_told(names, [ADA, NameKeys(ADA.keys, Trust.TYPED)], AT, signed_in=True)
    assert again == names


def test_typed_names_and_addresses_make_no_user_name() -> None:
    names = with_told((), [NICK, TYPED], AT, signed_in=True)
    assert not has_user_name(with_given(names, [ADA.keys], AT))


def test_a_coordinator_confirms_a_user_name_by_giving_it() -> None:
    names = with_told((), [ADA], AT, signed_in=True)
    assert not is_confirmed(names)
    assert not is_confirmed(with_given(names, [("0" * 32,)], AT))
    assert is_confirmed(with_given(names, [("0" * 32, *ADA.keys)], AT))
    assert not is_confirmed(with_given((), [ADA.keys], AT))


def test_two_coordinators_take_a_name_away_and_one_cannot() -> None:
    names = with_told((), [ADA, TYPED], AT, signed_in=True)
    wrong = names[1].id
    asked = without_name(names, wrong, CORA, AT)
    assert holding(without_name(asked, wrong, CORA, AT)) == keys(ADA, TYPED)
    assert look_at(asked, AT) == ("unwanted",)
    assert holding(without_name(asked, wrong, CARL, AT)) == keys(ADA)
    # After a week the first has to ask again.
    late = without_name(asked, wrong, CARL, AT + ASKING)
    assert holding(late) == keys(ADA, TYPED)
    assert holding(without_name(late, wrong, CORA, AT + ASKING)) == keys(ADA)
    assert without_name(names, "another", CORA, AT) == names


told = st.lists(
    st.builds(NameKeys, st.sampled_from("abcdef").map(lambda c: (c * 32,)), st.sampled_from(list(Trust))), max_size=4
)
signs = st.lists(st.tuples(told, st.integers(0, 100), st.booleans()), max_size=8)


@given(signs)
def test_no_sequence_of_sign_ins_loses_a_name_or_hurries_a_typed_one(
    history: list[tuple[list[NameKeys], int, bool]],
) -> None:
    names: Names = ()
    at = AT
    for one, hours, signed_in in history:
        before, at = holding(names), at + timedelta(hours=hours)
        was_first = not names
        names = with_told(names, one, at, signed_in=signed_in)
        assert before <= holding(names)
        assert keys(*(n for n in one if n.trust is not Trust.TYPED)) <= holding(names)
        if not was_first:
            for name in names:
                if name.source == "typed" and name.holds_from is not None and name.holds_from == at != name.noted_at:
                    assert signed_in
                    assert at - name.noted_at >= TYPED_DELAY
        assert len({name.id for name in names}) == len(names)
