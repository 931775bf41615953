from solution import heaviest_path


def crate(weight, *inside):
    return {"weight": weight, "inside": list(inside)}


def test_a_single_crate_weighs_itself():
    assert heaviest_path(crate(7)) == 7


def test_the_outer_crate_counts():
    assert heaviest_path(crate(5, crate(2))) == 7


def test_the_heavier_branch_is_taken():
    assert heaviest_path(crate(1, crate(2), crate(9), crate(4))) == 10


def test_a_light_start_may_lead_to_a_heavy_end():
    assert heaviest_path(crate(1, crate(10), crate(2, crate(30)))) == 33


def test_a_path_goes_down_to_the_end_even_when_it_loses_weight():
    assert heaviest_path(crate(10, crate(-3), crate(-8))) == 7


def test_all_weights_may_be_negative():
    assert heaviest_path(crate(-1, crate(-5, crate(-1)), crate(-4, crate(-9)))) == -7


def test_zero_weights():
    assert heaviest_path(crate(0, crate(0, crate(0)), crate(0))) == 0


def test_a_deep_chain():
    chain = crate(1)
    for _ in range(100):
        chain = crate(1, chain)
    assert heaviest_path(chain) == 101
