from solution import fewest_steps


def test_neighbours():
    assert fewest_steps(["ST"]) == 1
    assert fewest_steps(["TS"]) == 1
    assert fewest_steps(["S", "T"]) == 1
    assert fewest_steps(["T", "S"]) == 1


def test_open_ground():
    assert fewest_steps(["S...", "....", "...T"]) == 5


def test_walls_are_walked_around():
    assert fewest_steps(["S#T", ".#.", "..."]) == 6


def test_no_way():
    assert fewest_steps(["S#T"]) is None
    assert fewest_steps(["S.#.", "..#T"]) is None


def test_wind_along_the_way():
    assert fewest_steps(["S>T"]) == 2
    assert fewest_steps(["T<S"]) == 2
    assert fewest_steps(["S", "v", "T"]) == 2
    assert fewest_steps(["T", "^", "S"]) == 2


def test_wind_against_the_way():
    assert fewest_steps(["S<T"]) is None
    assert fewest_steps(["T>S"]) is None
    assert fewest_steps(["S", "^", "T"]) is None
    assert fewest_steps(["T", "v", "S"]) is None


def test_wind_lets_nobody_turn():
    assert fewest_steps(["S>.", "T#.", "..."]) == 1
    assert fewest_steps(["#>T", "S#.", ".#.", "..."]) == 7
    assert fewest_steps(["S>.", "#T#"]) is None


def test_wind_can_be_entered_from_any_side():
    assert fewest_steps(["S.", "#v", "#T"]) == 3
    assert fewest_steps(["S.", "#<", "T."]) is None


def test_wind_out_of_the_field_leads_nowhere():
    assert fewest_steps(["S^.T"]) is None
    assert fewest_steps(["S^", ".T"]) == 2


def test_the_shorter_of_two_ways_is_counted():
    assert fewest_steps(["S>>>.", "....T"]) == 5
    assert fewest_steps(["S...", ".##.", ".##.", "v#.T"]) == 6


def test_a_circle_of_wind_ends():
    assert fewest_steps(["S>v", "#^<", "##T"]) is None


def test_the_far_side_of_a_row_is_not_a_neighbour():
    assert fewest_steps(["S.#T"]) is None
    assert fewest_steps(["S", ".", "#", "T"]) is None
