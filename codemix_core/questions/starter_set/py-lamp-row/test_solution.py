from solution import lamps_after


def test_no_moves():
    assert lamps_after(0b1011, 4, []) == 0b1011


def test_flip():
    assert lamps_after(0b0000, 4, ["flip 0"]) == 0b0001
    assert lamps_after(0b0000, 4, ["flip 3"]) == 0b1000
    assert lamps_after(0b1111, 4, ["flip 1", "flip 2"]) == 0b1001
    assert lamps_after(0b0100, 4, ["flip 2"]) == 0


def test_left():
    assert lamps_after(0b0011, 4, ["left 1"]) == 0b0110
    assert lamps_after(0b1001, 4, ["left 1"]) == 0b0011
    assert lamps_after(0b1101, 4, ["left 2"]) == 0b0111
    assert lamps_after(0b00110, 5, ["left 3"]) == 0b10001


def test_left_by_whole_turns():
    assert lamps_after(0b1101, 4, ["left 4"]) == 0b1101
    assert lamps_after(0b1101, 4, ["left 0"]) == 0b1101
    assert lamps_after(0b0011, 4, ["left 9"]) == 0b0110


def test_invert():
    assert lamps_after(0b0101, 4, ["invert"]) == 0b1010
    assert lamps_after(0, 6, ["invert"]) == 0b111111
    assert lamps_after(0b111, 3, ["invert"]) == 0


def test_spread():
    assert lamps_after(0b00100, 5, ["spread"]) == 0b01110
    assert lamps_after(0b10001, 5, ["spread"]) == 0b11011
    assert lamps_after(0b1000, 4, ["spread"]) == 0b1100
    assert lamps_after(0, 4, ["spread"]) == 0


def test_spread_goes_one_place_at_a_time():
    assert lamps_after(0b0000001, 7, ["spread", "spread"]) == 0b0000111


def test_a_single_lamp():
    assert lamps_after(1, 1, ["left 5", "spread"]) == 1
    assert lamps_after(1, 1, ["invert"]) == 0


def test_many_moves():
    moves = ["flip 5", "left 2", "spread", "invert", "flip 0", "left 7"]
    assert lamps_after(0b000001, 6, moves) == 0b100011
    assert lamps_after(0b100100, 6, moves) == 0b001100


def test_a_long_row():
    assert lamps_after(1, 100, ["left 99"]) == 1 << 99
    assert lamps_after(1 << 99, 100, ["left 1"]) == 1
