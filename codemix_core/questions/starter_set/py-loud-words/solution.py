from collections import Counter


def loudest(lines: list[str], top: int) -> list[tuple[str, int]]:
    loudness: Counter[str] = Counter()
    for line in lines:
        name, _, message = line.partition(":")
        loudness[name.strip()] += message.count("!")
    loud = [(name, marks) for name, marks in loudness.items() if marks]
    return sorted(loud, key=lambda pair: (-pair[1], pair[0]))[:top]
