"""The OpenAI-compatible engine against a small server that misbehaves on purpose."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from codemix_core.errors import EngineError
from codemix_core.records import Prompt
from codemix_core.sampling.engines import Failure, Request, Sample
from codemix_core.sampling.engines import openai as engine_module
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import Workspace

Reply = tuple[int, dict[str, str], Any]
Behaviour = Callable[[dict[str, Any], int], Reply]


def choice(text: str = "hello", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"index": 0, "message": message, "finish_reason": "stop", **more}


def completion(*choices: dict[str, Any], tokens: int = 3) -> Reply:
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": 1 + tokens}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "usage": usage}
    return 200, {}, {**body, "choices": list(choices)}


def refusal(status: int, words: str, **headers: str) -> Reply:
    return status, headers, {"error": {"message": words, "type": "error"}}


def well_behaved(body: dict[str, Any], count: int) -> Reply:
    n = body.get("n", 1)
    logprobs = {"content": [{"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}] * 2}
    more = {"logprobs": logprobs, "token_ids": [7, 2]} if body.get("return_token_ids") else {}
    return completion(*(choice(f"{body['messages'][-1]['content']} {i}", **more) for i in range(n)))


@dataclass
class Server:
    """A server whose replies a test decides; keeps every body it was sent."""

    behave: Behaviour = well_behaved
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    times: list[float] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def sampling(self) -> list[dict[str, Any]]:
        """Bodies of the requests after probing."""
        return [body for body in self.bodies if body["messages"][-1]["content"] != "Hi"]

    def reply(self, body: dict[str, Any], key: str | None) -> Reply:
        with self._lock:
            self.bodies.append(body)
            self.keys.add(key)
            self.times.append(time.monotonic())
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
            count = len(self.sampling)
        try:
            return self.behave(body, count)
        finally:
            with self._lock:
                self.busy -= 1


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None: ...

        def do_GET(self) -> None:
            self.answer((200, {}, {"object": "list", "data": [{"id": "big", "object": "model"}]}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(found.reply(body, self.headers.get("Authorization")))

        def answer(self, reply: Reply) -> None:
            status, headers, body = reply
            raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            kind = "text/html" if isinstance(body, str) else "application/json"
            headers = {"Content-Type": kind, **headers, "Content-Length": str(len(raw))}
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(raw)

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None: ...

    http = Quiet(("127.0.0.1", 0), Handler)
    found.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    http.shutdown()
    http.server_close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's back-off, a hundred times faster."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.005)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.05)


def ask(
    server: Server,
    workspace: Workspace,
    questions: int = 1,
    *,
    stopping: Callable[[], bool] = lambda: False,
    indices: tuple[int, ...] | None = None,
    **settings: Any,
) -> list[Sample | Failure]:
    given = {"questions": "q", "model": "m", "engine": "openai", "base_url": server.url, "n": 3}
    spec = SampleSpec.parse({**given, **settings})
    engine = engine_module.create(spec, workspace)
    wanted = tuple(range(spec.n)) if indices is None else indices
    requests = []
    for number in range(questions):
        messages = [{"role": "user", "content": f"q{number}"}]
        prompt: Prompt = engine.prompt(f"q{number}", messages)
        assert json.loads(prompt.messages) == messages
        requests.append(Request(prompt, wanted))
    return list(engine.sample(requests, 0, stopping))


def got(outcomes: list[Sample | Failure]) -> set[tuple[str, int]]:
    assert all(isinstance(outcome, Sample) for outcome in outcomes), outcomes
    found = [(o.question_id, o.sample_index) for o in outcomes if isinstance(o, Sample)]
    assert len(found) == len(set(found)), "a sample came twice"
    return set(found)


def test_a_server_that_knows_everything_is_asked_for_all_answers_at_once(
    server: Server, workspace: Workspace
) -> None:
    outcomes = ask(server, workspace, 2, temperature=0.7, top_p=0.9, top_k=5, max_tokens=77)
    assert got(outcomes) == {(q, i) for q in ("q0", "q1") for i in range(3)}
    assert len(server.sampling) == 2
    body = server.sampling[0]
    expected = {"n": 3, "temperature": 0.7, "top_p": 0.9, "top_k": 5, "max_tokens": 77}
    assert {name: body[name] for name in expected} == expected
    for outcome in outcomes:
        assert isinstance(outcome, Sample)
        assert (outcome.token_ids, outcome.logprobs) == ([7, 2], [-0.5, -0.5])
        assert (outcome.finish_reason, outcome.completion_tokens) == ("stop", 2)


def test_only_the_missing_indices_are_asked_for(server: Server, workspace: Workspace) -> None:
    assert got(ask(server, workspace, indices=(1, 4))) == {("q0", 1), ("q0", 4)}
    assert server.sampling[0]["n"] == 2


def test_many_answers_are_asked_for_in_pieces(server: Server, workspace: Workspace) -> None:
    assert len(got(ask(server, workspace, n=70))) == 70
    assert sorted(body["n"] for body in server.sampling if "n" in body) == [6, 32, 32]


def test_a_server_without_n_is_asked_once_per_answer(server: Server, workspace: Workspace) -> None:
    server.behave = lambda body, count: completion(choice())
    assert len(got(ask(server, workspace, 2))) == 6
    assert len(server.sampling) == 6
    assert all("n" not in body for body in server.sampling)


@pytest.mark.parametrize("status", [400, 422])
def test_what_a_server_refuses_is_dropped_one_thing_after_another(
    server: Server, workspace: Workspace, status: int
) -> None:
    def behave(body: dict[str, Any], count: int) -> Reply:
        for name in ("return_token_ids", "logprobs", "n"):
            if name in body:
                return refusal(status, f"unknown field {name}")
        if "max_tokens" in body:
            return refusal(status, "use max_completion_tokens instead of max_tokens")
        return completion(choice())

    server.behave = behave
    outcomes = ask(server, workspace)
    assert len(got(outcomes)) == 3
    assert {o.token_ids is None for o in outcomes if isinstance(o, Sample)} == {True}
    assert {o.completion_tokens for o in outcomes if isinstance(o, Sample)} == {3}


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_passing_failure_is_retried_until_it_passes(
    server: Server, workspace: Workspace, status: int
) -> None:
    def behave(body: dict[str, Any], count: int) -> Reply:
        first = body["messages"][-1]["content"] != "Hi" and count <= 3
        return refusal(status, "not now") if first else well_behaved(body, count)

    server.behave = behave
    assert len(got(ask(server, workspace))) == 3
    assert len(server.sampling) == 4


def test_retry_after_is_honoured(server: Server, workspace: Workspace) -> None:
    def behave(body: dict[str, Any], count: int) -> Reply:
        if body["messages"][-1]["content"] != "Hi" and count == 1:
            return refusal(429, "slow down", Retry_After="1")
        return well_behaved(body, count)

    server.behave = behave
    got(ask(server, workspace))
    assert server.times[-1] - server.times[-2] > 0.95


@pytest.mark.parametrize(
    "reply",
    [
        (200, {}, "<html>busy</html>"),
        (200, {"Content-Type": "application/json"}, "{not json"),
        (200, {}, {"choices": []}),
        (200, {}, {"choices": [{"index": 0}]}),
        (200, {}, {"choices": ["text"]}),
        (200, {}, []),
    ],
)
def test_an_answer_that_makes_no_sense_is_asked_for_again(
    server: Server, workspace: Workspace, reply: Reply
) -> None:
    def behave(body: dict[str, Any], count: int) -> Reply:
        odd = body["messages"][-1]["content"] != "Hi" and count == 1
        return reply if odd else well_behaved(body, count)

    server.behave = behave
    assert len(got(ask(server, workspace))) == 3


def test_one_failing_question_does_not_stop_the_others(
    server: Server, workspace: Workspace
) -> None:
    def behave(body: dict[str, Any], count: int) -> Reply:
        if body["messages"][-1]["content"] == "q3":
            return refusal(500, "cursed")
        return well_behaved(body, count)

    server.behave = behave
    outcomes = ask(server, workspace, 8, max_retries=2, concurrency=2)
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert [(f.question_id, f.samples, f.refused) for f in failures] == [("q3", 3, False)]
    assert "500: cursed" in failures[0].reason
    assert len(outcomes) == 7 * 3 + 1
    assert sum(body["messages"][-1]["content"] == "q3" for body in server.bodies) == 3


def test_a_refused_question_is_not_tried_again(server: Server, workspace: Workspace) -> None:
    def behave(body: dict[str, Any], count: int) -> Reply:
        if body["messages"][-1]["content"] == "q1":
            return refusal(400, "prompt longer than the context")
        return well_behaved(body, count)

    server.behave = behave
    failures = [o for o in ask(server, workspace, 3) if isinstance(o, Failure)]
    assert [(f.question_id, f.refused) for f in failures] == [("q1", True)]
    assert "longer than the context" in failures[0].reason
    assert sum(body["messages"][-1]["content"] == "q1" for body in server.bodies) == 1


def test_a_server_that_goes_away_ends_the_run_and_not_every_question_in_turn(
    server: Server, workspace: Workspace
) -> None:
    def behave(body: dict[str, Any], count: int) -> Reply:
        return well_behaved(body, count) if count <= 2 else refusal(503, "going down")

    server.behave = behave
    with pytest.raises(EngineError, match="503: going down.*resume"):
        ask(server, workspace, 500, concurrency=4, max_retries=0)
    assert len(server.bodies) < 50


def test_no_more_requests_are_in_flight_than_allowed(server: Server, workspace: Workspace) -> None:
    def behave(body: dict[str, Any], count: int) -> Reply:
        time.sleep(0.02)
        return well_behaved(body, count)

    server.behave = behave
    assert len(got(ask(server, workspace, 20, concurrency=4))) == 60
    assert server.busiest == 4


def test_a_stop_is_followed_at_once(server: Server, workspace: Workspace) -> None:
    asked: list[bool] = []

    def behave(body: dict[str, Any], count: int) -> Reply:
        if body["messages"][-1]["content"] not in ("Hi", "q0"):
            time.sleep(3)
        return well_behaved(body, count)

    def stopping() -> bool:
        asked.append(True)
        return len(asked) > 2

    server.behave = behave
    began = time.monotonic()
    outcomes = ask(server, workspace, 6, stopping=stopping)
    assert time.monotonic() - began < 2
    assert len(outcomes) < 18


def test_a_server_that_is_not_there_is_named(workspace: Workspace) -> None:
    nowhere = Server(port=9)
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:9/v1 cannot be reached.*running"):
        ask(nowhere, workspace, max_retries=0)


def test_an_unknown_model_lists_those_the_server_has(server: Server, workspace: Workspace) -> None:
    server.behave = lambda body, count: refusal(404, "no such model")
    with pytest.raises(EngineError, match=r"does not know the model 'm'. It has: big\."):
        ask(server, workspace)


def test_a_wanted_key_and_a_wrong_key_are_told_apart_and_never_shown(
    server: Server, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behave = lambda body, count: refusal(401, "who are you")
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(EngineError, match="wants a key: put it into the variable MY_KEY"):
        ask(server, workspace, api_key_env="MY_KEY")
    monkeypatch.setenv("MY_KEY", "secret-value")
    with pytest.raises(EngineError, match="refuses the key in .MY_KEY") as caught:
        ask(server, workspace, api_key_env="MY_KEY")
    assert "secret-value" not in str(caught.value)
    assert "Bearer secret-value" in server.keys


def test_an_address_that_is_a_web_page_is_told(server: Server, workspace: Workspace) -> None:
    server.behave = lambda body, count: (200, {}, "<html>Welcome</html>")
    with pytest.raises(EngineError, match="not a chat completion"):
        ask(server, workspace)


def test_broken_characters_in_an_answer_can_be_stored(server: Server, workspace: Workspace) -> None:
    server.behave = lambda body, count: completion(*[choice("a\ud800\x00é")] * body.get("n", 1))
    for outcome in ask(server, workspace):
        assert isinstance(outcome, Sample)
        assert outcome.text == "a?\x00é"


def test_log_probabilities_that_do_not_fit_the_tokens_are_not_kept(
    server: Server, workspace: Workspace
) -> None:
    logprobs = {"content": [{"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
    odd = choice("x", logprobs=logprobs, token_ids=[1, 2, 3])
    server.behave = lambda body, count: completion(*[odd] * body.get("n", 1))
    for outcome in ask(server, workspace):
        assert isinstance(outcome, Sample)
        assert (outcome.token_ids, outcome.logprobs) == (None, None)
