"""Makes onnx.json: what ONNX computes for LSTM, LSTM with peepholes, with coupled gates, and both GRUs.

    python -B test/golden/onnx_cells.py          (onnx 1.23, onnxruntime 1.30, numpy 2.4)

`runtime` is onnxruntime's, which has these operators in float32 only: all numbers are drawn as float32, so
that they are the same in float64. `reference` is that of the reference implementation in the package onnx, in
float64; it knows no lengths and no coupled gates.

Weights are saved in Unrolled's order of rows and laid out for ONNX here:

    LSTM         i f g o -> i o f c        with P  i f o -> i o f
    input_forget i g o   -> i o f c        the rows of f are noise: they must not matter
    GRU          r z n   -> z r h
"""
import json
import os

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

T, B, D, H = 7, 4, 5, 3  # all different, so that no two axes can be mixed up unseen
LENGTHS = [4, 7, 1, 5]
rng = np.random.default_rng(1)


def draw(*shape, scale=0.6):
    return (rng.normal(size=shape) * scale).astype(np.float32)


def rows(x, order):
    """Blocks of H rows in another order; None is noise."""
    blocks = np.split(x, len(x) // H)
    return np.concatenate([draw(*blocks[0].shape) if k is None else blocks[k] for k in order])


# name: operator, attributes, gates of ours, where each of ONNX's gates stands among ours
CELLS = {
    'lstm': ('LSTM', {}, 4, [0, 3, 1, 2]),
    'peephole': ('LSTM', {}, 4, [0, 3, 1, 2]),
    'coupled': ('LSTM', {'input_forget': 1}, 3, [0, 2, None, 1]),
    'gru': ('GRU', {'linear_before_reset': 1}, 3, [1, 0, 2]),
    'gru-before': ('GRU', {'linear_before_reset': 0}, 3, [1, 0, 2]),
}


def parameters_for(cell, gates):
    own = {
        'weight_ih': draw(gates * H, D), 'weight_hh': draw(gates * H, H),
        'bias_ih': draw(gates * H), 'bias_hh': draw(gates * H),
    }
    return {**own, 'weight_ch': draw(3 * H)} if cell == 'peephole' else own


def model(op, attributes, direction, inputs, outputs, float_type):
    infos = [
        helper.make_tensor_value_info(
            name, TensorProto.INT32 if x.dtype == np.int32 else float_type, x.shape)
        for name, x in inputs.items() if x is not None
    ]
    names = [name if x is not None else '' for name, x in inputs.items()]
    node = helper.make_node(op, names, outputs, hidden_size=H, direction=direction, **attributes)
    results = [helper.make_tensor_value_info(name, float_type, None) for name in outputs]
    graph = helper.make_graph([node], 'cell', infos, results)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 14)], ir_version=8)


def case(cell, direction, lengths, given_state):
    op, attributes, gates, order = CELLS[cell]
    sides = ['', '_reverse'] if direction == 'bidirectional' else ['']
    own = [parameters_for(cell, gates) for _ in sides]
    states = ['h', 'c'] if op == 'LSTM' else ['h']
    x = draw(T, B, D, scale=1)
    initial = {name: draw(len(sides), B, H, scale=1) if given_state else None for name in states}

    inputs = {
        'X': x,
        'W': np.stack([rows(side['weight_ih'], order) for side in own]),
        'R': np.stack([rows(side['weight_hh'], order) for side in own]),
        'B': np.stack([
            np.concatenate([rows(side['bias_ih'], order), rows(side['bias_hh'], order)]) for side in own]),
        'lens': np.array(LENGTHS, dtype=np.int32) if lengths else None,
        **{f'{name}0': value for name, value in initial.items()},
    }
    if cell == 'peephole':
        inputs['P'] = np.stack([rows(side['weight_ch'], [0, 2, 1]) for side in own])
    outputs = ['y', *(f'{name}_n' for name in states)]

    fed = {name: value for name, value in inputs.items() if value is not None}
    made = model(op, attributes, direction, inputs, outputs, TensorProto.FLOAT)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=['CPUExecutionProvider'])
    runtime = dict(zip(outputs, session.run(None, fed)))
    reference = None
    if not lengths and cell != 'coupled':
        wide = {name: value.astype(np.float64) for name, value in fed.items()}
        made = model(op, attributes, direction, inputs, outputs, TensorProto.DOUBLE)
        reference = dict(zip(outputs, ReferenceEvaluator(made).run(None, wide)))
    return {
        'cell': cell,
        'options': {'inputs': D, 'hidden': H, 'bidirectional': len(sides) == 2},
        'direction': direction,
        'lengths': LENGTHS if lengths else None,
        'parameters': {
            name + side: tensor(value) for side, values in zip(sides, own) for name, value in values.items()},
        'x': tensor(x),
        'state': {name: tensor(value) for name, value in initial.items()} if given_state else None,
        'runtime': ours(runtime),
        'reference': reference and ours(reference),
    }


def ours(results):
    """y [T, directions, B, H] becomes [T, B, directions * H]."""
    y = np.transpose(results['y'], (0, 2, 1, 3))
    return {name: tensor(value) for name, value in {**results, 'y': y.reshape(T, B, -1)}.items()}


def tensor(x):
    return {'shape': list(x.shape), 'data': x.reshape(-1).tolist()}


cases = [
    case(cell, direction, lengths, given_state)
    for cell in CELLS
    for direction, lengths, given_state in [
        ('forward', False, True), ('reverse', False, False), ('reverse', True, False),
        ('bidirectional', False, True), ('bidirectional', True, True),
    ]
]
versions = {'onnx': onnx.__version__, 'onnxruntime': onnxruntime.__version__}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'onnx.json')
with open(path, 'w', encoding='utf-8', newline='\n') as file:
    body = ',\n'.join(json.dumps(entry, separators=(',', ':'), allow_nan=False) for entry in cases)
    file.write('{' + json.dumps(versions)[1:-1] + ',\n"cases":[\n' + body + ']}\n')
print(f'onnx.json: {os.path.getsize(path)} bytes')
