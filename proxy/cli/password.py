"""`pixelpair password`: makes the setting that puts the operator's page behind a password."""

import sys

import click


@click.command()
def password() -> None:
    """Turn a password into the setting that guards the operator's page.

    It asks twice and shows nothing of it; without a terminal it reads one line from stdin. The line it prints belongs
    into .env or the environment, and holds the hash alone.
    """
    from proxy.operator.password import SHORTEST, make_hash

    if sys.stdin.isatty():
        given = click.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
    else:
        given = _line()
    if len(given) < SHORTEST:
        raise click.UsageError(f"A password has at least {SHORTEST} characters: four or five random words are good.")
    made = make_hash(given)
    click.echo(f"PIXELPAIR_OPERATOR_PASSWORD_HASH='{made}'")
    click.echo(f'Or in pixelpair.toml, above all [tables]: operator_password_hash = "{made}"', err=True)


def _line() -> str:
    try:
        return sys.stdin.buffer.readline().decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        pass
    raise click.UsageError("The password is not UTF-8.")
