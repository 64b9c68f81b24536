"""TensorFlow's operators by signature, from the operator registry of TensorFlow 2.21.

A line is ``inputs>outputs: names``. An argument is a dtype, or the attribute that holds it (with
the attribute's default). ``N*T`` is as many tensors as attribute N says, ``[Tout]`` one tensor for
each type of a list. Operators with several outputs name them, because references inside functions
use the names.
"""

from __future__ import annotations

DETERMINISTIC = r"""
T>T: Abs Acos Acosh Asin Asinh Atan Atanh AvgPool AvgPool3D BesselI0 BesselI0e BesselI1 BesselI1e \
  BesselJ0 BesselJ1 BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1 Ceil CheckNumerics \
  CheckNumericsV2 Cholesky Cos Cosh Dawsn DeepCopy DepthToSpace Diag DiagPart Digamma Elu \
  EnsureShape Erf Erfc Erfinv Exp Expint Expm1 ExtractImagePatches ExtractVolumePatches Floor \
  FresnelCos FresnelSin GuaranteeConst Identity Inv Invert L2Loss Lgamma Log Log1p LogSoftmax \
  MatrixDeterminant MatrixDiag MatrixDiagPart MatrixExponential MatrixInverse MatrixLogarithm \
  MatrixSquareRoot MaxPool3D Ndtri Neg OnesLike PreventGradient QuantizeAndDequantize Reciprocal \
  Relu Relu6 Rint Round Rsqrt SelfAdjointEig Selu Sigmoid Sign Sin Sinh Snapshot Softmax Softplus \
  Softsign SpaceToDepth Spence Sqrt Square Squeeze StopGradient Tan Tanh ZerosLike
T,T>T: Add AddV2 Atan2 BandedTriangularSolve BatchMatMul BatchMatMulV2 BiasAdd BiasAddV1 \
  BitwiseAnd BitwiseOr BitwiseXor Conv Conv2D Conv3D Cross DepthwiseConv2dNative Dilation2D Div \
  DivNoNan FloorDiv FloorMod Igamma Igammac LeftShift MatMul MatrixSetDiag MatrixSolve \
  MatrixTriangularSolve Maximum Minimum Mod Mul MulNoNan Polygamma Pow RealDiv RightShift \
  SquaredDifference Sub TridiagonalSolve TruncateDiv TruncateMod Xdivy Xlog1py Xlogy Zeta
T,Tidx>T: BatchToSpace BroadcastTo Cumprod Cumsum CumulativeLogsumexp EuclideanNorm Max Mean Min \
  Prod ReverseV2 Sum
T,Tindices,Tnumsegments>T: SegmentMaxV2 SegmentMinV2 SegmentProdV2 SegmentSumV2 UnsortedSegmentMax \
  UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum
T,T,T>T: Betainc ClipByValue Conv2DBackpropInputV2 Conv3DBackpropInput Dilation2DBackpropInput \
  QuantizeAndDequantizeV2 QuantizeAndDequantizeV4
T,T>bool: ApproximateEqual Equal Greater GreaterEqual Less LessEqual NotEqual
T,int32,T>T: DepthwiseConv2dNativeBackpropFilter FusedPadConv2D InplaceAdd InplaceSub \
  InplaceUpdate MatrixDiagPartV2 MatrixDiagPartV3
T,Tindices,T>T: ScatterNdNonAliasingAdd TensorScatterAdd TensorScatterMax TensorScatterMin \
  TensorScatterSub TensorScatterUpdate
Tcomplex>Tcomplex=complex64: FFT FFT2D FFT3D IFFT IFFT2D IFFT3D
N*T>T: AccumulateNV2 AddN Einsum Pack ParallelConcat
T,Tindices>T: SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum
T>T=float32: HSVToRGB LRN LeakyRelu MaxPool RGBToHSV
T,float32>T=float32: AdjustContrastv2 AdjustHue AdjustSaturation DrawBoundingBoxes
T>Tout=float32: Angle ComplexAbs Imag Real
T>bool: IsFinite IsInf IsNan ToBool
Tinput,Tfilter,float32,float32,float32,float32>output:out_type=qint32,min_output:float32,\
  max_output:float32: QuantizedConv2D QuantizedConv2DAndRelu QuantizedConv2DPerChannel \
  QuantizedDepthwiseConv2D
T,T,num_args*T>T: _FusedConv3D _FusedDepthwiseConv2dNative _FusedMatMul
T,Tidx,Tsegmentids,Tnumsegments>T: SparseSegmentMeanWithNumSegments \
  SparseSegmentSqrtNWithNumSegments SparseSegmentSumWithNumSegments
T,Tidx,Tsegmentids>T: SparseSegmentMean SparseSegmentSqrtN SparseSegmentSum
T,Tpaddings>T: MirrorPad Pad SpaceToBatch
T,Tseed>dtype=float32: StatelessRandomNormal StatelessRandomUniform StatelessTruncatedNormal
T,int32>float32: ResizeArea ResizeBicubic ResizeBilinear
T>T=int32: DataFormatDimMap DataFormatVecPermute InvertPermutation
Tcomplex,int32>Treal=float32: IRFFT IRFFT2D IRFFT3D
Treal,int32>Tcomplex=complex64: RFFT RFFT2D RFFT3D
Tshape,uint64,uint64,int32>dtype=float32: StatelessRandomNormalV2 StatelessRandomUniformV2 \
  StatelessTruncatedNormalV2
N*int32,N*T>T: DynamicStitch ParallelDynamicStitch
T,T,int32>T: MatrixSetDiagV2 MatrixSetDiagV3
T,T>out_type=int32: LowerBound UpperBound
T,Tidx>output_type=int64: ArgMax ArgMin
T,Tperm>T: ConjugateTranspose Transpose
T,float32,float32>output:T,min_output:float32,max_output:float32: QuantizedAvgPool QuantizedMaxPool
T,int32,int32,int32,T>T: MatrixDiagV2 MatrixDiagV3
T,int32>T: NthElement ResizeNearestNeighbor
T1,T2,float32,float32,float32,float32>z:Toutput=qint32,min_z:float32,max_z:float32: QuantizedAdd \
  QuantizedMul
T>int32: Bucketize Rank
T>out_type=int32: Shape Size
T>values:T,indices:int32: ApproxTopK TopK
Tcomplex,int32,int32>Tcomplex=complex64: FFTND IFFTND
Tin,Tin,float32,int32,float32,int32,float32,int32>Tout: UniformQuantizedConvolution \
  UniformQuantizedDot
Tin,float32,int32>Tout: UniformDequantize UniformQuantize
Tinput,float32,float32>activations:out_type=quint8,min_activations:float32,\
  max_activations:float32: QuantizedRelu QuantizedRelu6
Tlhs,Trhs,float32,int32>Tout: UniformQuantizedConvolutionHybrid UniformQuantizedDotHybrid
Tparams,Tindices>Tparams: Gather GatherNd
bool,T,T>T: Select SelectV2
bool,Tidx>bool: All Any
bool,bool>bool: LogicalAnd LogicalOr
float32,float32,float32>float32: FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel
float32,int32,float32>float32: ExtractGlimpse ExtractGlimpseV2
int32,T,T>T: Conv2DBackpropInput DepthwiseConv2dNativeBackpropInput
int64,T,T,T,T,T,T,T,T>i:T,cs:T,f:T,o:T,ci:T,co:T,h:T: BlockLSTM BlockLSTMV2
N*T,Tidx>T: ConcatV2
N*T>N*out_type=int32: ShapeN
S,Tseed,T,T>dtype=int64: StatelessRandomBinomial
S,Tseed,dtype,dtype,dtype,dtype>dtype: StatelessParameterizedTruncatedNormal
SrcT>DstT: Cast
T,Index,Index,Index>T: StridedSlice
T,Index,Index>T: Slice
T,T,T,T,T,T,T,T>i:T,cs:T,f:T,o:T,ci:T,co:T,h:T: LSTMBlockCell
T,T,T,T,T,T>r:T,u:T,c:T,h:T: GRUBlockCell
T,T,T,T,T>T: BatchNormWithGlobalNormalization
T,T,T,T,T>y:T,batch_mean:T,batch_variance:T,reserve_space_1:T,reserve_space_2:T: FusedBatchNorm
T,T,T,T>T: TridiagonalMatMul
T,T,T,float32,int32>T: UniformQuantizedClipByValue
T,T,T,int32>T: QuantizeAndDequantizeV3
T,T,Tidx>T: LinSpace
T,T,[TArgs],num_host_args*float32>T: _FusedConv2D
T,T,float32,int32,float32,int32,float32,int32>T: UniformQuantizedAdd
T,T,float64>T: MatrixSolveLs
T,T,int32,T,T,T>selected_indices:int32,selected_scores:T=float32,valid_outputs:int32: \
  NonMaxSuppressionV5
T,T,int32,T_threshold,T_threshold>int32: NonMaxSuppressionV3
T,T,int32,T_threshold,T_threshold>selected_indices:int32,valid_outputs:int32: NonMaxSuppressionV4
T,T,int32,T_threshold>int32: NonMaxSuppressionV2
T,T,int32>dtype=int32: HistogramFixedWidth
T,T>T=float32: NextAfter
T,T>T=int32: BroadcastArgs
T,T>Tout=complex64: Complex
T,T>loss:T,backprop:T: SoftmaxCrossEntropyWithLogits
T,T>out:T,idx:out_idx=int32: ListDiff
T,Taxis>y:T,idx:out_idx=int32: UniqueV2
T,Taxis>y:T,idx:out_idx=int32,count:out_idx=int32: UniqueWithCountsV2
T,Tblock_shape,Tcrops>T: BatchToSpaceND
T,Tblock_shape,Tpaddings>T: SpaceToBatchND
T,Tdim>T: ExpandDims
T,Tindex,Tindex>T: MatrixBandPart
T,Tk>values:T,indices:index_type=int32: TopKV2
T,Tlabels>loss:T,backprop:T: SparseSoftmaxCrossEntropyWithLogits
T,Tlen,int32>num_split*T: SplitV
T,Tlen>T: ReverseSequence
T,Tmultiples>T: Tile
T,Tpaddings,T>T: PadV2
T,Tseed,Rtype>dtype: StatelessRandomPoisson
T,Tseed,dtype,dtype>dtype: StatelessRandomUniformInt
T,Tseed,dtype>dtype: StatelessRandomGammaV2
T,Tseed>dtype=uint64: StatelessRandomUniformFullInt
T,Tshape,float32,float32>output:T,output_min:float32,output_max:float32: QuantizedReshape
T,Tshape>T: Reshape
T,Tshift,Taxis>T: Roll
T,U,U,U,U,num_side_inputs*T>y:T,batch_mean:U,batch_variance:U,reserve_space_1:U,reserve_space_2:U,\
  reserve_space_3:U: _FusedBatchNormEx
T,U,U,U,U>y:T,batch_mean:U,batch_variance:U,reserve_space_1:U,reserve_space_2:U: FusedBatchNormV2
T,U,U,U,U>y:T,batch_mean:U,batch_variance:U,reserve_space_1:U,reserve_space_2:U,reserve_space_3:U: \
  FusedBatchNormV3
T,[U]>T: Print
T,bool>T: Reverse
T,float32,float32,Tseed>begin:T,size:T,bboxes:float32: StatelessSampleDistortedBoundingBox
T,float32,float32,float32,float32>output:out_type=quint8,output_min:float32,output_max:float32: \
  RequantizePerChannel
T,float32,float32,float32>float32: AdjustContrast
T,float32,float32>T=float32: DrawBoundingBoxesV2
T,float32,float32>dtype=float32: Dequantize
T,float32,float32>output_min:float32,output_max:float32: RequantizationRangePerChannel
T,float32,float32>y:T,y_min:float32,y_max:float32: QuantizedInstanceNorm
T,float32,int32,int32>float32: CropAndResize
T,int32,Tseed>output_dtype=int64: StatelessMultinomial
T,int32,float32,float32>float32: ScaleAndTranslate
T,int32,float32,float32>resized_images:T,out_min:float32,out_max:float32: QuantizedResizeBilinear
T,int32,int32,T>T: FusedResizeAndPadConv2D
T,int32,int32>T=float32: MaxPoolV2
T,int32>num_partitions*T: DynamicPartition
T,uint64,uint64,int32>T: StatelessShuffle
T1,T2,float32,float32,float32,float32>out:Toutput=qint32,min_out:float32,max_out:float32: \
  QuantizedMatMul
T1,T2,float32,float32,float32,float32>output:out_type,min_out:float32,max_out:float32: \
  QuantizedBiasAdd
T>T=complex64: Conj
T>e:T,v:T: SelfAdjointEigV2
T>e:Tout,v:Tout: Eig
T>int64: Where
T>lu:T,p:output_idx_type=int32: Lu
T>num*T: Unpack
T>output:T,argmax:Targmax=int64: MaxPoolWithArgmax
T>q:T,r:T: Qr
T>s:T,u:T,v:T: Svd
T>sign:T,log_abs_determinant:T: LogMatrixDeterminant
T>string: AsString
T>type: Bitcast
T>uint8: PopulationCount
T>y:T,idx:out_idx=int32: Unique
T>y:T,idx:out_idx=int32,count:out_idx=int32: UniqueWithCounts
TI,int32,T,T>T: OneHot
Ta,Tb>Tout: BatchMatMulV3
Ta,Tb>float32: SparseMatMul
Tcomplex,int32,int32>Treal=float32: IRFFTND
Tidx,Tidx,T>T: DenseBincount
Tidx,Tidx,Tidx>Tidx=int32: Range
Tidx,Tidx>Tidx=int32: UnravelIndex
Tin,float32,int32,float32,int32>Tout: UniformRequantize
Tindices,T,Tindices>T: ScatterNd
Tindices,T,int64,T>T: SparseTensorDenseMatMul
Tindices,Tindices,T,T>T: SparseToDense
Tinput,float32,float32,float32,float32>output:out_type,output_min:float32,output_max:float32: \
  Requantize
Tinput,float32,float32,float32>activations:out_type=quint8,min_activations:float32,\
  max_activations:float32: QuantizedReluX
Tinput,float32,float32>output:out_type,output_min:float32,output_max:float32: \
  QuantizeDownAndShrinkRange
Tinput,float32,float32>output_min:float32,output_max:float32: RequantizationRange
Tparams,Tindices,Taxis>Tparams: GatherV2
Treal,int32,int32>Tcomplex=complex64: RFFTND
Tseed>key:uint64,counter:uint64: StatelessRandomGetKeyCounter
Tshape,T,T>T: Conv3DBackpropInputV2
Tshape,uint64,uint64,int32,dtype,dtype>dtype: StatelessRandomUniformIntV2
Tshape,uint64,uint64,int32>dtype=uint64: StatelessRandomUniformFullIntV2
[T]>[T]: IdentityN
bool>bool: LogicalNot
dtype,Tseed,dtype>dtype: RandomIndexShuffle
float32,T,T>bool: InTopKV2
float32,T>bool: InTopK
float32,float32,float32,float32,float32,int32,float32>rois:float32,roi_probabilities:float32: \
  GenerateBoundingBoxProposals
float32,float32,float32>output:T,output_min:float32,output_max:float32: QuantizeV2
float32,float32,int32,float32,float32>int32: NonMaxSuppressionWithOverlaps
float32,float32,int32,int32,float32,float32>nmsed_boxes:float32,nmsed_scores:float32,\
  nmsed_classes:float32,valid_detections:int32: CombinedNonMaxSuppression
float32,float32,int32>int32: NonMaxSuppression
float32>float32: FakeQuantWithMinMaxArgs
index_type,T>T: Fill
int32,N*T,N*float32,N*float32>output:T,output_min:float32,output_max:float32: QuantizedConcat
int32,N*T>T: Concat
int32,N*shape_type>N*shape_type=int32: ConcatOffset
int32,T>num_split*T: Split
int32,int32,T>T: Bincount
shape_dtype,uint64,uint64,int32,dtype>dtype: StatelessRandomGammaV3
"""
"""The operators whose outputs depend only on their inputs and attributes."""

OTHERS = r"""
>dtype: Const FakeParam HostConst ImmutableConst InfeedDequeue Placeholder PlaceholderV2 \
  TemporaryVariable Variable VariableV2
T>T: Enter Exit NextIteration RandomShuffle RefEnter RefExit RefIdentity RefNextIteration
[Tin]>[Tout]: EagerPyFunc PartitionedCall PyFunc PyFuncStateless StatefulPartitionedCall
T>dtype: RandomStandardNormal RandomUniform TruncatedNormal
Tcond,[Tin]>[Tout]: If StatelessIf _If
[T]>[T]: StatelessWhile While _While
>T: _Arg _DeviceArg
>[dtypes]: InfeedDequeueTuple Unstage
N*T>output:T,value_index:int32: Merge RefMerge
T,bool>output_false:T,output_true:T: RefSwitch Switch
T>output:T,row_pooling_sequence:int64,col_pooling_sequence:int64: FractionalAvgPool \
  FractionalMaxPool
int32,[Tin]>[Tout]: Case StatelessCase
resource,Tindices>dtype: ResourceGather ResourceGatherNd
resource,int32,float32>dtype: TensorArrayGatherV3 TensorArrayReadV3
resource,int32>[component_types]: QueueDequeueManyV2 QueueDequeueUpToV2
resource>[output_types]: IteratorGetNext IteratorGetNextSync
string,int32>[component_types]: QueueDequeueMany QueueDequeueUpTo
>resource: VarHandleOp
S,R>dtype=int64: RandomPoissonV2
S,T>T: RandomGamma
S,dtype>dtype: RandomPoisson
T,Tout,Tout>Tout: RandomUniformInt
T,dtype,dtype,dtype,dtype>dtype: ParameterizedTruncatedNormal
T,int32>output_dtype=int64: Multinomial
T,int64>T: RandomCrop
bool>bool: LoopCond
dtype>dtype: PlaceholderWithDefault
resource>[component_types]: QueueDequeueV2
resource>dtype: ReadVariableOp
string>[component_types]: QueueDequeue
variant,int32,Tshape>element_dtype: TensorListGetItem
variant,int32>element_dtype: TensorListStack
"""
"""The operators with state, an outside source or a function: only their types are known here."""

_NO_OUTPUT = """
    Abort Assert AssignAddVariableOp AssignSubVariableOp AssignVariableOp ControlTrigger
    DeleteIterator DestroyResourceOp InfeedEnqueue InfeedEnqueueTuple
    InitializeTableFromTextFileV2 InitializeTableV2 LookupTableImportV2 MakeIterator
    MergeV2Checkpoints NoOp OutfeedEnqueue OutfeedEnqueueTuple PrintV2 QueueClose
    QueueCloseV2 QueueEnqueue QueueEnqueueMany QueueEnqueueManyV2 QueueEnqueueV2 Save
    SaveSlices SaveV2 Send Stage WriteFile _DeviceRetval _HostSend _Retval _Send
"""

NO_OUTPUT = frozenset(_NO_OUTPUT.split())
"""The operators without outputs."""
