"""Makes recurrent.json: outputs and every gradient of nn.RNN (tanh and relu), nn.LSTM and nn.GRU in float64.

    python -B test/golden/recurrent.py          (PyTorch 2.13)

Options: 1 to 3 layers, one or both directions, with and without bias, one length for all or a length for
each, given or zero initial state, and for the LSTM with and without projection. Not the full product: any
three choices of options occur together at least once for each kind.

The loss is sum(y * dy) + sum(h_n * dh_n) + sum(c_n * dc_n). Sequences are time-major, [T, B, ...].
With lengths, x past a sequence's end holds numbers too: they must not matter, and their gradient is zero.
"""
import random
from itertools import combinations, cycle, product

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from golden import draw, save, tensor

T, B, D, H, P = 7, 4, 5, 3, 2  # all different, so that no two axes can be mixed up unseen

OPTIONS = {
    'layers': [1, 2, 3],
    'bidirectional': [False, True],
    'bias': [True, False],
    'variable': [False, True],
    'givenState': [False, True],
}
LENGTHS = [[4, 7, 1, 4], [3, 6, 1, 5]]  # used in turn; unsorted; a tie, and T reached or not


def covering(options, strength, tries=100):
    """Few rows of the full product in which any `strength` choices occur together.

    Greedy: take the row with most new combinations, ties broken at random, until none is missing.
    """
    rows = list(product(*(range(len(values)) for values in options.values())))
    combos = {row: set(combinations(enumerate(row), strength)) for row in rows}

    def attempt(seed):
        order = random.Random(seed).sample(rows, len(rows))
        missing, chosen = set().union(*combos.values()), []
        while missing:
            chosen.append(max(order, key=lambda row: len(combos[row] & missing)))
            missing -= combos[chosen[-1]]
        return chosen

    best = min(map(attempt, range(tries)), key=len)
    return [{key: values[i] for (key, values), i in zip(options.items(), row)} for row in sorted(best)]


def build(kind, nonlinearity, layers, bidirectional, bias, projection):
    shape = dict(num_layers=layers, bidirectional=bidirectional, bias=bias)
    if kind == 'RNN':
        net = nn.RNN(D, H, nonlinearity=nonlinearity, **shape)
    elif kind == 'LSTM':
        net = nn.LSTM(D, H, proj_size=projection, **shape)
    else:
        net = nn.GRU(D, H, **shape)
    with torch.no_grad():
        for p in net.parameters():
            p.normal_(0, 0.6)
    return net


def run(net, x, lengths, state):
    """y [T, B, directions * (P or H)] and the final state, a tuple (h_n,) or (h_n, c_n)."""
    hx = None if state is None else state if isinstance(net, nn.LSTM) else state[0]
    if lengths is None:
        y, final = net(x, hx)
    else:
        packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
        y, final = net(packed, hx)
        y, _ = pad_packed_sequence(y, total_length=T)
    return y, final if isinstance(final, tuple) else (final,)


def case(kind, nonlinearity, lengths, layers, bidirectional, bias, givenState, projection=0):
    net = build(kind, nonlinearity, layers, bidirectional, bias, projection)
    rows = layers * (2 if bidirectional else 1)
    widths = [projection or H, H] if kind == 'LSTM' else [H]  # of h and of c
    x = draw(T, B, D)
    state = tuple(draw(rows, B, width) for width in widths) if givenState else None

    y, final = run(net, x, lengths, state)
    dy = torch.randn_like(y)
    dfinal = [torch.randn_like(s) for s in final]
    loss = (y * dy).sum() + sum((s * ds).sum() for s, ds in zip(final, dfinal))
    loss.backward()

    def pair(values, names):
        """{'h0': ..., 'c0': ...}; null where this kind has no such thing."""
        values = list(values or []) + [None, None]
        return {name: tensor(value) for name, value in zip(names, values)}

    parameters = dict(net.named_parameters())
    return {
        'kind': kind,
        'options': {
            'inputs': D, 'hidden': H, 'layers': layers, 'bidirectional': bidirectional, 'bias': bias,
            'projection': projection, 'nonlinearity': nonlinearity,
        },
        'lengths': lengths,
        'parameters': {name: tensor(p) for name, p in parameters.items()},
        'x': tensor(x),
        **pair(state, ['h0', 'c0']),
        'dy': tensor(dy),
        **pair(dfinal, ['dh_n', 'dc_n']),
        'y': tensor(y),
        **pair(final, ['h_n', 'c_n']),
        'grads': {
            'parameters': {name: tensor(p.grad) for name, p in parameters.items()},
            'x': tensor(x.grad),
            **pair([s.grad for s in state or []], ['h0', 'c0']),
        },
    }


torch.manual_seed(1)
cases = []
turns = cycle(LENGTHS)
for kind, nonlinearity in [('RNN', 'tanh'), ('RNN', 'relu'), ('LSTM', None), ('GRU', None)]:
    options = {**OPTIONS, 'projection': [0, P]} if kind == 'LSTM' else OPTIONS
    chosen = covering(options, 3)
    print(kind, nonlinearity or '', len(chosen), 'cases')
    for choice in chosen:
        lengths = next(turns) if choice.pop('variable') else None
        cases.append(case(kind, nonlinearity, lengths=lengths, **choice))
save('recurrent.json', {'sizes': {'T': T, 'B': B, 'D': D, 'H': H, 'P': P}, 'cases': cases})
