"""The engine `torch`: a tensor-parallel decoder in PyTorch, part of this program, on CPU or CUDA.

mpirun starts its ranks (`runner/ranks/torch_benchmark.py`), which print result lines as benchmark.py does.
With the weights of a checkpoint a stage smoke comes before, which prints text as run.py does.
"""

from runner.engines import benchmark_line
from runner.engines.benchmark_notices import parse_notice
from runner.engines.interface import Engine, Preflight
from runner.engines.mpi import ranks_here
from runner.engines.output import OutputReader
from runner.engines.run_answers import answers_in
from runner.engines.torch.checks import checks
from runner.engines.torch.plan import plan
from runner.engines.torch.profile import TorchProfile, model_label, rules, tune_axes

ENGINE = Engine(
    profile=TorchProfile,
    rules=rules,
    plan=plan,
    output=OutputReader(
        benchmark_line.parse,
        parse_notice,
        parse_answers=lambda text: [(answer.prompt, answer.output) for answer in answers_in(text)],
        marks=(benchmark_line.MARK.encode(),),
    ),
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
