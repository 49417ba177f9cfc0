"""The engine `trtllm`: the scripts of TensorRT-LLM 0.12 to 0.19.

Stages: convert_checkpoint.py, trtllm-build, examples/run.py (smoke) and benchmarks/python/benchmark.py, which
measures batches of fixed size.
"""

from pathlib import Path

from runner.engines.interface import FIRST_FIELDS, Engine, Preflight
from runner.engines.mpi import ranks_here
from runner.engines.trtllm.checks import checks, program_helps, questions
from runner.engines.trtllm.importer import IMPORTER
from runner.engines.trtllm.output import OUTPUT
from runner.engines.trtllm.plan import plan
from runner.engines.trtllm.profile import TrtllmProfile, tune_axes
from runner.engines.trtllm.rules import rules


def _first_fields(profile: TrtllmProfile) -> tuple[str, ...]:
    """An encoder is measured with input lengths alone."""
    if profile.benchmark.mode != "enc":
        return FIRST_FIELDS
    pairs, lengths = "benchmark.input_output_len", "benchmark.input_len"
    return tuple(lengths if path == pairs else path for path in FIRST_FIELDS)


ENGINE = Engine(
    profile=TrtllmProfile,
    rules=rules,
    plan=plan,
    output=OUTPUT,
    model_label=lambda profile: Path(profile.model.dir or "").name or "/",
    parallel_label=lambda profile: f"tp {profile.parallel.tp}",
    preflight=Preflight(
        checks=checks,
        ranks=lambda profile: profile.parallel.ranks,
        ranks_here=lambda profile: ranks_here(profile.launch.mpirun, profile.parallel.ranks),
        mpirun=lambda profile: profile.launch.mpirun.path,
        container=lambda profile: profile.launch.container,
        questions=questions,
        program_helps=program_helps,
    ),
    first_fields=_first_fields,
    importer=IMPORTER,
    tune_axes=tune_axes,
)
