"""Engine `trtllm-bench`: NVIDIA's own benchmark of TensorRT-LLM, requests batched in flight.

It spawns its ranks itself, so there is no mpirun around it. Several concurrencies are several runs of the
tool, a stage each, because it takes one at a time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from runner.engines import build_cache, container
from runner.engines.build_cache import Found
from runner.engines.gpu_claims import claimed_gpus
from runner.engines.mpi import ROOT_ENV
from runner.engines.tensorrt_llm.engine_config import EngineConfig, read_engine
from runner.engines.tensorrt_llm.options import as_words
from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm_bench import dataset as bench_dataset
from runner.engines.trtllm_bench.arguments import (
    build_words,
    dataset_words,
    group_words,
    run_words,
    tokenizer,
)
from runner.engines.trtllm_bench.compatibility import refusals
from runner.engines.trtllm_bench.dataset import Requests
from runner.engines.trtllm_bench.installation import BenchSite, bench_site_of
from runner.engines.trtllm_bench.options import Tool, help_texts, parsed_helps
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.errors import UserError
from runner.plan.plan import Configuration, Plan, Stage, StageName
from runner.ranks.dataset import FILE

MAKER = Path(__file__).resolve().parents[2] / "ranks" / "dataset.py"
ENV = {"PYTHONUNBUFFERED": "1", **ROOT_ENV}
FILES = {"report": "report_json", "requests": "request_json", "iterations": "iteration_log"}
"""Files that the tool writes, and the option that asks for each."""
_ENDINGS = {"report": "report.json", "requests": "requests.json", "iterations": "iterations.log"}


def plan(profile: BenchProfile, run_dir: Path) -> Plan:
    """Dataset, build, and a benchmark for every concurrency."""
    site = bench_site_of(profile)
    version = site.version or assumed(profile)
    texts = help_texts(site.program, site.where, version) if site.version else {}
    return Planner(profile, run_dir, site, Tool(version, parsed_helps(texts))).plan()


def assumed(profile: BenchProfile) -> Version:
    """The version whose commands are shown where none is installed."""
    return Version.parse("0.16" if profile.needs_engine else "1.2")


@dataclass(frozen=True)
class Output:
    """A dataset or an engine: where it is or will be, what makes it, and whether it is there."""

    folder: str
    identity: dict[str, str]
    found: Found


@dataclass(frozen=True)
class Planner:
    """One profile, planned for one run directory at one site."""

    profile: BenchProfile
    run_dir: Path
    site: BenchSite
    tool: Tool

    def plan(self) -> Plan:
        """The whole plan.

        Raises:
            UserError: the tool's version cannot do what the profile wants, or its requests are none.
        """
        profile = self.profile
        requests, given = self._requests(), self._given_engine()
        problems = refusals(profile, self.tool, requests, given)
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
        return Plan(
            engine="trtllm-bench",
            profile=profile.name,
            summary=self._summary(),
            stages=stages,
            configurations=configurations if profile.wants("benchmark") else [],
            devices=claimed_gpus(profile.launch.env, profile.parallel.ranks),
            notes=self._notes(),
        )

    def _summary(self) -> str:
        profile = self.profile
        parallel, build = profile.parallel, profile.build
        words = [profile.model.name.rpartition("/")[2], profile.benchmark.command]
        words.append(profile.benchmark.backend or "engine")
        if build.quantization and profile.wants("build"):
            words.append(build.quantization)
        words.append(f"tp {parallel.tp}")
        if parallel.pp > 1:
            words.append(f"pp {parallel.pp}")
        return ", ".join(words)

    def _requests(self) -> Requests:
        file = self.profile.dataset.file
        if file is None:
            return bench_dataset.of_settings(self.profile.dataset)
        form = bench_dataset.form_of(self.tool.version)
        return bench_dataset.of_file(file, self.site.place.read(file), form)

    def _given_engine(self) -> EngineConfig | None:
        folder = self.profile.paths.engine_dir
        return read_engine(self.site.place.read(f"{folder}/config.json")) if folder else None

    def _configurations(self, requests: Requests) -> list[Configuration]:
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
        if self.site.version is None:
            notes.append(
                f"the version of TensorRT-LLM is not known (no package in {self.site.python}); the commands"
                f" are those of {version}"
            )
        if profile.model.dir and profile.wants("build") and not self.tool.has("group", "model_path"):
            notes.append(
                f"trtllm-bench build of {version} knows no --model_path: it takes {profile.model.name} from"
                " the Hugging Face cache (HF_HOME) or downloads it"
            )
        return notes

    # --- outputs and what makes them ------------------------------------------------------------------

    def _dataset_output(self) -> Output:
        profile = self.profile
        if profile.dataset.file is not None:
            return Output(profile.dataset.file, {}, Found("reuse"))
        identity = {
            name: value or "on" for name, value in dataset_words(profile, self.tool) if name != "model_dir"
        }
        identity["maker"] = hashlib.blake2s(MAKER.read_bytes(), digest_size=4).hexdigest()
        if profile.model.dir is not None:
            files = self.site.place.files(profile.model.dir) or []
            names = ("config.json", "tokenizer.json")
            identity["vocabulary"] = (
                ", ".join(f"{f[0]} {f[1]} {f[2]}" for f in files if f[0] in names) or "none"
            )
        return self._output("dataset", identity)

    def _engine_output(self, requests: Requests) -> Output:
        profile = self.profile
        if profile.paths.engine_dir:
            return Output(profile.paths.engine_dir, {}, Found("reuse"))
        folder = profile.model.dir
        identity = {"model": profile.model.name}
        if folder is not None:
            identity["files"] = build_cache.model_identity(folder, self.site.place)
        words = [
            (name, value)
            for name, value in build_words(profile, self.tool, "", requests)
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
        identity["TensorRT-LLM"] = str(self.site.version or "unknown")
        identity["GPU"] = self.site.gpu or "unknown"
        return self._output("bench-engine", identity)

    def _output(self, what: str, identity: dict[str, str]) -> Output:
        folder = build_cache.output_dir(self.profile.paths.work, self.profile.name, what, identity)
        return Output(folder, identity, build_cache.lookup(folder, identity, self.site.place))

    def _dataset_file(self, dataset: Output) -> str:
        return dataset.folder if self.profile.dataset.file is not None else f"{dataset.folder}/{FILE}"

    def _engine_dir(self, engine: Output) -> str:
        """Where `build` puts the engine in its workspace."""
        parallel = self.profile.parallel
        if self.profile.paths.engine_dir:
            return engine.folder
        return f"{engine.folder}/{self.profile.model.name}/tp_{parallel.tp}_pp_{parallel.pp}"

    # --- the stages -----------------------------------------------------------------------------------

    def _dataset(self, dataset: Output) -> Stage:
        profile = self.profile
        needed = profile.wants("benchmark") or (profile.wants("build") and profile.build.by == "dataset")
        skip = "" if needed else "not needed: the engine is built without it"
        if profile.dataset.file is not None:
            skip = f"given: dataset.file {profile.dataset.file}"
        inside = self.site.container
        maker = container.path_inside(MAKER) if inside and inside.exec else str(MAKER)
        argv = [
            self.site.python,
            maker,
            *("--output", dataset.folder),
            *as_words(dataset_words(profile, self.tool)),
        ]
        stage = self._stage("dataset", argv, skip, bring=(str(MAKER), maker))
        return self._making(stage, dataset)

    def _build(self, engine: Output, dataset: Output, requests: Requests) -> Stage:
        profile = self.profile
        argv = [
            self.site.program,
            *as_words(group_words(profile, self.tool, profile.model.name)),
            *("--workspace", engine.folder),
            "build",
            *as_words(build_words(profile, self.tool, self._dataset_file(dataset), requests)),
            *profile.build.extra_args,
        ]
        stage = self._stage("build", argv, profile.skipped("build"), folders=[engine.folder])
        return self._making(stage, engine)

    def _making(self, stage: Stage, output: Output) -> Stage:
        """A stage with an output that is kept: reused when nothing changed, else made, and why."""
        skip = stage.skip
        if not skip and output.found.state == "reuse":
            skip = f"cached: {output.folder}"
        if skip:
            return msgspec.structs.replace(stage, skip=skip)
        return msgspec.structs.replace(
            stage, output=output.folder, identity=output.identity, again=output.found.reason
        )

    def _benchmark(self, index: int, configuration: Configuration, engine: Output, dataset: Output) -> Stage:
        profile = self.profile
        skip = profile.skipped("benchmark")
        if not skip and profile.needs_engine and not profile.wants("build") and engine.found.state != "reuse":
            raise UserError(
                "stages: benchmark needs an engine, and no earlier run of this profile made one",
                hint="add build to stages, or give paths.engine_dir",
            )
        folder = self._results_folder(index)
        files = {what: f"{folder}/{_ENDINGS[what]}" for what in FILES if self._asks(what)}
        if profile.benchmark.answers:
            files["answers"] = f"{folder}/output.json"
        places = self._engine_dir(engine), self._dataset_file(dataset)
        argv = [
            self.site.program,
            *as_words(group_words(profile, self.tool, tokenizer(profile, self.tool))),
            profile.benchmark.command,
            *as_words(run_words(profile, self.tool, configuration, *places)),
            *as_words([(FILES.get(what, "output_json"), path) for what, path in files.items()]),
            *profile.benchmark.extra_args,
        ]
        stage = self._stage("benchmark", argv, skip, folders=[folder])
        if skip:
            return stage
        return msgspec.structs.replace(
            stage,
            ranks=profile.parallel.ranks,
            files=files,
            measures=index,
            shutdown_s=profile.benchmark.shutdown_timeout,
        )

    def _results_folder(self, index: int) -> str:
        """A running container does not see the run directory; its files are fetched when it is done."""
        inside = self.site.container
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
        skip: str,
        *,
        folders: list[str] | None = None,
        bring: tuple[str, str] | None = None,
    ) -> Stage:
        """A command as a stage, wrapped when it runs in a container."""
        profile, inside = self.profile, self.site.container
        env = ({} if name == "dataset" else ENV) | profile.launch.env
        wrapped = ""
        if inside is not None:
            command = container.wrap(
                inside,
                argv,
                env=env,
                workdir="/tmp" if inside.exec else str(self.run_dir),
                name=container.container_name(self.run_dir.name, name),
                mounts=[str(self.run_dir), profile.paths.work, str(MAKER.parent)],
                bring=bring,
            )
            argv, env, wrapped = command.argv, {}, command.container
        return Stage(
            name=name,
            argv=argv,
            cwd=str(self.run_dir),
            env=env,
            skip=skip,
            container=wrapped,
            folders=folders or [],
        )
