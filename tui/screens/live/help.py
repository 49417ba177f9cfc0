"""What the help says about the live screen: its name, what it is for, and its words."""

from __future__ import annotations

from tui.framework.screen_help import ScreenHelp

HELP = ScreenHelp(
    name="a run under way",
    about=(
        "One run as it happens, or its replay. Everything here is read from the log of the run: leaving"
        " or coming back changes nothing about it."
    ),
    terms=(
        ("stage", "one command of the run; `benchmark` is the measured one"),
        (
            "configuration",
            "one batch size (trtllm-bench: concurrency) with one pair of input and output length",
        ),
        ("iteration", "one timed call of the whole batch; warm-up comes before and counts nowhere"),
        ("latency", "time of one iteration, from the call to the last token"),
        ("prefill", "latency minus generation time: up to the first token"),
        ("p50, p95", "half of the iterations, 95 % of them, were at most this slow; grey: too few to tell"),
        ("lines", "in the plot: ┈ p50, ┄ mean, ╌ p95 (from 20 iterations on); shaded: warm-up"),
        (
            "T H X ?",
            "an outlier and its cause: T throttled GPU, H busy host, X other process on a GPU of the run,"
            " ? unknown. It lies above the third quartile + 3 interquartile ranges, and 1 % above the median."
            " `d` has the evidence",
        ),
        (
            "steady",
            "WARMING: still moving towards its level, or fewer than 8 iterations; DRIFTING: moves by more"
            " than 1 % without slowing down; STEADY: neither. It changes no number",
        ),
        ("stall", "no iteration for ten times the median latency, and for ten seconds at least"),
        ("ETA", "time until the whole run is done; ≥: configurations to come take their duration at least"),
        ("tokens/s", "batch size x output length / mean latency, prefill included"),
        ("rank", "one process of the model; the others wait for the slowest"),
        (
            "in flight",
            "trtllm-bench: requests that are processed together; new ones join while others generate",
        ),
        ("queued", "trtllm-bench: requests that wait in the engine until there is room for them"),
        ("KV cache", "trtllm-bench: share of the blocks for keys and values that requests hold"),
        ("memory", "of a GPU: in use before the run (shaded), by the run, and free"),
        ("SM, DRAM", "share of a GPU's multiprocessors, and of its memory bandwidth, that had work"),
        ("throttle", "why clocks are held down: P power cap, T H thermal, B power brake, W hardware, S sync"),
    ),
)
