class MachineError(Exception):
    """The machine cannot do what it was asked to."""


NEXT = {
    ("idle", "coin"): "paid",
    ("paid", "refund"): "idle",
    ("paid", "start"): "brewing",
    ("brewing", "done"): "idle",
}


def run_machine(events: list[str]) -> list[str]:
    state = "idle"
    kicks = 0
    states = []
    for event in events:
        if event == "kick":
            kicks += 1
            if kicks == 3:
                raise MachineError("broken")
        else:
            kicks = 0
            if (state, event) not in NEXT:
                raise MachineError(f"{event} in {state}")
            state = NEXT[state, event]
        states.append(state)
    return states
