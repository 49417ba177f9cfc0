"""The plan of a trtllm-bench profile: stages dataset and build, and one benchmark for each concurrency.

The tool spawns its ranks itself, so on one machine it is not started under mpirun; on several hosts
trtllm-llmapi-launch gives it the ranks of an mpirun. It measures one concurrency at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from runner.engines import build_cache, container
from runner.engines.build_cache import CachedOutput, CacheLookup
from runner.engines.mpi import RankLaunch
from runner.engines.slurm.srun import Place
from runner.engines.tensorrt_llm.devices import devices_of_nodes, host_notes
from runner.engines.tensorrt_llm.engine_config import EngineConfig, read_engine
from runner.engines.tensorrt_llm.installation import why_unknown
from runner.engines.tensorrt_llm.options import to_argv
from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm_bench import dataset as bench_dataset
from runner.engines.trtllm_bench import llm_options
from runner.engines.trtllm_bench.arguments import (
    build_options,
    dataset_options,
    group_options,
    run_options,
    tokenizer,
)
from runner.engines.trtllm_bench.compatibility import find_incompatibilities, unverified_options
from runner.engines.trtllm_bench.dataset import RequestSummary
from runner.engines.trtllm_bench.hosts import hosts_argv, job_argv, rank_launch
from runner.engines.trtllm_bench.installation import BenchInstallation, find_installation, read_helps
from runner.engines.trtllm_bench.memory import predict_memory, weights_folder
from runner.engines.trtllm_bench.model_work import decode_reads_of
from runner.engines.trtllm_bench.options import Tool, parse_helps
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.engines.trtllm_bench.workload import workload_of
from runner.engines.weight_files import weights_in
from runner.events import Slo
from runner.plan.plan import Configuration, Plan, PredictedMemory, Stage, StageName
from runner.plan.skip import SkipKind, SkipReason
from runner.ranks.dataset import FILE
from runner.util.errors import UserError

MAKER = Path(__file__).resolve().parents[2] / "ranks" / "dataset.py"
FILES = {"report": "report_json", "requests": "request_json", "iterations": "iteration_log"}
"""Files that the tool writes -> the option that requests each."""
_ENDINGS = {"report": "report.json", "requests": "requests.json", "iterations": "iterations.log"}


def plan(profile: BenchProfile, run_dir: Path) -> Plan:
    """Return the stages dataset and build, and a benchmark for every concurrency."""
    installation = find_installation(profile)
    version = installation.version or fallback_version(profile)
    helps = parse_helps(read_helps(profile, installation))
    return BenchPlanner(profile, run_dir, installation, Tool(version, helps)).plan()


def fallback_version(profile: BenchProfile) -> Version:
    """Return the version whose commands are shown where none is installed."""
    return Version.parse("0.16" if profile.needs_engine else "1.2")


@dataclass(frozen=True)
class BenchPlanner:
    """Plans one profile for one run directory and one installation."""

    profile: BenchProfile
    run_dir: Path
    installation: BenchInstallation
    tool: Tool

    def plan(self) -> Plan:
        """Return the plan.

        Raises:
            UserError: this version of the tool does not support the profile, or the requests are invalid.
        """
        profile = self.profile
        requests, given = self._requests(), self._given_engine()
        problems = find_incompatibilities(profile, self.tool, requests, given)
        if problems:
            raise UserError("\n".join(problems))
        dataset, engine = self._dataset_output(), self._engine_output(requests)
        configurations = self._configurations(requests)
        stages = [self._dataset(dataset)]
        if profile.needs_engine:
            stages.append(self._build(engine, dataset, requests))
        stages += [
            self._benchmark(index, configuration, engine, dataset)
            for index, configuration in enumerate(configurations)
        ]
        devices = devices_of_nodes(self.launch, ())
        return Plan(
            engine="trtllm-bench",
            profile=profile.name,
            summary=self._summary(),
            stages=stages,
            configurations=configurations if profile.selects("benchmark") else [],
            devices=devices[0],
            nodes=self.launch.node_launch(devices),
            notes=[*self._notes(), *host_notes(self.launch)],
            slo=self._slo(),
            decode_reads=decode_reads_of(profile, self.installation.file_system),
            workload=workload_of(profile),
            memory=self._memory(configurations),
            files=dict([options] if (options := llm_options.file_of(profile)) else []),
        )

    def _memory(self, configurations: list[Configuration]) -> list[PredictedMemory]:
        folder = weights_folder(self.profile)
        size = weights_in(self.installation.file_system.files(folder)) if folder else 0
        return [predict_memory(self.profile, size) for _ in configurations]

    def _slo(self) -> Slo | None:
        stated = self.profile.benchmark.slo
        found = Slo(ttft_ms=stated.ttft_ms, tpot_ms=stated.tpot_ms, e2e_ms=stated.e2e_ms)
        return None if found == Slo() else found

    def _summary(self) -> str:
        profile = self.profile
        parallel, build = profile.parallel, profile.build
        words = [profile.model.name.rpartition("/")[2], profile.benchmark.command]
        words.append(profile.benchmark.backend or "engine")
        if build.quantization and profile.selects("build"):
            words.append(build.quantization)
        words.append(f"tp {parallel.tp}")
        if parallel.pp > 1:
            words.append(f"pp {parallel.pp}")
        return ", ".join(words)

    def _requests(self) -> RequestSummary:
        file = self.profile.dataset.file
        if file is None:
            return bench_dataset.summarize_settings(self.profile.dataset)
        form = bench_dataset.token_key_of(self.tool.version)
        return bench_dataset.summarize_file(file, self.installation.file_system.read(file), form)

    def _given_engine(self) -> EngineConfig | None:
        folder = self.profile.paths.engine_dir
        return read_engine(self.installation.file_system.read(f"{folder}/config.json")) if folder else None

    def _configurations(self, requests: RequestSummary) -> list[Configuration]:
        benchmark = self.profile.benchmark
        count = min(benchmark.num_requests or requests.count, requests.count)
        entry, output = requests.shape
        default = 1 if benchmark.command == "latency" else 0
        return [
            Configuration(0, entry, output, requests=count, concurrency=concurrency)
            for concurrency in benchmark.concurrency or [default]
        ]

    def _notes(self) -> list[str]:
        profile, notes = self.profile, []
        version = self.tool.version
        if self.installation.version is None:
            why = why_unknown(profile.launch, self.installation.python)
            notes.append(
                f"the version of TensorRT-LLM is not known ({why}); the commands are those of {version}"
            )
        if profile.model.dir and profile.selects("build") and not self.tool.has("group", "model_path"):
            notes.append(
                f"trtllm-bench build of {version} knows no --model_path: it takes {profile.model.name} from"
                " the Hugging Face cache (HF_HOME) or downloads it"
            )
        unknown = unverified_options(profile, self.tool)
        if unknown:
            notes.append(
                f"whether trtllm-bench of TensorRT-LLM {version} has {', '.join(unknown)} is not known,"
                " because its --help could not be read"
            )
        return [*notes, *llm_options.notes(profile, self.installation)]

    @cached_property
    def launch(self) -> RankLaunch:
        """How the ranks of a run on several hosts are started."""
        return rank_launch(self.profile, self.installation)

    # --- outputs and what they depend on --------------------------------------------------------------

    def _dataset_output(self) -> CachedOutput:
        profile = self.profile
        if profile.dataset.file is not None:
            return CachedOutput(profile.dataset.file, {}, CacheLookup("reuse"))
        identity = {
            name: value or "on" for name, value in dataset_options(profile, self.tool) if name != "model_dir"
        }
        identity["maker"] = hashlib.blake2s(MAKER.read_bytes(), digest_size=4).hexdigest()
        if profile.model.dir is not None:
            files = self.installation.file_system.files(profile.model.dir) or []
            names = ("config.json", "tokenizer.json")
            identity["vocabulary"] = (
                ", ".join(f"{f[0]} {f[1]} {f[2]}" for f in files if f[0] in names) or "none"
            )
        return self._output("dataset", identity)

    def _engine_output(self, requests: RequestSummary) -> CachedOutput:
        profile = self.profile
        if profile.paths.engine_dir:
            return CachedOutput(profile.paths.engine_dir, {}, CacheLookup("reuse"))
        folder = profile.model.dir
        identity = {"model": profile.model.name}
        if profile.model.revision is not None:
            identity["revision"] = profile.model.revision
        if folder is not None:
            identity["files"] = build_cache.model_identity(folder, self.installation.file_system)
        words = [
            (name, value)
            for name, value in build_options(profile, self.tool, "", requests)
            if name != "dataset"
        ]
        identity |= {name: value or "on" for name, value in words}
        if profile.build.extra_args:
            identity["extra_args"] = " ".join(profile.build.extra_args)
        if profile.build.by == "dataset":
            made = {k: v for k, v in self._dataset_output().identity.items() if k not in ("form", "maker")}
            identity |= {f"dataset {k}": v for k, v in made.items()}
            if profile.dataset.file is not None:
                identity["dataset file"] = f"{profile.dataset.file} {requests.digest}"
        identity["TensorRT-LLM"] = str(self.installation.version or "unknown")
        identity["GPU"] = self.installation.gpu or "unknown"
        return self._output("bench-engine", identity)

    def _output(self, what: str, identity: dict[str, str]) -> CachedOutput:
        folder = build_cache.output_dir(self.profile.paths.work, self.profile.name, what, identity)
        return CachedOutput(
            folder, identity, build_cache.lookup(folder, identity, self.installation.file_system)
        )

    def _dataset_file(self, dataset: CachedOutput) -> str:
        return dataset.folder if self.profile.dataset.file is not None else f"{dataset.folder}/{FILE}"

    def _engine_dir(self, engine: CachedOutput) -> str:
        """Return where `build` puts the engine in its workspace."""
        parallel = self.profile.parallel
        if self.profile.paths.engine_dir:
            return engine.folder
        return f"{engine.folder}/{self.profile.model.name}/tp_{parallel.tp}_pp_{parallel.pp}"

    # --- the stages -----------------------------------------------------------------------------------

    def _dataset(self, dataset: CachedOutput) -> Stage:
        profile = self.profile
        needed = profile.selects("benchmark") or (profile.selects("build") and profile.build.by == "dataset")
        skip = None if needed else SkipReason(SkipKind.NOT_NEEDED, "the engine is built without it")
        if profile.dataset.file is not None:
            skip = SkipReason(SkipKind.GIVEN, f"dataset.file {profile.dataset.file}")
        inside = self.installation.container
        maker = container.path_inside(MAKER) if inside and inside.exec else str(MAKER)
        argv = [
            self.installation.python,
            maker,
            *("--output", dataset.folder),
            *to_argv(dataset_options(profile, self.tool)),
        ]
        skip = skip or _reuse_reason(dataset)
        return _cached_stage(self._stage("dataset", argv, skip, copy_in=(str(MAKER), maker)), dataset)

    def _build(self, engine: CachedOutput, dataset: CachedOutput, requests: RequestSummary) -> Stage:
        profile = self.profile
        argv = [
            self.installation.program,
            *to_argv(group_options(profile, self.tool, profile.model.name)),
            *("--workspace", engine.folder),
            "build",
            *to_argv(build_options(profile, self.tool, self._dataset_file(dataset), requests)),
            *profile.build.extra_args,
        ]
        skip = profile.skip_reason("build") or _reuse_reason(engine)
        return _cached_stage(self._stage("build", argv, skip, folders=[engine.folder]), engine)

    def _benchmark(
        self, index: int, configuration: Configuration, engine: CachedOutput, dataset: CachedOutput
    ) -> Stage:
        profile = self.profile
        skip = profile.skip_reason("benchmark")
        if (
            skip is None
            and profile.needs_engine
            and not profile.selects("build")
            and engine.found.state != "reuse"
        ):
            raise UserError(
                "stages: benchmark needs an engine, and no earlier run of this profile made one",
                hint="add build to stages, or give paths.engine_dir",
            )
        folder = self._results_folder(index)
        files = {what: f"{folder}/{_ENDINGS[what]}" for what in FILES if self._asks(what)}
        if profile.benchmark.answers:
            files["answers"] = f"{folder}/output.json"
        options_file, copy_in = self._options_file()
        places = self._engine_dir(engine), self._dataset_file(dataset), options_file
        argv = [
            self.installation.program,
            *to_argv(group_options(profile, self.tool, tokenizer(profile, self.tool))),
            profile.benchmark.command,
            *to_argv(run_options(profile, self.tool, configuration, *places)),
            *to_argv([(FILES.get(what, "output_json"), path) for what, path in files.items()]),
            *profile.benchmark.extra_args,
        ]
        mpirun, argv = hosts_argv(self.launch, profile, self.installation, argv)
        stage = self._stage("benchmark", argv, skip, mpirun=mpirun, folders=[folder], copy_in=copy_in)
        if skip is not None:
            return stage
        return msgspec.structs.replace(
            stage,
            ranks=profile.parallel.ranks,
            files=files,
            measures=index,
            shutdown_s=profile.benchmark.shutdown_timeout,
        )

    def _options_file(self) -> tuple[str | None, tuple[str, str] | None]:
        """Return the path of the further options, and how the file gets into a running container."""
        file = llm_options.file_of(self.profile)
        if file is None:
            return self.profile.benchmark.options_file, None
        path, inside = str(self.run_dir / file[0]), self.installation.container
        if inside is None or not inside.exec:
            return path, None
        return f"/tmp/trtbench-{file[0]}", (path, f"/tmp/trtbench-{file[0]}")

    def _results_folder(self, index: int) -> str:
        """Return the folder of results; a running container does not see the run directory.

        Its files are copied from there when the stage has ended.
        """
        inside = self.installation.container
        if inside is not None and inside.exec:
            return f"{self.profile.paths.work.rstrip('/')}/results-{self.run_dir.name}-{index}"
        return str(self.run_dir / "results" / str(index))

    def _asks(self, what: str) -> bool:
        benchmark = self.profile.benchmark
        if what == "iterations" and benchmark.iteration_log is False:
            return False
        return self.tool.has(benchmark.command, FILES[what])

    def _stage(
        self,
        name: StageName,
        argv: list[str],
        skip: SkipReason | None,
        *,
        mpirun: Sequence[str] = (),
        folders: list[str] | None = None,
        copy_in: tuple[str, str] | None = None,
    ) -> Stage:
        """Return a stage that runs a command, in the container if the profile has one."""
        profile, inside = self.profile, self.installation.container
        env = profile.launch.env if name == "dataset" else dict(self.launch.env)
        container_ref = ""
        mounts = [str(self.run_dir), profile.paths.work, str(MAKER.parent)]
        place = Place(str(self.run_dir), mounts, list(profile.launch.env), self.installation.python)
        argv = job_argv(profile, self.installation, place, name, argv)
        if inside is None:
            argv = [*mpirun, *argv]
        else:
            command = container.wrap_command(
                inside,
                argv,
                launcher=mpirun,
                exported=profile.launch.mpirun.export,
                env=env | profile.launch.env,
                workdir="/tmp" if inside.exec else str(self.run_dir),
                name=container.container_name(self.run_dir.name, name),
                mounts=mounts,
                copy_in=copy_in,
            )
            argv, env, container_ref = command.argv, command.env, str(command.container)
        return Stage(
            name=name,
            argv=argv,
            cwd=str(self.run_dir),
            env=env,
            skip=str(skip or ""),
            container=container_ref,
            folders=folders or [],
        )


def _reuse_reason(output: CachedOutput) -> SkipReason | None:
    return SkipReason(SkipKind.CACHED, output.folder) if output.found.state == "reuse" else None


def _cached_stage(stage: Stage, output: CachedOutput) -> Stage:
    """Add to a stage that is not skipped the output that it makes, and why it is made again."""
    if stage.skip:
        return stage
    return msgspec.structs.replace(
        stage, output=output.folder, identity=output.identity, again=output.found.reason
    )
