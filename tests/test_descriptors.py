"""The notation that protobuf messages are written in."""

from __future__ import annotations

import pytest

from pytest_amct.graphs.descriptors import message_classes

NOTATION = """
Colour{RED,BLUE=7}
Pixel Mode{PLAIN,LOUD} colour:1:Colour=BLUE mode:2:Mode=LOUD sizes:3:int64+ names:4:string*
  text:5:string? number:6:int32? notes:7:string->Pixel
Box mode:1:Pixel.Mode pixel:2:Pixel scale:3:float=0.5
"""


def test_fields_are_of_the_types_that_the_notation_says() -> None:
    classes = message_classes("test.proto", NOTATION, package="test")
    pixel, box = classes["Pixel"](), classes["Box"]()
    assert (pixel.colour, pixel.mode, box.scale, box.mode) == (7, 1, 0.5, 0)
    pixel.sizes.extend([1, 2])
    pixel.names.append("a")
    pixel.notes["inner"].text = "b"
    pixel.text = "c"
    pixel.number = 3  # of the same oneof: it replaces the text
    assert pixel.WhichOneof("value") == "number"
    box.pixel.CopyFrom(pixel)
    assert classes["Box"].FromString(box.SerializeToString()) == box
    # field 3, packed: tag, length, the two numbers
    assert b"\x1a\x02\x01\x02" in pixel.SerializeToString()


def test_files_of_one_name_do_not_meet() -> None:
    one = message_classes("same.proto", "Thing a:1:int32")["Thing"]
    other = message_classes("same.proto", "Thing b:1:string")["Thing"]
    assert one(a=1).SerializeToString() != other(b="1").SerializeToString()


def test_a_field_without_a_type_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="a:1"):
        message_classes("broken.proto", "Thing a:1")
