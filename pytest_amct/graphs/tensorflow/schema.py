"""The protobuf messages of TensorFlow's graphs, in a private pool.

The field numbers are public facts of TensorFlow's ``.proto`` files. The private pool avoids
conflicts with an installed TensorFlow, which registers the same names in the default pool. Models
pass between the two as bytes.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from pytest_amct.graphs.descriptors import message_classes

# A GraphDef is complete, as the text of one must not have a field that is unknown. Of a SavedModel,
# what no reader needs is left out.
_MESSAGES = """
GraphDef node:1:NodeDef* library:2:FunctionDefLibrary version:3:int32 versions:4:VersionDef
  debug_info:5:GraphDebugInfo
GraphDebugInfo files:1:string* traces:2:string->StackTrace frames_by_id:4:fixed64->FileLineCol
  name_to_trace_id:5:string->fixed64 traces_by_id:6:fixed64->StackTrace
FileLineCol file_index:1:int32 line:2:int32 col:3:int32 func:4:string code:5:string
StackTrace file_line_cols:1:FileLineCol* frame_id:2:fixed64*
VersionDef producer:1:int32 min_consumer:2:int32 bad_consumers:3:int32*
NodeDef name:1:string op:2:string input:3:string* device:4:string attr:5:string->AttrValue
  experimental_debug_info:6:DebugInfo experimental_type:7:FullTypeDef
DebugInfo original_node_names:1:string* original_func_names:2:string*
FullTypeDef type_id:1:FullTypeId args:2:FullTypeDef* s:3:string? i:4:int64?
AttrValue list:1:ListValue? s:2:bytes? i:3:int64? f:4:float? b:5:bool? type:6:DataType?
  shape:7:TensorShapeProto? tensor:8:TensorProto? placeholder:9:string? func:10:NameAttrList?
ListValue s:2:bytes* i:3:int64* f:4:float* b:5:bool* type:6:DataType* shape:7:TensorShapeProto*
  tensor:8:TensorProto* func:9:NameAttrList*
NameAttrList name:1:string attr:2:string->AttrValue
TensorShapeProto dim:2:Dim* unknown_rank:3:bool
Dim size:1:int64 name:2:string
TensorProto dtype:1:DataType tensor_shape:2:TensorShapeProto version_number:3:int32
  tensor_content:4:bytes float_val:5:float* double_val:6:double* int_val:7:int32*
  string_val:8:bytes* scomplex_val:9:float* int64_val:10:int64* bool_val:11:bool*
  dcomplex_val:12:double* half_val:13:int32* resource_handle_val:14:ResourceHandleProto*
  variant_val:15:VariantTensorDataProto* uint32_val:16:uint32* uint64_val:17:uint64*
  float8_val:18:bytes
ResourceHandleProto device:1:string container:2:string name:3:string hash_code:4:uint64
  maybe_type_name:5:string dtypes_and_shapes:6:DtypeAndShape*
VariantTensorDataProto type_name:1:string metadata:2:bytes tensors:3:TensorProto*
FunctionDefLibrary function:1:FunctionDef* gradient:2:GradientDef*
  registered_gradients:3:RegisteredGradient*
GradientDef function_name:1:string gradient_func:2:string
RegisteredGradient gradient_func:1:string registered_op_type:2:string
FunctionDef signature:1:OpDef node_def:3:NodeDef* ret:4:string->string attr:5:string->AttrValue
  control_ret:6:string->string arg_attr:7:uint32->ArgAttrs resource_arg_unique_id:8:uint32->uint32
ArgAttrs attr:1:string->AttrValue
OpDef name:1:string input_arg:2:ArgDef* output_arg:3:ArgDef* attr:4:AttrDef* summary:5:string
  description:6:string deprecation:8:OpDeprecation is_aggregate:16:bool is_stateful:17:bool
  is_commutative:18:bool allows_uninitialized_input:19:bool control_output:20:string*
  is_distributed_communication:21:bool
OpDeprecation version:1:int32 explanation:2:string
ArgDef name:1:string description:2:string type:3:DataType type_attr:4:string number_attr:5:string
  type_list_attr:6:string handle_data:7:DtypeAndShape* is_ref:16:bool
  experimental_full_type:17:FullTypeDef
DtypeAndShape dtype:1:DataType shape:2:TensorShapeProto
AttrDef name:1:string type:2:string default_value:3:AttrValue description:4:string
  has_minimum:5:bool minimum:6:int64 allowed_values:7:AttrValue
SavedModel saved_model_schema_version:1:int64 meta_graphs:2:MetaGraphDef*
MetaGraphDef graph_def:2:GraphDef
"""

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
    names = _DATA_TYPES.split()
    types = [f"DT_{name}" for name in names]
    types += [f"DT_{name}_REF={100 + i}" for i, name in enumerate(names) if i]
    full_types = [f"TFT_{entry}" for entry in _FULL_TYPES.split()]
    enums = f"DataType{{{','.join(types)}}}\nFullTypeId{{{','.join(full_types)}}}\n"
    file_name = "pytest_amct/tensorflow.proto"
    found = message_classes(file_name, enums + _MESSAGES, package="tensorflow", syntax="proto3")
    return SimpleNamespace(**found)
