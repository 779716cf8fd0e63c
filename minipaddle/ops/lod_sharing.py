"""Which operators hand the lod of an input on to an output although their functions know nothing of it, as Paddle 1.8.5 does.

Whoever defines such an operator anew may write `lod=` in its definition instead.
"""
from __future__ import annotations

from .registry import OPS, parse_lod

__all__: list[str] = []

# Out has X's lod
_X_TO_OUT = """
abs acos add_position_encoding asin assign atan brelu cast ceil clip clip_by_norm concat cos cos_sim cosh cumsum dropout
elementwise_add elementwise_div elementwise_floordiv elementwise_max elementwise_min elementwise_mod elementwise_mul elementwise_pow
elementwise_sub elu equal erf exp fill_any_like fill_zeros_like fill_zeros_like2 floor gelu greater_equal greater_than hard_shrink
hard_sigmoid hard_swish huber_loss index_select label_smooth leaky_relu less_equal less_than log log10 log1p log2 logical_and
logical_not logical_or logical_xor logsigmoid lrn matmul matmul_v2 minus mish mul norm not_equal one_hot one_hot_v2 pad_constant_like
pow prelu reciprocal relu relu6 roll round rsqrt sampling_id scale selu sigmoid sigmoid_cross_entropy_with_logits sign silu sin sinh
soft_relu softmax softplus softshrink softsign space_to_depth sqrt square squared_l2_distance stanh sum swish tan tanh tanh_shrink
thresholded_relu increment elementwise_chain bce_loss
"""

_OTHERS = {
    "-> Out=Ids": "lookup_table lookup_table_v2",
    "-> Out=X, Indices=X": "top_k top_k_v2 argsort",
    "-> Y=X": "layer_norm batch_norm instance_norm bpr_loss teacher_student_sigmoid_loss stack",
    "-> Output=Input": "conv2d depthwise_conv2d",
    "-> Out=X?": "reshape reshape2 squeeze squeeze2 unsqueeze unsqueeze2 flatten flatten2 flatten_contiguous_range expand expand_v2 "
    "pool2d pad pad2d slice split reduce_sum reduce_mean reduce_max reduce_min reduce_prod reverse",
    "-> Loss=Logits, Softmax=Logits": "softmax_with_cross_entropy",
    "-> Loss=Logits": "hinge_loss",
    "-> Loss=Predicted": "log_loss",
}

for _text, _types in {"-> Out=X": _X_TO_OUT, **_OTHERS}.items():
    _takes, _rules = parse_lod(_text)
    for _type in _types.split():
        if _type in OPS and not OPS[_type].lod_rules:
            OPS[_type].lod_rules = _rules
