"""The protobuf messages of TensorFlow's graphs, in a private pool.

The field numbers are public facts of TensorFlow's ``.proto`` files. The private pool avoids
conflicts with an installed TensorFlow, which registers the same names in the default pool. Models
pass between the two as bytes.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

# One message a line. A field is ``name=number:type``, with ``name*`` repeated, ``name?`` in the
# message's oneof and ``name{key}`` a map. Fields that no reader needs are missing: in binary files
# they remain as unknown fields.
_MESSAGES = """
GraphDef: node*=1:NodeDef library=2:FunctionDefLibrary version=3:int32 versions=4:VersionDef
VersionDef: producer=1:int32 min_consumer=2:int32 bad_consumers*=3:int32
NodeDef: name=1:string op=2:string input*=3:string device=4:string attr{string}=5:AttrValue \
  experimental_debug_info=6:DebugInfo experimental_type=7:FullTypeDef
DebugInfo: original_node_names*=1:string original_func_names*=2:string
FullTypeDef: type_id=1:FullTypeId args*=2:FullTypeDef s?=3:string i?=4:int64
AttrValue: list?=1:ListValue s?=2:bytes i?=3:int64 f?=4:float b?=5:bool type?=6:DataType \
  shape?=7:TensorShapeProto tensor?=8:TensorProto placeholder?=9:string func?=10:NameAttrList
ListValue: s*=2:bytes i*=3:int64 f*=4:float b*=5:bool type*=6:DataType shape*=7:TensorShapeProto \
  tensor*=8:TensorProto func*=9:NameAttrList
NameAttrList: name=1:string attr{string}=2:AttrValue
TensorShapeProto: dim*=2:Dim unknown_rank=3:bool
Dim: size=1:int64 name=2:string
TensorProto: dtype=1:DataType tensor_shape=2:TensorShapeProto version_number=3:int32 \
  tensor_content=4:bytes float_val*=5:float double_val*=6:double int_val*=7:int32 \
  string_val*=8:bytes scomplex_val*=9:float int64_val*=10:int64 bool_val*=11:bool \
  dcomplex_val*=12:double half_val*=13:int32 uint32_val*=16:uint32 uint64_val*=17:uint64 \
  float8_val=18:bytes
FunctionDefLibrary: function*=1:FunctionDef gradient*=2:GradientDef \
  registered_gradients*=3:RegisteredGradient
GradientDef: function_name=1:string gradient_func=2:string
RegisteredGradient: gradient_func=1:string registered_op_type=2:string
FunctionDef: signature=1:OpDef node_def*=3:NodeDef ret{string}=4:string attr{string}=5:AttrValue \
  control_ret{string}=6:string arg_attr{uint32}=7:ArgAttrs resource_arg_unique_id{uint32}=8:uint32
ArgAttrs: attr{string}=1:AttrValue
OpDef: name=1:string input_arg*=2:ArgDef output_arg*=3:ArgDef attr*=4:AttrDef summary=5:string \
  description=6:string is_aggregate=16:bool is_stateful=17:bool is_commutative=18:bool \
  allows_uninitialized_input=19:bool control_output*=20:string \
  is_distributed_communication=21:bool
ArgDef: name=1:string description=2:string type=3:DataType type_attr=4:string number_attr=5:string \
  type_list_attr=6:string handle_data*=7:DtypeAndShape is_ref=16:bool \
  experimental_full_type=17:FullTypeDef
DtypeAndShape: dtype=1:DataType shape=2:TensorShapeProto
AttrDef: name=1:string type=2:string default_value=3:AttrValue description=4:string \
  has_minimum=5:bool minimum=6:int64 allowed_values=7:AttrValue
SavedModel: saved_model_schema_version=1:int64 meta_graphs*=2:MetaGraphDef
MetaGraphDef: graph_def=2:GraphDef signature_def{string}=5:SignatureDef
SignatureDef: inputs{string}=1:TensorInfo outputs{string}=2:TensorInfo method_name=3:string
TensorInfo: name?=1:string dtype=2:DataType tensor_shape=3:TensorShapeProto
""".replace("\\\n", "")

_DATA_TYPES = """
INVALID FLOAT DOUBLE INT32 UINT8 INT16 INT8 STRING COMPLEX64 INT64 BOOL QINT8 QUINT8 QINT32
BFLOAT16 QINT16 QUINT16 UINT16 COMPLEX128 HALF RESOURCE VARIANT UINT32 UINT64 FLOAT8_E5M2
FLOAT8_E4M3FN FLOAT8_E4M3FNUZ FLOAT8_E4M3B11FNUZ FLOAT8_E5M2FNUZ INT4 UINT4 INT2 UINT2
FLOAT4_E2M1FN
"""

_FULL_TYPES = """
UNSET=0 VAR=1 ANY=2 PRODUCT=3 NAMED=4 FOR_EACH=20 CALLABLE=100 BOOL=200 UINT8=201 UINT16=202
UINT32=203 UINT64=204 INT8=205 INT16=206 INT32=207 INT64=208 HALF=209 FLOAT=210 DOUBLE=211
COMPLEX64=212 COMPLEX128=213 STRING=214 BFLOAT16=215 TENSOR=1000 ARRAY=1001 OPTIONAL=1002
LITERAL=1003 ENCODED=1004 SHAPE_TENSOR=1005 DATASET=10102 RAGGED=10103 ITERATOR=10104
MUTEX_LOCK=10202 LEGACY_VARIANT=10203
"""

_NAMES = {"FLOAT": "float32", "DOUBLE": "float64", "HALF": "float16"}

DTYPES: dict[int, str] = {
    number + reference: _NAMES.get(name, name.lower())
    for number, name in enumerate(_DATA_TYPES.split())
    if number
    for reference in (0, 100)
}
"""The numpy names of element types by their number in ``DataType``, references included."""

NUMBERS: dict[str, int] = {name: number for number, name in DTYPES.items() if number < 100}
"""The numbers of element types by their numpy name."""


@cache
def schema() -> Any:
    """Return the message classes by name: ``schema().GraphDef()``. Build them on first use."""
    from google.protobuf import (  # type: ignore[import-untyped]
        descriptor_pb2,
        descriptor_pool,
        message_factory,
    )

    file = descriptor_pb2.FileDescriptorProto(
        name="pytest_amct/tensorflow.proto", package="tensorflow", syntax="proto3"
    )
    _enum(file, "DataType", ((f"DT_{name}", i) for i, name in enumerate(_DATA_TYPES.split())))
    references = ((f"DT_{name}_REF", 100 + i) for i, name in enumerate(_DATA_TYPES.split()) if i)
    _enum(file, "DataType", references)
    pairs = (entry.split("=") for entry in _FULL_TYPES.split())
    _enum(file, "FullTypeId", ((f"TFT_{name}", int(number)) for name, number in pairs))
    for line in _MESSAGES.strip().splitlines():
        name, fields = line.split(": ")
        _message(file, name, fields.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = message_factory.GetMessageClassesForFiles([file.name], pool)
    plain = {name.removeprefix("tensorflow."): kind for name, kind in found.items()}
    return SimpleNamespace(**plain)


def _enum(file: Any, name: str, values: Any) -> None:
    known = next((e for e in file.enum_type if e.name == name), None)
    enum = known or file.enum_type.add(name=name)
    for label, number in values:
        enum.value.add(name=label, number=number)


def _message(file: Any, name: str, fields: list[str]) -> None:
    message = file.message_type.add(name=name)
    for entry in fields:
        label, _, rest = entry.partition("=")
        number, _, kind = rest.partition(":")
        plain = label.rstrip("*?").partition("{")[0]
        field = message.field.add(name=plain, number=int(number), label=1)
        if "{" in label:
            key = label.partition("{")[2].rstrip("}")
            inner = message.nested_type.add(name=_camel(plain) + "Entry")
            inner.options.map_entry = True
            _typed(inner.field.add(name="key", number=1, label=1), key)
            _typed(inner.field.add(name="value", number=2, label=1), kind)
            field.label, field.type = 3, 11
            field.type_name = f".tensorflow.{name}.{inner.name}"
            continue
        _typed(field, kind)
        if label.endswith("*"):
            field.label = 3
        if label.endswith("?"):
            if not message.oneof_decl:
                message.oneof_decl.add(name="value" if name == "AttrValue" else "kind")
            field.oneof_index = 0


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


_SCALARS = {"double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "bool": 8, "string": 9}
_SCALARS |= {"bytes": 12, "uint32": 13}


def _typed(field: Any, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = 14 if kind in ("DataType", "FullTypeId") else 11
        field.type_name = f".tensorflow.{kind}"
