"""The engine `torch`: our own tensor-parallel decoder in PyTorch, run under mpirun on CPU or CUDA."""

from runner.engines import benchmark_line
from runner.engines.benchmark_notices import notice_of
from runner.engines.interface import Engine, Preflight
from runner.engines.output import OutputReader
from runner.engines.torch.checks import checks
from runner.engines.torch.plan import plan
from runner.engines.torch.profile import TorchProfile, model_label, rules

ENGINE = Engine(
    profile=TorchProfile,
    rules=rules,
    plan=plan,
    output=OutputReader(benchmark_line.parse, notice_of),
    model_label=model_label,
    parallel_label=lambda profile: f"tp {profile.parallel.tp}",
    preflight=Preflight(
        checks=checks,
        ranks=lambda profile: profile.parallel.tp,
        uses_gpus=lambda profile: profile.model.device == "cuda",
        mpirun=lambda profile: profile.launch.mpirun.path,
    ),
)
