"""Fleet training against the same run as a plain PyTorch loop: modules, autograd, fused AdamW."""

from dataclasses import replace

import numpy as np
import torch

from fractalctl.heads.draws import draw_epoch, hold_out
from fractalctl.heads.examples import Examples, prepare
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.supervision import strategy
from fractalctl.heads.training import Run, train_fleet
from tests.benchmarks.pairs import compare
from tests.heads.plain import PlainHead

RECIPE = TrainingRecipe(epochs=1)
STRATEGIES = ("v5", "mrl", "inverted", "no-prefix", "uhmt")


def test_a_fleet_of_25_against_a_plain_loop(benchmark, clinc) -> None:
    classes = [len(names) for names in clinc.class_names]
    examples = prepare(clinc.features("train"), clinc.labels("train"), classes, RECIPE, torch.device("cpu"))
    standardised = replace(examples, features=examples.take(torch.arange(len(examples.labels))))
    runs = [Run(strategy(name, 2), seed) for name in STRATEGIES for seed in (42, 123, 456, 789, 1024)]

    compare(
        benchmark,
        lambda: train_fleet(examples, runs, RECIPE, lambda *_: [0.0]),
        lambda: plain_epoch(standardised, runs[0]),
        "plain PyTorch loop, per run",
        per=len(runs),
    )


def plain_epoch(examples: Examples, run: Run) -> PlainHead:
    """One epoch as a practitioner writes it: a batch at a time, no bookkeeping beyond what learning needs."""
    held = hold_out(examples.labels[:, -1].numpy(), RECIPE.holdout, run.seed)
    draws = draw_epoch(run.seed, 1, len(held.training), run.supervision, RECIPE)
    head = PlainHead(examples.input_dimension, RECIPE, examples.classes, run.seed)
    optimizer = torch.optim.AdamW(head.parameters(), 1e-3, weight_decay=0.01, fused=True)
    order = torch.from_numpy(held.training[draws.order])
    keep = torch.from_numpy(draws.keep).float().repeat_interleave(64, dim=1)
    for start in range(0, len(order), RECIPE.batch_size):
        step = slice(start, start + RECIPE.batch_size)
        optimizer.zero_grad()
        plain_loss(head, run, examples, order[step], int(draws.prefix[start]), keep[step]).backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
    return head


def plain_loss(
    head: PlainHead, run: Run, examples: Examples, rows: torch.Tensor, prefix: int, keep: torch.Tensor
) -> torch.Tensor:
    """The loss of Algorithm 1 for one batch with one prefix length; terms of weight zero are left out."""
    cross_entropy = torch.nn.functional.cross_entropy
    labels, table = examples.labels[rows], run.supervision
    embedding = head.projection(examples.features[rows]) * keep
    length = RECIPE.dims[prefix]
    cut = torch.nn.functional.pad(embedding[:, :length], (0, RECIPE.dimension - length))
    weights = np.multiply(table.prefix[prefix], table.prefix_weight)
    loss = torch.zeros(())
    for level, classifier in enumerate(head.classifiers):
        if table.full[level]:
            loss = loss + table.full[level] * cross_entropy(classifier(embedding), labels[:, level])
        if weights[level]:
            loss = loss + float(weights[level]) * cross_entropy(classifier(cut), labels[:, level])
    return loss
