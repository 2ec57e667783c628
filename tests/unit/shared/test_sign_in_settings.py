"""What a service is told about its sign-in provider; and the references of people."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.settings import load_settings
from shared.sign_in.identity import person_ref
from shared.sign_in.mediawiki import MediaWiki
from shared.sign_in.openid import OpenId
from shared.sign_in.providers import PROVIDERS, callback_address, make_provider
from shared.sign_in.settings import SignInSettings

SECRET = base64.b64encode(b"k" * 32).decode()
VARIABLES = {
    "HEARTH_FORM_KEY": SECRET,
    "HEARTH_IDENTITY_KEY": SECRET,
    "HEARTH_SIGN_IN_ISSUER": "https://id.example/realms/hearth",
    "HEARTH_SIGN_IN_CLIENT_ID": "hearth-desk",
}


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_any_openid_provider_is_the_default_and_a_wiki_a_word(variables: pytest.MonkeyPatch) -> None:
    provider = make_provider(load_settings(SignInSettings), address="https://desk.example/", home="/desk")
    assert isinstance(provider, OpenId)
    assert provider.name == "id.example"
    variables.setenv("HEARTH_SIGN_IN_PROVIDER", "mediawiki")
    assert isinstance(
        make_provider(load_settings(SignInSettings), address="https://a.example", home="/desk"), MediaWiki
    )


@pytest.mark.parametrize(
    ("issuer", "taken"),
    [
        ("https://id.example", True),
        ("http://127.0.0.1:8005", True),
        ("http://localhost:8005", True),
        ("http://[::1]:8005", True),
        ("http://keycloak.localhost:8005/realms/hearth", True),
        ("http://a.b.localhost", True),
        ("http://id.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://a.localhost.evil.example", False),
        ("http://evil-localhost", False),
        ("http://.localhost", False),
        ("http://evil.example@.localhost", False),
        ("ftp://a.localhost", False),
        ("http://10.0.0.1", False),
        ("https://id.example/?a=b", False),
        ("https://id.example/#a", False),
        ("https://", False),
        ("javascript:alert(1)", False),
        ("https://id example", False),
        ("https://user@id.example", False),
    ],
)
def test_plain_http_is_for_this_machine_only(
    variables: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], issuer: str, taken: bool
) -> None:
    variables.setenv("HEARTH_SIGN_IN_ISSUER", issuer)
    if taken:
        assert load_settings(SignInSettings).sign_in_issuer == issuer
        return
    with pytest.raises(SystemExit):
        load_settings(SignInSettings)
    assert "HEARTH_SIGN_IN_ISSUER is wrong" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in VARIABLES if name != "HEARTH_FORM_KEY"])
def test_what_is_missing_is_named(variables: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str) -> None:
    variables.delenv(name)
    with pytest.raises(SystemExit):
        load_settings(SignInSettings)
    assert f"{name} is missing" in capsys.readouterr().err


def test_the_way_back_is_built_from_the_services_own_address(variables: pytest.MonkeyPatch) -> None:
    callback = callback_address("https://desk.example/", "/desk")
    assert callback == "https://desk.example/desk/sign-in/callback"
    registration = load_settings(SignInSettings, sign_in_client_secret="s3cret").registration(callback)
    assert (registration.client_id, registration.client_secret, registration.callback) == (
        "hearth-desk", "s3cret", callback,
    )  # fmt: skip
    assert set(PROVIDERS) == {"openid", "mediawiki"}


def test_a_reference_is_the_same_for_the_same_account_only() -> None:
    key = b"k" * 32
    ada = person_ref(key, "https://id.example", "1")
    assert ada == person_ref(key, "https://id.example", "1")
    others = [
        person_ref(key, "https://id.example", "2"),
        person_ref(key, "https://id.example/", "1"),
        person_ref(b"l" * 32, "https://id.example", "1"),
    ]
    assert len({ada, *others}) == 4


@given(st.text(), st.text())
def test_a_reference_names_nobody_and_no_two_accounts_share_their_text(issuer: str, subject: str) -> None:
    if "\x1f" in issuer:
        with pytest.raises(ValueError, match="address"):
            person_ref(b"k" * 32, issuer, subject)
        return
    ref = person_ref(b"k" * 32, issuer, subject)
    assert ref.startswith("person:")
    assert len(ref) == 23
    assert int(ref[7:], 16) >= 0
