import numpy as np
import pytest

from fractalctl.heads.head import Head
from fractalctl.measures.search import telling_rows, zoom
from store import FeatureSet
from tests.measures.heads import make_head


@pytest.fixture
def trained(features: FeatureSet, tmp_path) -> tuple[FeatureSet, Head]:
    return features, make_head(features, tmp_path, dims=(2, 16))


def test_answers_are_the_nearest_training_rows(trained) -> None:
    features, head = trained
    train, test = head.embed(features.features("train")), head.embed(features.features("test"))
    found = zoom(head, features, [3, 50], k=4)
    for one, row in zip(found, [3, 50], strict=True):
        assert one.query.text == features.texts("test")[row]
        for length, answers in one.answers.items():
            unit = train[:, :length] / np.linalg.norm(train[:, :length], axis=1, keepdims=True)
            best = np.argsort(-(unit @ test[row, :length]), kind="stable")[:4]
            assert [answer.text for answer in answers] == features.texts("train", best)
            names = [features.class_names[1][label] for label in features.labels("train")[best, 1]]
            assert [answer.labels[1] for answer in answers] == names


def test_telling_rows_narrow_from_coarse_to_fine(trained) -> None:
    features, head = trained
    rows = telling_rows(head, features, 3)
    assert 1 <= len(rows) == len({features.labels("test")[row, 0] for row in rows})
    for one in zoom(head, features, rows):
        assert one.agreement(2, 0) == 1
        assert one.agreement(2, -1) < 0.5 < one.agreement(16, -1)
