"""The checkpoint and the engine of a trtllm profile: where they are cached, and what they depend on."""

from __future__ import annotations

from dataclasses import dataclass

from runner.engines import build_cache
from runner.engines.build_cache import CachedOutput, CacheLookup, Identity
from runner.engines.tensorrt_llm.model_config import ModelConfig
from runner.engines.trtllm.arguments import Programs, build_options, output_identity
from runner.engines.trtllm.checkpoint import checkpoint_call
from runner.engines.trtllm.families import PARTS
from runner.engines.trtllm.installation import TrtllmInstallation
from runner.engines.trtllm.profile import TrtllmProfile


@dataclass(frozen=True)
class Outputs:
    """The outputs of one profile with one installation."""

    profile: TrtllmProfile
    installation: TrtllmInstallation
    programs: Programs
    model: ModelConfig | None

    def checkpoint(self) -> CachedOutput:
        """Return the checkpoint that convert or quantize makes, or the given one."""
        profile = self.profile
        if profile.paths.checkpoint_dir:
            folder = profile.paths.checkpoint_dir
            parts = [f"{folder}/{part}" for part in PARTS] if profile.has_two_parts else [folder]
            identities = [build_cache.model_identity(p, self.installation.file_system) for p in parts]
            return CachedOutput(folder, {"checkpoint": "; ".join(identities)}, CacheLookup("reuse"))
        call = checkpoint_call(profile, self.programs, self.model)
        identity = {
            "model": build_cache.model_identity(profile.model.dir or "", self.installation.file_system),
            "script": call.script,
            **output_identity(call.options, call.extra_args),
            "TensorRT-LLM": str(self.installation.version or "unknown"),
        }
        return self._output("checkpoint", identity)

    def engine(self) -> CachedOutput:
        """Return the engine that build makes, or the given one; of two parts, the folder of both."""
        profile = self.profile
        if profile.paths.engine_dir:
            return CachedOutput(profile.paths.engine_dir, {}, CacheLookup("reuse"))
        identity = {
            **{f"checkpoint {name}": value for name, value in self.checkpoint().identity.items()},
            **output_identity(build_options(profile, self.programs), profile.build.extra_args),
            "TensorRT-LLM": str(self.installation.version or "unknown"),
            "GPU": self.installation.gpu or "unknown",
        }
        if not profile.has_two_parts:
            return self._output("engine", identity)
        whole = build_cache.output_dir(profile.paths.work, profile.name, "engine", identity)
        parts = [self.part(CachedOutput(whole, identity, CacheLookup("reuse")), part) for part in PARTS]
        missing = next((part.found for part in parts if part.found.state != "reuse"), CacheLookup("reuse"))
        return CachedOutput(whole, dict(identity), missing)

    def part(self, engine: CachedOutput, part: str) -> CachedOutput:
        """Return the engine of the encoder or the decoder."""
        return self._looked_up(f"{engine.folder}/{part}", engine.identity | {"part": part})

    def _output(self, what: str, identity: Identity) -> CachedOutput:
        folder = build_cache.output_dir(self.profile.paths.work, self.profile.name, what, identity)
        return self._looked_up(folder, identity)

    def _looked_up(self, folder: str, identity: Identity) -> CachedOutput:
        found = build_cache.lookup(folder, identity, self.installation.file_system)
        return CachedOutput(folder, dict(identity), found)
