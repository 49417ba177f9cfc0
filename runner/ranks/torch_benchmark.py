"""The program of engine `torch`: measures a tensor-parallel decoder, its weights random or of a checkpoint.

Started by path under mpirun, one process per rank:

    mpirun -n 2 /abs/python /abs/runner/ranks/torch_benchmark.py --engine_dir DIR --batch_size "1;8"
        --input_output_len "128,20;512,20" --dtype float32 --device cpu

`DIR/config.json` has the shape. Flags of TensorRT-LLM's benchmark.py have the same meaning here.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path


def find_own_package() -> None:
    """Make `runner` the package that contains this file, independently of cwd and PYTHONPATH.

    Only that package: its parent folder may be the site-packages of another interpreter, and other packages
    in it must not reach the measured process.
    """
    package = Path(__file__).resolve().parent.parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != package / "ranks"]
    spec = importlib.util.spec_from_file_location(
        "runner", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["runner"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    find_own_package()
    # Nothing here needs NumPy, so hide the warning of PyTorch in the log of every rank.
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
    from runner.ranks.program import main

    sys.exit(main())
