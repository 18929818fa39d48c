"""Makes ops.json: value and gradients of the elementary operations and losses, in float64.

    python -B test/golden/ops.py          (PyTorch 2.13)

Names of operations and options are this project's. The loss is sum(y * dy); `grads` has one entry per
input, null where no gradient is asked (whatever has dtype int32, and the targets of `extremes`). `cases` are
ordinary numbers, away from where a derivative is a matter of convention (ties, clamp's ends, |x| at 0);
`extremes` go from -100 to 100. Above 20, F.softplus by default is the identity; here it is computed in full.
"""
import torch
import torch.nn.functional as F

from golden import draw, save, tensor, tensors

torch.manual_seed(4)
cases, extremes = [], []


def add(op, inputs, compute, options=None, into=cases):
    y = compute(*inputs)
    dy = torch.randn_like(y)
    wanted = [x for x in inputs if x.requires_grad]
    found = iter(torch.autograd.grad((y * dy).sum(), wanted))
    into.append({
        'op': op, 'inputs': tensors(inputs), 'options': options or {}, 'dy': tensor(dy), 'y': tensor(y),
        'grads': [tensor(next(found)) if x.requires_grad else None for x in inputs],
    })


def positive(*shape):
    return (torch.rand(*shape) * 3 + 0.2).requires_grad_()


def softplus(x):
    return F.softplus(x, threshold=1000)


def gelu(x):
    return F.gelu(x, approximate='tanh')


def bce(x, target, reduction='mean'):
    return F.binary_cross_entropy_with_logits(x, target, reduction=reduction)


# Elementwise, one input.
CURVES = {'tanh': torch.tanh, 'sigmoid': torch.sigmoid, 'relu': F.relu, 'softplus': softplus, 'silu': F.silu,
          'gelu': gelu, 'exp': torch.exp, 'abs': torch.abs}
for op, f in CURVES.items():
    add(op, [draw(3, 5, scale=2)], f)
for op, f in {'log': torch.log, 'sqrt': torch.sqrt}.items():
    add(op, [positive(3, 5)], f)
add('pow', [positive(3, 5)], lambda x: x ** 3.5, {'exponent': 3.5})
add('clamp', [draw(3, 5, scale=2)], lambda x: x.clamp(-0.8, 1.1), {'min': -0.8, 'max': 1.1})

# Elementwise, two inputs: equal shapes, then broadcast.
for op, f in {'maximum': torch.maximum, 'minimum': torch.minimum}.items():
    add(op, [draw(3, 5), draw(3, 5)], f)
    add(op, [draw(2, 1, 5), draw(3, 1)], f)
for a, b in [((3, 5), (3, 5)), ((5,), (3, 1))]:
    add('where', [torch.rand(3, 5) > 0.5, draw(*a), draw(*b)], torch.where)

# Matrix products: each transpose flag, without and with a batch axis.
for batch in [(), (2,)]:
    for ta, tb in [(False, False), (True, False), (False, True), (True, True)]:
        a = draw(*batch, *((5, 3) if ta else (3, 5)))
        b = draw(*batch, *((4, 5) if tb else (5, 4)))
        add('matmul', [a, b], lambda a, b: (a.mT if ta else a) @ (b.mT if tb else b),
            {'transposeA': ta, 'transposeB': tb})

# Reductions over axes.
REDUCTIONS = {'sum': torch.sum, 'mean': torch.mean, 'max': torch.amax, 'logsumexp': torch.logsumexp}
AXES = [([0], False), ([1], True), ([2], False), ([0, 2], False), ([1, 2], True), ([0, 1, 2], False)]
for op, f in REDUCTIONS.items():
    for axes, keep in AXES:
        add(op, [draw(3, 5, 2)], lambda x: f(x, dim=axes, keepdim=keep), {'axes': axes, 'keepDims': keep})
for op, f in {'softmax': F.softmax, 'logSoftmax': F.log_softmax}.items():
    for axis in [0, 1, 2]:
        add(op, [draw(3, 5, 2, scale=2)], lambda x: f(x, dim=axis), {'axis': axis})

# Losses. Cross entropy: 7 rows, 5 classes; ignored once by an index that is no class, once by one that is.
REDUCED = ['mean', 'sum', 'none']
classes = torch.tensor([3, 0, 4, 2, 2, 1, 4])
holes = torch.tensor([3, -1, 4, 2, -1, 1, 4])
weights = torch.rand(5) + 0.3
for reduction in REDUCED:
    for targets, ignore, weight in [(classes, None, None), (holes, -1, None), (classes, None, weights),
                                    (classes, 2, weights)]:
        options = {'reduction': reduction}
        if ignore is not None:
            options['ignoreIndex'] = ignore
        if weight is not None:
            options['classWeights'] = tensor(weight)
        add('crossEntropy', [draw(7, 5, scale=2), targets],
            lambda x, t: F.cross_entropy(x, t, weight, ignore_index=-100 if ignore is None else ignore,
                                         reduction=reduction), options)
for reduction in REDUCED:
    options = {'reduction': reduction}
    add('binaryCrossEntropy', [draw(4, 3, scale=2), torch.rand(4, 3).requires_grad_()],
        lambda x, t: bce(x, t, reduction), options)
    add('mse', [draw(4, 3), draw(4, 3)], lambda x, t: F.mse_loss(x, t, reduction=reduction), options)
    add('l1', [draw(4, 3), draw(4, 3)], lambda x, t: F.l1_loss(x, t, reduction=reduction), options)
    add('huber', [draw(4, 3), draw(4, 3)], lambda x, t: F.huber_loss(x, t, reduction=reduction, delta=0.7),
        {**options, 'delta': 0.7})

# Embedding: rows of a table, some taken twice, one never.
add('gather', [draw(6, 3), torch.tensor([[4, 0, 2], [2, 5, 4]])], lambda table, i: F.embedding(i, table))

# Normalisation over the last axis, with weight and bias, or weight alone.
for shape in [(4, 7), (2, 3, 5)]:
    last = shape[-1]
    add('layerNorm', [draw(*shape), draw(last), draw(last)],
        lambda x, w, b: F.layer_norm(x, [last], w, b, eps=1e-5), {'eps': 1e-5})
    add('rmsNorm', [draw(*shape), draw(last)], lambda x, w: F.rms_norm(x, [last], w, eps=1e-6), {'eps': 1e-6})

# Extremes. Classes compete as [x, 0]; each x meets both targets.
xs = torch.tensor([-100, -50, -20, -1e-3, 0, 1e-3, 20, 50, 100])
rows = torch.stack([xs, torch.zeros_like(xs)], 1)  # [9, 2]
none = {'reduction': 'none'}


def extreme(op, inputs, compute, options=None):
    add(op, [inputs[0].clone().requires_grad_(), *inputs[1:]], compute, options, into=extremes)


for op in ['tanh', 'sigmoid', 'softplus', 'silu', 'gelu']:
    extreme(op, [xs], CURVES[op])
extreme('logSoftmax', [rows], lambda x: F.log_softmax(x, dim=1), {'axis': 1})
extreme('logSoftmax', [xs[None]], lambda x: F.log_softmax(x, dim=1), {'axis': 1})  # all nine in one row
for target in [0, 1]:
    extreme('crossEntropy', [rows, torch.full((9,), target)],
            lambda x, t: F.cross_entropy(x, t, reduction='none'), none)
for target in [0.0, 1.0]:
    extreme('binaryCrossEntropy', [xs, torch.full((9,), target)], lambda x, t: bce(x, t, 'none'), none)

save('ops.json', {'cases': cases, 'extremes': extremes})
