def best_shifts(pay: list[int], rest: int) -> int:
    best = [0]
    for day, amount in enumerate(pay):
        earlier = best[max(0, day - rest)]
        best.append(max(best[-1], amount + earlier))
    return best[-1]
