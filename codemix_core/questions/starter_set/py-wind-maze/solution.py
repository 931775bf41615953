from collections import deque

WIND = {"<": (0, -1), ">": (0, 1), "^": (-1, 0), "v": (1, 0)}


def fewest_steps(field: list[str]) -> int | None:
    squares = {
        (r, c): sign for r, row in enumerate(field) for c, sign in enumerate(row) if sign != "#"
    }
    start = next(place for place, sign in squares.items() if sign == "S")
    queue = deque([(start, 0)])
    seen = {start}
    while queue:
        place, steps = queue.popleft()
        sign = squares[place]
        if sign == "T":
            return steps
        for down, right in [WIND[sign]] if sign in WIND else WIND.values():
            after = (place[0] + down, place[1] + right)
            if after in squares and after not in seen:
                seen.add(after)
                queue.append((after, steps + 1))
    return None
