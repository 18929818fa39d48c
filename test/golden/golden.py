"""What the golden scripts share: drawing tensors, and writing them compactly as JSON. Makes no file itself.

A tensor is written {"shape": [2, 3], "data": [six numbers, row by row]}; integers carry "dtype": "int32" too.
A float64 is written with as many digits as it takes to read the same bits back.
"""
import json
import os

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def draw(*shape, scale=1.0):
    """Normal numbers that gradients are asked of."""
    return (torch.randn(*shape) * scale).requires_grad_()


def tensor(x):
    """A tensor as JSON; None stays null."""
    if x is None:
        return None
    x = x.detach()
    if x.is_floating_point():
        return {'shape': list(x.shape), 'data': x.flatten().tolist()}
    return {'dtype': 'int32', 'shape': list(x.shape), 'data': x.flatten().int().tolist()}


def tensors(xs):
    return [tensor(x) for x in xs]


def save(name, record):
    """Writes record beside this script, PyTorch's version first; one key, or one case, per line."""
    def compact(value):
        return json.dumps(value, separators=(',', ':'), allow_nan=False)

    lines = []
    for key, value in {'torch': torch.__version__, **record}.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            body = '[\n' + ',\n'.join(compact(entry) for entry in value) + '\n]'
        else:
            body = compact(value)
        lines.append(f'{compact(key)}:{body}')
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, 'w', encoding='utf-8', newline='\n') as file:
        file.write('{' + ',\n'.join(lines) + '}\n')
    print(f'{name}: {os.path.getsize(path)} bytes')
