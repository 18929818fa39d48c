"""Makes lstm.F64.safetensors, lstm.F32..., lstm.F16..., lstm.BF16... and lstm.json: one net in four files.

    python -B test/golden/state_dict.py          (PyTorch 2.13, safetensors 0.8)

The net is nn.LSTM, 2 layers, both directions. Each file is its state_dict in another type, written by the
Python package safetensors; the 16-bit ones are rounded from F32, as net.half() does it. lstm.json holds x,
and for each file the outputs y, h_n and c_n that PyTorch computes in float64 from the numbers that the file
holds. So a reader that widens them exactly gets the same outputs, whatever the type.
"""
import os

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from golden import save, tensor

T, B, D, H = 5, 3, 4, 3
TYPES = {'F64': torch.float64, 'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16}
HERE = os.path.dirname(os.path.abspath(__file__))

torch.manual_seed(3)
net = nn.LSTM(D, H, num_layers=2, bidirectional=True)
with torch.no_grad():
    for p in net.parameters():
        p.normal_(0, 0.6)
weights = {name: p.detach().clone() for name, p in net.state_dict().items()}
x = torch.randn(T, B, D)

outputs = {}
for name, dtype in TYPES.items():
    path = os.path.join(HERE, f'lstm.{name}.safetensors')
    rounded = {key: (w if name == 'F64' else w.float().to(dtype)) for key, w in weights.items()}
    save_file(rounded, path, metadata={'format': 'pt'})
    net.load_state_dict({key: w.double() for key, w in load_file(path).items()})
    y, (h_n, c_n) = net(x)
    outputs[name] = {'y': tensor(y), 'h_n': tensor(h_n), 'c_n': tensor(c_n)}
save('lstm.json', {'sizes': {'T': T, 'B': B, 'D': D, 'H': H}, 'x': tensor(x), 'outputs': outputs})
