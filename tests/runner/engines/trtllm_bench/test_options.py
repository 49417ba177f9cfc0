"""What the help page of the installed trtllm-bench decides."""

from __future__ import annotations

from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm_bench.options import Tool, parse_click_help

HELP = """\
Usage: trtllm-bench throughput [OPTIONS]

Options:
  Engine run configuration.:
    --engine_dir PATH             Path; see also --not_an_option.
    --backend [pytorch|_autodeploy]
                                  The backend, in the words of
                                  --something_else.  [default: pytorch]
    --enable_chunked_context / --disable_chunked_context
    -tp, --tp_size INTEGER        Shards.
"""


def test_options_and_choices_of_a_help_page() -> None:
    found = parse_click_help(HELP).options
    assert set(found) == {
        "--engine_dir", "--backend", "--enable_chunked_context", "--disable_chunked_context", "--tp_size",
    }  # fmt: skip
    assert found["--backend"] == ("pytorch", "_autodeploy")


def test_the_installed_tool_is_the_judge() -> None:
    version = Version.parse("1.2.0")
    assert Tool(version).has("throughput", "streaming")
    tool = Tool(version, {"throughput": parse_click_help(HELP)})
    assert not tool.has("throughput", "streaming")
    assert tool.why_missing("throughput", "streaming").endswith("has no --streaming")
    assert tool.problems("throughput", [("backend", "tensorrt")]) == [
        "--backend tensorrt is not allowed; allowed: pytorch, _autodeploy"
    ]
