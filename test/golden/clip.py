"""Makes clip.json: gradients before and after clip_grad_norm_ and clip_grad_value_, in float64.

    python -B test/golden/clip.py          (PyTorch 2.13)

clip_grad_norm_ multiplies by min(1, bound / (norm + 1e-6)). `norm` is that of all gradients together, before
clipping; null for clip_grad_value_.
"""
import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from golden import save, tensors

SHAPES = [(3, 4), (5,), (2, 1, 3)]

torch.manual_seed(3)


def case(rule, bound, scale=1.0, zero=()):
    """Random gradients times scale; those whose index is in `zero` are all zero."""
    gradients = [torch.randn(*shape) * scale for shape in SHAPES]
    for i in zero:
        gradients[i].zero_()
    parameters = [torch.zeros(*shape, requires_grad=True) for shape in SHAPES]
    for p, gradient in zip(parameters, gradients):
        p.grad = gradient.clone()
    if rule == 'norm':
        norm = clip_grad_norm_(parameters, bound).item()
    else:
        clip_grad_value_(parameters, bound)
        norm = None
    return {'rule': rule, 'bound': bound, 'before': tensors(gradients), 'norm': norm,
            'after': tensors(p.grad for p in parameters)}


save('clip.json', {'cases': [
    case('norm', 1.5),                     # above the bound: scaled down
    case('norm', 0.37, scale=20),
    case('norm', 50),                      # below: left alone
    case('norm', 1.5, zero=[1]),           # one tensor all zero
    case('norm', 1.5, zero=[0, 1, 2]),     # nothing but zeros: no division by zero
    case('norm', 1e-3, scale=1e-6),        # tiny, below the bound
    case('norm', 1e-6, scale=1e-6),        # tiny, above: the 1e-6 in the rule shows
    case('value', 0.5),
    case('value', 0.1, scale=10),
    case('value', 100),                    # wide enough for all
    case('value', 0.5, zero=[1]),
]})
