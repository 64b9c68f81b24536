"""Upgrade old Caffe nets to the current format as Caffe does, and select the TEST phase.

``layers { layer { type: "conv" } }`` (V0) and ``layers { type: CONVOLUTION }`` (V1) become
``layer { type: "Convolution" }``. Parameters of V0 data layers, which no table needs, are dropped.
"""

from __future__ import annotations

from pytest_amct.graphs.caffe.extensions import FOUND
from pytest_amct.graphs.caffe.files import Complain
from pytest_amct.graphs.caffe.schema import Message, is_repeated, message
from pytest_amct.wording import written

_TYPES = (
    "AbsVal Accuracy ArgMax BNLL Concat ContrastiveLoss Convolution Deconvolution Data Dropout "
    "DummyData EuclideanLoss Eltwise Exp Flatten HDF5Data HDF5Output HingeLoss Im2col ImageData "
    "InfogainLoss InnerProduct LRN MemoryData MultinomialLogisticLoss MVN Pooling Power ReLU "
    "Sigmoid SigmoidCrossEntropyLoss Silence Softmax Split Slice TanH WindowData Threshold"
)
#: types by their name in the enum of V1, without underscores
_V1_TYPES = {type_.upper(): type_ for type_ in _TYPES.split()} | {"SOFTMAXLOSS": "SoftmaxWithLoss"}
#: types that forks add to that enum
_V1_TYPES |= {type_.upper(): type_ for type_ in ("Crop", "Python", "Reshape", "PReLU")}
_V0_TYPES = {
    **{t.lower(): t for t in ("Accuracy", "BNLL", "Concat", "Data", "Dropout", "Flatten")},
    **{t.lower(): t for t in ("Im2col", "InnerProduct", "LRN", "ReLU", "Sigmoid", "Softmax")},
    "conv": "Convolution",
    "euclidean_loss": "EuclideanLoss",
    "hdf5_data": "HDF5Data",
    "hdf5_output": "HDF5Output",
    "images": "ImageData",
    "infogain_loss": "InfogainLoss",
    "multinomial_logistic_loss": "MultinomialLogisticLoss",
    "pool": "Pooling",
    "softmax_loss": "SoftmaxWithLoss",
    "split": "Split",
    "tanh": "TanH",
    "window_data": "WindowData",
}
#: the message and the fields that a V0 layer sets, by its type; `_RENAMED` has the new names
_V0_FIELDS = {
    "conv": (
        "convolution_param",
        "num_output biasterm weight_filler bias_filler pad kernelsize group stride",
    ),
    "innerproduct": ("inner_product_param", "num_output biasterm weight_filler bias_filler"),
    "pool": ("pooling_param", "pad kernelsize stride pool"),
    "dropout": ("dropout_param", "dropout_ratio"),
    "lrn": ("lrn_param", "local_size alpha beta k"),
    "concat": ("concat_param", "concat_dim"),
}
_RENAMED = {"biasterm": "bias_term", "kernelsize": "kernel_size"}


def upgraded(net: Message, complain: Complain) -> Message:
    """Return the net with all layers in the current format. Raise `ModelError`."""
    if not net.layers:
        return net
    if net.layer:
        raise complain("has both 'layer' and 'layers': write all of them as 'layer'")
    new = message("NetParameter")
    new.CopyFrom(net)
    del new.layers[:]
    # The output of each V0 padding layer, with its input and pad: its readers pad instead.
    padded: dict[str, tuple[str, int]] = {}
    for old in net.layers:
        if old.HasField("layer") and old.layer.type == "padding":
            if len(old.bottom) != 1 or len(old.top) != 1:
                raise complain(
                    f"padding layer {written(old.layer.name)} must have one bottom and one top"
                )
            padded[old.top[0]] = (old.bottom[0], old.layer.pad)
        else:
            made = new.layer.add()
            _upgrade(old, made, padded, complain)
    return new


def _upgrade(
    old: Message, new: Message, padded: dict[str, tuple[str, int]], complain: Complain
) -> None:
    v0 = old.layer if old.HasField("layer") else None
    new.name = old.name if v0 is None else v0.name
    new.top.extend(old.top)
    _upgrade_type(old, new, complain)
    if v0 is None:
        _copy_v1(old, new)
    else:
        _copy_v0(v0, new)
    for name in old.bottom:
        before, pad = padded.get(name, (name, 0))
        new.bottom.append(before)
        if pad and new.type == "Convolution":
            new.convolution_param.pad[:] = [pad]
        elif pad and new.type == "Pooling":
            new.pooling_param.pad = pad
        elif pad:
            raise complain(
                f"layer {written(new.name)} reads a padding layer, but a {new.type} cannot pad"
            )
    for name in old.top:
        padded.pop(name, None)


def _upgrade_type(old: Message, new: Message, complain: Complain) -> None:
    if old.HasField("layer"):
        type_, known = old.layer.type, _V0_TYPES.get(old.layer.type)
    else:
        field = old.DESCRIPTOR.fields_by_name["type"]
        type_ = old.unknown_type or field.enum_type.values_by_number[old.type].name
        # A type that only a fork knows has no row. Its name becomes one of the newer style.
        newer = "".join(part.capitalize() for part in old.unknown_type.split("_"))
        known = _V1_TYPES.get(type_.replace("_", ""), newer or None)
    if known is None:
        found = written(type_ or "NONE")
        raise complain(f"layer {written(new.name)}: {found} is not a type of old Caffe layers")
    new.type = known


def _copy_v1(old: Message, new: Message) -> None:
    fields = new.DESCRIPTOR.fields_by_name
    for field, value in old.ListFields():
        if field.name in ("include", "exclude", "blobs"):
            getattr(new, field.name).extend(value)
        elif field.name.endswith("_param") and field.name in fields:
            getattr(new, field.name).CopyFrom(value)
    for name in old.param:
        new.param.add().name = name


def _copy_v0(old: Message, new: Message) -> None:
    new.blobs.extend(old.blobs)
    holder, names = _V0_FIELDS.get(old.type, ("", ""))
    if holder and FOUND in getattr(new, holder).DESCRIPTOR.fields_by_name and old.unknown_fields:
        getattr(new, holder).unknown_fields.extend(old.unknown_fields)
    for name in names.split():
        if not old.HasField(name):
            continue
        target, value = getattr(new, holder), getattr(old, name)
        field = _RENAMED.get(name, name)
        if name.endswith("_filler"):
            getattr(target, field).CopyFrom(value)
        elif is_repeated(target.DESCRIPTOR.fields_by_name[field]):
            getattr(target, field).append(value)
        else:
            setattr(target, field, value)


def by_phase(net: Message, complain: Complain) -> tuple[list[Message], list[Message]]:
    """Return the layers of the TEST phase, at the net's own level and stages, and the others."""
    running: list[Message] = []
    others: list[Message] = []
    stages = frozenset(net.state.stage)
    for layer in net.layer:
        if layer.include and layer.exclude:
            raise complain(
                f"layer {written(layer.name)} has both 'include' and 'exclude': keep one"
            )
        rules = layer.include or layer.exclude
        met = any(_meets(net.state, stages, rule) for rule in rules)
        runs = met == bool(layer.include) or not rules
        (running if runs else others).append(layer)
    return running, others


def _meets(state: Message, stages: frozenset[str], rule: Message) -> bool:
    test = rule.DESCRIPTOR.fields_by_name["phase"].enum_type.values_by_name["TEST"].number
    if rule.HasField("phase") and rule.phase != test:
        return False
    if rule.HasField("min_level") and state.level < rule.min_level:
        return False
    if rule.HasField("max_level") and state.level > rule.max_level:
        return False
    return stages.issuperset(rule.stage) and stages.isdisjoint(rule.not_stage)
