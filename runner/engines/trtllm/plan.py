"""The plan of a trtllm profile: stages convert or quantize, build, smoke and benchmark, each a script.

Stages whose output is in the cache are skipped. What would fail, or would be skipped silently, after an hour
of building is rejected here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from runner.engines.build_cache import CachedOutput
from runner.engines.mpi import RankLaunch
from runner.engines.tensorrt_llm.devices import devices_of_nodes, gpus_of, host_notes
from runner.engines.tensorrt_llm.engine_config import EngineConfig, read_checkpoint, read_engine
from runner.engines.tensorrt_llm.installation import why_unknown
from runner.engines.tensorrt_llm.model_config import ModelConfig, read_config
from runner.engines.tensorrt_llm.options import Options, to_argv
from runner.engines.tensorrt_llm.versions import FIRST, LAST, why_unsupported
from runner.engines.trtllm.applied import engine_files
from runner.engines.trtllm.arguments import (
    Programs,
    benchmark_options,
    build_options,
    configurations,
    converted_dtype,
    option_problems,
    part_options,
    smoke_options,
)
from runner.engines.trtllm.checkpoint import checkpoint_call
from runner.engines.trtllm.compatibility import mismatches, too_long
from runner.engines.trtllm.decode_bytes import GivenConfigs, decode_reads_of
from runner.engines.trtllm.families import PARTS
from runner.engines.trtllm.installation import (
    OUTPUT_AT_ONCE,
    TrtllmInstallation,
    find_installation,
    rank_launch,
)
from runner.engines.trtllm.memory import predicted_memory, stored_model
from runner.engines.trtllm.outputs import Outputs
from runner.engines.trtllm.profile import StageName, TrtllmProfile
from runner.engines.trtllm.stage_launch import StageLaunch
from runner.engines.trtllm.workload import workload_of
from runner.engines.weight_files import weights_in
from runner.plan.plan import Plan, Stage
from runner.plan.skip import SkipKind, SkipReason
from runner.util.errors import UserError


def plan(profile: TrtllmProfile, run_dir: Path) -> Plan:
    """Return the stages convert, build, smoke and benchmark, each with its command or why it is skipped."""
    return TrtllmPlanner(profile, run_dir, find_installation(profile)).plan()


@dataclass(frozen=True)
class TrtllmPlanner:
    """Plans one profile for one run directory and one installation."""

    profile: TrtllmProfile
    run_dir: Path
    installation: TrtllmInstallation

    def plan(self) -> Plan:
        profile, given = self.profile, self.given
        model, engine = self.model, read_engine(given.engine)
        self._check_compatibility(model, engine)
        checkpoint, made_engine = self.outputs.checkpoint(), self.outputs.engine()
        notes = self._notes()
        stages = [
            self._make_checkpoint(checkpoint, made_engine),
            *self._builds(checkpoint, made_engine),
            self._smoke(made_engine),
            self._benchmark(made_engine, self._dtype(model, engine, given.checkpoint), notes),
        ]
        if any(stage.name == "quantize" and not stage.skip for stage in stages if stage is not None):
            notes.append(
                "quantize spreads the model over all visible GPUs, but the run reserves those of its ranks"
                " only; CUDA_VISIBLE_DEVICES in launch.env limits both"
            )
        measured = configurations(profile) if profile.selects("benchmark") else []
        stored = stored_model(profile, self._weights_in, model)
        gpus = [gpus_of(there) for there in self.launch.placed]
        devices = devices_of_nodes(self.launch, gpus)
        name = os.path.basename((profile.model.dir or profile.paths.engine_dir or "").rstrip("/"))
        return Plan(
            engine="trtllm",
            profile=profile.name,
            summary=f"{name or profile.model.family}, {profile.model.dtype}, tp {profile.parallel.tp}"
            + (f", pp {profile.parallel.pp}" if profile.parallel.pp > 1 else ""),
            stages=[stage for stage in stages if stage is not None],
            configurations=measured,
            devices=devices[0],
            nodes=self.launch.node_launch(devices),
            notes=[*notes, *host_notes(self.launch, gpus)],
            decode_reads=decode_reads_of(profile, given),
            workload=workload_of(profile),
            memory=predicted_memory(profile, measured, stored, model),
        )

    # --- what is rejected before anything runs --------------------------------------------------------

    def _check_compatibility(self, model: ModelConfig | None, engine: EngineConfig | None) -> None:
        """Raise UserError for what would fail, or be skipped silently, after an hour of building."""
        profile, version = self.profile, self.installation.version
        problems: list[str] = []
        if version is not None:
            if profile.selects("benchmark") and (reason := why_unsupported(version)):
                raise UserError(reason)
            problems += option_problems(profile, self.programs, model)
        if engine is not None and profile.selects("benchmark"):
            problems += [f"paths.engine_dir: {sentence}" for sentence in mismatches(engine, profile)]
        if (
            model is not None
            and profile.selects(profile.checkpoint_stage)
            and (why := model.tp_problem(profile.parallel.tp))
        ):
            problems.append(f"parallel.tp: {why}")
        if model is not None and profile.selects("build") and profile.selects("benchmark"):
            problems += too_long(model, profile)
        if problems:
            raise UserError("\n".join(problems))

    @cached_property
    def programs(self) -> Programs:
        """What is known of the programs that the stages start."""
        family = "" if self.profile.model.script else self.profile.model.family
        return Programs(self.installation.version, family, self.installation.helps)

    @cached_property
    def model(self) -> ModelConfig | None:
        return read_config(self.given.model)

    @cached_property
    def outputs(self) -> Outputs:
        return Outputs(self.profile, self.installation, self.programs, self.model)

    @cached_property
    def given(self) -> GivenConfigs:
        paths = self.profile.paths
        folders = (self.profile.model.dir, paths.engine_dir, paths.checkpoint_dir)
        return GivenConfigs(*(self._config(folder) if folder else None for folder in folders))

    def _weights_in(self, folder: str) -> int:
        """Return the bytes of the weights in a folder and in those of its parts."""
        folders = (
            [folder, *(f"{folder}/{part}" for part in PARTS)] if self.profile.has_two_parts else [folder]
        )
        return sum(weights_in(self.installation.file_system.files(one)) for one in folders)

    def _config(self, folder: str) -> bytes | None:
        """Return the config in a folder; of an encoder and a decoder the latter has the limits of both."""
        read = self.installation.file_system.read
        config = read(f"{folder}/config.json")
        return read(f"{folder}/decoder/config.json") if config is None else config

    def _notes(self) -> list[str]:
        version, notes = self.installation.version, []
        if version is None:
            why = why_unknown(self.profile.launch, self.installation.python)
            notes.append(
                f"the version of TensorRT-LLM is not known ({why}, none in"
                f" {self.profile.paths.tensorrt_llm}); the commands are those of {FIRST} to {LAST}"
            )
        return notes

    @cached_property
    def launch(self) -> RankLaunch:
        return rank_launch(self.profile, self.installation)

    @cached_property
    def stage_launch(self) -> StageLaunch:
        return StageLaunch(self.profile, self.run_dir, self.installation, self.launch)

    # --- the stages -----------------------------------------------------------------------------------

    def _make_checkpoint(self, checkpoint: CachedOutput, engine: CachedOutput) -> Stage | None:
        profile = self.profile
        if not profile.model.dir:
            return None
        name, call = profile.checkpoint_stage, checkpoint_call(profile, self.programs, self.model)
        skip = profile.skip_reason(name)
        if skip is None and profile.selects("build") and engine.found.state == "reuse":
            skip = SkipReason(SkipKind.NOT_NEEDED, f"the engine is cached: {engine.folder}")
        argv = [
            self.installation.python,
            call.script,
            *(f"--{call.model_dir}", profile.model.dir),
            *(f"--{call.output_dir}", checkpoint.folder),
            *to_argv(call.options),
            *call.extra_args,
        ]
        return self._cached_stage(name, argv, checkpoint, skip)

    def _builds(self, checkpoint: CachedOutput, engine: CachedOutput) -> list[Stage]:
        profile = self.profile
        skip = profile.skip_reason("build")
        made = "reuse" in (checkpoint.found.state, engine.found.state)
        if skip is None and not profile.selects(profile.checkpoint_stage) and not made:
            raise UserError(
                "stages: build needs a checkpoint, and no earlier run of this profile made one",
                hint=f"add {profile.checkpoint_stage} to stages, or give paths.checkpoint_dir",
            )
        if not profile.has_two_parts:
            options = build_options(profile, self.programs)
            return [self._build(checkpoint.folder, engine, options, skip)]
        return [
            self._build(
                f"{checkpoint.folder}/{part}",
                engine if profile.paths.engine_dir else self.outputs.part(engine, part),
                part_options(profile, self.programs, part),
                skip,
            )
            for part in PARTS
        ]

    def _build(
        self, checkpoint: str, engine: CachedOutput, options: Options, skip: SkipReason | None
    ) -> Stage:
        argv = [
            self.installation.trtllm_build,
            *("--checkpoint_dir", checkpoint),
            *("--output_dir", engine.folder),
            *to_argv(options),
            *self.profile.build.extra_args,
        ]
        return self._cached_stage("build", argv, engine, skip)

    def _cached_stage(
        self, name: StageName, argv: list[str], output: CachedOutput, skip: SkipReason | None
    ) -> Stage:
        """Return a stage with an output in the cache: skipped when it can be reused, else with the reason."""
        if skip is None and output.found.state == "reuse":
            skip = SkipReason(SkipKind.CACHED, output.folder)
        stage = self.stage_launch.stage(name, argv, OUTPUT_AT_ONCE, skip)
        if skip is not None:
            return stage
        return msgspec.structs.replace(
            stage, output=output.folder, identity=output.identity, again=output.found.reason
        )

    def _smoke(self, engine: CachedOutput) -> Stage | None:
        profile = self.profile
        tokenizer = profile.paths.tokenizer_dir or profile.model.dir
        if tokenizer is None:
            return None
        argv = [
            self.installation.python,
            f"{profile.paths.tensorrt_llm}/examples/run.py",
            *("--engine_dir", engine.folder),
            *("--max_output_len", str(profile.smoke.max_output_len)),
            *("--tokenizer_dir", tokenizer),
            *("--input_text", profile.smoke.prompt),
            *to_argv(smoke_options(profile)),
            *profile.smoke.extra_args,
        ]
        return self.stage_launch.stage(
            "smoke", argv, dict(self.launch.env), self._needs_engine("smoke", engine)
        )

    def _benchmark(self, engine: CachedOutput, dtype: str | None, notes: list[str]) -> Stage:
        profile = self.profile
        if dtype is None:
            notes.append(
                "the engine's dtype is not known, so benchmark.py takes float16; set benchmark.dtype"
            )
        argv = [
            self.installation.python,
            self.stage_launch.observer(),
            f"{profile.paths.tensorrt_llm}/benchmarks/python/benchmark.py",
            *to_argv(benchmark_options(profile, engine.folder, dtype)),
            *profile.benchmark.extra_args,
        ]
        stage = self.stage_launch.stage(
            "benchmark", argv, dict(self.launch.env), self._needs_engine("benchmark", engine)
        )
        files = engine_files(engine.folder, two_parts=profile.has_two_parts)
        return msgspec.structs.replace(stage, reports=True, files=files)

    def _needs_engine(self, name: StageName, engine: CachedOutput) -> SkipReason | None:
        skip = self.profile.skip_reason(name)
        if skip is None and not self.profile.selects("build") and engine.found.state != "reuse":
            raise UserError(
                f"stages: {name} needs an engine, and no earlier run of this profile made one",
                hint="add build to stages, or give paths.engine_dir",
            )
        return skip

    def _dtype(
        self, model: ModelConfig | None, engine: EngineConfig | None, given: bytes | None
    ) -> str | None:
        """Return the engine's dtype for benchmark.py; `given` is the config of a checkpoint."""
        if self.profile.benchmark.dtype:
            return self.profile.benchmark.dtype
        if engine is not None and engine.pretrained_config.dtype:
            return engine.pretrained_config.dtype
        checkpoint = read_checkpoint(given)
        if checkpoint is not None and checkpoint.dtype:
            return checkpoint.dtype
        if self.profile.model.dtype != "auto":
            return self.profile.model.dtype
        return converted_dtype(model)
