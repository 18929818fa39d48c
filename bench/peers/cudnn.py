# cuDNN's LSTM and GRU through PyTorch on an NVIDIA card, float32, TF32 on and off: the yardstick for
# `npm run bench -- gpu-layers` on the same card. Forward + backward, sequence first, gradients of x and of
# all weights, as there; results are compared with PyTorch's own cpu in float64 first.
#
#   python3 bench/peers/cudnn.py [--json FILE] [--seconds 2] [T,B,D,H ...]
#
# Times are medians of loops of calls between two CUDA events, after a warm-up that lets clocks rise. What the
# table calls end to end waits for the loss after each call.

import argparse, json, time
import torch

SIZES = ['64,16,64,128', '64,32,128,256', '64,32,512,512', '128,64,512,512', '128,64,1024,1024']
GATES = {'LSTM': 4, 'GRU': 3}

def layer(name, D, H, device, dtype):
    torch.manual_seed(1)
    net = getattr(torch.nn, name)(D, H).to(device=device, dtype=dtype)
    if device == 'cuda':
        net.flatten_parameters()
    return net

def operands(T, B, D, H, device, dtype):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(T, B, D, generator=generator).to(device=device, dtype=dtype).requires_grad_()
    dy = torch.randn(T, B, H, generator=generator).to(device=device, dtype=dtype)
    return x, dy

def step(net, x, dy):
    for p in [*net.parameters(), x]:
        p.grad = None
    loss = (net(x)[0] * dy).sum()
    loss.backward()
    return loss

def results(name, size, device, dtype):
    T, B, D, H = size
    net = layer(name, D, H, device, dtype)
    x, dy = operands(*size, device, dtype)
    y = net(x)[0]
    (y * dy).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in net.parameters())]

def error(name, size):
    """The largest of max |a - b| / max |b| over outputs and gradients."""
    T, B, D, H = size
    small = (min(T, 32), min(B, 8), D, H)  # float64 on the cpu takes its time
    found = results(name, small, 'cuda', torch.float32)
    right = results(name, small, 'cpu', torch.float64)
    return max(((a.cpu().double() - b).abs().max() / b.abs().max()).item() for a, b in zip(found, right))

def median(values):
    values = sorted(values)
    return values[len(values) // 2]

def time_gpu(run, seconds):
    """Milliseconds of a call, by the card's clock, in loops; and end to end, waiting for each loss."""
    until = time.perf_counter() + 0.5
    while time.perf_counter() < until:
        run()
    torch.cuda.synchronize()
    loops, waits = [], []
    until = time.perf_counter() + seconds
    while len(loops) < 3 or time.perf_counter() < until:
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(10):
            run()
        end.record()
        torch.cuda.synchronize()
        loops.append(begin.elapsed_time(end) / 10)
        started = time.perf_counter()
        run().item()
        waits.append((time.perf_counter() - started) * 1e3)
    return median(loops), median(waits)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('sizes', nargs='*', default=SIZES)
    parser.add_argument('--json')
    parser.add_argument('--seconds', type=float, default=2)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit('cudnn.py: PyTorch finds no NVIDIA card here')
    about = (f'{torch.cuda.get_device_name()}; PyTorch {torch.__version__}, CUDA {torch.version.cuda}, '
             f'cuDNN {torch.backends.cudnn.version()}')
    print(about + '\n')
    print(f'{"":6}{"T, B, D, H":>20}{"TF32":>6}{"ms, card":>10}{"end to end":>12}{"GFLOP/s":>10}'
          f'{"error":>10}')
    rows = []
    for name, gates in GATES.items():
        for text in options.sizes:
            size = tuple(int(n) for n in text.split(','))
            T, B, D, H = size
            for tf32 in (False, True):
                torch.backends.cudnn.allow_tf32 = tf32
                torch.backends.cuda.matmul.allow_tf32 = tf32
                off = error(name, size)
                if off > (1e-2 if tf32 else 1e-4):
                    raise SystemExit(f'cudnn.py: {name} at {text}, TF32 {tf32}: off by {off:.1e}')
                net = layer(name, D, H, 'cuda', torch.float32)
                x, dy = operands(*size, 'cuda', torch.float32)
                card, wait = time_gpu(lambda: step(net, x, dy), options.seconds)
                rate = 3 * 2 * T * B * gates * H * (D + H) / card / 1e6
                rows.append({'layer': name, 'T': T, 'B': B, 'D': D, 'H': H, 'tf32': tf32, 'gpu': card,
                             'total': wait, 'error': off})
                print(f'{name:6}{", ".join(map(str, size)):>20}{"on" if tf32 else "off":>6}{card:10.3f}'
                      f'{wait:12.3f}{rate:10.0f}{off:10.1e}', flush=True)
    if options.json:
        with open(options.json, 'w') as file:
            json.dump({'about': about, 'rows': rows}, file, indent=1)

main()
