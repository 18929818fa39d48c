"""Loads into nn.LSTM the files that write_ours.mjs wrote, and prints how far the outputs are apart.

    python -B test/golden/load_ours.py DIR          (PyTorch 2.13, safetensors 0.8)

Every name, shape and type is checked (load_state_dict is strict). PyTorch computes in float64 from the
numbers of each file, as Unrolled did, so the two agree to 1e-12 whatever the type. Ends with 1 if not.
"""
import os
import sys

import torch
from safetensors.torch import load_file
from torch import nn

TYPES = {'F64': torch.float64, 'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16}
TOLERANCE = 1e-12  # max |a - b| / max |b|

torch.set_default_dtype(torch.float64)
folder = sys.argv[1]
numbers = load_file(os.path.join(folder, 'numbers.safetensors'))
agree = True
for name, dtype in TYPES.items():
    state = load_file(os.path.join(folder, f'lstm.{name}.safetensors'))
    assert all(w.dtype == dtype for w in state.values()), name
    H, D = state['weight_hh_l0'].shape[1], state['weight_ih_l0'].shape[1]
    net = nn.LSTM(D, H, num_layers=2, bidirectional=True)
    net.load_state_dict(state)
    with torch.no_grad():
        y, _ = net(numbers['x'])
    expected = numbers[f'y.{name}']
    difference = ((y - expected).abs().max() / expected.abs().max()).item()
    agree = agree and difference < TOLERANCE
    print(f'{name}: {len(state)} tensors, outputs {list(y.shape)} differ by {difference:.1e}')
print('they agree' if agree else 'THEY DO NOT AGREE')
sys.exit(0 if agree else 1)
