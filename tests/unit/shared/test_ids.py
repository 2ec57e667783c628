"""Derived identifiers are UUID 5 as the RFC has them."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from shared.ids import case_id_of, derive


@given(st.text(), st.lists(st.text(), min_size=1, max_size=4))
def test_derived_ids_are_those_of_the_standard_library(report_id: str, cause: list[str]) -> None:
    assert case_id_of(report_id) == str(uuid5(UUID("6b1f6c1e-2a0c-5c35-9d1b-3c2f3f1b7a10"), report_id))
    assert derive(*cause) == str(uuid5(UUID("0d3f5c52-8f0a-5a44-8c5e-7a3f0b9d2e61"), "\x1f".join(cause)))
