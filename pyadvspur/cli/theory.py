"""`advspur theory`: the exact adversarially trained linear model, for every radius of a grid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyadvspur.cli.printing import Json
from pyadvspur.errors import bad

_Out = Annotated[Path, typer.Option("--out", help="Folder for theory.csv, theory.png and theory.svg.")]


def theory(
    out: _Out,
    rho: Annotated[str | None, typer.Option(help="Correlation of one core and one spurious feature.")] = None,
    scale_core: Annotated[str, typer.Option(help="Standard deviation of the core feature.")] = "1",
    scale_spurious: Annotated[str, typer.Option(help="Standard deviation of the spurious feature.")] = "1",
    theta_core: Annotated[str, typer.Option(help="Weight of the core feature in the label.")] = "1",
    noise_std: Annotated[str, typer.Option(help="Standard deviation of the label noise.")] = "0",
    cov: Annotated[
        Path | None, typer.Option(help="Any covariance instead: a .csv or .npy file, (d, d).")
    ] = None,
    theta: Annotated[
        str | None, typer.Option(help="With --cov: d weights, 0 off the core, or a file.")
    ] = None,
    core: Annotated[
        str | None, typer.Option(help="With --cov: indices of the core features, such as 0,1.")
    ] = None,
    norm: Annotated[str, typer.Option(help="Attack norm: l1, l2, linf or all.")] = "all",
    eps: Annotated[
        str | None,
        typer.Option(help="Radii: start:stop:count, or a list. Default: 101 up to just over critical."),
    ] = None,
    json_: Json = False,
) -> None:
    """Solve the Gaussian linear model of adversarial training exactly; write a table and a figure.

    Numbers may be fractions. Example: advspur theory --rho 0.9 --scale-core 1 --scale-spurious 2 --norm linf
    --eps 0:2:50 --out runs/theory
    """
    import numpy as np

    from pyadvspur.cli.numbers import read_grid, read_number
    from pyadvspur.report.linear_paths import draw_paths
    from pyadvspur.theory.norms import NORMS, check_norm

    norms = ("l2", "linf", "l1") if norm == "all" else (norm,)
    for name in norms:
        if name not in NORMS:
            check_norm("theory", name)
    if cov is not None:
        if rho is not None:
            raise bad("theory", "--rho", rho, "nothing when --cov is given", "Choose one of the two.")
        problem = _problem_from_files(cov, theta, core, read_number(noise_std, "--noise-std"))
    elif rho is not None:
        problem = _two_features(rho, scale_core, scale_spurious, theta_core, noise_std)
    else:
        raise bad("theory", "--rho", "nothing", "a correlation", "Or give --cov FILE --theta ... --core ...")

    paths = {name: problem.path(name) for name in norms}
    if eps is None:
        reach = 1.05 * max(path.critical_eps for path in paths.values()) or 1.0
        grid = np.linspace(0, reach, 101)
    else:
        grid = np.unique(read_grid(eps, "--eps"))
    found = {name: (path, path.at(grid)) for name, path in paths.items()}
    out.mkdir(parents=True, exist_ok=True)
    _write_table(problem, found, out / "theory.csv")
    draw_paths(problem, paths, float(grid[-1]) or 1.0, out / "theory")
    facts = {name: _facts(problem, name, *pair) for name, pair in found.items()}
    if json_:
        from pyadvspur.cli.printing import print_json

        files = [out / f"theory.{suffix}" for suffix in ("csv", "png", "svg")]
        print_json({"problem": repr(problem), "attacks": facts, "files": files})
        return
    _print_summary(problem, facts)
    print(f"wrote {out / 'theory.csv'}, theory.png, theory.svg")


def _two_features(rho, scale_core, scale_spurious, theta_core, noise_std):
    from pyadvspur.cli.numbers import read_number
    from pyadvspur.theory import LinearProblem

    return LinearProblem.two_feature(
        read_number(rho, "--rho"), read_number(scale_core, "--scale-core"),
        read_number(scale_spurious, "--scale-spurious"), read_number(theta_core, "--theta-core"),
        read_number(noise_std, "--noise-std"),
    )  # fmt: skip


def _problem_from_files(cov: Path, theta: str | None, core: str | None, noise_std: float):
    from pyadvspur.cli.numbers import read_list
    from pyadvspur.theory import LinearProblem

    if theta is None or core is None:
        raise bad("theory", "--theta and --core", "nothing", "both, when --cov is given")
    is_file = theta.endswith((".csv", ".npy"))
    weights = _read_array(Path(theta), "--theta").ravel() if is_file else read_list(theta, "--theta")
    indices = [part.strip() for part in core.split(",") if part.strip()]
    if not all(part.isdecimal() for part in indices):
        raise bad("theory", "--core", repr(core), "indices such as 0,1,2")
    return LinearProblem(_read_array(cov, "--cov"), weights, noise_std, [int(part) for part in indices])


def _read_array(path: Path, argument: str):
    import warnings

    import numpy as np

    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        with warnings.catch_warnings(action="error"):  # numpy only warns of an empty file
            return np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError, UserWarning) as error:
        raise bad("theory", argument, str(path), "a .csv or .npy file of numbers", f"{error}.") from None


def _write_table(problem, found, path: Path) -> None:
    """One row for each norm and radius; floats are written so that they read back exactly."""
    import csv

    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["norm", "eps", "adversarial_risk", "standard_risk", "spurious_weight", "spurious_share", "uses_spurious",
             "multiplier", "gap", "unique", *(f"theta_{j}" for j in range(problem.dim))]
        )  # fmt: skip
        for norm, (_, solution) in found.items():
            used = problem.uses_spurious(norm, solution.eps)
            for i, eps in enumerate(solution.eps.tolist()):
                row = [
                    solution.risk, solution.standard_risk, solution.spurious_weight, solution.spurious_share, used,
                    solution.multiplier, solution.gap, solution.unique,
                ]  # fmt: skip
                writer.writerow(
                    [norm, eps, *(column[i].item() for column in row), *solution.theta[i].tolist()]
                )


def _print_summary(problem, facts: dict[str, dict]) -> None:
    from rich.table import Table

    from pyadvspur.cli.printing import console

    table = Table(title=repr(problem), title_justify="left")
    table.add_column("attack")
    for norm in facts:
        table.add_column(norm, justify="right")
    columns = [_said(norm, values) for norm, values in facts.items()]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    out = console()
    out.print(table)
    out.print(
        "[dim]From the critical radius on, the zero model is best. Spurious share: ||theta_S||_1 / ||theta||_1. Reach: "
        "how hard the core can pull a spurious feature in, against the limit below which no label weights, noise and "
        "radius bring it in (linf: largest row l1 norm of cov_SC cov_CC^-1; l1, l2: largest |cov_SC|).[/dim]"
    )


def _facts(problem, norm: str, path, solution) -> dict:
    """What the summary says of one norm, as numbers; None = never, or no plateau."""
    import numpy as np

    from pyadvspur.theory import never_uses_spurious

    peak = int(np.argmax(solution.spurious_share))
    uniform = never_uses_spurious(problem, norm)
    return {
        "critical_eps": float(path.critical_eps),
        "plateau_eps": float(path.plateau_eps) if path.plateau_eps else None,
        "spurious_onset": None if np.isinf(path.spurious_onset) else float(path.spurious_onset),
        "knots": None if norm == "l2" else len(path.knots),
        "largest_spurious_share": float(solution.spurious_share[peak]),
        "largest_spurious_share_at": float(solution.eps[peak]),
        "reach": float(uniform.left),
        "reach_limit": float(uniform.right),
    }


def _said(norm: str, facts: dict) -> dict[str, str]:
    """The rows of the summary."""
    plateau, onset, share = facts["plateau_eps"], facts["spurious_onset"], facts["largest_spurious_share"]
    return {
        "critical radius": f"{facts['critical_eps']:.6g}",
        "noise-free plateau to": f"{plateau:.6g}" if plateau else "none",
        "spurious weight from": "never" if onset is None else f"{onset:.6g}",
        "knots": "smooth" if norm == "l2" else str(facts["knots"]),
        "largest spurious share": f"{share:.1%} at {facts['largest_spurious_share_at']:.4g}"
        if share
        else "0",
        "reach (limit)": f"{facts['reach']:.4g} ({facts['reach_limit']:g})",
    }
