"""What details of errors say: by the codes of pydantic, and by the forms that texts can have. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import StringConstraints
from pydantic_core import PydanticKnownError

LANGUAGE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
PERSON_REFERENCE = r"^person:[0-9a-f]{16}$"
UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
IDENTIFIER = r"^[A-Za-z0-9-]{1,64}$"
PURPOSE = r"^[a-z_]{1,40}$"
PRINTABLE = r"^[\x21-\x7e]+$"
FORMS: Mapping[str, str] = MappingProxyType(
    {
        LANGUAGE: "Write a language code, such as `en` or `pt-BR`.",
        PERSON_REFERENCE: "Write a reference of a person, such as person:5f2c81aa90b1c2d3.",
        UUID: "Write a UUID in small letters, such as 0b8a2f5e-3c1d-4e6f-8a9b-1c2d3e4f5a6b.",
        IDENTIFIER: "Write an id: up to 64 letters of ASCII, digits and hyphens.",
        PURPOSE: "Write a purpose: up to 40 small letters and underscores, such as `review`.",
        PRINTABLE: "Write the token as the provider issued it: ASCII without blanks.",
    }
)
"""What is right, for each form (a regular expression) that a text of a request can have."""
_DETAILS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "This field must be there.",
        "extra_forbidden": "There is no such field here.",
        "string_type": "Write a text.",
        "string_unicode": "Write a text in UTF-8.",
        "string_sub_type": "Write a text.",
        "string_too_long": "At most {max_length} characters.",
        "string_too_short": "At least {min_length} characters.",
        "literal_error": "Choose one of these: {expected}.",
        "enum": "Choose one of these: {expected}.",
        "bool_type": "Write true or false.",
        "bool_parsing": "Write true or false.",
        "int_type": "Write a whole number.",
        "int_parsing": "Write a whole number.",
        "int_parsing_size": "The number is too large.",
        "int_from_float": "Write a whole number.",
        "float_type": "Write a number.",
        "float_parsing": "Write a number.",
        "finite_number": "Write a finite number.",
        "greater_than": "More than {gt}.",
        "greater_than_equal": "{ge} or more.",
        "less_than": "Less than {lt}.",
        "less_than_equal": "{le} or less.",
        "too_long": "At most {max_length} items.",
        "too_short": "At least {min_length} items.",
        "list_type": "Write a list.",
        "tuple_type": "Write a list.",
        "set_type": "Write a list.",
        "frozen_set_type": "Write a list.",
        "dict_type": "Write an object.",
        "mapping_type": "Write an object.",
        "model_type": "Write an object.",
        "model_attributes_type": "Write an object.",
        "dataclass_type": "Write an object.",
        "value_error": "{error}",
    }
)


def of_form(pattern: str, **further: Any) -> StringConstraints:
    """A text of one of FORMS. Raises KeyError for a form that nobody has put into words."""
    FORMS[pattern]
    return StringConstraints(pattern=pattern, **further)


def detail_of(finding: Mapping[str, Any]) -> str:
    """The sentence that says what is right, for a finding of pydantic. A message that is ours stays as it is.

    Those of pydantic tell regular expressions and types of Python.
    """
    code, context, said = finding["type"], finding.get("ctx") or {}, str(finding["msg"])
    if code == "string_pattern_mismatch":
        return FORMS.get(context["pattern"], "Write the text in the form that the schema says.")
    words = {name: str(value).replace("'", "") for name, value in context.items()}
    try:
        if code in _DETAILS:
            return _DETAILS[code].format_map(words)
        is_theirs = PydanticKnownError(code, context or None).message() == said
    except (KeyError, TypeError):
        # Neither the code nor what belongs to it is pydantic's.
        return said
    return "This value cannot stand here." if is_theirs else said
