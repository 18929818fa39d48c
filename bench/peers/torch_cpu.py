# PyTorch's side of the comparison, on the cpu: answers lines of JSON. run.mjs starts it with --torch PYTHON.
#
#   {"layer", "T", "B", "D", "H", "operands": {name: base64 of float32}}   sets a layer up -> {"ok": true}
#   {"run": true}      one forward and backward -> {"ms": ...}
#   {"show": true}     the same -> {"results": {name: base64}}

import base64, json, sys, time
import numpy as np
import torch

def tensor(text, *shape):
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), np.float32).copy()).reshape(shape)

def text(x):
    return base64.b64encode(x.detach().contiguous().numpy().astype(np.float32).tobytes()).decode()

def set_up(said):
    T, B, D, H = (said[k] for k in 'TBDH')
    given = said['operands']
    net = getattr(torch.nn, said['layer'])(D, H)
    G = 4 if said['layer'] == 'LSTM' else 3
    with torch.no_grad():
        net.weight_ih_l0.copy_(tensor(given['weight_ih'], G * H, D))
        net.weight_hh_l0.copy_(tensor(given['weight_hh'], G * H, H))
        net.bias_ih_l0.copy_(tensor(given['bias_ih'], G * H))
        net.bias_hh_l0.zero_()
    return net, tensor(given['x'], T, B, D).requires_grad_(), tensor(given['dy'], T, B, H)

def step(net, x, dy):
    for p in [*net.parameters(), x]:
        p.grad = None
    loss = (net(x)[0] * dy).sum()
    loss.backward()
    return loss

name = f'PyTorch {torch.__version__}, cpu, {torch.get_num_threads()} threads'
print(json.dumps({'name': name}), flush=True)
state = None
for line in sys.stdin:
    said = json.loads(line)
    if 'layer' in said:
        state = set_up(said)
        step(*state)
        answer = {'ok': True}
    elif 'run' in said:
        started = time.perf_counter()
        step(*state)
        answer = {'ms': (time.perf_counter() - started) * 1e3}
    else:
        loss = step(*state)
        net, x, _ = state
        found = {'loss': loss, 'x': x.grad, 'weight_ih': net.weight_ih_l0.grad,
                 'weight_hh': net.weight_hh_l0.grad, 'bias_ih': net.bias_ih_l0.grad}
        answer = {'results': {name: text(value) for name, value in found.items()}}
    print(json.dumps(answer), flush=True)
