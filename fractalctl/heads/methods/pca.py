"""Floors for comparisons: principal components, and the backbone cut; labels are unseen."""

from typing import TYPE_CHECKING

import numpy as np

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import LinearMap
from fractalctl.heads.moments import mean_of, principal_directions
from fractalctl.heads.settings import MethodSettings

if TYPE_CHECKING:
    from fractalctl.heads.examples import Examples


class Pca(LinearMap):
    """Centred features on their first d principal components, zeros where there are fewer; fixed signs."""

    name = "pca"
    source = "Hotelling 1933; components as scikit-learn's PCA without whitening"

    def solve(self, examples: "Examples", settings: MethodSettings) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvectors of the covariance over all training rows."""
        projection = principal_directions(examples.source, settings.dimension)
        return projection, -mean_of(examples.source) @ projection


class Raw(LinearMap):
    """The first d columns of the feature, zeros where it has fewer."""

    name = "raw"
    source = "no training: what truncation does to the backbone itself"

    def solve(self, examples: "Examples", settings: MethodSettings) -> tuple[np.ndarray, np.ndarray]:
        """The identity, cut."""
        width = examples.input_dimension
        return np.eye(width, settings.dimension), np.zeros(settings.dimension)


STRATEGIES = (
    Strategy("pca", Pca(), meaning="principal components of the features, largest variance first"),
    Strategy("raw", Raw(), meaning="the backbone's own feature, cut"),
)
