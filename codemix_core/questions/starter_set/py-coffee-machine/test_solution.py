import pytest
from solution import MachineError, run_machine


def test_no_events():
    assert run_machine([]) == []


def test_a_cup_of_coffee():
    assert run_machine(["coin", "start", "done"]) == ["paid", "brewing", "idle"]


def test_money_back():
    assert run_machine(["coin", "refund", "coin"]) == ["paid", "idle", "paid"]


def test_two_cups():
    cup = ["coin", "start", "done"]
    assert run_machine(cup * 2) == ["paid", "brewing", "idle"] * 2


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (["start"], "start in idle"),
        (["done"], "done in idle"),
        (["refund"], "refund in idle"),
        (["coin", "coin"], "coin in paid"),
        (["coin", "done"], "done in paid"),
        (["coin", "start", "start"], "start in brewing"),
        (["coin", "start", "refund"], "refund in brewing"),
        (["coin", "start", "done", "shake"], "shake in idle"),
    ],
)
def test_impossible_events_are_named_with_the_state(events, message):
    with pytest.raises(MachineError) as caught:
        run_machine(events)
    assert str(caught.value) == message


def test_two_kicks_change_nothing():
    assert run_machine(["kick", "kick"]) == ["idle", "idle"]
    assert run_machine(["coin", "kick", "start", "kick", "kick", "done"]) == [
        "paid",
        "paid",
        "brewing",
        "brewing",
        "brewing",
        "idle",
    ]


def test_the_third_kick_in_a_row_breaks_the_machine():
    with pytest.raises(MachineError) as caught:
        run_machine(["coin", "kick", "kick", "kick"])
    assert str(caught.value) == "broken"


def test_another_event_forgives_kicks():
    events = ["kick", "kick", "coin", "kick", "kick", "refund", "kick", "kick"]
    assert run_machine(events) == ["idle", "idle", "paid", "paid", "paid", "idle", "idle", "idle"]


def test_machines_do_not_remember_each_other():
    run_machine(["coin", "kick", "kick"])
    assert run_machine(["kick"]) == ["idle"]


def test_the_error_is_an_exception_of_its_own():
    assert issubclass(MachineError, Exception)
    assert not issubclass(MachineError, (ValueError, KeyError))
