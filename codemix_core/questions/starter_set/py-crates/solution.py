def heaviest_path(crate: dict) -> int:
    if crate["inside"]:
        return crate["weight"] + max(heaviest_path(inner) for inner in crate["inside"])
    return crate["weight"]
