"""Build the report of a run from its plan and its state."""

from __future__ import annotations

from runner import metrics
from runner.metrics.flag import Effect, Flag, by_effect, effect_of
from runner.metrics.gpu_flags import gpu_flags, no_gpu_flags, run_gpu_flags
from runner.metrics.memory_map import find_memory_map, memory_flags
from runner.metrics.node_flags import node_flags
from runner.metrics.rank_gpus import ceiling_inputs, gpu_context, used_gpus
from runner.plan.plan import MOST_CONFIGURATIONS, Plan
from runner.report.model import SCHEMA, ConfigurationReport, MetricCell, Report, SmokeAnswer, StageReport
from runner.state.nodes import in_order
from runner.state.run import RunState
from runner.util.formatting import plural


def build_report(plan: Plan, state: RunState, run: str = "") -> Report:
    """Return the report of a run from the events so far; the run need not have ended.

    Args:
        plan: plan of the run.
        state: state of the run.
        run: id of the run, for a log that does not contain it.
    """
    ranks = state.world
    started = state.started
    flags = _run_flags(plan, state)
    return Report(
        schema=SCHEMA,
        run=started.run if started else run,
        profile=plan.profile,
        engine=plan.engine,
        summary=plan.summary,
        status=state.status,
        started=started.wall if started else 0.0,
        seconds=state.elapsed_s(state.last_t),
        host=started.host if started else "",
        ranks=ranks,
        stages=[
            StageReport(
                name=stage.name,
                status=stage.status,
                seconds=((stage.ended or state.last_t) - stage.started) / 1e9,
                exit_code=stage.exit_code,
            )
            for stage in state.stages
        ],
        configurations=[
            _of_configuration(plan, state, number) for number in range(len(state.configurations))
        ],
        flags=list(map(str, flags)),
        flag_effects=list(map(effect_of, flags)),
        answers=[SmokeAnswer(prompt=one.prompt, answer=one.answer) for one in state.answers],
        cause=state.failure.cause if state.failure else "",
        job_end=state.ended.job_end if state.ended else None,
        remedy=state.failure.remedy if state.failure else "",
        log=state.failure.log if state.failure else "",
        gpus=[gpu.identity.name for gpu in used_gpus(state)],
        sweep=plan.sweep,
        weights=plan.weights,
        nodes=[node.name for node in in_order(state.nodes)],
        boot_id=started.boot_id if started else "",
    )


def _of_configuration(plan: Plan, state: RunState, number: int) -> ConfigurationReport:
    configuration, ranks = state.configurations[number], state.world
    gpus = gpu_context(state, number, plan.decode_reads)
    ceiling = ceiling_inputs(state, plan.decode_reads, plan.devices)
    memory = find_memory_map(state, plan, number)
    context = metrics.MetricContext(configuration, ranks, gpus, ceiling, memory)
    doubts = [
        *metrics.flags(configuration, ranks),
        *gpu_flags(state, number),
        *metrics.ceiling_flags(context),
        *memory_flags(memory),
    ]
    doubts = by_effect(doubts)
    return ConfigurationReport(
        batch_size=configuration.start.batch_size,
        input_len=configuration.start.input_len,
        output_len=configuration.start.output_len,
        gpu_weights_percent=configuration.start.gpu_weights_percent,
        requests=configuration.start.requests,
        concurrency=configuration.start.concurrency,
        rows=[
            MetricCell(
                metric=value.metric.name,
                unit=value.metric.unit,
                value=value.value,
                n=value.n,
                printed=value.printed,
                note=value.note,
                low=value.low,
                high=value.high,
            )
            for value in metrics.values(configuration, ranks, gpus, ceiling, memory)
        ],
        flags=list(map(str, doubts)),
        flag_effects=list(map(effect_of, doubts)),
        ceiling=metrics.find_ceiling(context),
        memory=memory,
    )


def _run_flags(plan: Plan, state: RunState) -> list[str]:
    """Return what happened to the whole run, with the largest effect first."""
    flags: list[str] = [
        Flag(notice.text, Effect.UNCERTAIN) for notice in state.notices if notice.level == "warning"
    ]
    flags += [*run_gpu_flags(state), *node_flags(state)]
    on_gpus = bool(plan.devices) and "cpu" not in plan.devices
    if plan.gpu_hz > 0 and on_gpus:
        flags += no_gpu_flags(state)
    done = sum(1 for configuration in state.configurations if configuration.done)
    if not state.running and done < len(plan.configurations):
        measured = f"only {done} of {plural(len(plan.configurations), 'configuration')} were"
        text = f"{measured if done else 'no configuration was'} measured to the end"
        flags.append(Flag(text, Effect.WRONG))
    if state.lost_events:
        text = f"{state.lost_events} events of the log could not be written"
        flags.append(Flag(text, Effect.WRONG))
    if state.left_out:
        text = (
            f"the program reported more than {MOST_CONFIGURATIONS} results:"
            f" {state.left_out} further ones are not shown"
        )
        flags.append(Flag(text, Effect.WRONG))
    return by_effect(flags)
