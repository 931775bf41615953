import pytest
from solution import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("1d", 86400), ("1h", 3600), ("1m", 60), ("1s", 1), ("250s", 250)]
)
def test_single_units(text, seconds):
    assert parse_duration(text) == seconds


def test_all_units():
    assert parse_duration("1d2h3m4s") == 86400 + 7200 + 180 + 4


def test_units_may_be_left_out():
    assert parse_duration("2d30s") == 172830
    assert parse_duration("5h7m") == 18420


def test_blanks_between_and_around_parts():
    assert parse_duration("  1h 30m ") == 5400
    assert parse_duration(" 1d  2s") == 86402
    assert parse_duration("3m 5s ") == 185


def test_numbers_may_be_large_or_zero():
    assert parse_duration("0s") == 0
    assert parse_duration("0d0h0m0s") == 0
    assert parse_duration("90m") == 5400
    assert parse_duration("007m") == 420


@pytest.mark.parametrize("text", ["", " ", "   "])
def test_a_text_without_parts_is_refused(text):
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize("text", ["1m1h", "5s1m", "1h1d", "1h1h", "2s3s"])
def test_wrong_order_and_repetition_are_refused(text):
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize("text", ["5", "h", "1 h", "1h5", "1.5h", "-1h", "1H", "1h,2m", "1h\n"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        parse_duration(text)


def test_only_plain_digits_count():
    with pytest.raises(ValueError):
        parse_duration("\u0663h")
