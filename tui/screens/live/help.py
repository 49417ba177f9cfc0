"""Help page of the live screen."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="live run",
    about=(
        "A run in progress, or its replay. The screen only reads the log of the run: you can leave and"
        " come back at any time."
    ),
    terms=(
        ("stage", "one command of the run; `benchmark` is the one that measures"),
        (
            "configuration",
            "one batch size (trtllm-bench: concurrency) with one pair of input and output length",
        ),
        (
            "iteration",
            "one timed call of the whole batch; warm-up iterations come before and count in no number",
        ),
        ("latency", "time of one iteration, from the call to the last token"),
        ("prefill", "latency minus generation time: up to the first token"),
        (
            "p50, p95",
            "50 % and 95 % of the iterations were at most this slow; grey: unreliable below 20 iterations",
        ),
        (
            "plot",
            "┈ p50, ╌ p50 of the baseline, dotted band: p5 to p95 (from 20 iterations on), shaded: warm-up;"
            " ▴ ▾ an outlier beyond the axis, which `y` changes",
        ),
        (
            "T H X ?",
            "an outlier and its cause: T throttled GPU, H busy host, X other process on a GPU of the run,"
            " ? unknown. It is above the third quartile + 3 interquartile ranges, and 1 % above the median."
            " `d` shows the evidence",
        ),
        (
            "steady",
            "WARMING: still approaching its level, or fewer than 8 iterations; DRIFTING: changes by more"
            " than 1 % along a line; STEP: moves by more than 1 % to another level and stays there; STEADY:"
            " none of these, in 30 or more iterations that vary by at most 10 % on a machine without"
            " problems. While it runs, it is judged at 24, 30, 37, ... iterations, and two in a row must"
            " agree: at most 5 of 100 steady runs get a false alarm. It does not affect any number",
        ),
        ("stall", "no iteration for ten times the median latency, and for at least ten seconds"),
        (
            "ETA",
            "time until the run is done, at the pace until now; ~: later configurations and stages are"
            " guessed from earlier runs, or from batch size x length",
        ),
        ("tokens/s", "batch size x output length / mean latency, prefill included"),
        (
            "vs base",
            "change of tokens/s against the baseline of the profile, of a comparable run only: same machine,"
            " GPUs and work. There is no verdict while the run is under way; the result has it",
        ),
        ("rank", "one process of the model; the others wait for the slowest"),
        (
            "node",
            "one machine of several. Its line has the load of each GPU as a block, the range of load,"
            " the most memory, the sum of power and the hottest GPU; the slowest node is named. A node that"
            " sends nothing for 10 s is silent: its values are grey, with their age; after 60 s it is lost."
            " In the maximised GPUs and ranks (3, 2), space unfolds the node under the cursor",
        ),
        (
            "in flight",
            "trtllm-bench: requests processed together; new ones join while others generate",
        ),
        ("queued", "trtllm-bench: requests that wait in the engine for free capacity"),
        ("KV cache", "trtllm-bench: share of the key and value blocks in use"),
        (
            "processes",
            "on GPUs, listed every ten seconds: program and script, without arguments. In a container the"
            " driver may count processes differently; then user and command are not known",
        ),
        ("memory", "GPU memory: in use before the run (shaded), by the run, and free"),
        (
            "memory map",
            "`d`: what fills the memory of a GPU, predicted before the run and as the engine says. Execution:"
            " activations. Buffers: inputs, outputs, decoder. Allocator: what PyTorch keeps beyond what it"
            " uses. CUDA context: with the kernels of all libraries",
        ),
        ("SM, DRAM", "active share of a GPU's multiprocessors, and of its memory bandwidth"),
        (
            "throttle",
            "reasons for reduced clocks: P power cap, T H thermal, B power brake, W hardware, S sync",
        ),
    ),
)
