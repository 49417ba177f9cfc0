"""The engine `trtllm-bench`: NVIDIA's benchmark tool of TensorRT-LLM 0.14 and later.

Stages: dataset (generate requests), build (an engine, if the backend needs one), and one benchmark for each
concurrency. Requests are batched in flight.
"""

from runner.engines.interface import Engine, Preflight
from runner.engines.mpi import ranks_here
from runner.engines.trtllm_bench.checks import checks, program_helps, questions
from runner.engines.trtllm_bench.importer import IMPORTER
from runner.engines.trtllm_bench.output import OUTPUT
from runner.engines.trtllm_bench.plan import plan
from runner.engines.trtllm_bench.profile import BenchProfile, tune_axes
from runner.engines.trtllm_bench.rules import rules

ENGINE = Engine(
    profile=BenchProfile,
    rules=rules,
    plan=plan,
    output=OUTPUT,
    model_label=lambda profile: profile.model.name.rpartition("/")[2],
    parallel_label=lambda profile: f"tp {profile.parallel.tp}",
    preflight=Preflight(
        checks=checks,
        ranks=lambda profile: profile.parallel.ranks,
        ranks_here=lambda profile: ranks_here(profile.launch.mpirun, profile.parallel.ranks),
        container=lambda profile: profile.launch.container,  # no mpirun: the tool spawns its ranks
        questions=questions,
        program_helps=program_helps,
    ),
    first_fields=lambda _: (
        "benchmark.concurrency",
        "dataset.input_len",
        "dataset.output_len",
        "dataset.num_requests",
        "model.dir",
        "parallel.tp",
        "benchmark.backend",
        "build.quantization",
    ),
    importer=IMPORTER,
    tune_axes=tune_axes,
)
