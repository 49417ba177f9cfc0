"""Stand-in for examples/qwen/convert_checkpoint.py."""

from tensorrt_llm.convert import convert, parser

if __name__ == "__main__":
    convert(parser().parse_args())
