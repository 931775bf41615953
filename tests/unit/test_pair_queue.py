"""Which pairs a review shows, in which order, and that decisions find their pair."""

from __future__ import annotations

import time

import numpy as np
import pytest

from codemix_core.selection.annotations import Annotation, fold
from codemix_core.selection.pairs import PairRule, PairTable, choose, possible_pairs
from codemix_core.ui.pair_queue import REJECTED, UNREVIEWED, Filter, Queue, queue
from tests.selection_data import random_run

RULE = PairRule("original", 1.0, 1.0, 5, 0.5, 0)


@pytest.fixture(scope="module")
def table() -> PairTable:
    return possible_pairs(random_run(400, 16), "raw_output", lambda rows: ["" for _ in rows])


def decided(shown: Queue, place: int, action: str, reason: str = "") -> Annotation:
    question, chosen, rejected = shown.identity(place)
    return Annotation(
        f"id{place}{action}", "2026-01-01T00:00:00+00:00", "Ada", "pair", action,  # type: ignore[arg-type]
        question, chosen, rejected, reason, None,
    )  # fmt: skip


def test_every_pair_is_found_again_where_it_stands(table: PairTable) -> None:
    shown = queue(table, choose(table, RULE), fold([]), Filter(order="largest gap"))
    assert len(shown.view) > 100
    for place in (0, 17, len(shown.view) - 1):
        assert shown.place(shown.identity(place)) == place
    assert shown.place(("no such question", 0, 1)) is None


def test_a_decision_takes_its_pair_out_of_the_unreviewed(table: PairTable) -> None:
    pairs = choose(table, RULE)
    everything = queue(table, pairs, fold([]), Filter())
    made = [decided(everything, place, "reject") for place in (3, 7)]
    left = queue(table, pairs, fold(made), Filter(show="unreviewed"))
    assert left.reviewed == 2
    assert left.count(REJECTED) == 2
    assert len(left.view) == len(pairs) - 2
    assert not {everything.identity(3), everything.identity(7)} & {
        left.identity(place) for place in range(len(left.view))
    }


def test_a_note_is_no_decision(table: PairTable) -> None:
    pairs = choose(table, RULE)
    everything = queue(table, pairs, fold([]), Filter())
    held = fold([decided(everything, 5, "note", "look again")])
    noted = queue(table, pairs, held, Filter(show="noted"))
    assert [noted.identity(0)] == [everything.identity(5)]
    assert noted.count(UNREVIEWED) == len(pairs)


def test_a_decision_about_a_pair_another_rule_made_changes_nothing(table: PairTable) -> None:
    pairs = choose(table, RULE)
    stranger = Annotation("i", "t", "Ada", "pair", "accept", "q000001", 998, 999)
    assert queue(table, pairs, fold([stranger]), Filter()).reviewed == 0


def test_filters_by_length_gap_and_question_hold(table: PairTable) -> None:
    pairs = choose(table, RULE)
    longer = queue(table, pairs, fold([]), Filter(length="longer"))
    assert (table.longer_by[pairs[longer.view]] > 0).all()
    near = queue(table, pairs, fold([]), Filter(gap_below=0.5))
    assert len(near.view)
    assert (table.gap[pairs[near.view]] < 0.5).all()
    one = queue(table, pairs, fold([]), Filter(text="Q000003"))
    assert {one.identity(place)[0] for place in range(len(one.view))} == {"q000003"}


def test_orders_sort_by_what_they_say(table: PairTable) -> None:
    pairs = choose(table, RULE)
    gaps = table.gap[pairs[queue(table, pairs, fold([]), Filter(order="smallest gap")).view]]
    assert (np.diff(gaps) >= 0).all()
    shown = queue(table, pairs, fold([]), Filter(order="largest length difference"))
    assert (np.diff(np.abs(table.longer_by[pairs[shown.view]])) <= 0).all()


def test_ten_thousand_pairs_with_a_thousand_decisions_take_milliseconds() -> None:
    table = possible_pairs(random_run(2500, 16), "raw_output", lambda rows: [])
    pairs = choose(table, PairRule("original", 1.0, 1.0, 5, 0.5, 0))
    assert len(pairs) >= 10_000
    everything = queue(table, pairs, fold([]), Filter())
    held = fold([decided(everything, place, "accept") for place in range(1000)])
    began = time.process_time()
    assert queue(table, pairs, held, Filter(show="unreviewed", text="q00")).reviewed == 1000
    assert time.process_time() - began < 0.25
