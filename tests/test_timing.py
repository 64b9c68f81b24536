"""How long calls take: the file beside the report, the summary, the time that is left."""

from __future__ import annotations

import json

import pytest
from test_first_steps import on_a_terminal
from toy_repository import CHEAP, ToyRepository

from pytest_amct import timing
from pytest_amct.timing import Clock, Left, times, told

SLOW = ("time.sleep(0.15)", "return obey(model, request)")


@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["here", "worker"])
def test_the_slowest_calls_are_beside_the_report(
    workers: list[str], repository: ToyRepository
) -> None:
    repository.quantizer(
        "time.sleep(0.5 if is_broken(model) else 0)", "return obey(model, request)"
    )
    select = [f"--amct-select={CHEAP}@{name}" for name in ("0", "1", "absent")]
    run = repository.amct(*select, "--amct-report=rep", *workers)
    assert run.code == 0, run.text
    found = json.loads((repository.path / "rep" / timing.FILE_NAME).read_text())
    assert found["calls"] == 3
    first, *others = found["slowest"]
    assert first["case"] == f"{CHEAP}@1" and first["seconds"] > 0.4
    assert found["seconds"] >= first["seconds"] > max(other["seconds"] for other in others)
    assert "seconds" not in json.dumps(repository.report())
    # The file is always that of the report beside it.
    repository.amct("--amct-report=rep", "-k", "nothing")
    found = json.loads((repository.path / "rep" / timing.FILE_NAME).read_text())
    assert (found["calls"], found["slowest"]) == (0, [])


def test_a_long_test_shows_what_is_left(
    repository: ToyRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.quantizer(*SLOW)
    shown = on_a_terminal(repository, 80, f"--amct-select={CHEAP}", "--amct-max-examples=0")
    assert "calls, about " in shown and " s left" in shown
    quiet = on_a_terminal(repository, 80, f"--amct-select={CHEAP}", "--amct-max-examples=0", "-q")
    assert "calls, about " not in quiet


def test_progress_waits_and_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    now, shown = [100.0], list[str]()
    monkeypatch.setattr(timing.time, "monotonic", lambda: now[0])
    left = Left(shown.append, lambda: 40)
    for count, seconds in ((1, 101.0), (10, 110.0), (11, 110.1), (20, 120.0), (50, 150.0)):
        now[0] = seconds
        left.called(count)
    left.next_test()
    assert shown == [
        "10 of about 40 calls, about 30 s left",
        "20 of about 40 calls, about 20 s left",
        "50 of about 40 calls, about 0 s left",
        "",
    ]


def test_a_clock_divides_the_time_of_a_batch() -> None:
    counted: list[int] = []
    clock = Clock(counted.append)
    with clock.measuring("a", "b"):
        pass
    with pytest.raises(ValueError), clock.measuring("c"):
        raise ValueError
    taken = clock.take()
    assert [*taken] == ["a", "b", "c"] and taken["a"] == taken["b"]
    assert counted == [2, 3] and clock.take() == {}


def test_only_long_runs_are_told() -> None:
    seconds = {f"case{n}": float(n) for n in range(30)}
    assert times(seconds)["slowest"][0] == {"case": "case29", "seconds": 29.0}
    assert len(times(seconds)["slowest"]) == 20
    assert told(seconds) == "30 calls took 7 min, 14 s each (median); the slowest 29 s: case29"
    assert told({"a": 3.0}) == told({}) == ""
    assert times({})["median"] is None
