"""Caffe's file format: NetParameter and its parts, as protobuf messages of a private pool.

Messages, fields and numbers are those of BVLC's ``caffe.proto`` (the whole net, with the two older
layer formats), of NVIDIA's fork (``raw_data_type``, ``raw_data``), and of the SSD and R-CNN forks
for detectors. The private pool avoids conflicts with an installed Caffe or OpenCV, which registers
the same names.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)

Message = Any
"""A protobuf message of this schema. Protobuf has no type annotations."""

# Each message starts a line; its continuation lines are indented. An enum is Name{A,B=5}, a field
# is name:number:type with * for repeated, + for packed, and =default.
_SCHEMA = """
Phase{TRAIN,TEST}
Type{DOUBLE,FLOAT,FLOAT16,INT,UINT}
BlobShape dim:1:I+
BlobProto shape:7:BlobShape data:5:f+ diff:6:f+ double_data:8:d+ double_diff:9:d+ num:1:i=0
  channels:2:i=0 height:3:i=0 width:4:i=0 raw_data_type:10:Type raw_data:12:y
FillerParameter VarianceNorm{FAN_IN,FAN_OUT,AVERAGE} type:1:s=constant value:2:f=0 min:3:f=0
  max:4:f=1 mean:5:f=0 std:6:f=1 sparse:7:i=-1 variance_norm:8:VarianceNorm=FAN_IN
NetParameter name:1:s input:3:s* input_shape:8:BlobShape* input_dim:4:i* force_backward:5:b=false
  state:6:NetState debug_info:7:b=false layer:100:LayerParameter* layers:2:V1LayerParameter*
NetState phase:1:Phase=TEST level:2:i=0 stage:3:s*
NetStateRule phase:1:Phase min_level:2:i max_level:3:i stage:4:s* not_stage:5:s*
ParamSpec DimCheckMode{STRICT,PERMISSIVE} name:1:s share_mode:2:DimCheckMode lr_mult:3:f=1.0
  decay_mult:4:f=1.0
LayerParameter name:1:s type:2:s bottom:3:s* top:4:s* phase:10:Phase loss_weight:5:f*
  param:6:ParamSpec* blobs:7:BlobProto* propagate_down:11:b* include:8:NetStateRule*
  exclude:9:NetStateRule* transform_param:100:TransformationParameter loss_param:101:LossParameter
  accuracy_param:102:AccuracyParameter argmax_param:103:ArgMaxParameter
  batch_norm_param:139:BatchNormParameter bias_param:141:BiasParameter
  clip_param:148:ClipParameter concat_param:104:ConcatParameter
  contrastive_loss_param:105:ContrastiveLossParameter convolution_param:106:ConvolutionParameter
  crop_param:144:CropParameter data_param:107:DataParameter dropout_param:108:DropoutParameter
  dummy_data_param:109:DummyDataParameter eltwise_param:110:EltwiseParameter
  elu_param:140:ELUParameter embed_param:137:EmbedParameter exp_param:111:ExpParameter
  flatten_param:135:FlattenParameter hdf5_data_param:112:HDF5DataParameter
  hdf5_output_param:113:HDF5OutputParameter hinge_loss_param:114:HingeLossParameter
  image_data_param:115:ImageDataParameter infogain_loss_param:116:InfogainLossParameter
  inner_product_param:117:InnerProductParameter input_param:143:InputParameter
  log_param:134:LogParameter lrn_param:118:LRNParameter memory_data_param:119:MemoryDataParameter
  mvn_param:120:MVNParameter parameter_param:145:ParameterParameter
  pooling_param:121:PoolingParameter power_param:122:PowerParameter prelu_param:131:PReLUParameter
  python_param:130:PythonParameter recurrent_param:146:RecurrentParameter
  reduction_param:136:ReductionParameter relu_param:123:ReLUParameter
  reshape_param:133:ReshapeParameter scale_param:142:ScaleParameter
  sigmoid_param:124:SigmoidParameter softmax_param:125:SoftmaxParameter spp_param:132:SPPParameter
  slice_param:126:SliceParameter swish_param:147:SwishParameter tanh_param:127:TanHParameter
  threshold_param:128:ThresholdParameter tile_param:138:TileParameter
  window_data_param:129:WindowDataParameter permute_param:202:PermuteParameter
  prior_box_param:203:PriorBoxParameter detection_output_param:204:DetectionOutputParameter
  norm_param:206:NormalizeBBoxParameter roi_pooling_param:8266711:ROIPoolingParameter
  psroi_pooling_param:10002:PSROIPoolingParameter
TransformationParameter scale:1:f=1 mirror:2:b=false crop_size:3:u=0 mean_file:4:s mean_value:5:f*
  force_color:6:b=false force_gray:7:b=false
LossParameter NormalizationMode{FULL,VALID,BATCH_SIZE,NONE} ignore_label:1:i
  normalization:3:NormalizationMode=VALID normalize:2:b
AccuracyParameter top_k:1:u=1 axis:2:i=1 ignore_label:3:i
ArgMaxParameter out_max_val:1:b=false top_k:2:u=1 axis:3:i
ClipParameter min:1:f max:2:f
ConcatParameter axis:2:i=1 concat_dim:1:u=1
BatchNormParameter use_global_stats:1:b moving_average_fraction:2:f=.999 eps:3:f=1e-5
BiasParameter axis:1:i=1 num_axes:2:i=1 filler:3:FillerParameter
ContrastiveLossParameter margin:1:f=1.0 legacy_version:2:b=false
ConvolutionParameter Engine{DEFAULT,CAFFE,CUDNN} num_output:1:u bias_term:2:b=true pad:3:u*
  kernel_size:4:u* stride:6:u* dilation:18:u* pad_h:9:u=0 pad_w:10:u=0 kernel_h:11:u kernel_w:12:u
  stride_h:13:u stride_w:14:u group:5:u=1 weight_filler:7:FillerParameter
  bias_filler:8:FillerParameter engine:15:Engine=DEFAULT axis:16:i=1 force_nd_im2col:17:b=false
CropParameter axis:1:i=2 offset:2:u*
DataParameter DB{LEVELDB,LMDB} source:1:s batch_size:4:u rand_skip:7:u=0 backend:8:DB=LEVELDB
  scale:2:f=1 mean_file:3:s crop_size:5:u=0 mirror:6:b=false force_encoded_color:9:b=false
  prefetch:10:u=4
DropoutParameter dropout_ratio:1:f=0.5
DummyDataParameter data_filler:1:FillerParameter* shape:6:BlobShape* num:2:u* channels:3:u*
  height:4:u* width:5:u*
EltwiseParameter EltwiseOp{PROD,SUM,MAX} operation:1:EltwiseOp=SUM coeff:2:f*
  stable_prod_grad:3:b=true
ELUParameter alpha:1:f=1
EmbedParameter num_output:1:u input_dim:2:u bias_term:3:b=true weight_filler:4:FillerParameter
  bias_filler:5:FillerParameter
ExpParameter base:1:f=-1.0 scale:2:f=1.0 shift:3:f=0.0
FlattenParameter axis:1:i=1 end_axis:2:i=-1
HDF5DataParameter source:1:s batch_size:2:u shuffle:3:b=false
HDF5OutputParameter file_name:1:s
HingeLossParameter Norm{L1=1,L2=2} norm:1:Norm=L1
ImageDataParameter source:1:s batch_size:4:u=1 rand_skip:7:u=0 shuffle:8:b=false new_height:9:u=0
  new_width:10:u=0 is_color:11:b=true scale:2:f=1 mean_file:3:s crop_size:5:u=0 mirror:6:b=false
  root_folder:12:s=
InfogainLossParameter source:1:s axis:2:i=1
InnerProductParameter num_output:1:u bias_term:2:b=true weight_filler:3:FillerParameter
  bias_filler:4:FillerParameter axis:5:i=1 transpose:6:b=false
InputParameter shape:1:BlobShape*
LogParameter base:1:f=-1.0 scale:2:f=1.0 shift:3:f=0.0
LRNParameter NormRegion{ACROSS_CHANNELS,WITHIN_CHANNEL} Engine{DEFAULT,CAFFE,CUDNN}
  local_size:1:u=5 alpha:2:f=1. beta:3:f=0.75 norm_region:4:NormRegion=ACROSS_CHANNELS k:5:f=1.
  engine:6:Engine=DEFAULT
MemoryDataParameter batch_size:1:u channels:2:u height:3:u width:4:u
MVNParameter normalize_variance:1:b=true across_channels:2:b=false eps:3:f=1e-9
ParameterParameter shape:1:BlobShape
PoolingParameter PoolMethod{MAX,AVE,STOCHASTIC} Engine{DEFAULT,CAFFE,CUDNN} RoundMode{CEIL,FLOOR}
  pool:1:PoolMethod=MAX pad:4:u=0 pad_h:9:u=0 pad_w:10:u=0 kernel_size:2:u kernel_h:5:u
  kernel_w:6:u stride:3:u=1 stride_h:7:u stride_w:8:u engine:11:Engine=DEFAULT
  global_pooling:12:b=false round_mode:13:RoundMode=CEIL
PowerParameter power:1:f=1.0 scale:2:f=1.0 shift:3:f=0.0
PythonParameter module:1:s layer:2:s param_str:3:s= share_in_parallel:4:b=false
RecurrentParameter num_output:1:u=0 weight_filler:2:FillerParameter bias_filler:3:FillerParameter
  debug_info:4:b=false expose_hidden:5:b=false
ReductionParameter ReductionOp{SUM=1,ASUM=2,SUMSQ=3,MEAN=4} operation:1:ReductionOp=SUM axis:2:i=0
  coeff:3:f=1.0
ReLUParameter Engine{DEFAULT,CAFFE,CUDNN} negative_slope:1:f=0 engine:2:Engine=DEFAULT
ReshapeParameter shape:1:BlobShape axis:2:i=0 num_axes:3:i=-1
ScaleParameter axis:1:i=1 num_axes:2:i=1 filler:3:FillerParameter bias_term:4:b=false
  bias_filler:5:FillerParameter
SigmoidParameter Engine{DEFAULT,CAFFE,CUDNN} engine:1:Engine=DEFAULT
SliceParameter axis:3:i=1 slice_point:2:u* slice_dim:1:u=1
SoftmaxParameter Engine{DEFAULT,CAFFE,CUDNN} engine:1:Engine=DEFAULT axis:2:i=1
SwishParameter beta:1:f=1
TanHParameter Engine{DEFAULT,CAFFE,CUDNN} engine:1:Engine=DEFAULT
TileParameter axis:1:i=1 tiles:2:i
ThresholdParameter threshold:1:f=0
WindowDataParameter source:1:s scale:2:f=1 mean_file:3:s batch_size:4:u crop_size:5:u=0
  mirror:6:b=false fg_threshold:7:f=0.5 bg_threshold:8:f=0.5 fg_fraction:9:f=0.25
  context_pad:10:u=0 crop_mode:11:s=warp cache_images:12:b=false root_folder:13:s=
SPPParameter PoolMethod{MAX,AVE,STOCHASTIC} Engine{DEFAULT,CAFFE,CUDNN} pyramid_height:1:u
  pool:2:PoolMethod=MAX engine:6:Engine=DEFAULT
V1LayerParameter
  LayerType{NONE, ABSVAL=35, ACCURACY=1, ARGMAX=30, BNLL=2, CONCAT=3, CONTRASTIVE_LOSS=37,
    CONVOLUTION=4, DATA=5, DECONVOLUTION=39, DROPOUT=6, DUMMY_DATA=32, EUCLIDEAN_LOSS=7,
    ELTWISE=25, EXP=38, FLATTEN=8, HDF5_DATA=9, HDF5_OUTPUT=10, HINGE_LOSS=28, IM2COL=11,
    IMAGE_DATA=12, INFOGAIN_LOSS=13, INNER_PRODUCT=14, LRN=15, MEMORY_DATA=29,
    MULTINOMIAL_LOGISTIC_LOSS=16, MVN=34, POOLING=17, POWER=26, RELU=18, SIGMOID=19,
    SIGMOID_CROSS_ENTROPY_LOSS=27, SILENCE=36, SOFTMAX=20, SOFTMAX_LOSS=21, SPLIT=22, SLICE=33,
    TANH=23, WINDOW_DATA=24, THRESHOLD=31}
  DimCheckMode{STRICT,PERMISSIVE} bottom:2:s* top:3:s* name:4:s include:32:NetStateRule*
  exclude:33:NetStateRule* type:5:LayerType blobs:6:BlobProto* param:1001:s*
  blob_share_mode:1002:DimCheckMode* blobs_lr:7:f* weight_decay:8:f* loss_weight:35:f*
  accuracy_param:27:AccuracyParameter argmax_param:23:ArgMaxParameter
  concat_param:9:ConcatParameter contrastive_loss_param:40:ContrastiveLossParameter
  convolution_param:10:ConvolutionParameter data_param:11:DataParameter
  dropout_param:12:DropoutParameter dummy_data_param:26:DummyDataParameter
  eltwise_param:24:EltwiseParameter exp_param:41:ExpParameter hdf5_data_param:13:HDF5DataParameter
  hdf5_output_param:14:HDF5OutputParameter hinge_loss_param:29:HingeLossParameter
  image_data_param:15:ImageDataParameter infogain_loss_param:16:InfogainLossParameter
  inner_product_param:17:InnerProductParameter lrn_param:18:LRNParameter
  memory_data_param:22:MemoryDataParameter mvn_param:34:MVNParameter
  pooling_param:19:PoolingParameter power_param:21:PowerParameter relu_param:30:ReLUParameter
  sigmoid_param:38:SigmoidParameter softmax_param:39:SoftmaxParameter
  slice_param:31:SliceParameter tanh_param:37:TanHParameter threshold_param:25:ThresholdParameter
  window_data_param:20:WindowDataParameter transform_param:36:TransformationParameter
  loss_param:42:LossParameter layer:1:V0LayerParameter
V0LayerParameter PoolMethod{MAX,AVE,STOCHASTIC} name:1:s type:2:s num_output:3:u biasterm:4:b=true
  weight_filler:5:FillerParameter bias_filler:6:FillerParameter pad:7:u=0 kernelsize:8:u
  group:9:u=1 stride:10:u=1 pool:11:PoolMethod=MAX dropout_ratio:12:f=0.5 local_size:13:u=5
  alpha:14:f=1. beta:15:f=0.75 k:22:f=1. source:16:s scale:17:f=1 meanfile:18:s batchsize:19:u
  cropsize:20:u=0 mirror:21:b=false blobs:50:BlobProto* blobs_lr:51:f* weight_decay:52:f*
  rand_skip:53:u=0 det_fg_threshold:54:f=0.5 det_bg_threshold:55:f=0.5 det_fg_fraction:56:f=0.25
  det_context_pad:58:u=0 det_crop_mode:59:s=warp new_num:60:i=0 new_channels:61:i=0
  new_height:62:i=0 new_width:63:i=0 shuffle_images:64:b=false concat_dim:65:u=1
  hdf5_output_param:1001:HDF5OutputParameter
PReLUParameter filler:1:FillerParameter channel_shared:2:b=false
PermuteParameter order:1:u*
PriorBoxParameter CodeType{CORNER=1,CENTER_SIZE=2} min_size:1:f* max_size:2:f* aspect_ratio:3:f*
  flip:4:b=true clip:5:b=false variance:6:f* img_size:7:u img_h:8:u img_w:9:u step:10:f step_h:11:f
  step_w:12:f offset:13:f=0.5
NonMaximumSuppressionParameter nms_threshold:1:f=0.3 top_k:2:i eta:3:f=1.0
SaveOutputParameter output_directory:1:s output_name_prefix:2:s output_format:3:s label_map_file:4:s
  name_size_file:5:s num_test_image:6:u
DetectionOutputParameter num_classes:1:u share_location:2:b=true background_label_id:3:i=0
  nms_param:4:NonMaximumSuppressionParameter save_output_param:5:SaveOutputParameter
  code_type:6:PriorBoxParameter.CodeType=CORNER variance_encoded_in_target:8:b=false
  keep_top_k:7:i=-1 confidence_threshold:9:f
NormalizeBBoxParameter across_spatial:1:b=true scale_filler:2:FillerParameter
  channel_shared:3:b=true eps:4:f=1e-10
ROIPoolingParameter pooled_h:1:u=0 pooled_w:2:u=0 spatial_scale:3:f=1
PSROIPoolingParameter spatial_scale:1:f output_dim:2:i group_size:3:i
StoredBlobs name:1:s blobs:7:BlobProto*
StoredBlobsV0 name:1:s blobs:50:BlobProto*
StoredBlobsV1 name:4:s blobs:6:BlobProto* layer:1:StoredBlobsV0
StoredNet layer:100:StoredBlobs* layers:2:StoredBlobsV1*
"""

_PACKAGE = "caffe"
_SCALARS = {
    "i": "INT32",
    "I": "INT64",
    "u": "UINT32",
    "f": "FLOAT",
    "d": "DOUBLE",
    "b": "BOOL",
    "s": "STRING",
    "y": "BYTES",
}
_ENUM = re.compile(r"(\w+)\{([^}]*)\}")
_FIELD = re.compile(r"(\w+):(\d+):([\w.]+)([*+]?)(?:=(\S*))?$")
_Field = descriptor_pb2.FieldDescriptorProto


def message(name: str) -> Message:
    """Return a new, empty message of a type of ``caffe.proto``: ``message("NetParameter")``."""
    return _class(name)()


def is_repeated(field: Any) -> bool:
    """Return whether a field of a descriptor is repeated (protobuf 6.31 changed the API)."""
    known = getattr(field, "is_repeated", None)
    return bool(field.label == field.LABEL_REPEATED if known is None else known)


@cache
def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return pool


def _file() -> Any:
    blocks = re.split(r"\n(?=\w)", _SCHEMA.strip())
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package=_PACKAGE, syntax="proto2")
    enums = {match[1] for match in map(_ENUM.match, blocks) if match}
    for block in blocks:
        if (match := _ENUM.match(block)) is not None:
            _add_enum(file.enum_type, match)
        else:
            _add_message(file, block, enums)
    return file


def _add_enum(enums: Any, match: re.Match[str]) -> None:
    enum = enums.add(name=match[1])
    for i, entry in enumerate(match[2].split(",")):
        name, _, number = entry.strip().partition("=")
        enum.value.add(name=name, number=int(number or i))


def _add_message(file: Any, block: str, enums: set[str]) -> None:
    name, body = block.split(None, 1)
    made = file.message_type.add(name=name)
    own = set()
    for match in _ENUM.finditer(body):
        _add_enum(made.enum_type, match)
        own.add(match[1])
    for entry in _ENUM.sub("", body).split():
        found = _FIELD.match(entry)
        assert found is not None, entry
        field_name, number, kind, repeated, default = found.groups()
        label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
        field = made.field.add(name=field_name, number=int(number), label=label)
        if kind in _SCALARS:
            field.type = getattr(_Field, f"TYPE_{_SCALARS[kind]}")
        elif kind in own or kind in enums or "." in kind:
            scope = f"{name}." if kind in own else ""
            field.type, field.type_name = _Field.TYPE_ENUM, f".{_PACKAGE}.{scope}{kind}"
        else:
            field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
        if repeated == "+":
            field.options.packed = True
        if default is not None:
            field.default_value = default
