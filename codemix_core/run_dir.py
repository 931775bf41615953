"""The directory of one run, with every file name in it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from codemix_core import files, parts
from codemix_core.errors import InputError, Problem
from codemix_core.records import Table

if TYPE_CHECKING:
    from codemix_core.workspace import Workspace


@dataclass(frozen=True)
class RunDir:
    """The directory of one run of one stage."""

    workspace: Workspace
    run_id: str

    @property
    def root(self) -> Path:
        return self.workspace.runs_root / self.run_id

    @property
    def stage(self) -> str:
        return self.run_id.split("-", 1)[0]

    @property
    def spec_path(self) -> Path:
        return self.root / "spec.json"

    @property
    def status_path(self) -> Path:
        return self.root / "status.json"

    @property
    def log_path(self) -> Path:
        return self.root / "log.txt"

    @property
    def lock_path(self) -> Path:
        return self.root / "lock"

    @property
    def stop_path(self) -> Path:
        """There once this attempt was asked to stop."""
        return self.root / "stop"

    @property
    def exit_path(self) -> Path:
        return self.root / "exit.json"

    @property
    def parts_root(self) -> Path:
        return self.root / "parts"

    @property
    def dataset_root(self) -> Path:
        """The files of a built dataset."""
        return self.root / "dataset"

    def dataset_file(self, side: str, ending: str) -> Path:
        """The file of one side, ``train`` or ``heldout``, of a built dataset."""
        return self.dataset_root / f"{side}{ending}"

    @property
    def dataset_path(self) -> Path:
        """A dataset's lineage, counts and files; written last, so a dataset is whole or absent."""
        return self.root / "dataset.json"

    @property
    def preflight_path(self) -> Path:
        """What the preflight of a dataset, or of a training run, found."""
        return self.root / "preflight.json"

    @property
    def parity_path(self) -> Path:
        """Log-probabilities of sampled answers under the training stack."""
        return self.root / "parity.json"

    @property
    def result_path(self) -> Path:
        """What a training run made: the best checkpoint, why, and its registered name."""
        return self.root / "result.json"

    @property
    def exports_path(self) -> Path:
        """Where a dataset was exported to, one JSON line each, overrides included."""
        return self.root / "exports.jsonl"

    @property
    def config_path(self) -> Path:
        """The complete torchtune configuration of a training run."""
        return self.root / "config.yaml"

    @property
    def metrics_path(self) -> Path:
        """What a training run measured, one JSON line per step."""
        return self.root / "metrics.jsonl"

    @property
    def checkpoints_root(self) -> Path:
        """Checkpoints of a training run, one directory per epoch in Hugging Face layout."""
        return self.root / "checkpoints"

    @property
    def evaluation_path(self) -> Path:
        """The comparison of a tuned model with its baseline."""
        return self.root / "evaluation.json"

    @property
    def steps_path(self) -> Path:
        """Ids of the runs that do the steps of a run made of runs."""
        return self.root / "steps.json"

    def exists(self) -> bool:
        return self.spec_path.exists()

    def load_spec(self) -> dict[str, Any]:
        """The resolved settings as written when the run was made.

        Raises:
            InputError: the file is damaged.
        """
        if not files.is_document(self.spec_path):
            fix = f"Delete the run's directory {self.root}."
            raise InputError(Problem(f"run {self.run_id}", "its spec.json is damaged.", fix))
        document: dict[str, Any] = files.read_json(self.spec_path)
        return document

    def exit(self) -> dict[str, Any] | None:
        """How the last attempt ended, or None while it runs or after a crash."""
        try:
            document: dict[str, Any] = files.read_json(self.exit_path)
        except FileNotFoundError:
            return None
        return document

    def writer(self, table: Table) -> parts.ShardWriter:
        """A writer of this run's rows of ``table``."""
        self.parts_root.mkdir(exist_ok=True)
        return parts.ShardWriter(self.parts_root, table)

    def read(self, table: Table, columns: list[str] | None = None) -> pa.Table:
        """This run's rows of ``table`` written so far."""
        return parts.read(self.parts_root, table, columns)

    def shards(self, table: Table) -> list[Path]:
        """This run's finished shards of ``table``."""
        return parts.shards(self.parts_root, table)

    def delete(self) -> None:
        """Remove the run in one step: it is gone for every reader at once."""
        doomed = self.root.with_name(f".deleted-{self.run_id}-{os.getpid()}")
        os.rename(self.root, doomed)
        shutil.rmtree(doomed)

    def size_bytes(self) -> int:
        """Disk space of the whole run."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())
