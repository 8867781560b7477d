"""Principal components: directions of largest variance first, labels unseen; a floor for comparisons."""

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


STRATEGIES = (Strategy("pca", Pca(), meaning="principal components of the features, largest variance first"),)
