"""What each device of this machine takes, in seconds: encoding, training, evaluating."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fractalctl.backbones.encoder import load_backbone
from fractalctl.backbones.spec import Dtype, registered_backbones
from fractalctl.heads.settings import SEEDS
from fractalctl.measures.neighbours import nearest, predictions
from store import FeatureSet
from tests.benchmarks.test_evaluate import DIMS
from tests.benchmarks.test_featurize import encode
from tests.benchmarks.test_train import FRACTAL, LINEAR, examples_of, train

ROUNDS = 3
TEXTS = 1024


@pytest.fixture(params=("cpu", "cuda"))
def device(request) -> torch.device:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    return torch.device(request.param)


def timed(benchmark, what: str, device: torch.device, work) -> None:
    def finished() -> None:
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()

    benchmark.pedantic(finished, rounds=ROUNDS, warmup_rounds=1)
    if not benchmark.disabled:
        seconds = benchmark.stats.stats.median
        benchmark.extra_info.update({"what": f"{what}, {device.type}", "seconds": round(seconds, 3)})


@pytest.mark.parametrize("dtype", [Dtype.FLOAT32, Dtype.BFLOAT16])
def test_encoding(benchmark, clinc: FeatureSet, device: torch.device, dtype: Dtype) -> None:
    if device.type == "cpu" and dtype is not Dtype.FLOAT32:
        pytest.skip("narrow numbers are for devices that have units for them")
    backbone = load_backbone(replace(registered_backbones()["minilm"], dtype=dtype), device=device.type)
    texts = clinc.texts("train")[:TEXTS]
    timed(benchmark, f"encoding {TEXTS} texts of CLINC in {dtype}", device, lambda: encode(backbone, texts))


@pytest.mark.parametrize("trunk", ["linear", "fractal"])
def test_an_epoch(benchmark, clinc: FeatureSet, device: torch.device, trunk: str) -> None:
    arms, rows = (LINEAR, 10_000) if trunk == "linear" else (FRACTAL, 1_500)
    examples = examples_of(clinc, device, rows)
    what = f"an epoch of {len(arms) * len(SEEDS)} {trunk} heads on {rows:,} rows"
    timed(benchmark, what, device, lambda: train(examples, arms))


def test_neighbours(benchmark, clinc: FeatureSet, device: torch.device) -> None:
    projection = np.random.default_rng(0).normal(size=(clinc.dimension, 256)).astype(np.float32)
    reference, queries = (clinc.features(split) @ projection for split in ("train", "test"))
    labels = clinc.labels("train")
    what = "k-NN at four prefixes and two levels"
    timed(benchmark, what, device, lambda: predictions(nearest(queries, reference, DIMS, 5, device), labels))
