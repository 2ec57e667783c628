"""Under which keys a person may be named in a text, for all the ways in which people write names. Pure.

One person has several spellings: a link to their user page, an address with percent signs, capitals, another script's
comma behind it. `keys_of` reads a text of a report and returns a key for each person that the text may name. `own_keys`
reads one name of a person who signs in. The person is named if the two share a key.

A text that can be read in two ways gets the keys of both: to hide a case from one person too many does less harm than
to show it to the accused.
"""

from shared.names.accounts import account_of, count_people, known_by_account
from shared.names.addresses import mails_in
from shared.names.keys import (
    LONGEST_LINE,
    MOST_OF_LINE,
    Key,
    address_keys,
    keys_of,
    length_keys,
    names_at_most,
    normalise_name,
    own_keys,
)
from shared.names.words import NUMBERS, number_of, spans_in

__all__ = [
    "LONGEST_LINE",
    "MOST_OF_LINE",
    "NUMBERS",
    "Key",
    "account_of",
    "address_keys",
    "count_people",
    "keys_of",
    "known_by_account",
    "length_keys",
    "mails_in",
    "names_at_most",
    "normalise_name",
    "number_of",
    "own_keys",
    "spans_in",
]
