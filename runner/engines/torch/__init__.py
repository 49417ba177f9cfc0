"""The engine `torch`: a tensor-parallel decoder in PyTorch; the code of its ranks is in `runner.ranks`."""
