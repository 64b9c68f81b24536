"""Small nets are parsed layer by layer, each layer once; nobody can tell the difference."""

from __future__ import annotations

import pytest
from google.protobuf.text_format import ParseError  # type: ignore[import-untyped]

from pytest_amct import ModelError
from pytest_amct.graphs.caffe import files, parts
from pytest_amct.graphs.caffe.files import parse_prototxt
from pytest_amct.graphs.caffe.parts import parsed

HEAD = 'name: "net" layer { name: "in" type: "Input" top: "data" }'
POOL = 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { pool: AVE } }'


def test_layers_that_are_parsed_apart_are_one_net() -> None:
    found = parse_prototxt(f"{HEAD}\n{POOL}")
    whole, unknown = parsed(f"{HEAD}\n{POOL}")
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


def test_layers_that_differ_in_their_strings_alone_are_parsed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def watched(text: str) -> tuple[object, list[str]]:
        seen.append(text)
        return parsed(text)

    monkeypatch.setattr(parts, "parsed", watched)
    layers = [
        f'layer {{ name: "conv{i}" type: "Convolution" bottom: "{i}" top: \'a/{i}\' extra: {{}}'
        f' param {{ name: "w" }} param {{ name: "b{i}" }} convolution_param {{ num_output: 7 }} }}'
        for i in range(9)
    ]
    text = " ".join([HEAD, *layers])
    assert parse_prototxt(text).net == parsed(text)[0]
    assert sum("num_output: 7" in text for text in seen) == 1


@pytest.mark.parametrize(
    "strings",
    [
        r'name: "a\"b" bottom: "c"',
        r"name: 'a' 'b' bottom: 'c'",
        'name: "1" "0" bottom: "c" bottom: "d"',
        r'name: "\303\251" bottom: "é"',
        'name: "" bottom: "1" bottom: "0"',
        'name: "a" other: "b" bottom: "c"',
        'name: "a" blobs { raw_data: "0" }',
        'name: "a" name: "b"',
    ],
)
def test_strings_are_those_of_the_text(strings: str) -> None:
    text = f"{HEAD} layer {{ {strings} }}"
    try:
        whole, _ = parsed(text)
    except ParseError:
        with pytest.raises(ModelError):
            parse_prototxt(text)
    else:
        assert parse_prototxt(text).net == whole
