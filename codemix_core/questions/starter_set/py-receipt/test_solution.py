from solution import receipt


def lines(order, width):
    return receipt(order, width).split("\n")


def test_the_example():
    assert receipt("2 tea @1.50; 1 apple pie @12.00", 24) == (
        "tea x2 ............ 3.00\n"
        "apple pie ........ 12.00\n"
        "------------------------\n"
        "total ............ 15.00"
    )


def test_one_entry():
    assert lines("1 tea @0.90", 20) == [
        "tea ........... 0.90",
        "-" * 20,
        "total ......... 0.90",
    ]


def test_every_line_has_the_width():
    for width in (18, 25, 60):
        assert {len(text) for text in lines("3 bun @0.05; 10 egg @1.99", width)} == {width}


def test_amounts_are_exact():
    assert lines("3 bun @0.10; 7 bun @0.29", 18)[-1] == "total ....... 2.33"


def test_cents_have_two_digits():
    assert lines("1 bun @2.05", 16)[0] == "bun ....... 2.05"
    assert lines("1 bun @0.01", 16)[0] == "bun ....... 0.01"


def test_a_count_other_than_one_is_shown():
    assert lines("12 egg @0.25", 20)[0] == "egg x12 ....... 3.00"
    assert lines("0 egg @0.25", 20)[0] == "egg x0 ........ 0.00"
    assert lines("11 egg @1.00", 20)[0] == "egg x11 ...... 11.00"


def test_blanks_do_not_matter():
    tidy = receipt("2 green tea @1.50;1 pie @2.00", 30)
    assert receipt("  2   green tea   @ 1.50 ;   1 pie@2.00  ", 30) == tidy


def test_large_amounts():
    assert lines("1000 car @99999.99", 28) == [
        "car x1000 ...... 99999990.00",
        "-" * 28,
        "total .......... 99999990.00",
    ]


def test_a_narrow_receipt():
    assert lines("1 abc @1.00", 14)[0] == "abc ..... 1.00"
