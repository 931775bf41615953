from itertools import count, islice

from solution import batches


def test_nothing_gives_nothing():
    assert list(batches([], 5)) == []


def test_all_in_one_list():
    assert list(batches([1, 2, 3], 10)) == [[1, 2, 3]]


def test_a_sum_equal_to_the_limit_is_allowed():
    assert list(batches([2, 3, 5], 5)) == [[2, 3], [5]]


def test_a_sum_just_above_the_limit_is_split():
    assert list(batches([2, 4, 1], 5)) == [[2], [4, 1]]


def test_a_number_above_the_limit_stands_alone():
    assert list(batches([9], 5)) == [[9]]
    assert list(batches([1, 9, 1, 1], 5)) == [[1], [9], [1, 1]]


def test_an_iterator_is_taken_as_well_as_a_list():
    assert list(batches(iter([4, 4, 4]), 8)) == [[4, 4], [4]]


def test_endless_input():
    assert list(islice(batches(count(1), 6), 4)) == [[1, 2, 3], [4], [5], [6]]


def test_no_more_is_read_than_needed():
    read = []

    def source():
        for number in (3, 3, 3, 3):
            read.append(number)
            yield number

    packed = batches(source(), 6)
    assert read == []
    assert next(packed) == [3, 3]
    assert read == [3, 3, 3]


def test_given_lists_do_not_change_afterwards():
    packed = batches([1, 1, 1, 1], 2)
    first = next(packed)
    list(packed)
    assert first == [1, 1]
