"""A demonstration repository on its way: findings, waivers, a regression, the next release."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from toy_repository import CHEAP, Run, ToyRepository

WAIVERS, SECOND = "amct-waivers.toml", "uniform/onnx/MatMul/second_input"

STEPS = '''
from toy import gemm_always, obey

def first(model, request):
    """Quantizes every Gemm and every MatMul, whatever the tables say."""
    named = [n for n in model.graph.node if n.op_type == "MatMul" and n.name]
    return gemm_always(model, request) | {n.name: True for n in named}

def regressed(model, request):
    """Quantizes every Sigmoid, too."""
    return first(model, request) | {
        n.name: True for n in model.graph.node if n.op_type == "Sigmoid" and n.name}

def mended(model, request):
    """Knows transA now, and of the weights of a Gemm only those that are stored."""
    found = first(model, request)
    right = obey(model, request)
    gemms = [n.name for n in model.graph.node if n.op_type == "Gemm" and n.name]
    return found | {name: right.get(name) for name in gemms}

'''


def run(repository: ToyRepository, step: str, *arguments: str) -> Run:
    """Run the gate in the way of a CI job, after a commit to the quantizer."""
    repository.write("steps.py", STEPS + f"quantize = {step}\n")
    always = ("--amct", "--amct-max-examples=0", "-n", "2", "--tb=line", "-q")
    return repository.pytest(*always, *arguments, timeout=600)


def report(repository: ToyRepository, folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((repository.path / folder / "amct-report.json").read_text())
    return found


@pytest.mark.slow
def test_a_repository_goes_through_two_releases(repository: ToyRepository) -> None:
    repository.ini(quantizer="steps:quantize")

    # The first run has findings. They are accepted: with a reason and an owner each.
    done = run(repository, "first", "--amct-report=first", "--amct-write-waivers")
    assert done.code == 1 and "write a reason and an owner into each" in done.out
    file = repository.path / WAIVERS
    waived = [w["id"] for w in tomllib.loads(file.read_text())["waiver"]]
    assert CHEAP in waived and SECOND in waived
    assert run(repository, "first").code == pytest.ExitCode.USAGE_ERROR  # nobody gave a reason
    file.write_text(file.read_text().replace('""', '"since 1.0, see the release notes"'))
    done = run(repository, "first", "--amct-report=green")
    assert done.code == 0, done.text
    assert f"w {CHEAP}: " in done.out
    assert all(f["status"] != "failed" for f in report(repository, "green")["findings"])

    # A regression stops it, also a job that compares with the release before.
    done = run(repository, "regressed", "--amct-report=regressed")
    assert done.code == 1
    failed = [f for f in report(repository, "regressed")["findings"] if f["status"] == "failed"]
    assert {f["condition"] for f in failed} == {"uniform/onnx/unlisted/Sigmoid"}
    compared = repository.python("-m", "pytest_amct", "compare", "green", "regressed", "--only-new")
    assert compared.code == 1 and "uniform/onnx/unlisted/Sigmoid" in compared.out
    assert CHEAP not in compared.out

    # What is mended no longer needs its waivers, and that is said.
    done = run(repository, "mended", "--amct-report=mended")
    assert done.code == 1
    stale = {w["id"] for w in report(repository, "mended")["waivers"] if w["stale"]}
    assert CHEAP in stale and SECOND not in stale
    assert f"the waiver of {CHEAP}" in done.out and "covers nothing any more" in done.out
    text = file.read_text()
    kept = [part for part in text.split("\n\n") if not any(f'"{id_}"' in part for id_ in stale)]
    file.write_text("\n\n".join(kept))
    done = run(repository, "mended", "--amct-report=released", "--amct-html=customer.html")
    assert done.code == 0, done.text

    # The customer reads what was accepted, and why.
    page = (repository.path / "customer.html").read_text()
    assert "since 1.0, see the release notes" in page and "0 violations" in page
    assert "http://" not in page.replace("http://www.w3.org", "")

    # The next release reads the condition otherwise: the decision must be made again.
    done = run(repository, "mended", "--amct-spec=latest")
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert f"the waiver of {SECOND} was written for CANN 7.0.0" in done.err
    assert "reads otherwise" in done.err and "Traceback" not in done.text
