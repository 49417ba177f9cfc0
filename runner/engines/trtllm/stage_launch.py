"""How the stages of a trtllm run are started: by srun or mpirun, in the container of the profile."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from runner.engines import container
from runner.engines.mpi import RankLaunch
from runner.engines.slurm.srun import Place, ranks_argv, task_argv
from runner.engines.trtllm.installation import TrtllmInstallation
from runner.engines.trtllm.profile import StageName, TrtllmProfile
from runner.plan.plan import Stage
from runner.plan.skip import SkipReason

OBSERVER = Path(__file__).resolve().parents[2] / "ranks" / "observer.py"


@dataclass(frozen=True)
class StageLaunch:
    """Adds to the commands of one run what starts them."""

    profile: TrtllmProfile
    run_dir: Path
    installation: TrtllmInstallation
    launch: RankLaunch

    def stage(self, name: StageName, argv: list[str], env: dict[str, str], skip: SkipReason | None) -> Stage:
        """Return a stage that runs a command, in the container if the profile has one."""
        profile, inside = self.profile, self.installation.container
        env = env | profile.launch.env
        container_ref, has_ranks = "", name in ("smoke", "benchmark")
        launcher = self._rank_launcher() if has_ranks else []
        if profile.launch.slurm is not None and not has_ranks:
            launcher = task_argv(profile.launch.slurm, self._place, gpus=1)
        outside = launcher if inside is not None and has_ranks and self.launch.nodes else []
        if not outside:
            argv = [*launcher, *argv]
        if inside is not None:
            command = container.wrap_command(
                inside,
                argv,
                launcher=outside,
                exported=profile.launch.mpirun.export,
                env=env,
                workdir=profile.paths.tensorrt_llm if inside.exec else str(self.run_dir),
                name=container.container_name(self.run_dir.name, name),
                mounts=self._place.mounts,
                copy_in=(str(OBSERVER), self.observer()) if name == "benchmark" else None,
            )
            argv, env, container_ref = command.argv, command.env, str(command.container)
        return Stage(
            name=name,
            argv=argv,
            # What the tools write to their working directory (timing cache, CSV) belongs to the run.
            cwd=str(self.run_dir),
            env=env,
            ranks=profile.parallel.ranks if has_ranks else 1,
            skip=str(skip or ""),
            container=container_ref,
        )

    def observer(self) -> str:
        """Return the path of the program that runs benchmark.py, where the stage finds it."""
        inside = self.installation.container
        return container.path_inside(OBSERVER) if inside and inside.exec else str(OBSERVER)

    def _rank_launcher(self) -> list[str]:
        """Return srun, or mpirun as a user calls it: binding and mapping of ranks change what is measured."""
        slurm, ranks = self.profile.launch.slurm, self.profile.parallel.ranks
        if slurm is not None:
            return ranks_argv(slurm, self._place, ranks, gpus=ranks)
        return self.launch.argv(as_called=True)

    @property
    def _place(self) -> Place:
        mounts = [str(self.run_dir), *self._work(), str(OBSERVER.parent)]
        return Place(str(self.run_dir), mounts, list(self.profile.launch.env), self.installation.python)

    def _work(self) -> list[str]:
        """Return the folder of outputs if it exists; with a given engine it is not needed."""
        work = self.profile.paths.work
        return [] if self.profile.paths.engine_dir and not os.path.isdir(work) else [work]
