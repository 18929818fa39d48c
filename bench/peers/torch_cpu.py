# PyTorch's side of the comparisons, on the cpu: answers lines of JSON. torch.mjs starts it.
#
#   {"what": "layer", "train" or "stream", ...}   sets a job up -> {"ok": true}; arrays are base64 of float32
#   {"show": true}      -> {"results": {name: base64}}, what the job computes
#   {"run": seconds}    calls it for so long, once or more -> {"ms": [time of each call]}

import base64, json, sys, time
import numpy as np
import torch

def tensor(text, *shape):
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), np.float32).copy()).reshape(shape)

def text(x):
    return base64.b64encode(x.detach().contiguous().numpy().astype(np.float32).tobytes()).decode()

def recurrent(kind, D, H, given, prefix=''):
    net = getattr(torch.nn, kind)(D, H)
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(tensor(given[prefix + name.replace('_l0', '')], *p.shape))
    return net

# One forward and backward of a layer: loss = sum(y dy), gradients of x and of the parameters.
def layer(said):
    T, B, D, H = (said[k] for k in 'TBDH')
    given = said['operands']
    net = recurrent(said['layer'], D, H, given)
    x, dy = tensor(given['x'], T, B, D).requires_grad_(), tensor(given['dy'], T, B, H)

    def call():
        for p in [*net.parameters(), x]:
            p.grad = None
        loss = (net(x)[0] * dy).sum()
        loss.backward()
        return loss

    def show():
        loss = call()
        gradients = {name.replace('_l0', ''): p.grad for name, p in net.named_parameters()}
        return {'loss': loss, 'x': x.grad, **gradients}

    return call, show

# A step of the main job. The text is cut as src/data/streams.ts cuts it.
def train(said):
    T, B, E, H, V = (said[k] for k in 'TBEHV')
    given = said['operands']
    net = recurrent('LSTM', E, H, {name.replace('_l0', ''): p for name, p in given.items()}, 'rnn.')
    embedding, head = torch.nn.Embedding(V, E), torch.nn.Linear(H, V)
    with torch.no_grad():
        embedding.weight.copy_(tensor(given['embedding.weight'], V, E))
        head.weight.copy_(tensor(given['head.weight'], V, H))
        head.bias.copy_(tensor(given['head.bias'], V))
    parameters = [*embedding.parameters(), *net.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=said['rate'])
    streams = torch.tensor(said['ids']).reshape(B, -1).t().contiguous()
    at, state = 0, None

    def call():
        nonlocal at, state
        if at + T + 1 > len(streams):
            at, state = 0, None
        y, state = net(embedding(streams[at:at + T]), state)
        state = tuple(part.detach() for part in state)
        targets = streams[at + 1:at + T + 1].reshape(-1)
        at += T
        loss = torch.nn.functional.cross_entropy(head(y).view(-1, V), targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, said['clip'])
        optimizer.step()
        return loss

    return call, lambda: {'losses': torch.stack([call().detach() for _ in range(said['steps'])])}

# An LSTM cell, batch 1, one vector a call.
def stream(said):
    D, H, N = (said[k] for k in 'DHN')
    given = said['operands']
    net = recurrent('LSTMCell', D, H, given)
    xs = tensor(given['x'], N, 1, D)
    at, state = 0, None

    @torch.inference_mode()
    def call():
        nonlocal at, state
        state = net(xs[at], state)
        at = (at + 1) % N
        return state[0]

    return call, lambda: {'y': torch.stack([call() for _ in range(N)])}

def run(call, seconds):
    times, started = [], time.perf_counter()
    while not times or time.perf_counter() - started < seconds:
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) * 1e3)
    return times

if len(sys.argv) > 1:
    torch.set_num_threads(int(sys.argv[1]))
hello = {'version': torch.__version__.split('+')[0], 'threads': torch.get_num_threads()}
print(json.dumps(hello), flush=True)
call, show = None, None
for line in sys.stdin:
    said = json.loads(line)
    if 'what' in said:
        call, show = {'layer': layer, 'train': train, 'stream': stream}[said['what']](said)
        answer = {'ok': True}
    elif 'run' in said:
        answer = {'ms': run(call, said['run'])}
    else:
        answer = {'results': {name: text(value) for name, value in show().items()}}
    print(json.dumps(answer), flush=True)
