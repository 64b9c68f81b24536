"""Gives models to one quantizer, each request once, and reads the results under each release.

What does not depend on a release is done once for all of them: a case is built, read, given to the
quantizer and saved once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pytest_amct.cases.networks import AnyCase
from pytest_amct.cases.plan import Built
from pytest_amct.decisions.decision import Outcome
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.options import Settings
from pytest_amct.processes.journal import Journal
from pytest_amct.quantizers.isolation import Isolated
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.quantizers.running import ask, ask_batch
from pytest_amct.request_options import RequestOptions
from pytest_amct.saved import save_model
from pytest_amct.tables.model import Spec
from pytest_amct.timing import Clock

Outcomes = tuple[Outcome, ...]
"""The outcomes of one call, one for each release."""

Given = dict[tuple[str, int], Outcomes]
"""The outcomes of examples, by the id of a case and the number of the call that it makes."""

KEPT = 512
"""How many cases are kept. The releases judge a test in turn, and it has fewer cases than this."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A case that the quantizer was shown: its model, and what came back."""

    built: Built
    network: Network
    outcomes: Outcomes


class Calls:
    """The calls of one quantizer in one process. Runners of several releases share them."""

    def __init__(
        self,
        quantizer: Quantizer,
        specs: Sequence[Spec],
        settings: Settings,
        journal: Journal | None = None,
        isolated: Isolated | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.quantizer, self.specs, self.journal = quantizer, tuple(specs), journal
        self.isolated: Isolated | None = None
        if settings.isolate:
            self.isolated = isolated or Isolated(
                settings.quantizer, settings.rootdir, settings.timeout, settings.specs
            )
        self._folder = settings.folder
        self._known: dict[bytes, Outcomes] = {}
        #: the paths of saved cases, ``None`` for one that cannot be written
        self._saved: dict[str, str | None] = {}
        self.show = lru_cache(KEPT)(self._show)

    @property
    def known(self) -> Mapping[bytes, Outcomes]:
        """The outcomes of the requests that were made, by model and options."""
        return self._known

    def _show(self, case: AnyCase) -> Shown:
        """Show a case to the quantizer. `show` does so once for all releases."""
        built = case.build()
        network = built.native.network()
        return Shown(built, network, self.once(case.id, built.native, network, built.options))

    def save(self, case: AnyCase, built: Built) -> str | None:
        """Save the model of a case, unless another release has done so, see `save_model`."""
        if case.id not in self._saved:
            self._saved[case.id] = save_model(case, built, self._folder)
        return self._saved[case.id]

    def once(
        self, case: str, model: ModelFiles, network: Network, options: RequestOptions
    ) -> Outcomes:
        """Give a model to the quantizer, unless the same request for it was made before."""
        key = _key(model, options)
        if key not in self._known:
            self._known[key] = self.again(case, model, network, options)
        return self._known[key]

    def again(
        self, case: str, model: ModelFiles, network: Network, options: RequestOptions
    ) -> Outcomes:
        """Give a model to the quantizer, even if it has seen it before."""
        if self.journal:
            self.journal.calling(case)
        with self.clock.measuring(case):
            if self.isolated:
                outcomes = self.isolated.run(model, options)
            else:
                outcomes = ask(self.quantizer, model, network, options, self.specs)
        if self.journal:
            self.journal.returned(case)
        return outcomes

    def batch(self, cases: Sequence[AnyCase]) -> None:
        """Give the models of a group to a quantizer that takes many models in one call.

        If the batch fails as a whole, each model is retried alone, and only those failures count.
        """
        if self.quantizer.quantize_batch is None or self.isolated:
            return
        built: dict[bytes, tuple[str, Built]] = {}
        for case in cases:
            b = case.build()
            built.setdefault(_key(b.native, b.options), (case.id, b))
        new = {key: b for key, b in built.items() if key not in self._known}
        if len(new) > 1:
            if self.journal:
                self.journal.calling(cases[0].group)
            models = [(b.native, b.options) for _, b in new.values()]
            with self.clock.measuring(*(id_ for id_, _ in new.values())):
                found = ask_batch(self.quantizer, models, self.specs)
            if self.journal:
                self.journal.returned(cases[0].group)
            self._known.update(
                {key: outcomes for key, outcomes in zip(new, found, strict=False) if outcomes}
            )


def _key(model: ModelFiles, options: RequestOptions) -> bytes:
    digest = hashlib.sha256(json.dumps(options.given, sort_keys=True).encode())
    for content in (model.data, *model.files.values()):
        digest.update(content)
    return digest.digest()
