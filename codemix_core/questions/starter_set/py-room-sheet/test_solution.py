from solution import RoomSheet


def sheet(*bookings):
    made = RoomSheet()
    for start, end in bookings:
        assert made.book(start, end) is True
    return made


def test_a_new_sheet_is_free():
    assert RoomSheet().busy() == []
    assert RoomSheet().cancel(0) is False


def test_bookings_come_back_in_order():
    assert sheet((50, 60), (10, 20), (30, 40)).busy() == [(10, 20), (30, 40), (50, 60)]


def test_overlapping_bookings_are_refused():
    made = sheet((10, 20))
    for start, end in [(5, 11), (19, 30), (12, 15), (0, 40), (10, 20), (10, 11), (19, 20)]:
        assert made.book(start, end) is False, (start, end)
    assert made.busy() == [(10, 20)]


def test_touching_bookings_are_accepted_and_shown_as_one():
    made = sheet((10, 20), (20, 30), (5, 10), (40, 50))
    assert made.busy() == [(5, 30), (40, 50)]


def test_a_gap_of_one_minute_separates():
    assert sheet((1, 2), (3, 4)).busy() == [(1, 2), (3, 4)]


def test_empty_and_backward_bookings_are_refused():
    made = RoomSheet()
    assert made.book(5, 5) is False
    assert made.book(6, 5) is False
    assert made.busy() == []


def test_cancel_takes_the_booking_that_covers_the_minute():
    made = sheet((10, 20), (20, 30), (30, 40))
    assert made.cancel(20) is True
    assert made.busy() == [(10, 20), (30, 40)]
    assert made.cancel(39) is True
    assert made.busy() == [(10, 20)]


def test_the_end_of_a_booking_is_not_covered():
    made = sheet((10, 20))
    assert made.cancel(20) is False
    assert made.cancel(9) is False
    assert made.busy() == [(10, 20)]
    assert made.cancel(10) is True


def test_a_cancelled_time_can_be_booked_again():
    made = sheet((10, 20))
    assert made.cancel(15) is True
    assert made.book(12, 18) is True
    assert made.busy() == [(12, 18)]


def test_one_minute_bookings():
    made = sheet((1, 2), (2, 3))
    assert made.busy() == [(1, 3)]
    assert made.cancel(2) is True
    assert made.busy() == [(1, 2)]
