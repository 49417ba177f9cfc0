"""Checks of how the GPUs of a run are set up and connected: each with the command that mends it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

from runner.engines.check import Check
from runner.engines.facts import MachineFacts
from runner.engines.gpu_facts import GpuLink, GpuSetup, chosen_gpus, visible_devices
from runner.util.formatting import ranges

_LEVELS = {0: "one board", 10: "a PCIe switch", 20: "PCIe switches", 30: "a host bridge"}
_LEVELS |= {40: "a NUMA node", 50: "the sockets"}


def gpu_setup_checks(facts: MachineFacts, ranks: int, *, needed: bool) -> Iterator[Check]:
    """Yield the checks of the GPUs that the ranks use; without a profile (`needed` false) of all GPUs.

    Args:
        facts: the facts of the machine.
        ranks: number of ranks; each uses one GPU.
        needed: the checks are for a profile.
    """
    if facts.survey is None or not facts.survey.gpus:
        return
    visible = visible_devices(facts.environment, facts.probe.env if facts.probe else {})
    gpus = chosen_gpus(facts.survey, visible, ranks if needed else len(facts.survey.gpus))
    if not gpus:
        return
    yield _persistence(gpus)
    yield from _power(gpus)
    yield from _clocks(gpus)
    yield from _ecc(gpus)
    yield from _mig(gpus)
    yield from _pcie(gpus)
    if len(gpus) > 1:
        chosen = {gpu.index for gpu in gpus}
        links = [link for link in facts.survey.links if {link.a, link.b} <= chosen]
        yield from _links(links, len(gpus))
    yield from _placement(facts, gpus)


def _which(gpus: Sequence[GpuSetup]) -> str:
    """Return `GPU 0` or `GPUs 0-3`."""
    numbers = sorted(gpu.index for gpu in gpus)
    return f"GPU{'s' if len(numbers) > 1 else ''} {ranges(numbers)}"


def _ids(gpus: Sequence[GpuSetup]) -> str:
    return ",".join(str(gpu.index) for gpu in gpus)


def _persistence(gpus: Sequence[GpuSetup]) -> Check:
    off = [gpu for gpu in gpus if gpu.persistence is False]
    if not off:
        return Check("persistence", "pass", "the driver stays loaded between runs")
    text = f"off for {_which(off)}: each process initialises the GPU again, which resets clocks and counters"
    return Check("persistence", "warn", text, f"sudo nvidia-smi -i {_ids(off)} -pm 1")


def _groups(gpus: Sequence[GpuSetup], key: Callable[[GpuSetup], Hashable]) -> Iterator[list[GpuSetup]]:
    """Yield GPUs that have a key in groups of the same key, so that eight of them are one line."""
    found: dict[Hashable, list[GpuSetup]] = {}
    for gpu in gpus:
        if (value := key(gpu)) is not None:
            found.setdefault(value, []).append(gpu)
    yield from found.values()


def _power(gpus: Sequence[GpuSetup]) -> Iterator[Check]:
    low = list(_groups(gpus, _low_power_limit))
    for group in low:
        now, most = _low_power_limit(group[0]) or (0.0, 0.0)
        text = f"{_which(group)}: at most {now:.0f} W instead of {most:.0f} W, so clocks are lower"
        yield Check("power limit", "warn", text, f"sudo nvidia-smi -i {_ids(group)} -pl {most:.0f}")
    limits = {gpu.power_limit_w for gpu in gpus if gpu.power_limit_w}
    if limits and not low:
        shown = ", ".join(f"{limit:.0f} W" for limit in sorted(limits))
        yield Check("power limit", "pass", f"{shown}, the maximum")


def _low_power_limit(gpu: GpuSetup) -> tuple[float, float] | None:
    """Return the power limit and the highest one in watts; None: it is the highest, or unknown."""
    now, most = gpu.power_limit_w, gpu.power_max_w or gpu.power_default_w
    return (now, most) if now and most and now < most else None


def _clocks(gpus: Sequence[GpuSetup]) -> Iterator[Check]:
    """NVML reports locked clocks only by their effect, while they limit the clock."""
    held = list(_groups(gpus, _held_clock))
    for group in held:
        limit, most = _held_clock(group[0]) or ("", None)
        text = f"locked or application clocks limit the SM clock of {_which(group)}{limit}"
        text += f" (maximum {most} MHz)" if most else ""
        ids = _ids(group)
        yield Check("clocks", "warn", text, f"sudo nvidia-smi -i {ids} -rgc; sudo nvidia-smi -i {ids} -rac")
    if not held:
        yield Check("clocks", "pass", "no setting limits them now")


def _held_clock(gpu: GpuSetup) -> tuple[str, int | None] | None:
    """Return the limit of the SM clock as text and its maximum in MHz; None: no setting limits it."""
    limit, default = gpu.sm_clock_limit, gpu.sm_clock_default
    if limit is not None and default is not None and limit < default:
        return f" to {limit} MHz", gpu.max_sm_clock
    return ("", gpu.max_sm_clock) if gpu.clocks_are_set else None


def _ecc(gpus: Sequence[GpuSetup]) -> Iterator[Check]:
    for gpu in gpus:
        if gpu.uncorrected:
            text = f"GPU {gpu.index}: {gpu.uncorrected} uncorrected memory errors since the driver was loaded"
            yield Check("ECC", "warn", text, f"nvidia-smi -i {gpu.index} -q -d ECC,ROW_REMAPPER")
        if gpu.ecc is not None and gpu.ecc_pending not in (None, gpu.ecc):
            text = f"the next reset switches ECC of GPU {gpu.index} {'on' if gpu.ecc_pending else 'off'}"
            yield Check("ECC", "warn", text, f"sudo nvidia-smi -i {gpu.index} -e {int(gpu.ecc)}")
    off = [gpu for gpu in gpus if gpu.ecc is False]
    states = {gpu.ecc for gpu in gpus if gpu.ecc is not None}
    if len(states) > 1:
        text = f"off for {_which(off)} only: memory is faster without ECC"
        yield Check("ECC", "warn", text, f"sudo nvidia-smi -i {_ids(off)} -e 1")
    elif states:
        yield Check("ECC", "pass", "off: memory is faster without it" if off else "on")


def _mig(gpus: Sequence[GpuSetup]) -> Iterator[Check]:
    split = [gpu for gpu in gpus if gpu.mig]
    if split:
        text = f"MIG splits {_which(split)}: ranks get a slice; utilisation and energy are not measured"
        yield Check("MIG", "warn", text, f"sudo nvidia-smi -i {_ids(split)} -mig 0")
    pending = [gpu for gpu in gpus if gpu.mig is not None and gpu.mig_pending not in (None, gpu.mig)]
    for group in _groups(pending, lambda gpu: gpu.mig):
        text = f"the next reset switches MIG of {_which(group)} {'off' if group[0].mig else 'on'}"
        yield Check("MIG", "warn", text, f"sudo nvidia-smi -i {_ids(group)} -mig {int(bool(group[0].mig))}")


def _pcie(gpus: Sequence[GpuSetup]) -> Iterator[Check]:
    problems = 0
    for gpu in gpus:
        where = f"nvidia-smi -i {gpu.index} -q -d PCIE; sudo lspci -vv -s {gpu.pci[-12:]} | grep LnkSta"
        if gpu.pcie_width and gpu.max_pcie_width and gpu.pcie_width < gpu.max_pcie_width:
            lanes = f"x{gpu.pcie_width} of x{gpu.max_pcie_width} lanes"
            text = f"GPU {gpu.index} has {lanes}: check its slot and how it sits in it"
            yield Check("PCIe", "warn", text, where)
            problems += 1
        supported, own = gpu.max_pcie_generation, gpu.own_pcie_generation
        if supported and own and supported < own:
            text = f"the slot of GPU {gpu.index} allows generation {supported}, the GPU supports {own}"
            yield Check("PCIe", "warn", text, where)
            problems += 1
    widths = sorted({gpu.pcie_width for gpu in gpus if gpu.pcie_width})
    if widths and not problems:
        now = sorted({gpu.pcie_generation for gpu in gpus if gpu.pcie_generation})
        most = sorted({gpu.max_pcie_generation for gpu in gpus if gpu.max_pcie_generation})
        text = f"x{ranges(widths)}, generation {ranges(now)} of {ranges(most)} now (it rises under load)"
        yield Check("PCIe", "pass", text)


def _links(links: Sequence[GpuLink], count: int) -> Iterator[Check]:
    """Compare the connections of all pairs: the slowest pair determines an all-reduce."""
    known = [link for link in links if link.nvlink is not None or link.p2p is not None]
    if not known:
        return
    nvlink = [link for link in known if link.nvlink]
    if len(nvlink) == len(known):
        yield Check("links", "pass", f"NVLink between all {count} GPUs")
        return
    rest = [link for link in known if not link.nvlink]
    without = [link for link in rest if link.p2p is False]
    fix = "nvidia-smi topo -m"
    if without:
        text = f"no peer-to-peer between {_pairs(without)}: NCCL copies through host memory"
        yield Check("links", "warn", text, f"{fix}; nvidia-smi topo -p2p r (IOMMU or ACS can forbid it)")
    elif nvlink:
        text = f"NVLink between {_pairs(nvlink)} only; {_pairs(rest)} over {_over(rest)}"
        yield Check("links", "warn", text, f"{fix}; --set launch.env.CUDA_VISIBLE_DEVICES=GPUS")
    else:
        yield Check("links", "pass", f"peer-to-peer over {_over(rest)}, no NVLink")


def _pairs(links: Sequence[GpuLink]) -> str:
    shown = [f"{link.a}-{link.b}" for link in links]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more pairs" if len(shown) > 6 else "")


def _over(links: Sequence[GpuLink]) -> str:
    levels = sorted({link.level for link in links if link.level is not None})
    return " and ".join(_LEVELS.get(level, f"level {level}") for level in levels) or "PCIe"


def _placement(facts: MachineFacts, gpus: Sequence[GpuSetup]) -> Iterator[Check]:
    """Compare the CPUs that the ranks may use with those next to their GPUs."""
    allowed = set(facts.probe.cpus) if facts.probe else set()
    far = [gpu for gpu in gpus if allowed and gpu.cpus and not allowed & set(gpu.cpus)]
    for gpu in far:
        text = (
            f"GPU {gpu.index} is next to CPUs {ranges(gpu.cpus)}{_node(gpu)}, but the ranks may only use"
            f" {ranges(sorted(allowed))}: every launch crosses the sockets"
        )
        yield Check("placement", "warn", text, f"start trtbench-tui with: taskset -c {ranges(gpu.cpus)} ...")
    nodes = sorted({gpu.numa_node for gpu in gpus if gpu.numa_node is not None})
    if far or not nodes:
        return
    text = f"GPUs on NUMA node {ranges(nodes)}, CPUs next to them are allowed"
    distances = facts.survey.numa_distances if facts.survey else ()
    if len(nodes) > 1 and max(nodes) < len(distances):
        far_apart = max(distances[a][b] for a in nodes for b in nodes)
        text += f"; the nodes are up to {far_apart / 10:g} x as far apart as local memory"
    yield Check("placement", "pass", text)


def _node(gpu: GpuSetup) -> str:
    return f" (NUMA node {gpu.numa_node})" if gpu.numa_node is not None else ""
