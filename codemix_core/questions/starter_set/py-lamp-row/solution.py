def lamps_after(lamps: int, size: int, moves: list[str]) -> int:
    mask = (1 << size) - 1
    for move in moves:
        name, *numbers = move.split()
        if name == "flip":
            lamps ^= 1 << int(numbers[0])
        elif name == "left":
            places = int(numbers[0]) % size
            lamps = (lamps << places | lamps >> (size - places)) & mask
        elif name == "invert":
            lamps ^= mask
        else:
            lamps = (lamps | lamps << 1 | lamps >> 1) & mask
    return lamps
