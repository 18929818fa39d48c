"""Makes optim.json: 20 steps of SGD, RMSprop, Adagrad, Adam and AdamW in float64, and schedules.

    python -B test/golden/optim.py          (PyTorch 2.13)

No loss: the 20 gradients are drawn beforehand and fed to every optimizer, so that each trajectory is the
update rule and nothing else. Two parameters, `weight` [3, 4] and `bias` [5]; step k's gradient is row k of
`gradients`, and row k of a `trajectory` is the value after step k. Step k uses the learning rate `rates[k]`.
"""
import torch
from torch.optim import SGD, Adagrad, Adam, AdamW, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR, StepLR

from golden import save, tensor

STEPS = 20

# Every hyper-parameter that matters is written out, under the name it has in the JSON.
SGD_BASE = {'lr': 0.1, 'momentum': 0, 'nesterov': False, 'weightDecay': 0}
RMS_BASE = {'lr': 0.02, 'alpha': 0.99, 'eps': 1e-8, 'momentum': 0, 'centered': False, 'weightDecay': 0}
ADAGRAD_BASE = {'lr': 0.1, 'lrDecay': 0, 'eps': 1e-10, 'weightDecay': 0}
ADAM_BASE = {'lr': 0.03, 'beta1': 0.9, 'beta2': 0.999, 'eps': 1e-8, 'weightDecay': 0}
ADAMW_BASE = {**ADAM_BASE, 'weightDecay': 0.01}

CASES = [
    ('sgd', SGD_BASE),
    ('sgd', {**SGD_BASE, 'momentum': 0.9}),
    ('sgd', {**SGD_BASE, 'momentum': 0.9, 'nesterov': True}),
    ('sgd', {**SGD_BASE, 'weightDecay': 0.05}),
    ('sgd', {**SGD_BASE, 'momentum': 0.8, 'nesterov': True, 'weightDecay': 0.05}),
    ('rmsprop', RMS_BASE),
    ('rmsprop', {**RMS_BASE, 'momentum': 0.9}),
    ('rmsprop', {**RMS_BASE, 'centered': True}),
    ('rmsprop', {**RMS_BASE, 'weightDecay': 0.05}),
    ('rmsprop', {'lr': 0.02, 'alpha': 0.9, 'eps': 1e-3,
                 'momentum': 0.7, 'centered': True, 'weightDecay': 0.05}),
    ('adagrad', ADAGRAD_BASE),
    ('adagrad', {**ADAGRAD_BASE, 'lrDecay': 0.05}),
    ('adagrad', {**ADAGRAD_BASE, 'weightDecay': 0.05}),
    ('adam', ADAM_BASE),
    ('adam', {**ADAM_BASE, 'beta1': 0.7, 'beta2': 0.95, 'eps': 1e-3}),
    ('adam', {**ADAM_BASE, 'weightDecay': 0.05}),
    ('adamw', ADAMW_BASE),
    ('adamw', {**ADAMW_BASE, 'beta1': 0.7, 'beta2': 0.95, 'eps': 1e-3, 'weightDecay': 0.2}),
]

SCHEDULES = [
    ('step', {'stepSize': 6, 'gamma': 0.3}),
    ('cosine', {'total': 20, 'min': 0.01}),
    ('warmup', {'startFactor': 0.1, 'warmup': 5}),
    ('warmupCosine', {'startFactor': 0.1, 'warmup': 5, 'total': 15, 'min': 0.01}),  # total: the cosine's
]


def make_optimizer(name, parameters, o):
    shared = dict(lr=o['lr'], weight_decay=o['weightDecay'])
    if name == 'sgd':
        return SGD(parameters, momentum=o['momentum'], dampening=0, nesterov=o['nesterov'], **shared)
    if name == 'rmsprop':
        return RMSprop(parameters, alpha=o['alpha'], eps=o['eps'],
                       momentum=o['momentum'], centered=o['centered'], **shared)
    if name == 'adagrad':
        return Adagrad(parameters, lr_decay=o['lrDecay'], eps=o['eps'], **shared)
    kind = Adam if name == 'adam' else AdamW
    return kind(parameters, betas=(o['beta1'], o['beta2']), eps=o['eps'], **shared)


def make_schedule(name, optimizer, o):
    def warmup():
        return LinearLR(optimizer, start_factor=o['startFactor'], total_iters=o['warmup'])

    def cosine():
        return CosineAnnealingLR(optimizer, T_max=o['total'], eta_min=o['min'])

    if name == 'step':
        return StepLR(optimizer, step_size=o['stepSize'], gamma=o['gamma'])
    if name == 'cosine':
        return cosine()
    if name == 'warmup':
        return warmup()
    return SequentialLR(optimizer, [warmup(), cosine()], milestones=[o['warmup']])


def trajectory(optimizer_name, options, schedule_name=None, schedule_options=None):
    """The parameters after each step, and the learning rate of each step."""
    parameters = {name: value.clone().requires_grad_() for name, value in initial.items()}
    optimizer = make_optimizer(optimizer_name, list(parameters.values()), options)
    schedule = schedule_name and make_schedule(schedule_name, optimizer, schedule_options)
    values, rates = {name: [] for name in parameters}, []
    for k in range(STEPS):
        for name, p in parameters.items():
            p.grad = gradients[name][k].clone()
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        if schedule:
            schedule.step()
        for name, p in parameters.items():
            values[name].append(p.detach().clone())
    return {name: tensor(torch.stack(steps)) for name, steps in values.items()}, rates


torch.manual_seed(2)
initial = {'weight': torch.randn(3, 4), 'bias': torch.randn(5)}
gradients = {name: torch.randn(STEPS, *value.shape) for name, value in initial.items()}

cases = [{'optimizer': name, 'options': o, 'trajectory': trajectory(name, o)[0]} for name, o in CASES]

schedules, scheduled = [], []
for name, o in SCHEDULES:
    for optimizer, base in [('sgd', {**SGD_BASE, 'momentum': 0.9}), ('adam', {**ADAM_BASE, 'lr': 0.1})]:
        path, rates = trajectory(optimizer, base, name, o)
        scheduled.append({'schedule': name, 'scheduleOptions': o, 'optimizer': optimizer, 'options': base,
                          'trajectory': path})
    schedules.append({'schedule': name, 'options': o, 'lr': base['lr'], 'rates': rates})

save('optim.json', {
    'initial': {name: tensor(value) for name, value in initial.items()},
    'gradients': {name: tensor(value) for name, value in gradients.items()},
    'cases': cases,
    'schedules': schedules,
    'scheduled': scheduled,
})
