"""Makes words.json: word models of Zaremba et al. 2014, tied and not, through three epochs of a made-up text.

    python -B test/golden/words.py          (PyTorch 2.13)

Words stand between white space; each line ends with <eos>. Ids: <unk> 0, <eos> 1, then the words by how often
they occur, the most frequent first, those as frequent in the order in which they come; words that occur once
are <unk>. Row b of the batch is tokens [b L, (b + 1) L) with L = floor(n / B); the state is carried from window
to window and zero at the beginning of an epoch. One update per window of T steps: the cross entropy in nats,
summed over the steps and meaned over the rows, clip_grad_norm_, SGD; the rate is multiplied by DECAY before
each epoch after the first HOLD. Losses are told per token. In the end, the loss on another text as one stream,
its first word predicted from <eos>.

The weights come from one stream of s = (1664525 s + 1013904223) mod 2^32, from s = 12345, each number being
(s / 2^32 * 2 - 1) * INIT with the s just made, in the order of `weights`, row by row.
"""
from collections import Counter

import torch
from torch import nn

from golden import save

B, T, EPOCHS, LR, CLIP, HOLD, DECAY, INIT = 3, 5, 3, 1.0, 1.0, 1, 0.5, 0.3
FORMS = [{'embed': 6, 'hidden': 6, 'layers': 2, 'tied': False},
         {'embed': 6, 'hidden': 6, 'layers': 2, 'tied': True},
         {'embed': 4, 'hidden': 7, 'layers': 1, 'tied': False}]


def congruential(seed):
    """Numbers in [0, 1), the same in any language."""
    s = seed
    while True:
        s = (1664525 * s + 1013904223) % 2 ** 32
        yield s / 2 ** 32


def made_up(lines, numbers):
    """Words w0, w1, ...: small numbers are frequent, and after an even one an odd one is likelier."""
    text, last = '', 0
    for _ in range(lines):
        words = []
        for _ in range(2 + int(next(numbers) * 5)):
            word = int(30 * next(numbers) ** 3)
            last = word + 1 if last % 2 == 0 and next(numbers) < 0.7 else word
            words.append(f'w{last}')
        text += ' '.join(words) + '\n'
    return text


def tokens(text):
    return [word for line in text.splitlines() for word in line.split() + ['<eos>']]


class Model(nn.Module):
    def __init__(self, vocabulary, embed, hidden, layers, tied):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embed)
        self.rnn = nn.LSTM(embed, hidden, layers)
        self.head = nn.Linear(hidden, vocabulary)
        if tied:
            self.head.weight = self.embedding.weight
        numbers = congruential(12345)
        with torch.no_grad():
            for p in self.parameters():
                values = [(next(numbers) * 2 - 1) * INIT for _ in range(p.numel())]
                p.copy_(torch.tensor(values).view(p.shape))

    def forward(self, ids, state):
        outputs, state = self.rnn(self.embedding(ids), state)  # [T, B, H]
        return self.head(outputs), state                       # [T, B, V]


def run(form):
    model = Model(V, **form)
    weights = [{'name': name, 'shape': list(p.shape)} for name, p in model.named_parameters()]
    losses, norms, rates = [], [], []
    for epoch in range(EPOCHS):
        rate = LR * DECAY ** max(0, epoch + 1 - HOLD)
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        state = None
        for at in range(0, L - T, T):
            xs, ys = streams[:, at:at + T].T, streams[:, at + 1:at + T + 1].T  # [T, B]
            logits, state = model(xs, state)
            each = nn.functional.cross_entropy(logits.reshape(-1, V), ys.reshape(-1), reduction='none')
            loss = each.view(T, B).mean(1).sum()
            optimizer.zero_grad()
            loss.backward()
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
            optimizer.step()
            state = tuple(s.detach() for s in state)
            losses.append(loss.item() / T)
            rates.append(rate)
    with torch.no_grad():
        logits, _ = model(held_out[:-1].view(-1, 1), None)
        held = nn.functional.cross_entropy(logits.view(-1, V), held_out[1:]).item()
    print(form, 'loss', losses[0], 'to', losses[-1], 'held out', held, 'clipped', sum(n > CLIP for n in norms))
    return {'form': form, 'weights': weights, 'losses': losses, 'gradNorms': norms, 'learningRates': rates,
            'heldOut': held}


drawn = congruential(7)
text, other = made_up(30, drawn), made_up(8, drawn) + 'a kraken\n'
counts = Counter(word for word in tokens(text) if word != '<eos>')
vocabulary = ['<unk>', '<eos>'] + [word for word, count in counts.most_common() if count > 1]
V = len(vocabulary)
code = {word: i for i, word in enumerate(vocabulary)}
ids = torch.tensor([code.get(word, 0) for word in tokens(text)])
held_out = torch.tensor([1] + [code.get(word, 0) for word in tokens(other)])
L = len(ids) // B
streams = ids[:B * L].view(B, L)

save('words.json', {
    'text': text, 'other': other, 'vocabulary': vocabulary, 'ids': ids.tolist(),
    'sizes': {'B': B, 'T': T, 'epochs': EPOCHS}, 'learningRate': LR, 'clip': CLIP, 'hold': HOLD, 'decay': DECAY,
    'init': INIT, 'runs': [run(form) for form in FORMS],
})
