"""Measures how soon each method reaches the final loss of the plain reference, on the reference's objective.

    python -m benchmarks.convergence [--device auto] [--size 256] [--pairs 6] [--evaluations 300] [--output DIR]

The goal of a pair is the total of the reference's final 8-bit image after --evaluations of torch's L-BFGS. Methods:
`lbfgs`, `plbfgs` and `adam` of the engine, and that of each preset (optimiser, step size, steps, start, ...). The
reference judges every image as 8 bit, in float32, at full size. The time excludes judging and includes targets, start
and snapshots. Writes convergence.csv (all judged images), reached.csv (a line per pair and method) and convergence.png.
"""

import argparse
import math
from collections.abc import Sequence

import pandas as pd

from benchmarks.command import machine, make_console, make_parser, precisions_of, table_of
from benchmarks.methods import Method, make_methods, ways_to_optimise
from benchmarks.pairs import Files, find_pairs, load_pair, name_of
from benchmarks.plots import convergence_chart
from benchmarks.reference import Network, Reference, optimise
from stylize_core.engine.device import resolve_device
from stylize_core.engine.engine import Engine
from stylize_core.engine.weights import load_weights

REFERENCE = "reference"
METHOD = ["method", "precision"]


def points_of(
    files: Files, network: Network, methods: Sequence[Method], optimiser: str, evaluations: int
) -> pd.DataFrame:
    """Returns a line for each judged image of a pair; the first is the reference's."""
    pair = load_pair(files, methods[0].settings)
    image, seconds = optimise(network, pair.content, pair.style, optimiser=optimiser, evaluations=evaluations)
    judge = Reference(network, pair.content, pair.style)
    goal = judge.judge(image)
    reference = {
        "method": REFERENCE,
        "precision": "float32",
        "step": evaluations,
        "evaluations": evaluations,
        "seconds": seconds,
        "loss": goal,
    }
    runs = [method.points(pair, judge, goal) for method in methods]
    points = pd.concat([pd.DataFrame([reference]), *runs], ignore_index=True)
    points.insert(0, "pair", name_of(files))
    return points


def reached_of(points: pd.DataFrame) -> pd.DataFrame:
    """Returns a line for each method of one pair: when it reached the reference's loss (inf: never), and its result."""
    goal, lines = points.iloc[0], []
    for (method, precision), run in points.iloc[1:].groupby(METHOD, sort=False):
        under, last = run[run.loss <= goal.loss], run.iloc[-1]
        seconds, evaluations = under.iloc[0][["seconds", "evaluations"]] if len(under) else (math.inf, math.inf)
        lines.append(
            {
                "pair": goal.pair,
                "method": method,
                "precision": precision,
                "seconds": seconds,
                "evaluations": evaluations,
                "ratio": seconds / goal.seconds,
                "final_loss": last.loss,
                "final_loss_ratio": last.loss / goal.loss,
                "final_seconds": last.seconds,
                "final_evaluations": last.evaluations,
            }
        )
    return pd.DataFrame(lines)


def with_precision_cost(reached: pd.DataFrame) -> pd.DataFrame:
    """Adds the percentage by which each final loss exceeds that of the same method and pair in float32."""
    exact = reached[reached.precision == "float32"].set_index(["pair", "method"]).final_loss.rename("exact")
    joined = reached.join(exact, on=["pair", "method"])
    return joined.assign(over_float32_percent=100 * (joined.final_loss / joined.exact - 1)).drop(columns="exact")


def summary_of(reached: pd.DataFrame) -> pd.DataFrame:
    """Returns medians and worst values over the pairs, a line per method."""
    of_method = reached.groupby(METHOD, sort=False)
    return pd.DataFrame(
        {
            "pairs": of_method.size(),
            "reached": of_method.ratio.agg(lambda ratios: ratios.map(math.isfinite).sum()),
            "x reference, median": of_method.ratio.median(),
            "worst": of_method.ratio.max(),
            "evaluations, median": of_method.evaluations.median(),
            "final loss, median": of_method.final_loss_ratio.median(),
            "final loss, worst": of_method.final_loss_ratio.max(),
            "over float32, worst %": of_method.over_float32_percent.max(),
        }
    ).reset_index()


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--evaluations", type=int, default=300, help="of the reference, and steps of the optimisers")
    parser.add_argument("--reference", choices=("lbfgs", "adam"), default="lbfgs", help="its optimiser")
    names = ways_to_optimise(256, 1)
    parser.add_argument("--methods", nargs="+", choices=names, default=list(names), help="all unless given")
    parser.add_argument("--budget-seconds", type=float, default=600, help="approximate limit for one method and pair")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints and writes."""
    arguments, console = arguments_of(argv), make_console()
    device, weights = resolve_device(arguments.device), load_weights("builtin")
    console.print(machine(device))
    ways = ways_to_optimise(arguments.size, arguments.evaluations)
    chosen = {name: ways[name] for name in arguments.methods}
    precisions = precisions_of(arguments.precisions, device)
    engines = [Engine(weights, device=device, precision=precision) for precision in precisions]
    network, files = Network(weights, device), find_pairs(arguments.images, arguments.pairs)

    warm = load_pair(files[0], next(iter(chosen.values())))
    optimise(network, warm.content, warm.style, optimiser=arguments.reference, evaluations=3)
    methods = make_methods(chosen, engines, warm, arguments.budget_seconds)
    arguments.output.mkdir(parents=True, exist_ok=True)
    points, reached = pd.DataFrame(), pd.DataFrame()
    for pair in files:
        of_pair = points_of(pair, network, methods, arguments.reference, arguments.evaluations)
        reached_by = with_precision_cost(reached_of(of_pair))
        goal = of_pair.iloc[0]
        title = f"{goal.pair}: reference {goal.loss:.4g} after {goal.evaluations} evaluations, {goal.seconds:.4g} s"
        console.print(table_of(reached_by.drop(columns="pair"), title))
        points, reached = pd.concat([points, of_pair]), pd.concat([reached, reached_by])
        points.to_csv(arguments.output / "convergence.csv", index=False)  # an interrupted run leaves these
        reached.to_csv(arguments.output / "reached.csv", index=False)
    console.print(table_of(summary_of(reached), "over all pairs"))
    convergence_chart(points).save(arguments.output / "convergence.png", scale_factor=2)


if __name__ == "__main__":
    main()
