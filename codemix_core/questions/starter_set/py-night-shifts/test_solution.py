from solution import best_shifts


def test_no_days():
    assert best_shifts([], 1) == 0


def test_one_day():
    assert best_shifts([8], 3) == 8


def test_a_day_that_costs_is_left_out():
    assert best_shifts([-4], 1) == 0
    assert best_shifts([-4, -1, -2], 1) == 0


def test_without_rest_every_good_day_counts():
    assert best_shifts([1, 2, -5, 4], 0) == 7


def test_one_day_of_rest():
    assert best_shifts([2, 9, 8, 3], 1) == 12
    assert best_shifts([5, 1, 1, 5], 1) == 10


def test_two_days_of_rest():
    assert best_shifts([4, 6, 7, 5, 1], 2) == 9
    assert best_shifts([4, 1, 1, 4, 1, 1, 4], 2) == 12


def test_rest_longer_than_the_list():
    assert best_shifts([3, 1, 7, 2], 10) == 7


def test_the_largest_is_not_always_taken():
    assert best_shifts([6, 7, 6], 1) == 12
    assert best_shifts([1, 20, 3, 19, 1, 20], 2) == 40


def test_equal_pay():
    assert best_shifts([5] * 9, 2) == 15
