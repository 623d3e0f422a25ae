"""The device that the speech models run on: a GPU where all they need is there, else the CPU."""

import ctypes
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pipeline import memory
from pipeline.errors import ModelError, TransientError

CUBLAS = "libcublas.so.12"
"""CTranslate2 opens it at its first computation and fails only then. It needs nothing else of CUDA
but the driver (version 4.8; older ones open cuDNN too)."""

CUBLAS_PACKAGE = "nvidia-cublas-cu12"
INSTALL_CUBLAS = (
    f"CTranslate2 computes with CUDA 12's cuBLAS, and torch brings CUDA 13's: install "
    f"{CUBLAS_PACKAGE} beside callscore (the extra callscore[gpu])"
)
TORCH_DOES_NOT = (
    "torch cannot compute on it: renew NVIDIA's driver (580 or newer for CUDA 13), see that "
    "nvidia-smi lists the GPU and that this torch was built for CUDA, or set device to cpu"
)


@dataclass(frozen=True, slots=True)
class Device:
    """``cuda`` or ``cpu``, and why. ``remedy``: what would make a GPU work that is there."""

    name: str
    why: str
    remedy: str | None = None


def choose_device(wanted: str) -> Device:
    """The device that the models will run on. ``wanted``: auto, cpu or cuda.

    A GPU counts only when torch can compute on it and CTranslate2 finds its cuBLAS: a driver
    without the CUDA libraries that each needs is found, and then fails at the first call.

    Raises
    ------
    ModelError
        ``cuda`` is wanted and does not work.
    TransientError
        The GPU's memory is full: it may be free again later.
    """
    if wanted == "cpu":
        return Device("cpu", "chosen in the settings")
    device = _gpu()
    if wanted == "cuda" and device.name != "cuda":
        remedy = device.remedy or "set device to auto"
        raise ModelError(f"device = cuda was asked for, but {device.why}; {remedy}")
    return device


def _gpu() -> Device:
    import ctranslate2

    if not ctranslate2.get_cuda_device_count():
        return Device("cpu", "no CUDA device was found")
    if not _load_cublas():
        return Device("cpu", f"the CUDA device does not work without {CUBLAS}", INSTALL_CUBLAS)
    try:
        import torch

        # Each needs a library of its own: cuBLAS and cuDNN.
        ones = torch.ones(1, 8, 8, device="cuda")
        torch.nn.functional.conv1d(ones @ ones, ones).sum().item()
        return Device("cuda", f"{torch.cuda.get_device_name()} works")
    except (RuntimeError, AssertionError) as error:
        if isinstance(error, RuntimeError) and memory.ran_out(error):
            raise TransientError("the GPU's memory is full; score fewer calls at once") from None
        why = f"the CUDA device does not work ({type(error).__name__})"
        return Device("cpu", why, TORCH_DOES_NOT)


def _load_cublas() -> bool:
    """Whether cuBLAS is where the system looks, or in its package, whose folder is on no path.

    CTranslate2 finds what is loaded already.
    """
    if sys.platform != "linux":
        return True  # CTranslate2 opens it by another name
    spec = find_spec("nvidia")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for place in (CUBLAS, *(str(Path(folder, "cublas", "lib", CUBLAS)) for folder in folders)):
        try:
            ctypes.CDLL(place)
        except OSError:
            continue
        return True
    return False
