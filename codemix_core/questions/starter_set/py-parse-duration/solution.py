import re

DURATION = re.compile(r" *(?:([0-9]+)d *)?(?:([0-9]+)h *)?(?:([0-9]+)m *)?(?:([0-9]+)s *)?")
SECONDS = (86400, 3600, 60, 1)


def parse_duration(text: str) -> int:
    match = DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(f"not a duration: {text!r}")
    return sum(int(part) * unit for part, unit in zip(match.groups("0"), SECONDS))
