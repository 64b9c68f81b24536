"""What the second opinions know of each release, written down by hand from the published pages.

A letter stands for the wording of a cell, and A is that of CANN 7.0.0. The opinions say in plain
if-statements what each wording means (docs/reading.md, "Other releases"). A cell with ``-`` has no
row, and one with ``?`` was not seen. A small letter was seen on an English page alone. G stands for
the wording of a framework's guide.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NAMES = {
    "caffe": "InnerProduct Convolution Deconvolution Pooling Eltwise".split(),
    "tensorflow": (
        "MatMul Conv2D DepthwiseConv2dNative Conv2DBackpropInput BatchMatMulV2 AvgPool Conv3D"
        " MaxPool Add"
    ).split(),
    "onnx": "Conv Gemm ConvTranspose MatMul AveragePool MaxPool Add".split(),
}


@dataclass(frozen=True)
class Release:
    #: the letters of each framework's cells, in the order of `NAMES`
    caffe: str = ""
    tensorflow: str = ""
    onnx: str = ""
    #: table 2: "stated", "english", "gone" (the whole page has none), "unseen"
    clustered: str = "unseen"
    #: table 3: "stated", "english", "no such mode", "unseen"
    alone: str = "unseen"
    #: whether table 3 names the pools
    pools: bool = False
    #: what the Float16 rule closes: "seven", "products" (products of two variables, too), "nothing"
    float16: str = "products"
    guide: bool = False

    def letter(self, framework: str, row: str) -> str:
        """Return the letter of a cell, a capital one or a mark."""
        return self._cell(framework, row).upper()

    def english(self, framework: str, row: str) -> bool:
        return self._cell(framework, row).islower()

    def _cell(self, framework: str, row: str) -> str:
        letters = getattr(self, framework).split()
        return letters[NAMES[framework].index(row)] if letters else "-"

    def has_table(self, table: str, framework: str) -> bool:
        """Return whether the release says anything about a table for a framework."""
        if table == "nonuniform":
            return self.clustered != "unseen"
        if table == "weight_only":
            return self.alone != "unseen"
        return getattr(self, framework) != ""

    def closed(self, table: str, framework: str) -> str:
        """Return the basis on which a type without a row is forbidden, "" if it is not."""
        if table == "nonuniform":
            return "stated" if self.clustered == "stated" else "inferred"
        if table == "weight_only":
            return "stated" if self.alone == "no such mode" else "inferred"
        last = getattr(self, framework).split()[-1]
        if last == "?":
            return ""
        return "inferred" if self.guide or last.islower() else "stated"


ALL = "A A A A A"

RELEASES = {
    "cann-6.0.1": Release(
        "A B - - -", "B B C - - - - - -", "C B - - - - -", "gone", float16="nothing"
    ),
    "cann-6.3.RC1": Release(
        "A B A B -", "B B B B B A A - -", "B B B B A - -", "stated", float16="nothing"
    ),
    "cann-6.3.RC2": Release("A A A A B", "A A A A A A A B A", "A A A A ? ? ?", float16="seven"),
    "cann-7.0.0": Release(
        ALL, "A A A A A A A A A", "A A A A A A A", "stated", "stated", pools=True, float16="seven"
    ),
    "cann-8.0.RC1": Release(ALL, "A A A A D A A A A", "A A ? ? ? ? ?"),
    "cann-8.0.0": Release(ALL, "A A A A D A A A B", "A A ? ? a a b"),
    "cann-8.5.0": Release(ALL, "A A A A D A A A B", "? ? ? ? ? ? ?", "english", "english"),
    "cann-9.0.0": Release(ALL, "A A A A D ? ? ? ?", "? ? ? ? ? ? ?"),
    "cann-9.2.0.beta1": Release(ALL, "A A A A D A A A B", "A A A D A A B", "gone", "stated"),
    "ge-2026-08": Release(ALL, "A A A A D A A A B", "A A A D A A B", "gone", "stated"),
    "ge-2026-08-ipv350": Release(ALL, "A A A A - - - - -", "- - A - - - -", "gone", "no such mode"),
    "amct-caffe-8.5.0": Release(caffe="A A A G -", float16="nothing", guide=True),
    "amct-tensorflow-9.0.0.beta2": Release(
        tensorflow="B B B B G G G A A", float16="nothing", guide=True
    ),
    "amct-onnx-9.0.0": Release(onnx="G G G G G A A", float16="nothing", guide=True),
}

DEFAULT = RELEASES["cann-7.0.0"]


@dataclass(frozen=True)
class Done:
    """What was done to a layer; ``None`` = not shown."""

    scheme: str = "uniform"
    data: bool | None = None
    weights: bool | None = None
    channel_wise: bool | None = None
    asymmetric: bool | None = None
    shift: bool | None = None
    inputs: tuple[int, ...] | None = None
    #: port, bits and whether there is an offset, for each input of which they are known
    formats: tuple[tuple[int, int | None, bool | None], ...] = ()

    @property
    def table(self) -> str:
        return "uniform" if self.scheme == "tensor" else self.scheme

    @property
    def treats_weights(self) -> bool:
        """Return whether it is known to quantize a weight: these schemes do nothing else."""
        return (
            self.scheme in ("nonuniform", "weight_only") if self.weights is None else self.weights
        )

    @property
    def breaks_products(self) -> bool:
        """Return whether it shows anything but both inputs in INT8 without an offset."""
        return (
            bool(self.weights)
            or any(bits not in (8, None) or offset for _, bits, offset in self.formats)
            or (bool(self.inputs) and not {0, 1} <= set(self.inputs or ()))
        )


@dataclass
class Verdict:
    """What an opinion found about one layer."""

    #: the basis of each violated condition
    broken: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    #: whether all that is violated is only inferred
    weak: bool = False

    def wrong(self, id_: str, basis: str = "stated") -> None:
        self.broken[id_] = "inferred" if self.weak else basis

    def open(self, why: str) -> None:
        self.unknown.append(why)

    @property
    def answer(self) -> str:
        return "forbidden" if self.broken else "unspecified" if self.unknown else "quantizable"

    @property
    def basis(self) -> str:
        """Return the basis of a forbidden layer."""
        return "stated" if "stated" in self.broken.values() else "inferred"

    @property
    def why(self) -> str:
        return f"broken {self.broken}, unknown {self.unknown}"


def unlisted(found: Verdict, release: Release, done: Done, framework: str, type_: str) -> None:
    """Say what a table says of a type without a row."""
    basis = release.closed(done.table, framework)
    if basis:
        found.wrong(f"{done.table}/{framework}/unlisted/{type_}", basis)
    else:
        found.open("the end of the list was not seen")


def settings(found: Verdict, release: Release, done: Done, row: str, pool: bool) -> None:
    """Say what table 3 says of the settings of a weight with data, for a type that it names."""
    for shown, name in ((done.channel_wise, "channel_wise"), (done.asymmetric, "asymmetric")):
        if not (done.data and shown):
            continue
        if release.alone == "unseen" or (pool and not release.pools):
            found.open(f"table 3 does not speak of {name}")
        else:
            basis = "inferred" if release.alone == "english" else "stated"
            found.wrong(f"settings/{row}/{name}", basis)


def close_by_float16(
    found: Verdict, release: Release, fires: bool | None, row: str, weak: bool
) -> None:
    """Say what the Float16 rule says of a type that it names; `fires` is None if in doubt."""
    if fires is False:
        return
    if fires and release.float16 != "nothing":
        found.wrong(f"float16/{row}", "inferred" if weak else "stated")
    else:
        found.open("Float16 whose effect the document does not tell")
