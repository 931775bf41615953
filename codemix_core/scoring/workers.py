"""A pool of threads, each driving walls of its own, one program at a time.

A wall that breaks is replaced and its program tried again; what stays broken comes back as
an error, never as a verdict. Threads only wait on pipes: the work is behind the walls.
"""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import dataclass
from typing import Any

from codemix_core.errors import SandboxError
from codemix_core.scoring import kept
from codemix_core.scoring.backends.base import Backend, Wall, WallBroken
from codemix_core.scoring.turns import Turns


@dataclass(frozen=True)
class Task:
    """One program for the judge.

    question: sent when the wall does not hold it; kept_key: what the wall wants kept of it is kept
    under that; timeout: when the wall counts as hung.
    """

    program_hash: str
    question_key: str
    kept_key: str
    flavour: str
    question: dict[str, Any]
    request: dict[str, Any]
    timeout: float


@dataclass(frozen=True)
class Done:
    """A task and the judge's answer, or why there is none."""

    task: Task
    answer: dict[str, Any] | None
    problem: str


class WorkerPool:
    """Runs tasks in any order; results come back through :meth:`take`."""

    def __init__(self, backend: Backend, workers: int, retries: int) -> None:
        self._backend, self._retries = backend, retries
        self._tasks: Turns[Task] = Turns()
        self._results: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._open: set[Wall] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        cpus = sorted(os.sched_getaffinity(0))
        self._threads = [
            threading.Thread(
                target=self._work, args=(i, cpus[i % len(cpus)]), name=f"scorer {i}", daemon=True
            )
            for i in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> None:
        """Queue a task."""
        self._tasks.put(task.question_key, task)

    def take(self, timeout: float) -> Done | None:
        """The next result, or None when none came in time."""
        try:
            return self._results.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Drop queued tasks, kill all walls, and end the threads."""
        self._stopped.set()
        with self._lock:
            for wall in self._open:
                wall.kill()
        self._tasks.close()
        for thread in self._threads:
            thread.join()

    def _work(self, worker: int, cpu: int) -> None:
        walls: dict[str, tuple[Wall, set[str]]] = {}
        try:
            while not self._stopped.is_set():
                task = self._tasks.take(worker)
                if task is None or self._stopped.is_set():
                    break
                self._results.put(self._judge(task, walls, cpu))
        finally:
            for wall, _ in walls.values():
                self._drop(wall)

    def _judge(self, task: Task, walls: dict[str, tuple[Wall, set[str]]], cpu: int) -> Done:
        """Args: walls by flavour, with the questions that each was told."""
        problem = ""
        for _ in range(1 + self._retries):
            if self._stopped.is_set():
                break
            try:
                if task.flavour not in walls:
                    walls[task.flavour] = self._build(task.flavour, cpu), set()
                wall, told = walls[task.flavour]
                return Done(task, exchange(wall, task, told), "")
            except SandboxError as error:
                problem = str(error)
                if task.flavour in walls:
                    self._drop(walls.pop(task.flavour)[0])
        return Done(task, None, problem)

    def _build(self, flavour: str, cpu: int) -> Wall:
        wall = self._backend.open_wall(flavour, cpu)
        with self._lock:
            self._open.add(wall)
        if self._stopped.is_set():
            self._drop(wall)
            raise WallBroken("scoring was stopped")
        return wall

    def _drop(self, wall: Wall) -> None:
        with self._lock:
            self._open.discard(wall)
        wall.close()


def exchange(wall: Wall, task: Task, told: set[str]) -> dict[str, Any]:
    """Judge one program behind a wall.

    The wall is told the question when it never was, and again when it no longer holds it.

    Raises:
        WallBroken: no valid answer.
    """
    request = {"op": "judge", "key": task.question_key, **task.request}
    answer = {"need": task.question_key}
    if task.question_key in told:
        answer = wall.request(request, task.timeout)
    if "need" in answer:
        question = {**task.question, "kept": kept.read(task.kept_key)}
        answer = wall.request({**request, "question": question}, task.timeout)
        told.add(task.question_key)
    if "infra" in answer:
        raise WallBroken(str(answer["infra"]))
    if "keep" in answer:
        kept.write(task.kept_key, answer.pop("keep"))
    return answer
