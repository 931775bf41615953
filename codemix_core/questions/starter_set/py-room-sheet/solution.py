class RoomSheet:
    def __init__(self) -> None:
        self._bookings: list[tuple[int, int]] = []

    def book(self, start: int, end: int) -> bool:
        if end <= start:
            return False
        if any(start < b and a < end for a, b in self._bookings):
            return False
        self._bookings.append((start, end))
        self._bookings.sort()
        return True

    def cancel(self, minute: int) -> bool:
        for booking in self._bookings:
            if booking[0] <= minute < booking[1]:
                self._bookings.remove(booking)
                return True
        return False

    def busy(self) -> list[tuple[int, int]]:
        stretches: list[tuple[int, int]] = []
        for start, end in self._bookings:
            if stretches and stretches[-1][1] == start:
                start = stretches.pop()[0]
            stretches.append((start, end))
        return stretches
