"""Stand-in for examples/enc_dec/convert_checkpoint.py: a checkpoint of an encoder and a decoder."""

import argparse

from tensorrt_llm.convert import convert, parser

if __name__ == "__main__":
    options = parser(dtype_auto=False)
    options.add_argument("--model_type", default="t5", choices=["t5", "nmt", "bart", "pix2struct"])
    given = options.parse_args()
    for part in ("encoder", "decoder"):
        convert(argparse.Namespace(**vars(given) | {"output_dir": f"{given.output_dir}/{part}"}))
