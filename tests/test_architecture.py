"""Imports point down only, and an old run can be read where there is no JAX.

The table is the drawing of the house. A new module must be given its place here before it may import anything.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fallline

SOURCE = Path(fallline.__file__).parent

# From the lowest row up. A module or package imports from rows below its own; those of one row never each other.
# The package itself ("fallline") has only its version and the names that it imports when they are first used.
ROWS = [
    ["fallline", "types", "errors", "numbers", "engine", "fields", "examples", "measurement", "owner"],
    ["catalogue", "claim"],
    [
        "data",
        "models",
        "losses",
        "gradient",
        "rules",
        "schedules",
        "batches",
        "stopping",
        "verdict",
        "metrics",
        "words",
        "figures",
    ],
    ["step", "layout", "told"],
    ["record", "survey"],
    ["halfway"],
    ["legs", "exact"],
    ["many", "trace", "watch", "shortcut", "parallel", "feed"],
    ["settings", "stretches", "spooled"],
    ["fit", "table"],
    ["training", "streamed"],
    ["descent", "estimators", "retrace", "deploy"],
    ["instruments"],
    ["diagnosis"],
    ["explain"],
    ["report"],
    ["run"],
    ["outcome", "measuring"],
    ["project"],
    ["shortlist", "resuming"],
    ["lab"],
    ["cli"],
    ["__main__"],
]
ROW = {name: number for number, row in enumerate(ROWS) for name in row}

READ_SIDE = [
    *("figures", "told", "report", "trace", "verdict", "words", "numbers", "metrics", "errors", "owner", "run"),
    *("catalogue", "claim", "measurement", "diagnosis", "explain"),
]


def modules() -> dict[str, Path]:
    """Every module's dotted name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def part(module: str) -> str:
    """The name under which the table lists a module: its first folder or its own."""
    return module.split(".")[1] if "." in module else module


def imports(path: Path) -> set[str]:
    """The modules of Fallline that a file names in any import, wherever in the file it stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            each = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in each}
    return {name for name in found if name.split(".")[0] == "fallline"}


def test_every_module_has_its_place_in_the_table_and_every_place_a_module():
    assert {part(module) for module in MODULES} == set(ROW)
    assert sum(map(len, ROWS)) == len(ROW)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_rows_below_its_own(module):
    own = part(module)
    for other in imports(MODULES[module]):
        assert part(other) == own or ROW[part(other)] < ROW[own], f"{module} imports {other}"


def test_nothing_reaches_back_to_the_package_but_for_its_version():
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "fallline":
                names = {alias.name for alias in node.names if f"fallline.{alias.name}" not in MODULES}
                assert names <= {"__version__"}, f"{module} imports {names} from the package"


def test_the_read_side_loads_without_jax():
    reading = [module for module in MODULES if part(module) in READ_SIDE]
    program = f"""
import sys
from importlib import import_module
for name in {reading!r}:
    import_module(name)
    loaded = {{"jax", "optax"}} & set(sys.modules)
    assert not loaded, f"{{name}} loads {{loaded}}"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_package_itself_and_the_commands_help_load_without_jax():
    program = """
import sys
import fallline, fallline.cli
assert dir(fallline)
assert "jax" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_lab_s_server_and_what_it_knows_of_messages_and_scenes_load_without_jax():
    program = """
import sys
import fallline.lab.app, fallline.lab.serve, fallline.lab.messages, fallline.lab.scene, fallline.cli.lab
loaded = {"jax", "optax", "sklearn", "vl_convert"} & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_four_words_of_the_loop_are_the_first_lines_that_step_runs():
    """predict, loss, gradient, update: in this order, and before anything else is called."""
    tree = ast.parse((SOURCE / "step.py").read_text())
    (step,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "step")
    targets = [
        target.id
        for node in step.body
        if isinstance(node, ast.Assign)
        for target in (node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets)
        if isinstance(target, ast.Name)
    ]
    order = [targets.index(word) for word in ("prediction", "loss", "gradient", "update")]
    assert order == sorted(order)
