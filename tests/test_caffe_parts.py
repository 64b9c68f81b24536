"""Small nets are parsed layer by layer, each layer once; nobody can tell the difference."""

from __future__ import annotations

import pytest

from pytest_amct import ModelError
from pytest_amct.graphs.caffe import files
from pytest_amct.graphs.caffe.files import parse_prototxt

HEAD = 'name: "net" layer { name: "in" type: "Input" top: "data" }'
POOL = 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { pool: AVE } }'


def test_layers_that_are_parsed_apart_are_one_net() -> None:
    found = parse_prototxt(f"{HEAD}\n{POOL}")
    whole, unknown = files._parsed(f"{HEAD}\n{POOL}")
    assert found.net == whole
    assert (found.net.name, len(found.net.layer), [*unknown]) == ("net", 2, [])


@pytest.mark.parametrize(
    "text",
    [
        f'{HEAD} {POOL} name: "again"',  # a field that a net has once
        f"{HEAD} {POOL} layer {{ name: 3 }}",
        f"{HEAD} {POOL} layer {{ nothing: 1",
        f"{HEAD} {POOL} }}",
    ],
)
def test_an_error_in_one_part_is_told_as_of_the_whole(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError) as apart:
        parse_prototxt(text)
    monkeypatch.setattr(files, "_SMALL", 0)
    with pytest.raises(ModelError) as whole:
        parse_prototxt(text)
    assert str(apart.value) == str(whole.value)


def test_unknown_fields_of_all_parts_are_noted_once() -> None:
    text = f"{HEAD} {POOL} layer {{ hole: 1 }} extra: 3 layer {{ hole: 2 }}"
    assert [*parse_prototxt(text).unknown] == ["layer.hole", "net.extra"]
