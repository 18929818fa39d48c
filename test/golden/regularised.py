"""Makes regularised.json: the layer-normalised LSTM, and an LSTM with everything that can be dropped.

    python -B test/golden/regularised.py          (PyTorch 2.13)

The layer-normalised LSTM is Ba et al. 2016, written in F.layer_norm, with and without biases. The other one is
nn.LSTM's equations with variational dropout of inputs and states, weight drop, recurrent dropout and zoneout,
the masks drawn by Philox 4x32-10 (Salmon et al. 2011) as Unrolled draws them, so that values and gradients
can be compared. The loss is sum(y * dy) + sum(h_n * dh_n) + sum(c_n * dc_n).
"""
import torch
from torch.nn.functional import layer_norm

from golden import draw, save, tensor

T, B, D, H = 6, 3, 4, 5
SEED = 7
SHARES = {
    'inputDropout': 0.25, 'stateDropout': 0.4, 'weightDrop': 0.5, 'recurrentDropout': 0.2,
    'zoneout': 0.1, 'zoneoutCell': 0.5,
}


def philox(counter, key):
    """The four words of a block."""
    c, (k0, k1) = [counter & 0xffffffff, counter >> 32, 0, 0], key
    for _ in range(10):
        p0, p1 = 0xd2511f53 * c[0], 0xcd9e8d57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xffffffff, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xffffffff]
        k0, k1 = (k0 + 0x9e3779b9) & 0xffffffff, (k1 + 0xbb67ae85) & 0xffffffff
    return c


class Masks:
    """Masks in the order in which they are asked for."""
    def __init__(self, seed):
        self.key, self.position = (seed & 0xffffffff, seed >> 32), 0

    def __call__(self, p, *shape):
        count = torch.Size(shape).numel()
        where = range(self.position, self.position + count)
        self.position += count
        u = torch.tensor([(philox(i // 4, self.key)[i % 4] >> 8) / 2**24 for i in where])
        return (u >= p).double().reshape(shape) / (1 - p)


def layer_norm_lstm(x, h, c, w):
    ys = []
    for xt in x:
        gates = (layer_norm(xt @ w['weight_ih'].T, (4 * H,)) * w['gain_ih']
                 + layer_norm(h @ w['weight_hh'].T, (4 * H,)) * w['gain_hh'] + w.get('bias', 0))
        i, f, g, o = gates.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * (layer_norm(c, (H,)) * w['gain_c'] + w.get('bias_c', 0)).tanh()
        ys.append(h)
    return torch.stack(ys), h, c


def dropping_lstm(x, h, c, w):
    mask, p = Masks(SEED), SHARES
    on_x, on_h = mask(p['inputDropout'], B, D), mask(p['stateDropout'], B, H)
    recurrent = w['weight_hh'] * mask(p['weightDrop'], 4 * H, H)
    ys = []
    for xt in x:
        gates = (xt * on_x) @ w['weight_ih'].T + w['bias_ih'] + (h * on_h) @ recurrent.T + w['bias_hh']
        i, f, g, o = gates.chunk(4, 1)
        new_c = f.sigmoid() * c + i.sigmoid() * g.tanh() * mask(p['recurrentDropout'], B, H)
        new_h = o.sigmoid() * new_c.tanh()
        h = torch.where(mask(p['zoneout'], B, H) > 0, new_h, h)
        c = torch.where(mask(p['zoneoutCell'], B, H) > 0, new_c, c)
        ys.append(h)
    return torch.stack(ys), h, c


def case(name, net, shapes):
    w = {key: draw(*shape) for key, shape in shapes.items()}
    x, h, c = draw(T, B, D), draw(B, H), draw(B, H)
    results = net(x, h, c, w)
    dys = [torch.randn_like(y) for y in results]
    sum((y * dy).sum() for y, dy in zip(results, dys)).backward()
    return {
        'name': name,
        'parameters': {key: tensor(p) for key, p in w.items()},
        'x': tensor(x), 'h0': tensor(h), 'c0': tensor(c),
        **{key: tensor(y) for key, y in zip(['y', 'h_n', 'c_n'], results)},
        **{key: tensor(dy) for key, dy in zip(['dy', 'dh_n', 'dc_n'], dys)},
        'grads': {
            **{key: tensor(p.grad) for key, p in w.items()},
            'x': tensor(x.grad), 'h0': tensor(h.grad), 'c0': tensor(c.grad),
        },
    }


torch.manual_seed(4)
normed = {
    'weight_ih': (4 * H, D), 'weight_hh': (4 * H, H), 'bias': (4 * H,), 'gain_ih': (4 * H,),
    'gain_hh': (4 * H,), 'gain_c': (H,), 'bias_c': (H,),
}
unbiased = {key: shape for key, shape in normed.items() if not key.startswith('bias')}
plain = {'weight_ih': (4 * H, D), 'weight_hh': (4 * H, H), 'bias_ih': (4 * H,), 'bias_hh': (4 * H,)}
save('regularised.json', {
    'sizes': {'T': T, 'B': B, 'D': D, 'H': H}, 'seed': SEED, 'shares': SHARES,
    'cases': [
        case('layer norm', layer_norm_lstm, normed),
        case('layer norm, no bias', layer_norm_lstm, unbiased),
        case('all that is dropped', dropping_lstm, plain),
    ],
})
