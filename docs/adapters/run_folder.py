"""Runs an adapter on a folder that ``pytest-amct export`` wrote, where pytest cannot run.

    python run_folder.py ADAPTER CASES OUT

Python 3.7, numpy, Linux. ADAPTER is a module with ``quantize(model, request)`` that returns a path
and needs no `model`. OUT is a new folder. Each model has a process: a crash or a hang costs one.
"""

import importlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy

SECONDS = 600


class Request:
    def __init__(self, cases, entry, home):
        self.__dict__.update(json.loads((cases / entry["request"]).read_text(encoding="utf-8")))
        given = [str(cases / entry[key]) for key in ("model", "weights") if key in entry]
        copied = [Path(shutil.copy(path, str(home))) for path in given]
        self.workdir, self.feeds = home, cases / entry["calibration"]
        self.model_path, self.weights_path = (copied + [None])[:2]

    def calibration(self, n=8):
        return (dict(numpy.load(str(path))) for path in sorted(self.feeds.iterdir())[:n])


def answer(adapter, cases, entry, home):
    try:
        made = Path(adapter.quantize(None, Request(cases, entry, home)))
        return {"file": str(made.relative_to(home.parent))}
    except Exception as error:
        name = type(error).__name__
        refused = name in ("Unsupported", "Refused")
        return {name.lower(): str(error)} if refused else {"errored": f"{name}: {error}"}


def separately(adapter, cases, entry, home):
    home.mkdir(parents=True)
    file, child = home / "answer.json", os.fork()
    if not child:
        try:
            signal.alarm(SECONDS)  # ends this process, whatever it does
            os.chdir(str(home))
            file.write_text(json.dumps(answer(adapter, cases, entry, home)), encoding="utf-8")
            sys.stdout.flush()
        finally:
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status == signal.SIGALRM:
        return {"timed-out": f"after {SECONDS} s"}
    if status or not file.exists():
        return {"crashed": f"signal {status & 127}, exit status {status >> 8}"}
    return json.loads(file.read_text("utf-8"))


if __name__ == "__main__":
    cases, out = Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve()
    adapter, manifest = importlib.import_module(sys.argv[1]), cases / "manifest.json"
    asked = json.loads(manifest.read_text(encoding="utf-8"))
    done = {e["id"]: separately(adapter, cases, e, out / e["id"]) for e in asked["models"]}
    found = {"format": "pytest-amct-results/2", "export": asked["export"], "models": done}
    (out / "results.json").write_text(json.dumps(dict(found, quantizer=sys.argv[1])), "utf-8")
