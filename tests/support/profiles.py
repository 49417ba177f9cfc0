"""Random profiles for property tests: everything that the rules allow."""

from __future__ import annotations

from hypothesis import strategies as st

from runner.engines.model_shape import TransformerShape
from runner.engines.torch.profile import Parallel, TorchBenchmark, TorchModel, TorchProfile
from runner.schema.base import Launch, Mpirun
from tests.support.characters import ASCII

_number = st.integers(1, 10**6)
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
_some_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30
)
_name = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True, alphabet=ASCII)
_positive = st.floats(1e-300, 1e17)


@st.composite
def _shape(draw: st.DrawFn, tp: int) -> TransformerShape:
    kv = tp * draw(st.integers(1, 4))
    heads = kv * draw(st.integers(1, 4))
    head_dim = 2 * draw(st.integers(1, 64))
    return TransformerShape(
        hidden_size=heads * head_dim,
        intermediate_size=tp * draw(st.integers(1, 1000)),
        num_hidden_layers=draw(_number),
        num_attention_heads=heads,
        num_key_value_heads=kv,
        vocab_size=draw(_number),
        head_dim=draw(st.sampled_from([None, head_dim])),
        attention_bias=draw(st.booleans()),
        tie_word_embeddings=draw(st.booleans()),
        rope_theta=draw(_positive),
        rms_norm_eps=draw(_positive),
    )


@st.composite
def torch_profiles(draw: st.DrawFn) -> TorchProfile:
    """Any profile of the torch engine."""
    tp = draw(st.integers(1, 8))
    shape = draw(st.none() | _shape(tp))
    return TorchProfile(
        name=draw(_name),
        description=draw(_text),
        model=TorchModel(
            dir=draw(_some_text) if shape is None else None,
            shape=shape,
            dtype=draw(st.sampled_from(["float32", "bfloat16", "float16"])),
            device=draw(st.sampled_from(["cpu", "cuda"])),
            seed=draw(st.integers(0, 2**40)),
        ),
        parallel=Parallel(tp=tp),
        benchmark=TorchBenchmark(
            batch_size=draw(st.lists(_number, min_size=1, max_size=4)),
            input_output_len=draw(st.lists(st.tuples(_number, _number), min_size=1, max_size=4)),
            num_runs=draw(_number),
            duration=draw(st.integers(0, 10**6)),
            warm_up=draw(st.integers(0, 10**6)),
            per_step=draw(st.booleans()),
        ),
        launch=Launch(
            python=draw(st.none() | _some_text),
            mpirun=Mpirun(path=draw(st.none() | _some_text), args=draw(st.lists(_text, max_size=3))),
            env=draw(
                st.dictionaries(
                    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True, alphabet=ASCII),
                    _text,
                    max_size=3,
                )
            ),
        ),
    )
