"""The network in PyTorch, one thread of CPU: seconds for an epoch of windows such as lstm_scores makes.

lstm_peers.py SERIES DAYS
    The same layers (20 inputs, 40 cells, what is told from cells and inputs), the pinball loss of 48 quantiles at every day, Adam, clipped
    gradients; windows of 56 days in batches of 64, as many as an epoch of SERIES x DAYS has. Inputs are made beforehand and are not counted.
"""
import math
import sys
import time

import torch

INPUTS, CELLS, OUTPUTS, CONTEXT, WARM, BATCH, HELD = 20, 40, 48, 56, 14, 64, 28


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(INPUTS, CELLS)
        self.told = torch.nn.Linear(CELLS + INPUTS, OUTPUTS)

    def forward(self, x):
        return self.told(torch.cat([self.lstm(x)[0], x], -1))


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    series, days = int(sys.argv[1]), int(sys.argv[2])
    windows = series * (1 + (days - 1 - HELD - 7) // (CONTEXT - WARM))
    batches = math.ceil(windows / BATCH)
    held = math.ceil(series / BATCH)
    net = Network()
    adam = torch.optim.Adam(net.parameters(), lr=0.003)
    levels = torch.tensor(([0.025, 0.1, 0.5, 0.9, 0.975] * 7) + [0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975, 0.995, 0.999])
    x = torch.randn(CONTEXT, BATCH, INPUTS)
    y = torch.randn(CONTEXT - WARM, BATCH, 8)
    expand = torch.tensor([h for h in range(7) for _ in range(5)] + [7] * 13)

    def loss_of(told):
        error = y[..., expand] - told[WARM:]
        return torch.maximum(levels * error, (levels - 1) * error).mean()

    def epoch():
        for _ in range(batches):
            adam.zero_grad()
            loss_of(net(x)).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            adam.step()
        with torch.no_grad():
            for _ in range(held):
                loss_of(net(x))

    best = None
    for _ in range(3):
        begin = time.process_time()
        epoch()
        seconds = time.process_time() - begin
        best = seconds if best is None else min(best, seconds)
    print(f"PyTorch {torch.__version__}, one thread: {series} series x {days} days, {CELLS} cells, context {CONTEXT}, batch {BATCH}: {best:.2f} CPU s per epoch")


if __name__ == "__main__":
    main()
