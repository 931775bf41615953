from collections.abc import Iterable, Iterator


def batches(items: Iterable[int], limit: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for item in items:
        if batch and sum(batch) + item > limit:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
