"""The reports of trtllm-bench: tabs up to 0.17, spaces later, and the JSON one; all from the requests."""

from __future__ import annotations

from typing import Any

RULE = "=" * 59
Record = dict[str, Any]


def _percentiles(values: list[float]) -> dict[str, float]:
    """As upstream: sorted[int(n x p)]."""
    ordered, n = sorted(values), len(values)
    found = {f"p{q}": ordered[int(n * q / 100)] for q in (50, 90, 95, 99)}
    return found | {"minimum": ordered[0], "maximum": ordered[-1], "average": sum(values) / n}


def _numbers(records: list[Record], facts: dict[str, Any]) -> dict[str, Any]:
    total = max(r["end_timestamp"] for r in records) - min(r["start_timestamp"] for r in records)
    latencies = [(r["end_timestamp"] - r["start_timestamp"]) / 1e6 for r in records]
    first = [(r["first_token_timestamp"] - r["start_timestamp"]) / 1e6 for r in records]
    rest = [
        (r["end_timestamp"] - r["first_token_timestamp"]) / 1e6 / max(1, r["output_tokens"] - 1)
        for r in records
    ]
    seconds = total / 1e9
    outputs = sum(r["output_tokens"] for r in records)
    inputs = sum(r["num_input_tokens"] for r in records)
    speeds = [1000 / one if one else 0.0 for one in rest]
    per_user = [r["output_tokens"] * 1000 / latency for r, latency in zip(records, latencies, strict=True)]
    return {
        "n": len(records), "input": inputs / len(records), "output": outputs / len(records),
        "total_ms": total / 1e6, "requests": len(records) / seconds, "out": outputs / seconds,
        "all": (inputs + outputs) / seconds, "latency": _percentiles(latencies), "ttft": _percentiles(first),
        "tpot": _percentiles(rest), "gtps": _percentiles(speeds),
        "user": sum(per_user) / len(per_user),
        "gpu": outputs / seconds / facts["tp"], "concurrent": sum(latencies) / (total / 1e6),
    }  # fmt: skip


def report_as_json(records: list[Record], facts: dict[str, Any]) -> dict[str, Any]:
    found = _numbers(records, facts)
    report: dict[str, Any] = {
        "engine": {"model": facts["model"], "version": facts["version"], "backend": facts["backend"]},
        "world_info": {"tp_size": facts["tp"], "pp_size": 1, "issue_rate": 5.07e14},
        "request_info": {
            "num_requests": found["n"], "avg_num_concurrent_requests": found["concurrent"],
            "avg_input_length": found["input"], "avg_output_length": found["output"],
        },
        "performance": {
            "total_latency_ms": found["total_ms"], "avg_request_latency_ms": found["latency"]["average"],
            "request_throughput_req_s": found["requests"], "system_output_throughput_tok_s": found["out"],
            "system_total_throughput_tok_s": found["all"], "output_throughput_per_user_tok_s": found["user"],
            "output_throughput_per_gpu_tok_s": found["gpu"],
            "request_latency_percentiles_ms": found["latency"],
        },
    }  # fmt: skip
    if facts["streaming"]:
        report["streaming_metrics"] = {
            "token_output_speed_tok_s": found["gtps"]["average"],
            "avg_ttft_ms": found["ttft"]["average"], "avg_tpot_ms": found["tpot"]["average"],
            "ttft_percentiles": found["ttft"], "tpot_percentiles": found["tpot"],
            "gen_tps_percentiles": found["gtps"],
        }  # fmt: skip
    return report


def report_as_text(
    version: tuple[int, ...], command: str, records: list[Record], facts: dict[str, Any]
) -> str:
    found = _numbers(records, facts)
    if version >= (0, 18):
        return _new(found, facts)
    return _old_latency(found, facts) if command == "latency" else _old(found, facts)


def _head(title: str) -> str:
    return f"{RULE}\n= {title}\n{RULE}\n"


def _old_engine(facts: dict[str, Any]) -> str:
    limits = facts["limits"]
    return (
        f"\n\n{_head('ENGINE DETAILS')}Model:\t\t\t{facts['model']}\n"
        f"Engine Directory:\t{facts['engine_dir']}\n"
        f"TensorRT-LLM Version:\t{facts['version']}\nDtype:\t\t\tfloat16\nKV Cache Dtype:\t\tNone\n"
        f"Quantization:\t\tNone\nMax Input Length:\t{limits['max_input_len']}\n"
        f"Max Sequence Length:\t{limits['max_seq_len']}\n\n{_head('WORLD + RUNTIME INFORMATION ')}"
        f"TP Size:\t\t{facts['tp']}\nPP Size:\t\t1\nMax Runtime Batch Size:\t256\nMax Runtime Tokens:\t8192\n"
        "Scheduling Policy:\tGuaranteed No Evict\nKV Memory Percentage:\t90.00%\n"
    )


def _old(found: dict[str, Any], facts: dict[str, Any]) -> str:
    text = (
        f"{_old_engine(facts)}Issue Rate (req/sec):\t5.0689E+14\n\n{_head('PERFORMANCE OVERVIEW ')}"
        f"Number of requests:\t\t{found['n']}\nAverage Input Length (tokens):\t{found['input']:.4f}\n"
        f"Average Output Length (tokens):\t{found['output']:.4f}\n"
        f"Token Throughput (tokens/sec):\t{found['out']:.4f}\n"
        f"Request Throughput (req/sec):\t{found['requests']:.4f}\n"
        f"Total Latency (ms):\t\t{found['total_ms']:.4f}\n"
    )
    if facts["streaming"]:
        text += (
            f"\n{_head('STREAMING STATISTICS ')}"
            f"Average request latency (ms):\t\t{found['latency']['average']:.4f}\n"
            f"Average time-to-first-token (ms):\t{found['ttft']['average']:.4f}\n"
            f"Average inter-token latency (ms):\t{found['tpot']['average']:.4f}\n"
        )
    return f"{text}\n{RULE}\n"


def _old_latency(found: dict[str, Any], facts: dict[str, Any]) -> str:
    return (
        f"{_old_engine(facts)}\n{_head('GENERAL OVERVIEW ')}Number of requests:\t\t{found['n']}\n"
        f"Average Input Length (tokens):\t{found['input']:.4f}\n"
        f"Average Output Length (tokens):\t{found['output']:.4f}\n"
        f"Average request latency (ms):\t{found['latency']['average']:.4f}\n\n{_head('THROUGHPUT OVERVIEW ')}"
        f"Request Throughput (req/sec):\t\t  {found['requests']:.4f}\n"
        f"Total Token Throughput (tokens/sec):\t  {found['out']:.4f}\n"
        f"Generation Token Throughput (tokens/sec): {found['gtps']['average']:.4f}\n\n"
        f"{_head('LATENCY OVERVIEW ')}"
        f"Total Latency (ms):\t\t  {found['total_ms']:.4f}\n"
        f"Average time-to-first-token (ms): {found['ttft']['average']:.4f}\n"
        f"Average inter-token latency (ms): {found['tpot']['average']:.4f}\n"
        f"Acceptance Rate (Speculative):\t  1.00\n\n{_head('GENERATION LATENCY BREAKDOWN ')}"
        f"MIN (ms): 1.0000\nMAX (ms): 2.0000\nAVG (ms): 1.5000\nP90 (ms): 1.4000\n\n{RULE}\n"
    )


def _new(found: dict[str, Any], facts: dict[str, Any]) -> str:
    engine = "PYTORCH BACKEND" if facts["backend"] == "Pytorch" else "ENGINE DETAILS"
    text = (
        f"\n\n{_head(engine)}Model:\t\t\t{facts['model']}\nTensorRT LLM Version:\t{facts['version']}\n"
        f"Dtype:\t\t\tbfloat16\n\n{_head('REQUEST DETAILS ')}Number of requests:             {found['n']}\n"
        f"Number of concurrent requests:  {found['concurrent']:.4f}\n"
        f"Average Input Length (tokens):  {found['input']:.4f}\n"
        f"Average Output Length (tokens): {found['output']:.4f}\n{_head('WORLD + RUNTIME INFORMATION ')}"
        f"TP Size:                {facts['tp']}\nIssue Rate (req/sec):   5.0689E+14\n\n"
        f"{_head('PERFORMANCE OVERVIEW ')}"
        f"Request Throughput (req/sec):                     {found['requests']:.4f}\n"
        f"Total Output Throughput (tokens/sec):             {found['out']:.4f}\n"
        f"Total Token Throughput (tokens/sec):              {found['all']:.4f}\n"
        f"Total Latency (ms):                               {found['total_ms']:.4f}\n"
        f"Average request latency (ms):                     {found['latency']['average']:.4f}\n"
        f"Per User Output Throughput [w/ ctx] (tps/user):   {found['user']:.4f}\n"
        f"Per GPU Output Throughput (tps/gpu):              {found['gpu']:.4f}\n"
    )
    breakdowns = [("Latency", found["latency"])]
    if facts["streaming"]:
        text += (
            f"Average time-to-first-token [TTFT] (ms):          {found['ttft']['average']:.4f}\n"
            f"Average time-per-output-token [TPOT] (ms):        {found['tpot']['average']:.4f}\n"
            f"Per User Output Speed (tps/user):                 {found['gtps']['average']:.4f}\n"
        )
        breakdowns += [("TPOT", found["tpot"]), ("TTFT", found["ttft"]), ("GTPS", found["gtps"])]
    for name, values in breakdowns:
        lines = "\n".join(f"[{name}] {key.upper():<7}: {value:.4f}" for key, value in values.items())
        text += f"\n-- {name} Breakdown (ms) -----------------------\n\n{lines}\n"
    return f"{text}\n{_head('DATASET DETAILS')}Max Input Sequence Length:\t100\nNumber of Sequences:\t9\n"
