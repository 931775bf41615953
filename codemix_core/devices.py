"""Device slots of this machine: one per GPU, one for the CPU.

GPUs are counted through the NVIDIA driver, without importing torch.
"""

from __future__ import annotations

import os
from functools import lru_cache

CPU = "cpu"


@lru_cache(maxsize=1)
def gpus() -> tuple[str, ...]:
    """Names of the NVIDIA GPUs a job may use, in CUDA order; empty without a driver.

    ``CUDA_VISIBLE_DEVICES`` is respected.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        names = [
            str(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(index)))
            for index in range(pynvml.nvmlDeviceGetCount())
        ]
    finally:
        pynvml.nvmlShutdown()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(names)
    chosen = [part for part in visible.split(",") if part.strip().isdigit()]
    return tuple(names[int(part)] for part in chosen if int(part) < len(names))


def slots(kind: str) -> list[str]:
    """Names of the slots that can run a job of ``kind`` (``accelerator`` or ``cpu``)."""
    if kind == "accelerator" and gpus():
        return [f"gpu{index}" for index in range(len(gpus()))]
    return [CPU]


def environment(slot: str) -> dict[str, str]:
    """Variables that pin a job to its slot."""
    if not slot.startswith("gpu"):
        return {}
    index = int(slot.removeprefix("gpu"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    ids = [part for part in visible.split(",") if part.strip().isdigit()] if visible else None
    return {"CUDA_VISIBLE_DEVICES": ids[index].strip() if ids else str(index)}


def describe() -> str:
    """A few words for the frame of the pages: ``CPU`` or the GPUs' names."""
    found = gpus()
    if not found:
        return f"CPU, {os.cpu_count()} cores"
    return found[0] if len(set(found)) == 1 and len(found) == 1 else f"{len(found)} × {found[0]}"


def load() -> dict[str, str]:
    """Use of each GPU at this moment, by name: share of time busy, memory used."""
    if not gpus():
        return {}
    import pynvml

    found = {}
    pynvml.nvmlInit()
    try:
        for index, name in enumerate(gpus()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            busy = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            used, total = int(memory.used) / 2**30, int(memory.total) / 2**30
            found[f"gpu{index} {name}"] = f"{busy}%, {used:.1f} of {total:.0f} GiB"
    finally:
        pynvml.nvmlShutdown()
    return found
