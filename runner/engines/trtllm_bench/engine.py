"""The engine `trtllm-bench`: NVIDIA's own benchmark of TensorRT-LLM, requests batched in flight."""

from runner.engines.interface import Engine, Preflight
from runner.engines.output import OutputReader
from runner.engines.trtllm_bench.checks import checks, keep_helps, kept_helps, questions
from runner.engines.trtllm_bench.failures import KNOWN
from runner.engines.trtllm_bench.importer import IMPORTER
from runner.engines.trtllm_bench.output import Progress, ends_after, iteration_of, left_in
from runner.engines.trtllm_bench.plan import plan
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.engines.trtllm_bench.rules import bench_rules

ENGINE = Engine(
    profile=BenchProfile,
    rules=bench_rules,
    plan=plan,
    output=OutputReader(
        result_of=lambda _: None,
        progress=Progress,
        iteration_of=iteration_of,
        ends_after=ends_after,
        left_in=left_in,
        known_failures=KNOWN,
    ),
    model_label=lambda profile: profile.model.name.rpartition("/")[2],
    parallel_label=lambda profile: f"tp {profile.parallel.tp}",
    preflight=Preflight(
        checks=checks,
        ranks=lambda profile: profile.parallel.ranks,
        container=lambda profile: profile.launch.container,  # and no mpirun: it spawns its ranks itself
        questions=questions,
        before_plan=keep_helps,
        program_helps=kept_helps,
    ),
    importer=IMPORTER,
)
