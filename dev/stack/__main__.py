"""`python -m dev.stack up|fill|down|status|logs|env`: the commands behind `make stack` and `make stack-…`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from crm_assets.errors import CrmAssetsError
from dev.stack.fill import fill
from dev.stack.place import default_folder
from dev.stack.stack import ALL, ON_DEMAND, SERVICES, Stack

# The variable that asks for more services: `api`, `dashboard` or `metrics`, several with commas.
PROFILE = "STACK_PROFILE"


def up(console: Console, folder: Path) -> None:
    """Start the stack, with the services that are asked for, and print where it is and how to use it."""
    asked = [name for name in os.environ.get(PROFILE, "").split(",") if name in ON_DEMAND]
    services = (*SERVICES, *asked)
    stack = Stack.start(
        folder,
        services=services,
        told=lambda name, seconds: console.print(f"✓ {name} healthy after {seconds:.1f} s"),
    )
    status(console, folder, stack)
    for line in told_at_start(stack):
        console.print(line, markup=False)
    if stack.outdated:
        console.print(
            "The settings have changed since the stack was started; run `make stack-down`, then `make stack` "
            "to use the new ones."
        )
    if stack.pid("api"):
        console.print(f"REST API: {stack.address('api')}/docs   its key is API_KEY of the secrets below")
    if stack.pid("dashboard"):
        console.print(f"Dashboard: {stack.address('dashboard')}")
    if stack.pid("metrics"):
        console.print(f"Metrics for Prometheus: {stack.address('metrics')}/metrics")
    console.print(
        f"Dagster: {stack.address('webserver')}   MLflow: {stack.address('mlflow')}\n"
        "`make stack-fill` fills it: the whole graph for all months.\n"
        f"Ports are in {stack.place.state_file}, passwords and keys in {stack.place.secrets_file}.\n"
        'In a shell, `eval "$(python -m dev.stack env)"` sets the variables that a client needs.\n'
        "`make stack-status` and `make stack-logs` watch it; `make stack-down` stops it and keeps its data."
    )


def told_at_start(stack: Stack) -> list[str]:
    """Return what the code location said about its source and months when it started."""
    log = stack.log("code")
    lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
    newest = {line.split()[0]: line for line in lines if line.startswith(("Source     ", "Months     "))}
    return list(newest.values())


def fill_stack(console: Console, folder: Path) -> int:
    """Run the whole graph for all months, and follow it."""
    return fill(console, Stack.at(folder).address("webserver"))


def status(console: Console, folder: Path, stack: Stack | None = None) -> None:
    """Show every service of the stack."""
    stack = stack or Stack.at(folder)
    table = Table("service", "address", "state", "start", "memory", box=None)
    for name in [name for name in ALL if name in SERVICES or stack.pid(name)]:
        state = "healthy" if stack.healthy(name) else stack.state(name)
        seconds = f"{stack.seconds[name]:.1f} s" if name in stack.seconds else ""
        memory = f"{stack.memory(name) / 2**20:,.0f} MiB" if stack.pid(name) else ""
        table.add_row(name, stack.address(name), state, seconds, memory)
    console.print(table)
    if stack.abandoned:
        console.print("Services run without their process manager; run `make stack-down` to stop them.")


def down(console: Console, folder: Path) -> None:
    """Stop the stack."""
    Stack.at(folder).stop()
    console.print("The stack is stopped; `make stack` starts it again with its data.")


def logs(console: Console, folder: Path) -> None:
    """Show the end of every log, and follow it."""
    files = [str(Stack.at(folder).log(name)) for name in ALL]
    subprocess.run(["tail", "--lines=20", "--follow=name", "--retry", *files], check=False)


def env(console: Console, folder: Path) -> None:
    """Print the variables that a client needs, as lines for a shell."""
    for name, value in Stack.at(folder).environment().items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


COMMANDS = {"up": up, "fill": fill_stack, "down": down, "status": status, "logs": logs, "env": env}


def main(arguments: list[str]) -> int:
    """Run one command and return the exit code."""
    console = Console(soft_wrap=True, highlight=False)
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        console.print(f"Give one command: {', '.join(COMMANDS)}.")
        return 2
    try:
        return COMMANDS[arguments[0]](console, default_folder()) or 0
    except CrmAssetsError as error:
        console.print(str(error), markup=False)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
