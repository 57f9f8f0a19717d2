import pytest

from netwright.core.errors import ConfigError, MissingExtraError, NetwrightError, UnknownNameError


def test_an_unknown_name_offers_the_nearest_and_lists_all():
    message = str(UnknownNameError("policy", "last-vlaue", ["velocity", "last-value", "mlp"]))
    assert "unknown policy 'last-vlaue'" in message
    assert "did you mean 'last-value'?" in message
    assert message.endswith("there is last-value, mlp, velocity.")


def test_a_name_unlike_all_others_offers_none():
    message = str(UnknownNameError("policy", "zzz", ["velocity"]))
    assert "did you mean" not in message
    assert "velocity" in message


def test_an_empty_registry_says_so():
    assert "there is nothing yet." in str(UnknownNameError("task", "vp", []))


def test_a_missing_extra_names_its_command():
    assert 'pip install "netwright[llm]"' in str(MissingExtraError("torch", "llm"))


@pytest.mark.parametrize("error", [UnknownNameError("task", "x", []), MissingExtraError("torch", "llm")])
def test_every_error_is_for_the_user_to_correct(error):
    assert isinstance(error, NetwrightError)


def test_an_unknown_name_is_an_option_out_of_range():
    assert issubclass(UnknownNameError, ConfigError)
