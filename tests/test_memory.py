"""How the processes of the speech models get and miss their memory."""

import os
import subprocess
import sys

import pytest

from pipeline import memory
from pipeline.call import listen
from pipeline.crew import Crew, Order
from pipeline.errors import TransientError
from pipeline.rubric import load_rubrics
from pipeline.settings import Settings

TELL = (
    "import os, sys; from pipeline import memory; memory.begin_anew(); "
    "print(os.environ.get(memory.TUNABLES), *sys.argv[1:])"
)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, memory.FOR_MODELS),
        ({memory.TUNABLES: "glibc.malloc.perturb=1"}, "glibc.malloc.perturb=1"),
    ],
)
def test_a_command_begins_anew_once_with_its_arguments(given, told):
    environment = {k: v for k, v in os.environ.items() if k != memory.TUNABLES} | given
    done = subprocess.run(
        [sys.executable, "-c", TELL, "a b", "--json"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"{told} a b --json\n"


def test_processes_that_score_start_with_it(monkeypatch):
    monkeypatch.setenv(memory.TUNABLES, "")
    monkeypatch.delenv(memory.TUNABLES)
    settings = Settings()
    with Crew(Order(1, settings, load_rubrics(settings.rubric, {}), listen)):
        assert os.environ[memory.TUNABLES] == memory.FOR_MODELS


@pytest.mark.parametrize(
    "said",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA failed with error out of memory",
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.",
        "mkl_malloc: failed to allocate memory",
    ],
)
def test_memory_that_ran_out_may_be_free_again_later(said):
    ran_out = pytest.raises(TransientError, match="the diarizer ran out of memory")
    with ran_out, memory.may_run_out("the diarizer"):
        raise RuntimeError(said)


def test_python_says_it_in_its_own_way():
    # pyannote hides what torch said behind one of these.
    with pytest.raises(TransientError), memory.may_run_out("the diarizer"):
        raise MemoryError("batch_size ( 32) is probably too large.")


def test_fewer_are_done_at_once_from_then_on_when_memory_ran_out(caplog):
    tried = []

    def work(number):
        tried.append(number)
        if number > 3:
            raise MemoryError
        return number

    at_once = memory.AtOnce(8, "windows")
    assert at_once.do(work) == 2
    assert at_once.do(work) == 2
    assert tried == [8, 4, 2, 2]
    assert "from now on 2 windows at a time" in caplog.text


def test_what_memory_that_ran_out_leaves_behind_costs_no_second_half():
    left = "parallel_for failed: cudaErrorInvalidDevice: invalid device ordinal"
    says = iter(["CUDA failed with error out of memory", left, None, left])
    tried = []

    def work(number):
        tried.append(number)
        said = next(says)
        if said:
            raise RuntimeError(said)

    at_once = memory.AtOnce(8, "windows")
    at_once.do(work)
    assert tried == [8, 4, 4]
    with pytest.raises(RuntimeError, match="invalid device"):  # without memory that ran out
        at_once.do(work)


def test_one_at_a_time_is_the_least():
    def work(_number):
        raise MemoryError("none left")

    with pytest.raises(MemoryError, match="none left"):
        memory.AtOnce(2, "windows").do(work)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shape"), memory.may_run_out("the diarizer"):
        raise RuntimeError("a shape does not fit")
