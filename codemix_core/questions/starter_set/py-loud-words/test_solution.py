from solution import loudest


def test_no_lines():
    assert loudest([], 3) == []


def test_one_line():
    assert loudest(["ann: hi!"], 1) == [("ann", 1)]


def test_marks_of_a_name_add_up():
    assert loudest(["ann: a!", "bob: b!!", "ann: c!!"], 5) == [("ann", 3), ("bob", 2)]


def test_quiet_names_are_left_out():
    assert loudest(["ann: hi", "bob: hi!", "cy: "], 5) == [("bob", 1)]


def test_only_the_top_names_are_returned():
    lines = ["a: !", "b: !!!", "c: !!", "d: !!!!"]
    assert loudest(lines, 2) == [("d", 4), ("b", 3)]
    assert loudest(lines, 0) == []


def test_ties_are_broken_by_name():
    assert loudest(["zoe: !!", "amy: !!", "max: !!", "kim: !!!"], 3) == [
        ("kim", 3),
        ("amy", 2),
        ("max", 2),
    ]


def test_the_message_may_hold_colons():
    assert loudest(["ann: time: now!", "ann: a:b:c!"], 1) == [("ann", 2)]


def test_marks_in_the_name_do_not_count():
    assert loudest(["wow!: yes!"], 1) == [("wow!", 1)]


def test_blanks_around_a_name_do_not_matter():
    assert loudest([" ann : !", "ann: !", "ann x: !"], 3) == [("ann", 2), ("ann x", 1)]
