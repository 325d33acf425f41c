"""The command that audits a sampler of somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sharpbound.cli.app import FAILED, MEASURED, app
from sharpbound.errors import InputError
from sharpbound.run.help import examples


@app.command(epilog=examples("audit"))
def audit(
    sampler: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:OBJECT", help="A function, object, class or scheduler; or FILE.py:OBJECT."
        ),
    ],
    order: Annotated[float | None, typer.Option("--order", help="The order that it should have.")] = None,
    convention: Annotated[
        str,
        typer.Option(
            "--convention", help="How it calls its model: score, denoiser, eps, velocity, flow, v or edm."
        ),
    ] = "score",
    arrays: Annotated[
        str | None, typer.Option("--arrays", help="numpy or torch; by default what it works with.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option("--schedule", help="A schedule, as edm:sigma_min=0.03; by default two ranges of noise."),
    ] = None,
    ladder: Annotated[
        str | None, typer.Option("--ladder", help="even or uneven steps alone; by default both.")
    ] = None,
    steps: Annotated[
        str | None, typer.Option("--steps", metavar="N,N,...", help="By default 12 to 384, or as it takes.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", help="A case file, or a family, as student-t:nu=5; by default a mixture."),
    ] = None,
    same_as: Annotated[
        str | None, typer.Option("--same-as", metavar="NAME", help="Compare with a sampler of the library.")
    ] = None,
    at: Annotated[
        int | None, typer.Option("--at", metavar="N", help="W2 at N steps beside the library's methods.")
    ] = None,
    guidance: Annotated[
        float | None, typer.Option("--guidance", metavar="W", help="With guidance of this scale.")
    ] = None,
    unconditional: Annotated[
        str | None, typer.Option("--unconditional", help="The law that guidance leads away from.")
    ] = None,
    options: Annotated[
        str | None, typer.Option("--options", metavar="KEY=VALUE,...", help="Of a scheduler's constructor.")
    ] = None,
    allow: Annotated[
        str | None, typer.Option("--allow", metavar="NAME,...", help="Checks of a schedule that may break.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", help="How a scheduler writes its state, where that cannot be told."),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the outcome as JUnit XML.")
    ] = None,
    badge: Annotated[
        Path | None,
        typer.Option("--badge", metavar="FILE", help="Write a badge, .json for shields.io or .svg."),
    ] = None,
    traceback: Annotated[bool, typer.Option("--traceback", help="Where it raises, all of it.")] = False,
    json: Annotated[bool, typer.Option("--json", help="A JSON document on standard output.")] = False,
) -> None:
    """Measure the order of accuracy of your own sampler, without noise; see docs/audit.md."""
    from sharpbound import foreign
    from sharpbound.chapters.audit.command import STATUS, Asked, audit_user
    from sharpbound.cli.kernels import audit_of_kernel, is_named_kernel
    from sharpbound.records.files import strict_json
    from sharpbound.run.attempt import single_threaded
    from sharpbound.run.audit_screen import show_audit, write_junit
    from sharpbound.run.badge import check_badge, write_badge

    asked = Asked(
        order,
        arrays,
        schedule,
        convention,
        ladder,
        steps,
        target,
        same_as,
        at,
        guidance,
        unconditional,
        options,
        allow,
        state,
    )
    if badge is not None:
        check_badge(badge)
    try:
        sampler = foreign.named_in_file(sampler)
        with single_threaded():  # states are a few hundred numbers: more threads wait for each other
            found = (audit_of_kernel if is_named_kernel(sampler) else audit_user)(sampler, asked)
    except InputError as mistake:
        if traceback and mistake.__cause__ is not None:
            import traceback as of

            of.print_exception(mistake.__cause__)
        raise
    if json:
        print(strict_json(found))
    else:
        show_audit(found)
    if junit is not None:
        write_junit(junit, found, STATUS[found["verdict"]])
    if badge is not None:
        write_badge(badge, found, STATUS[found["verdict"]])
    raise typer.Exit(STATUS[found["verdict"]])


@app.command("audit-categorical", epilog=examples("audit-categorical"))
def audit_categorical(
    race: Annotated[
        str,
        typer.Argument(metavar="RACE", help="gumbel, exponential, or MODULE:OBJECT of key(logit, u)."),
    ],
    tail: Annotated[int, typer.Option("--tail", help="Tokens below the top one.")] = 262144,
    gap: Annotated[float, typer.Option("--gap", help="How far their logits are below its.")] = 20.5,
    draws: Annotated[int, typer.Option("--draws", help="Of which the tail's wins are counted.")] = 100_000,
    bits: Annotated[int, typer.Option("--bits", help="Uniforms are the multiples of 2^-bits below 1.")] = 24,
    dtype: Annotated[str, typer.Option("--dtype", help="float32, float64, bfloat16 or float16.")] = "float32",
    json: Annotated[bool, typer.Option("--json", help="A JSON document on standard output.")] = False,
) -> None:
    """The exact law of a categorical sampler's race in floating point, against the softmax; see docs/audit.md."""
    from sharpbound.chapters.audit.categorical import audit_race
    from sharpbound.records.files import strict_json

    found = audit_race(race, tail, gap, draws, bits, dtype)
    print(strict_json(found) if json else f"{found['verdict']}  {found['diagnosis']}")
    raise typer.Exit(FAILED if found["verdict"] == "not reached" else MEASURED)
