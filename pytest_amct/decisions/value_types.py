"""Layer types that move values without computing: they show no decision."""

from __future__ import annotations

_HANDS_ON = """
Identity Dropout Transpose Reshape Squeeze Unsqueeze Flatten Cast CastLike BitCast Slice Split
Expand Tile Gather GatherElements GatherND DepthToSpace SpaceToDepth Pad Trilu
"""

_OTHERS = """
Relu Clip Min Max Concat ConcatFromSequence Where TopK ArgMax ArgMin ReduceMax ReduceMin Compress
ReverseSequence Scatter ScatterElements ScatterND TensorScatter Resize Upsample CenterCropPad
SplitToSequence SequenceConstruct SequenceAt SequenceInsert Unique NonMaxSuppression Constant
ConstantOfShape Shape Size Range If Loop Scan SequenceMap Optional OptionalGetElement QuantizeLinear
DequantizeLinear DynamicQuantizeLinear
"""

HANDS_ON = frozenset(_HANDS_ON.split())
"""Types whose output holds the values of their first input, in another place or shape."""

SHOWS_NOTHING = HANDS_ON | frozenset(_OTHERS.split())
"""Types that only move, select or clip values: a Q/DQ pair around them is not a decision."""

SHOWS_NOTHING_ELSEWHERE = frozenset(
    """
    ReLU ReLU6 Clip Flatten Reshape Split Slice Concat Dropout Permute Crop Padding Silence Tile
    Relu Relu6 Identity IdentityN Squeeze ExpandDims Transpose ConcatV2 SplitV StridedSlice Pad
    PadV2 MirrorPad Pack Unpack Gather GatherV2 Maximum Minimum ClipByValue Max Min ArgMax ReverseV2
    DepthToSpace SpaceToDepth BatchToSpaceND SpaceToBatchND ResizeNearestNeighbor ResizeBilinear
    GatherNd ScatterNd BroadcastTo ReverseSequence Roll Select SelectV2 Where TopKV2 ArgMin Fill
    ZerosLike OnesLike Shape ShapeN Size Rank
    """.split()
)
"""The same for Caffe and TensorFlow: integers that such a layer passes on are not a decision."""
