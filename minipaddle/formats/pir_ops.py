"""Paddle 3's operators in terms of ProgramDesc operators: one row per operator that needs no more than other names.

    names = type(operands) -> results | attributes

names: of the pd_op dialect, several if they are alike. type: of the ProgramDesc operator, ``*`` if it has the same name.

Operands, in order, and results:

    X           an input or output slot
    X*          a slot with a list (a vector in PIR)
    axis:Slot   an attribute if the operand is constant, else a tensor in that slot (``Slot*``: one tensor per number)
    axis:       an attribute; the operand must be constant
    -           nothing corresponds to it
    !           nothing corresponds to it, and it must be absent
    Out=X       a result written over an input

Attributes keep their names unless listed: ``a>b`` is called b there, ``+a=v`` is not in PIR, ``-a`` has no effect on values,
``a=v`` exists in PIR only and only that value can be read. What is not listed and not known to the ProgramDesc operator must
have a value that switches nothing on.
"""
from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Operand", "Result", "Row", "rows"]

_TABLE = """
abs acos acosh add_position_encoding angle as_complex as_real asin asinh atan atanh bernoulli bitwise_not ceil celu = *(X) -> Out
channel_shuffle cholesky clip_by_norm conj cos cosh digamma eigvals elu erf erfinv exp expm1 fill_diagonal flip floor = *(X) -> Out
gelu gumbel_softmax imag l1_norm lgamma log log10 log1p log2 log_softmax logcumsumexp logical_not logit logsigmoid = *(X) -> Out
logsumexp matrix_power matrix_rank maxout pixel_shuffle pixel_unshuffle poisson real reciprocal relu relu6 renorm = *(X) -> Out
rsqrt selu sequence_softmax shuffle_channel sigmoid sign silu sin sinh soft_relu softmax softplus softsign sqrt square = *(X) -> Out
squared_l2_norm stanh swish tan tanh tanh_shrink temporal_shift p_norm = *(X) -> Out
bitwise_and bitwise_or bitwise_xor bmm cholesky_solve dist dot equal equal_all fill_diagonal_tensor greater_equal = *(X, Y) -> Out
greater_than im2sequence kron less_equal less_than logical_and logical_or logical_xor not_equal sequence_expand = *(X, Y) -> Out
solve triangular_solve elementwise_pow = *(X, Y) -> Out
i0 i0e i1 i1e polygamma = *(x) -> out
cummax cummin = *(x) -> out, indices
cumsum = *(X, axis:) -> Out
reverse = *(X, axis:) -> Out
diag_embed = *(Input) -> Out
uniform_random_batch_size_like = *(Input) -> Out
gather_nd index_sample = *(X, Index) -> Out
kthvalue mode = *(X) -> Out, Indices
add = elementwise_add(X, Y) -> Out
subtract = elementwise_sub(X, Y) -> Out
multiply = elementwise_mul(X, Y) -> Out
divide = elementwise_div(X, Y) -> Out
floor_divide = elementwise_floordiv(X, Y) -> Out
remainder = elementwise_mod(X, Y) -> Out
maximum = elementwise_max(X, Y) -> Out
minimum = elementwise_min(X, Y) -> Out
fmax = elementwise_fmax(X, Y) -> Out
fmin = elementwise_fmin(X, Y) -> Out
heaviside = elementwise_heaviside(X, Y) -> Out
atan2 = *(X1, X2) -> Out
complex = *(X, Y) -> Out
nextafter = *(x, y) -> out
lerp = *(X, Y, Weight) -> Out
add_n = sum(X*) -> Out
addmm = *(Input, X, Y) -> Out | beta>Beta alpha>Alpha
affine_channel = *(X, Scale, Bias) -> Out
affine_grid = *(Theta, output_shape:OutputShape) -> Output
all any amax amin = reduce_*(X) -> Out | axis>dim keepdim>keep_dim
sum mean max min prod = reduce_*(X, dim:) -> Out | keepdim>keep_dim dtype>out_dtype
allclose isclose = *(Input, Other, rtol:Rtol, atol:Atol) -> Out
argmax = arg_max(X, axis:) -> Out
argmin = arg_min(X, axis:) -> Out
argsort = *(X) -> Out, Indices | -stable
as_strided = *(input) -> out
assign share_data memcpy memcpy_d2h memcpy_h2d npu_identity = assign(X) -> Out | -dst_place_type -format
batch_norm = *(X, Mean, Variance, Scale, Bias)
    -> Y, MeanOut=Mean, VarianceOut=Variance, SavedMean, SavedVariance, ReserveSpace | data_format>data_layout
sync_batch_norm = *(X, Mean, Variance, Scale, Bias)
    -> Y, MeanOut=Mean, VarianceOut=Variance, SavedMean, SavedVariance, ReserveSpace | data_format>data_layout
bce_loss = *(X, Label) -> Out
bincount = *(X, Weights, minlength:) -> Out
box_coder = *(PriorBox, PriorBoxVar, TargetBox) -> OutputBox
broadcast_tensors meshgrid = *(X*) -> Out*
cast = *(X) -> Out | dtype>out_dtype
class_center_sample = *(Label) -> RemappedLabel, SampledLocalClassCenter
clip = *(X, min:Min, max:Max) -> Out
concat = *(X*, axis:AxisTensor) -> Out
conv2d conv3d depthwise_conv2d = *(Input, Filter) -> Output
conv2d_transpose depthwise_conv2d_transpose = *(Input, Filter, output_size:) -> Output
conv2d_transpose_bias = conv2d_transpose(Input, Filter, Bias, output_size:) -> Output
conv3d_transpose = *(Input, Filter) -> Output
crf_decoding = *(Emission, Transition, Label, Length) -> ViterbiPath
crop = crop_tensor(X, shape:Shape, offsets:Offsets) -> Out
cross = *(X, Y) -> Out | axis>dim
cross_entropy_with_softmax = softmax_with_cross_entropy(Logits, Label) -> Softmax, Loss
ctc_align = *(Input, InputLength) -> Output, OutputLength
cumprod = *(X) -> Out
cvm = *(X, CVM) -> Y
det = determinant(Input) -> Out
diag = diag_v2(X) -> Out
diagonal trace = *(Input) -> Out
dirichlet = *(Alpha) -> Out
dropout = *(X, Seed, dropout_prob:) -> Out, Mask | mode>dropout_implementation
edit_distance = *(Hyps, Refs, HypsLength, RefsLength) -> SequenceNum, Out
eig eigh = *(X) -> Eigenvalues, Eigenvectors
eigvalsh = *(X) -> Eigenvalues, Eigenvectors | uplo>UPLO
einsum = *(Operands*) -> Out, InnerCache*, XShape*
embedding = lookup_table_v2(Ids, W) -> Out | -sparse
empty = *(shape:ShapeTensor) -> Out
expand = expand_v2(X, shape:Shape) -> Out
expand_as = expand_as_v2(X, Y) -> Out
exponential = *(X) -> Out | lam>lambda
eye = *(num_rows:, num_columns:) -> Out
fill = fill_any(X, value:) -> Out
flatten = flatten_contiguous_range(X) -> Out
fold unfold = *(X) -> Y
frobenius_norm = *(X, dim:) -> Out
full_batch_size_like = fill_constant_batch_size_like(Input) -> Out
full_like = fill_any_like(X, value:) -> Out
ones_like = fill_any_like(X) -> Out | +value=1.0
zeros_like = fill_any_like(X) -> Out | +value=0.0
empty_like = fill_any_like(X) -> Out | +value=0.0
gather = *(X, Index, axis:Axis) -> Out
gather_tree = *(Ids, Parents) -> Out
gaussian = gaussian_random(shape:ShapeTensor) -> Out
grid_sample = grid_sampler(X, Grid) -> Output
group_norm = *(X, Scale, Bias) -> Y, Mean, Variance | data_format>data_layout
gru = *(Input, H0, Weight, Bias) -> BatchGate, BatchResetHiddenPrev, BatchHidden, Hidden | -is_test
gru_unit = *(Input, HiddenPrev, Weight, Bias) -> Gate, ResetHiddenPrev, Hidden
hardshrink = hard_shrink(X) -> Out
hardsigmoid = hard_sigmoid(X) -> Out
hardswish = hard_swish(X) -> Out
hardtanh = brelu(X) -> Out
hinge_loss = *(Logits, Labels) -> Loss
histogram = *(X, !) -> Out
hsigmoid_loss = hierarchical_sigmoid(X, Label, W, Bias, PathTable, PathCode) -> Out, PreOut, W_Out
huber_loss = *(X, Y) -> Out, Residual
increment = *(X) -> Out | value>step
index_add = *(X, Index, AddValue) -> Out
index_put = *(x, indices*, value) -> out
index_select = *(X, Index) -> Out | axis>dim
instance_norm = *(X, Scale, Bias) -> Y, SavedMean, SavedVariance
inverse = *(Input) -> Output
isfinite = isfinite_v2(X) -> Out
isinf = isinf_v2(X) -> Out
isnan = isnan_v2(X) -> Out
kldiv_loss = *(X, Target) -> Loss
label_smooth = *(X, PriorDist) -> Out
layer_norm = *(X, Scale, Bias) -> Y, Mean, Variance
leaky_relu = *(X) -> Out | negative_slope>alpha
linear_interp bilinear_interp trilinear_interp nearest_interp bicubic_interp = *_v2(X, OutSize, SizeTensor*, Scale)
    -> Out | data_format>data_layout
linspace = *(Start, Stop, Num) -> Out
logspace = *(Start, Stop, Num, Base) -> Out
log_loss = *(Predicted, Labels) -> Loss
lookup_table = *(W, Ids) -> Out
lrn = *(X) -> Out, MidOut
lstm = *(Input, H0, C0, Weight, Bias) -> Hidden, Cell, BatchGate, BatchCellPreAct | -is_test
lu = *(X) -> Out, Pivots, Infos | pivot>pivots
lu_unpack = *(X, Pivots) -> Pmat, L, U
margin_cross_entropy = *(Logits, Label) -> Softmax, Loss
masked_select = *(X, Mask) -> Y
matmul = matmul_v2(X, Y) -> Out | transpose_x>trans_x transpose_y>trans_y
legacy_matmul = matmul(X, Y) -> Out | transpose_x>transpose_X transpose_y>transpose_Y
matmul_with_flatten = mul(X, Y) -> Out
max_pool2d_with_index max_pool3d_with_index = *(X) -> Out, Mask | kernel_size>ksize
mean_all = mean(X) -> Out
mish = *(X) -> Out | lambda>threshold
multi_dot = *(X*) -> Out
multinomial = *(X, num_samples:) -> Out
multiplex = *(X*, Ids) -> Out
mv = *(X, Vec) -> Out
nanmedian = *(X) -> Out, MedianIndex | mode="avg"
nll_loss = *(X, Label, Weight) -> Out, Total_weight
nms = *(Boxes) -> KeepBoxesIdxs | threshold>iou_threshold
nonzero = where_index(Condition) -> Out
norm = *(X) -> Out, Norm
numel = size(Input) -> Out
one_hot = one_hot_v2(X, depth:depth_tensor) -> Out
pad = *(X, pad_value:) -> Out
pad3d = *(X, paddings:Paddings) -> Out | pad_value>value
pool2d = *(X, ksize:) -> Out
pool3d = *(X) -> Out | kernel_size>ksize
pow = *(X) -> Out | y>factor
prelu = *(X, Alpha) -> Out
put_along_axis = *(Input, Index, Value) -> Result | axis>Axis reduce>Reduce include_self>Include_self
qr = *(X) -> Q, R
randint = *(shape:ShapeTensor) -> Out
randperm = *() -> Out
repeat_interleave = *(X) -> Out | repeats>Repeats axis>dim -output_size
repeat_interleave_with_tensor_index = repeat_interleave(X, RepeatsTensor) -> Out | axis>dim -output_size
reshape = reshape2(X, shape:Shape) -> Out, XShape
rnn = *(Input, PreState*, WeightList*, SequenceLength, -) -> Out, DropoutState, State*, Reserve
roi_align = *(X, ROIs, RoisNum) -> Out
roi_pool = *(X, ROIs, RoisNum) -> Out, Argmax
roll = *(X, shifts:ShiftsTensor) -> Out
round = *(X) -> Out
row_conv = *(X, Filter) -> Out
rrelu = *(X) -> Out, Noise
scale = *(X, scale:ScaleTensor) -> Out
scatter = *(X, Ids, Updates) -> Out
scatter_nd_add = *(X, Index, Updates) -> Out
searchsorted = *(SortedSequence, Values) -> Out
sequence_conv = *(X, PaddingData, Filter)
    -> Out | context_length>contextLength padding_trainable>paddingTrainable context_start>contextStart context_stride>contextStride
sequence_mask = *(X, maxlen:MaxLenTensor) -> Y
sequence_pool = *(X) -> Out, MaxIndex
set_value = *(Input, starts:StartsTensorList*, ends:EndsTensorList*, steps:StepsTensorList*) -> Out
set_value_with_tensor = set_value(Input, ValueTensor, starts:StartsTensorList*, ends:EndsTensorList*, steps:StepsTensorList*) -> Out
shape = *(Input) -> Out
shard_index = *(X) -> Out
sigmoid_cross_entropy_with_logits = *(X, Label, pos_weight) -> Out
slice = *(Input, starts:StartsTensor, ends:EndsTensor) -> Out
slogdet = slogdeterminant(Input) -> Out
softshrink = *(X) -> Out | threshold>lambda
spectral_norm = *(Weight, U, V) -> Out
split = *(X, sections:SectionsTensorList*, axis:AxisTensor) -> Out* | +num=0
split_with_num = split(X, axis:AxisTensor) -> Out*
squeeze = squeeze2(X, axes:) -> Out, XShape
stack = *(X*) -> Y
strided_slice = *(Input, starts:StartsTensor, ends:EndsTensor, strides:StridesTensor) -> Out
svd = *(X) -> U, S, VH
take_along_axis = *(Input, Index) -> Result | axis>Axis
thresholded_relu = *(X) -> Out
tile = *(X, repeat_times:RepeatTimes) -> Out
topk = top_k_v2(X, k:K) -> Out, Indices
transpose = transpose2(X) -> Out, XShape | perm>axis
tril = tril_triu(X) -> Out | +lower=true
triu = tril_triu(X) -> Out | +lower=false
tril_indices triu_indices = *() -> out
trunc = *(X) -> Out
truncated_gaussian_random = *() -> Out | a=-2.0 b=2.0
unbind = *(X) -> Out*
uniform = uniform_random(shape:ShapeTensor, min:, max:) -> Out
unique = *(X) -> Out, Indices, Index, Counts
unique_consecutive = *(X) -> Out, Index, Counts
unpool = *(X, Indices, output_size:) -> Out | padding>paddings
unpool3d = *(X, Indices) -> Out
unsqueeze = unsqueeze2(X, axes:AxesTensor) -> Out, XShape
unstack = *(X) -> Y*
view_dtype view_shape = *(input) -> out
viterbi_decode = *(Input, Transition, Length) -> Scores, Path
warpctc = *(Logits, Label, LogitsLength, LabelLength) -> Loss, WarpCTCGrad
warprnnt = *(input, label, input_lengths, label_lengths) -> loss, warprnntgrad
where = *(Condition, X, Y) -> Out
array_read = read_from_array(X, I) -> Out
array_length = lod_array_length(X) -> Out
array_to_tensor = tensor_array_to_tensor(X) -> Out, OutIndex
"""


@dataclass(frozen=True)
class Operand:
    """Where an operand goes: an input slot, and the attribute it becomes if it is constant. Neither: nowhere."""

    slot: str = ""
    many: bool = False
    attr: str = ""
    refused: bool = False


@dataclass(frozen=True)
class Result:
    """The output slot of a result. over: the input slot it is written over."""

    slot: str = ""
    many: bool = False
    over: str = ""


@dataclass
class Row:
    """How one pd_op operator is said: see the module."""

    type: str
    operands: tuple[Operand, ...]
    results: tuple[Result, ...]
    renamed: dict[str, str] = field(default_factory=dict)
    added: dict[str, Any] = field(default_factory=dict)
    without_effect: frozenset[str] = frozenset()
    only: dict[str, Any] = field(default_factory=dict)


def _operand(text: str) -> Operand:
    if text in ("-", "!"):
        return Operand(refused=text == "!")
    attr, colon, slot = text.partition(":")
    if not colon:
        attr, slot = "", text
    return Operand(slot.removesuffix("*"), slot.endswith("*"), attr)


def _result(text: str) -> Result:
    slot, _, over = text.partition("=")
    return Result() if slot == "-" else Result(slot.removesuffix("*"), slot.endswith("*"), over)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


@functools.cache
def rows() -> dict[str, Row]:
    """The table by pd_op name, without the ``_`` of operators that work in place."""
    found: dict[str, Row] = {}
    for line in _TABLE.strip().replace("\n    ->", " ->").splitlines():
        names, _, rule = line.partition(" = ")
        call, _, attributes = rule.partition(" | ")
        left, right = call.split("->")
        type_name, _, operands = left.strip().removesuffix(")").partition("(")
        renamed: dict[str, str] = {}
        added: dict[str, Any] = {}
        only: dict[str, Any] = {}
        dropped = []
        for entry in attributes.split():
            if entry[0] == "-":
                dropped.append(entry[1:])
            elif entry[0] == "+":
                name, _, value = entry[1:].partition("=")
                added[name] = json.loads(value)
            elif ">" in entry:
                old, _, new = entry.partition(">")
                renamed[old] = new
            else:
                name, _, value = entry.partition("=")
                only[name] = json.loads(value)
        for name in names.split():
            found[name] = Row(
                type_name.replace("*", name), tuple(map(_operand, _parts(operands))), tuple(map(_result, _parts(right))),
                renamed, added, frozenset(dropped), only,
            )  # fmt: skip
    return found
