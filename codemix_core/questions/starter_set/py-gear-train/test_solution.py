from solution import turns_until_aligned


def test_an_empty_train():
    assert turns_until_aligned([]) == 1


def test_one_gear():
    assert turns_until_aligned([12]) == 12
    assert turns_until_aligned([1]) == 1


def test_gears_without_common_divisors():
    assert turns_until_aligned([4, 9, 5]) == 180


def test_gears_with_common_divisors():
    assert turns_until_aligned([12, 18]) == 36
    assert turns_until_aligned([6, 10, 15]) == 30
    assert turns_until_aligned([7, 7, 7]) == 7


def test_an_odd_box_is_one_gear():
    assert turns_until_aligned([[3, 5]]) == 15
    assert turns_until_aligned([[9], 6]) == 18


def test_an_even_box_counts_half():
    assert turns_until_aligned([[4, 3]]) == 6
    assert turns_until_aligned([[8], 5]) == 20
    assert turns_until_aligned([[2], 3]) == 3


def test_the_outermost_train_is_not_halved():
    assert turns_until_aligned([8, [3]]) == 24


def test_an_empty_box():
    assert turns_until_aligned([[], 10]) == 10


def test_boxes_in_boxes():
    assert turns_until_aligned([[[16]]]) == 4
    assert turns_until_aligned([[[6, [4]], 5], 7]) == 105
    assert turns_until_aligned([[[12], 9], [[10]], 2]) == 90


def test_large_numbers_are_exact():
    assert turns_until_aligned([2**61 - 1, 10**18 + 9]) == (2**61 - 1) * (10**18 + 9)
