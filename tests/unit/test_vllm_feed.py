"""The step loop around vLLM, with an engine whose answers a test decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.errors import EngineError
from codemix_core.records import Prompt
from codemix_core.sampling.engines import Failure, Request, Sample
from codemix_core.sampling.engines.vllm import feed


@dataclass
class FakeLLMEngine:
    """Holds a few answers in flight; an answer of index i takes ``lengths[i]`` steps."""

    slots: int = 4
    lengths: tuple[int, ...] = (1, 3, 2, 5)
    reason: str = "stop"
    breaks_at: int | None = None
    steps: int = 0
    waiting: list[tuple[str, int]] = field(default_factory=list)
    running: dict[tuple[str, int], int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    aborted: list[str] = field(default_factory=list)
    idle_with_work_left: int = 0
    most_waiting: int = 0

    @property
    def vllm_config(self) -> Any:
        return SimpleNamespace(scheduler_config=SimpleNamespace(max_num_seqs=self.slots))

    @property
    def renderer(self) -> Any:
        return SimpleNamespace(render_cmpl=lambda prompts: prompts)

    def add_request(self, request_id: str, prompt: Any, n: int) -> None:
        if prompt["prompt_token_ids"] == [-1]:
            raise ValueError("token id out of range")
        self.waiting += [(request_id, index) for index in range(n)]
        self.left[request_id] = n
        self.most_waiting = max(self.most_waiting, len(self.waiting))

    def abort_request(self, request_ids: list[str]) -> None:
        self.aborted += request_ids

    def step(self) -> list[Any]:
        self.steps += 1
        if self.steps == self.breaks_at:
            raise RuntimeError("CPU fell off")
        while self.waiting and len(self.running) < self.slots:
            self.running[self.waiting.pop(0)] = 0
        self.idle_with_work_left += len(self.running) < self.slots
        outputs = []
        for (request_id, index), age in list(self.running.items()):
            length = self.lengths[index % len(self.lengths)]
            self.running[request_id, index] = age + 1
            if age > 0 and age + 1 < length:
                continue
            done = age + 1 >= length
            tokens = list(range(1, length)) if age else [0]
            if done:
                del self.running[request_id, index]
                self.left[request_id] -= 1
            piece = SimpleNamespace(
                index=index,
                token_ids=tokens,
                logprobs=SimpleNamespace(
                    start_indices=list(range(len(tokens))), logprobs=[-float(t) for t in tokens]
                ),
                finish_reason=self.reason if done else None,
            )
            finished = self.left[request_id] == 0
            outputs.append(
                SimpleNamespace(request_id=request_id, outputs=[piece], finished=finished)
            )
        return outputs


def requests(*counts: int) -> list[Request]:
    return [
        Request(Prompt(f"q{i}", "[]", "", [1, 2], 2, None), tuple(range(10, 10 + count)))
        for i, count in enumerate(counts)
    ]


def drain(engine: FakeLLMEngine, wanted: list[Request], stop_after: int | None = None) -> list[Any]:
    found: list[Any] = []

    def stopping() -> bool:
        return stop_after is not None and len(found) >= stop_after

    for outcome in feed(engine, lambda n: n, wanted, stopping, lambda ids: str(len(ids))):
        found.append(outcome)
    return found


@given(counts=st.lists(st.integers(1, 9), max_size=12), slots=st.integers(1, 6))
def test_every_answer_comes_once_whole_and_under_its_own_index(
    counts: list[int], slots: int
) -> None:
    engine = FakeLLMEngine(slots=slots)
    found = drain(engine, requests(*counts))
    keys = [(o.question_id, o.sample_index) for o in found]
    assert sorted(keys) == sorted((f"q{i}", 10 + j) for i, n in enumerate(counts) for j in range(n))
    for outcome in found:
        length = engine.lengths[(outcome.sample_index - 10) % 4]
        assert outcome.token_ids == list(range(length))
        assert outcome.logprobs == [-float(token) for token in range(length)]
        # The end-of-turn token is kept in the ids and left out of the text.
        assert (outcome.text, outcome.completion_tokens) == (str(length - 1), length)
    assert engine.aborted == []


def test_no_slot_idles_while_a_question_waits_and_the_queue_stays_short() -> None:
    engine = FakeLLMEngine(slots=4)
    found = drain(engine, requests(*[3] * 200))
    assert len(found) == 600
    longest = max(engine.lengths)
    assert engine.idle_with_work_left <= longest, "slots ran empty before the very end"
    assert engine.most_waiting <= 2 * engine.slots + 3


def test_stopping_hands_on_what_finished_and_aborts_the_rest() -> None:
    engine = FakeLLMEngine()
    found = drain(engine, requests(*[4] * 50), stop_after=10)
    assert 10 <= len(found) < 20
    assert all(isinstance(outcome, Sample) for outcome in found)
    assert engine.aborted
    finished = {f"q{i}" for i in range(50)} - set(engine.left) | {
        name for name, left in engine.left.items() if left == 0
    }
    assert not finished & set(engine.aborted)


def test_an_answer_that_ends_for_another_reason_is_a_failure_and_no_answer() -> None:
    found = drain(FakeLLMEngine(reason="abort"), requests(2))
    assert [(o.question_id, o.reason) for o in found if isinstance(o, Failure)] == [
        ("q0", "vLLM ended it: abort")
    ] * 2


def test_an_answer_cut_by_its_length_keeps_its_last_token_in_the_text() -> None:
    assert [o.text for o in drain(FakeLLMEngine(reason="length"), requests(2))] == ["1", "3"]


def test_a_breakdown_is_an_engine_error_with_its_cause() -> None:
    with pytest.raises(EngineError, match="vLLM stopped working: RuntimeError: CPU fell off"):
        drain(FakeLLMEngine(breaks_at=3), requests(4, 4))
    bad = Request(Prompt("q", "[]", "", [-1], 1, None), (0,))
    with pytest.raises(EngineError, match="vLLM refused q: token id out of range"):
        drain(FakeLLMEngine(), [bad])
