"""The engine `torch`: a tensor-parallel decoder in PyTorch, part of this program, on CPU or CUDA.

mpirun starts its ranks (`runner/ranks/torch_benchmark.py`), which print result lines as benchmark.py does.
With the weights of a checkpoint a stage smoke comes before, which prints text as run.py does.
"""

from runner.engines.interface import Engine, Preflight
from runner.engines.mpi import ranks_here
from runner.engines.torch.checks import checks
from runner.engines.torch.output import OUTPUT
from runner.engines.torch.plan import plan
from runner.engines.torch.profile import TorchProfile, model_label, rules, tune_axes

ENGINE = Engine(
    profile=TorchProfile,
    rules=rules,
    plan=plan,
    output=OUTPUT,
    model_label=model_label,
    parallel_label=lambda profile: f"tp {profile.parallel.tp}",
    tune_axes=tune_axes,
    preflight=Preflight(
        checks=checks,
        ranks=lambda profile: profile.parallel.tp,
        ranks_here=lambda profile: ranks_here(profile.launch.mpirun, profile.parallel.tp),
        uses_gpus=lambda profile: profile.model.device == "cuda",
        mpirun=lambda profile: profile.launch.mpirun.path,
    ),
)
