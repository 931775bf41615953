from math import gcd


def turns_until_aligned(gears: list) -> int:
    steps = 1
    for entry in gears:
        teeth = entry
        if isinstance(entry, list):
            teeth = turns_until_aligned(entry)
            if teeth % 2 == 0:
                teeth //= 2
        steps = steps * teeth // gcd(steps, teeth)
    return steps
