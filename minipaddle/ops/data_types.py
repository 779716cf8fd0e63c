"""Which data types operators take in static mode, where Paddle 2.6.2 looks at them before it records an operator.

Computing is more generous (a formula that works on int32 is not refused), but a Program is meant for Paddle too, and Paddle
refuses such a Program when it is built. Operators that are not named take every type.
"""
from __future__ import annotations

__all__ = ["refusal"]

# data types: operator.slot ...
_ACCEPTED = """
bool:
    masked_select.Mask where.Condition
float32:
    generate_proposals_v2.Anchors generate_proposals_v2.BboxDeltas generate_proposals_v2.Scores
    generate_proposals_v2.Variances log_loss.Labels log_loss.Predicted roi_pool.ROIs roi_pool.X row_conv.X
int32:
    warpctc.Label warprnnt.input_lengths warprnnt.label warprnnt.label_lengths
int64:
    edit_distance.Hyps edit_distance.Refs hierarchical_sigmoid.Label hierarchical_sigmoid.PathCode
    hierarchical_sigmoid.PathTable lookup_table.Ids nll_loss.Label sequence_erase.X sequence_unpad.Length
complex64 complex128:
    as_real.X fft_c2c.X fft_c2r.X imag.X real.X
float32 float64:
    affine_grid.Theta as_complex.X auc.Predict bilinear_tensor_product.X bilinear_tensor_product.Y box_coder.PriorBox
    box_coder.TargetBox channel_shuffle.X cholesky.X cholesky_solve.X cholesky_solve.Y complex.X complex.Y
    deformable_conv.Input deformable_conv.Offset deformable_conv_v1.Input deformable_conv_v1.Offset
    distribute_fpn_proposals.FpnRois generate_proposals_v2.ImShape grid_sampler.Grid grid_sampler.X hierarchical_sigmoid.Bias
    hierarchical_sigmoid.W hierarchical_sigmoid.X i0.x i0e.x i1.x i1e.x inverse.Input kldiv_loss.Target kldiv_loss.X lu.X
    lu_unpack.X matrix_nms.BBoxes matrix_nms.Scores matrix_power.X max_pool3d_with_index.X nextafter.x nextafter.y nll_loss.X
    poisson.X polygamma.x qr.X renorm.X roi_align.ROIs roi_align.X sequence_conv.X sequence_pool.X sequence_softmax.X
    sigmoid_cross_entropy_with_logits.Label sigmoid_cross_entropy_with_logits.X sigmoid_cross_entropy_with_logits.pos_weight
    slogdeterminant.Input solve.X solve.Y spectral_norm.Weight triangular_solve.X triangular_solve.Y viterbi_decode.Input
    viterbi_decode.Transition warpctc.Logits warprnnt.input yolo_box.X yolov3_loss.GTBox yolov3_loss.X
int32 int64:
    auc.Label bincount.X class_center_sample.Label gather.Axis gather.Index gather_nd.Index gather_tree.Ids
    gather_tree.Parents index_add.Index index_sample.Index index_select.Index margin_cross_entropy.Label multiplex.Ids
    one_hot_v2.X put_along_axis.Index sequence_enumerate.X sequence_scatter.Ids sequence_slice.Length sequence_slice.Offset
    shard_index.X take_along_axis.Index
bfloat16 float32 float64:
    uniform_random_batch_size_like.Input
float16 float32 float64:
    allclose.Input allclose.Other bce_loss.Label bce_loss.X brelu.X conv3d_transpose.Input cvm.X determinant.Input dist.X
    dist.Y fft_r2c.X gumbel_softmax.X margin_cross_entropy.Logits maxout.X pixel_shuffle.X selu.X
float16 bfloat16 float32 float64:
    addmm.Input addmm.X addmm.Y batch_norm.X bernoulli.X ceil.X celu.X conv2d.Input conv2d_transpose.Input conv3d.Input
    depthwise_conv2d.Input depthwise_conv2d_transpose.Input digamma.X dropout.X elu.X erfinv.X exponential.X floor.X gelu.X
    group_norm.X hard_shrink.X hard_sigmoid.X huber_loss.X huber_loss.Y instance_norm.X label_smooth.X layer_norm.X
    leaky_relu.X lerp.Weight lerp.X lerp.Y lgamma.X log_softmax.X logcumsumexp.X logit.X logsumexp.X max_pool2d_with_index.X
    mish.X multinomial.X pixel_unshuffle.X pool2d.X pool3d.X prelu.Alpha prelu.X reciprocal.X reduce_mean.X relu.X relu6.X
    round.X rrelu.X rsqrt.X softmax.X softshrink.X softsign.X sqrt.X stanh.X swish.X tanh.X tanh_shrink.X temporal_shift.X
    thresholded_relu.X unfold.X
float32 float64 complex64 complex128:
    eig.X eigh.X eigvals.X eigvalsh.X fold.X lstsq.X lstsq.Y svd.X
int8 uint8 float32 float64:
    prior_box.Input
int32 int64 float32 float64:
    bincount.Weights crop_tensor.X cummax.x cummin.x histogram.X increment.X is_empty.X reduce_amax.X reduce_amin.X
    repeat_interleave.X searchsorted.SortedSequence searchsorted.Values sequence_expand.X sequence_expand_as.X
    sequence_pad.PadValue sequence_pad.X sequence_reshape.X sequence_scatter.Updates sequence_scatter.X sequence_slice.X
    sequence_unpad.X trunc.X unique_consecutive.X
bool int32 int64 float32 float64:
    reduce_all.X reduce_any.X
float16 float32 float64 complex64 complex128:
    cos.X isclose.Input isclose.Other logsigmoid.X
int8 int16 int32 int64 uint8:
    lookup_table_v2.Ids
int8 int32 int64 float32 float64:
    sequence_reverse.X
int32 int64 float16 float32 float64:
    atan2.X1 atan2.X2 diag_embed.Input frame.X kron.X kron.Y trace.Input
bool int8 int16 int32 int64 uint8:
    bitwise_and.X bitwise_and.Y bitwise_not.X bitwise_or.X bitwise_or.Y bitwise_xor.X bitwise_xor.Y
bool int32 int64 float16 float32 float64:
    flip.X index_put.value index_put.x
float16 bfloat16 float32 float64 complex64 complex128:
    acos.X acosh.X angle.X asin.X asinh.X atan.X atanh.X cosh.X hard_swish.X sigmoid.X silu.X sin.X sinh.X softplus.X tan.X
int32 int64 float16 bfloat16 float32 float64:
    clip.X cross.X cross.Y cumsum.X diag_v2.X index_add.AddValue index_add.X isfinite_v2.X isinf_v2.X isnan_v2.X log.X log10.X
    log1p.X log2.X masked_select.X nanmedian.X overlap_add.X reduce_max.X reduce_min.X reduce_prod.X scatter.X unique.X
bool int32 int64 float16 bfloat16 float32 float64:
    diagonal.Input expand_as_v2.X expand_as_v2.Y expand_v2.X strided_slice.Input tile.X
int8 float16 bfloat16 float32 float64 complex64 complex128:

int32 int64 float16 float32 float64 complex64 complex128:
    square.X
int32 int64 uint8 float16 bfloat16 float32 float64:
    put_along_axis.Input take_along_axis.Input
bool int8 int32 int64 float16 bfloat16 float32 float64:
    concat.X
bool int16 int32 int64 float16 bfloat16 float32 float64:
    gather_nd.X where_index.Condition
int16 int32 int64 uint8 float16 bfloat16 float32 float64:
    arg_max.X arg_min.X gather.X
int32 int64 float16 bfloat16 float32 float64 complex64 complex128:
    abs.X conj.X cumprod.X dot.X dot.Y exp.X expm1.X index_sample.X index_select.X pad.X pad3d.X roll.X
bool int8 int32 int64 uint8 float16 bfloat16 float32 float64:
    split.X
bool int32 int64 float16 bfloat16 float32 float64 complex64 complex128:
    transpose2.X tril_triu.X unbind.X
int8 int16 int32 int64 uint8 float16 float32 float64 complex64 complex128:
    sign.X
bool int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128:
    logical_and.X logical_and.Y logical_not.X logical_or.X logical_or.Y logical_xor.X logical_xor.Y
bool int8 int16 int32 int64 uint8 float16 bfloat16 float32 float64 complex64 complex128:
    fill_diagonal_tensor.X fill_diagonal_tensor.Y
"""

_table: dict[str, dict[str, tuple[str, ...]]] = {}


def _read() -> None:
    kinds: tuple[str, ...] = ()
    for line in _ACCEPTED.splitlines():
        if line.endswith(":"):
            kinds = tuple(line[:-1].split())
        for place in line.split() if line.startswith(" ") else ():
            op, _, slot = place.partition(".")
            _table.setdefault(op, {})[slot] = kinds


def refusal(op: str, slot: str, dtype: str) -> str | None:
    """The message of a TypeError if this input of an operator may not have that data type, None if it may."""
    if not _table:
        _read()
    accepted = _table.get(op, {}).get(slot)
    if accepted is None or dtype in accepted:
        return None
    return f"{op}: the data type of {slot} must be one of {', '.join(accepted)}, got {dtype}; cast it first"
