"""Engine `trtllm`: TensorRT-LLM 0.12 to 0.19 by its scripts, from a Hugging Face model to benchmark.py."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import msgspec

from runner.engines import build_cache, container
from runner.engines.build_cache import Found, Identity
from runner.engines.gpu_claims import claimed_gpus
from runner.engines.mpi import ROOT_ENV
from runner.engines.tensorrt_llm.engine_config import EngineConfig, read_checkpoint, read_engine
from runner.engines.tensorrt_llm.model_config import ModelConfig, read_config
from runner.engines.tensorrt_llm.options import Words, as_words, not_in_version, options_of
from runner.engines.tensorrt_llm.versions import FIRST, LAST, example_folder, refusal
from runner.engines.trtllm.compatibility import mismatches
from runner.engines.trtllm.decode_bytes import Given, reads_of
from runner.engines.trtllm.installation import Site, site_of
from runner.engines.trtllm.profile import StageName, TrtllmProfile
from runner.errors import UserError
from runner.plan.plan import Configuration, Plan, Stage

OBSERVER = Path(__file__).resolve().parents[2] / "ranks" / "observer.py"
OUTPUT_AT_ONCE = {"PYTHONUNBUFFERED": "1"}
"""For the stages whose output is a file; under mpirun it is a terminal already."""
NOT_IN_OUTPUT = ("workers", "log_level", "monitor_memory", "load_model_on_cpu", "output_timing_cache")
"""Options that change how an output is made, not what it is."""


def plan(profile: TrtllmProfile, run_dir: Path) -> Plan:
    """Convert, build, smoke, benchmark: every stage with its command, and why one is not run."""
    return Planner(profile, run_dir, site_of(profile)).plan()


@dataclass(frozen=True)
class Planner:
    """One profile, planned for one run directory at one site."""

    profile: TrtllmProfile
    run_dir: Path
    site: Site

    def plan(self) -> Plan:
        profile = self.profile
        given = self._given()
        model, engine = read_config(given.model), read_engine(given.engine)
        self._refuse(model, engine)
        checkpoint, made_engine = self._checkpoint(), self._engine()
        notes = self._notes()
        stages = [
            self._convert(checkpoint, made_engine),
            self._build(checkpoint, made_engine),
            self._smoke(made_engine),
            self._benchmark(made_engine, self._dtype(model, engine, given.checkpoint), notes),
        ]
        name = os.path.basename((profile.model.dir or profile.paths.engine_dir or "").rstrip("/"))
        return Plan(
            engine="trtllm",
            profile=profile.name,
            summary=f"{name or profile.model.family}, {profile.model.dtype}, tp {profile.parallel.tp}"
            + (f", pp {profile.parallel.pp}" if profile.parallel.pp > 1 else ""),
            stages=[stage for stage in stages if stage is not None],
            configurations=configurations(profile) if profile.wants("benchmark") else [],
            devices=claimed_gpus(profile.launch.env, profile.parallel.ranks),
            notes=notes,
            decode_reads=reads_of(profile, given),
        )

    # --- what is refused before anything runs ---------------------------------------------------------

    def _refuse(self, model: ModelConfig | None, engine: EngineConfig | None) -> None:
        """Raises UserError for what would fail, or be skipped in silence, after an hour of building."""
        profile, version = self.profile, self.site.version
        problems: list[str] = []
        if version is not None:
            if profile.wants("benchmark") and (reason := refusal(version)):
                raise UserError(reason)
            if profile.wants("build"):
                problems += not_in_version(profile.build, version)
        if engine is not None and profile.wants("benchmark"):
            problems += [f"paths.engine_dir: {sentence}" for sentence in mismatches(engine, profile)]
        if model is not None and profile.wants("convert") and (why := model.why_not(profile.parallel.tp)):
            problems.append(f"parallel.tp: {why}")
        if model is not None and profile.wants("build") and profile.wants("benchmark"):
            problems += self._too_long(model)
        if problems:
            raise UserError("\n".join(problems))

    def _too_long(self, model: ModelConfig) -> list[str]:
        """Shapes beyond the length that trtllm-build deduces from the model when it is given none."""
        benchmark, limit = self.profile.benchmark, model.max_position
        if self.profile.build.max_seq_len or limit is None or benchmark.mode != "dec":
            return []
        entry, output = max(benchmark.input_output_len, key=sum)
        if entry + output <= limit:
            return []
        return [
            f"build.max_seq_len: is not given, so it is the model's {limit}, but benchmark asks for"
            f" input {entry} + output {output} = {entry + output}"
        ]

    def _given(self) -> Given:
        paths = self.profile.paths
        folders = (self.profile.model.dir, paths.engine_dir, paths.checkpoint_dir)
        return Given(
            *(self.site.place.read(f"{folder}/config.json") if folder else None for folder in folders)
        )

    def _notes(self) -> list[str]:
        version, notes = self.site.version, []
        if version is None:
            notes.append(
                f"the version of TensorRT-LLM is not known (no package in {self.site.python}, none in"
                f" {self.profile.paths.tensorrt_llm}); the commands are those of {FIRST} to {LAST}"
            )
        return notes

    # --- outputs and what makes them ------------------------------------------------------------------

    def _checkpoint(self) -> Output:
        profile = self.profile
        if profile.paths.checkpoint_dir:
            folder = profile.paths.checkpoint_dir
            return Output(
                folder, {"checkpoint": build_cache.model_identity(folder, self.site.place)}, Found("reuse")
            )
        identity = {
            "model": build_cache.model_identity(profile.model.dir or "", self.site.place),
            "script": self._convert_script(),
            **_identity(self._convert_options(), profile.convert.extra_args),
            "TensorRT-LLM": str(self.site.version or "unknown"),
        }
        return self._output("checkpoint", identity)

    def _engine(self) -> Output:
        profile = self.profile
        if profile.paths.engine_dir:
            return Output(profile.paths.engine_dir, {}, Found("reuse"))
        identity = {
            **{f"checkpoint {name}": value for name, value in self._checkpoint().identity.items()},
            **_identity(options_of(profile.build), profile.build.extra_args),
            "TensorRT-LLM": str(self.site.version or "unknown"),
            "GPU": self.site.gpu or "unknown",
        }
        return self._output("engine", identity)

    def _output(self, what: str, identity: Identity) -> Output:
        folder = build_cache.output_dir(self.profile.paths.work, self.profile.name, what, identity)
        return Output(folder, dict(identity), build_cache.lookup(folder, identity, self.site.place))

    # --- the stages -----------------------------------------------------------------------------------

    def _convert(self, checkpoint: Output, engine: Output) -> Stage | None:
        profile = self.profile
        if not profile.model.dir:
            return None
        skip = profile.skipped("convert")
        if not skip and profile.wants("build") and engine.found.state == "reuse":
            skip = f"not needed: the engine is cached: {engine.folder}"
        argv = [
            self.site.python,
            self._convert_script(),
            *("--model_dir", profile.model.dir),
            *("--output_dir", checkpoint.folder),
            *as_words(self._convert_options()),
            *profile.convert.extra_args,
        ]
        return self._making("convert", argv, checkpoint, skip)

    def _build(self, checkpoint: Output, engine: Output) -> Stage:
        profile = self.profile
        skip = profile.skipped("build")
        made = "reuse" in (checkpoint.found.state, engine.found.state)
        if not skip and not profile.wants("convert") and not made:
            raise UserError(
                "stages: build needs a checkpoint, and no earlier run of this profile made one",
                hint="add convert to stages, or give paths.checkpoint_dir",
            )
        argv = [
            self.site.trtllm_build,
            *("--checkpoint_dir", checkpoint.folder),
            *("--output_dir", engine.folder),
            *as_words(options_of(profile.build)),
            *profile.build.extra_args,
        ]
        return self._making("build", argv, engine, skip)

    def _making(self, name: StageName, argv: list[str], output: Output, skip: str) -> Stage:
        """A stage with an output that is kept: reused when nothing changed, else made, and why."""
        if not skip and output.found.state == "reuse":
            skip = f"cached: {output.folder}"
        stage = self._stage(name, argv, OUTPUT_AT_ONCE, skip)
        if skip:
            return stage
        return msgspec.structs.replace(
            stage, output=output.folder, identity=output.identity, again=output.found.reason
        )

    def _smoke(self, engine: Output) -> Stage | None:
        profile = self.profile
        tokenizer = profile.paths.tokenizer_dir or profile.model.dir
        if tokenizer is None:
            return None
        argv = [
            *self._ranks(),
            self.site.python,
            f"{profile.paths.tensorrt_llm}/examples/run.py",
            *("--engine_dir", engine.folder),
            *("--max_output_len", str(profile.smoke.max_output_len)),
            *("--tokenizer_dir", tokenizer),
            *("--input_text", profile.smoke.prompt),
            *profile.smoke.extra_args,
        ]
        return self._stage("smoke", argv, ROOT_ENV, self._needs_engine("smoke", engine))

    def _benchmark(self, engine: Output, dtype: str | None, notes: list[str]) -> Stage:
        profile = self.profile
        if dtype is None:
            notes.append(
                "the engine's dtype is not known, so benchmark.py takes float16; set benchmark.dtype"
            )
        argv = [
            *self._ranks(),
            self.site.python,
            self._observer(),
            f"{profile.paths.tensorrt_llm}/benchmarks/python/benchmark.py",
            *as_words(_benchmark_options(profile, engine.folder, dtype)),
            *profile.benchmark.extra_args,
        ]
        stage = self._stage("benchmark", argv, ROOT_ENV, self._needs_engine("benchmark", engine))
        return msgspec.structs.replace(stage, reports=True)

    def _needs_engine(self, name: StageName, engine: Output) -> str:
        skip = self.profile.skipped(name)
        if not skip and not self.profile.wants("build") and engine.found.state != "reuse":
            raise UserError(
                f"stages: {name} needs an engine, and no earlier run of this profile made one",
                hint="add build to stages, or give paths.engine_dir",
            )
        return skip

    def _dtype(
        self, model: ModelConfig | None, engine: EngineConfig | None, given: bytes | None
    ) -> str | None:
        """The engine's type, which benchmark.py has to be told; `given`: the config of a checkpoint."""
        if self.profile.benchmark.dtype:
            return self.profile.benchmark.dtype
        if engine is not None and engine.pretrained_config.dtype:
            return engine.pretrained_config.dtype
        checkpoint = read_checkpoint(given)
        if checkpoint is not None and checkpoint.dtype:
            return checkpoint.dtype
        if self.profile.model.dtype != "auto":
            return self.profile.model.dtype
        # convert_checkpoint.py --dtype auto keeps a model's type, except that float32 becomes float16.
        return {"float32": "float16"}.get(model.dtype, model.dtype) if model and model.dtype else None

    def _ranks(self) -> list[str]:
        """mpirun exactly as a person would call it: binding and mapping of ranks change what is measured."""
        parallel, launch = self.profile.parallel, self.profile.launch
        return [self.site.mpirun, "-n", str(parallel.ranks), *launch.mpirun.args]

    def _convert_script(self) -> str:
        model = self.profile.model
        folder = f"{self.profile.paths.tensorrt_llm}/{example_folder(model.family, self.site.version)}"
        return model.script or f"{folder}/convert_checkpoint.py"

    def _convert_options(self) -> Words:
        """Size and type are said even where they are the default, which changed between versions."""
        profile = self.profile
        pp = [("pp_size", str(profile.parallel.pp))] if profile.parallel.pp > 1 else []
        return [
            ("tp_size", str(profile.parallel.tp)),
            *pp,
            ("dtype", profile.model.dtype),
            *options_of(profile.convert),
        ]

    def _observer(self) -> str:
        inside = self.site.container
        return container.path_inside(OBSERVER) if inside and inside.exec else str(OBSERVER)

    def _work(self) -> list[str]:
        """The folder of outputs, where there is one: with an engine that is given, nothing has to make it."""
        work = self.profile.paths.work
        return [] if self.profile.paths.engine_dir and not os.path.isdir(work) else [work]

    def _stage(self, name: StageName, argv: list[str], env: dict[str, str], skip: str) -> Stage:
        """A command as a stage, wrapped when it runs in a container."""
        profile, inside = self.profile, self.site.container
        env = env | profile.launch.env
        wrapped = ""
        if inside is not None:
            command = container.wrap(
                inside,
                argv,
                env=env,
                workdir=profile.paths.tensorrt_llm if inside.exec else str(self.run_dir),
                name=container.container_name(self.run_dir.name, name),
                mounts=[str(self.run_dir), *self._work(), str(OBSERVER.parent)],
                bring=(str(OBSERVER), self._observer()) if name == "benchmark" else None,
            )
            argv, env, wrapped = command.argv, {}, command.container
        return Stage(
            name=name,
            argv=argv,
            # Whatever the tools leave in their working directory (timing cache, CSV) belongs to the run.
            cwd=str(self.run_dir),
            env=env,
            ranks=profile.parallel.ranks if name in ("smoke", "benchmark") else 1,
            skip=skip,
            container=wrapped,
        )


@dataclass(frozen=True)
class Output:
    """A checkpoint or an engine: where it is or will be, what makes it, and whether it is there."""

    folder: str
    identity: dict[str, str]
    found: Found


def _identity(options: Words, extra: list[str]) -> dict[str, str]:
    identity = {name: value or "on" for name, value in options if name not in NOT_IN_OUTPUT}
    return identity | ({"extra_args": shlex.join(extra)} if extra else {})


def _benchmark_options(profile: TrtllmProfile, engine_dir: str, dtype: str | None) -> Words:
    """Options of benchmark.py; lists are joined by semicolons there."""
    benchmark = profile.benchmark
    options: Words = [
        ("model", benchmark.mode),
        ("engine_dir", engine_dir),
        ("batch_size", ";".join(map(str, benchmark.batch_size))),
    ]
    if benchmark.mode == "enc":
        options.append(("input_len", ";".join(map(str, benchmark.input_len))))
    else:
        pairs = ";".join(f"{entry},{output}" for entry, output in benchmark.input_output_len)
        options.append(("input_output_len", pairs))
    options += [
        ("num_runs", str(benchmark.num_runs)),
        ("duration", str(benchmark.duration)),
        ("warm_up", str(benchmark.warm_up)),
    ]
    if dtype is not None:
        options.append(("dtype", dtype))
    if benchmark.num_beams > 1:
        options.append(("num_beams", str(benchmark.num_beams)))
    if benchmark.gpu_weights_percent != [1.0]:
        options.append(("gpu_weights_percent", ";".join(map(str, benchmark.gpu_weights_percent))))
    flags = ("enable_cuda_graph", "csv", "dump_profile")
    options += [(flag, None) for flag in flags if getattr(benchmark, flag)]
    return [*options, ("log_level", benchmark.log_level)]


def configurations(profile: TrtllmProfile) -> list[Configuration]:
    """Every length with every batch size and share of weights, in upstream's order of measuring."""
    benchmark = profile.benchmark
    lengths = (
        [(entry, 0) for entry in benchmark.input_len]
        if benchmark.mode == "enc"
        else benchmark.input_output_len
    )
    return [
        Configuration(batch, entry, output, percent)
        for entry, output in lengths
        for batch in benchmark.batch_size
        for percent in benchmark.gpu_weights_percent
    ]
