"""What a trtllm profile measures, in the terms of published tables."""

from __future__ import annotations

import os

from runner.engines.trtllm.decode_bytes import OTHER_FORMS
from runner.engines.trtllm.profile import TrtllmProfile
from runner.plan.workload import Workload, precision_of


def workload_of(profile: TrtllmProfile) -> Workload | None:
    """Return model, precision and split; None if an engine is given, or if no folder names the model."""
    folder = profile.model.dir
    if folder is None or profile.paths.engine_dir:
        return None
    return Workload(
        model=os.path.basename(folder.rstrip("/")),
        precision=_precision(profile),
        tp=profile.parallel.tp,
        pp=profile.parallel.pp,
        backend="engine",
    )


def _precision(profile: TrtllmProfile) -> str:
    """Return the precision of the weights; empty if the profile leaves it to something that is not read."""
    convert = profile.convert
    if profile.quantize is not None and "quantize" in profile.stages:
        return "" if profile.quantize.autoq_format else profile.quantize.qformat
    if convert.extra_args or any(getattr(convert, name) for name in OTHER_FORMS):
        return ""
    if convert.use_weight_only:
        return convert.weight_only_precision or "int8"
    if convert.smoothquant is not None:
        return "int8_sq"
    if convert.use_fp8 or convert.use_fp8_rowwise:
        return "fp8"
    return precision_of("float16" if profile.model.dtype == "auto" else profile.model.dtype)
