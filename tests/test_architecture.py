"""The house keeps its shape: no circle of imports, no arrow up, and what is shared names no family's parts."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from aigc_tf.config import TrainConfig
from aigc_tf.families import FAMILIES

ROOT = Path(__file__).parent.parent
FILES = {".".join(file.with_suffix("").parts): file for file in sorted(Path("aigc_tf").rglob("*.py"))}
MODULES = {name.removesuffix(".__init__"): ROOT / file for name, file in FILES.items()}

# From the ground up; a room knows its own floor and those below. docs/architecture.md tells what each is for.
FLOORS = [
    (
        "ground",
        "errors registry settings onednn legacy_keras paths json_settings python_version quiet interruption terminal "
        "shell addresses cluster crew",
    ),
    ("files", "atomic_files json_lines json_files image_grid environment contract"),
    ("parts", "parts modalities datasets untrusted metrics verify_export verification"),
    ("configuration", "families config presets"),
    ("state", "run_folder checkpoint_files checkpoints devices event_files memory workers session parentage going_on"),
    ("publishing", "rollout export"),
    ("around the steps", "callbacks plots report"),
    ("judging", "subjects reference side_by_side evaluation_record evaluation_files"),
    ("whole ways", "trainer finishing evaluator plan comparison tuning exploring"),
    ("serving", "serving"),
    ("playing", "playground"),
    ("command line", "command_line commands cli train_command opening launch"),
    ("entry", "__main__"),
]
HEIGHT = {room: height for height, (_, rooms) in enumerate(FLOORS) for room in rooms.split()}

# What may name a family's parts: the families themselves, what they are built of, and measures of some models alone.
OF_A_FAMILY = (
    *("families.gan", "families.vae", "families.diffusion", "families.morphing"),
    *("parts.losses", "parts.penalties", "parts.latents", "parts.labels", "parts.conditioning", "parts.directions"),
    *("parts.great_circle", "parts.walks"),
    *("metrics.discriminator", "metrics.collapse", "metrics.path_length", "metrics.likelihood_bound"),
)
# What may name a kind of file: kinds of content and their data, and what draws pictures of anything.
OF_A_MODALITY = ("modalities", "datasets", "report", "plots", "comparison", "commands.compare", "commands.data")
FAMILY_WORDS = re.compile(
    r"(?<!random )generator|[Dd]iscriminator|critic|[Ll]atent"
)  # Python has a Generator of its own
MODALITY_WORDS = re.compile(r"(?i)(?<!curves\.)png")


def room(module: str) -> str:
    return module.split(".")[1]


def imports(module: str) -> set[str]:
    """Modules of ours that `module` imports anywhere, but for types alone."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                names = {f"{child.module}.{alias.name}" for alias in child.names}
                found.update(name if name in MODULES else str(child.module) for name in names)
            visit(child)

    visit(ast.parse(MODULES[module].read_text()))
    return (found & MODULES.keys()) - {module}


def test_there_is_no_circle_of_imports():
    """Not even one that is cut open by an import inside a function."""
    graph = {module: imports(module) for module in MODULES}
    while leaves := {module for module, known in graph.items() if not known & graph.keys()}:
        graph = {module: known for module, known in graph.items() if module not in leaves}
    assert not graph, f"in a circle, or above one: {sorted(graph)}"


def test_every_folder_of_modules_says_what_it_is():
    """Without an `__init__.py` a folder is a namespace, which any other folder of that name could add to."""
    for folder in {file.parent for file in MODULES.values()}:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder


def test_an_installed_package_has_all_its_files():
    """What is no module is installed only where pyproject.toml names it."""
    told = (ROOT / "pyproject.toml").read_text().partition("[tool.setuptools.package-data]")[2].partition("\n\n")[0]
    named = {
        file
        for package, patterns in re.findall(r'^"([\w.]+)" = (\[.*\])$', told, re.MULTILINE)
        for pattern in ast.literal_eval(patterns)
        for file in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    files = (file for file in (ROOT / "aigc_tf").rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    assert {file for file in files if file.suffix != ".py"} == named and len(named) > 5


def test_every_room_has_its_floor():
    assert {room(module) for module in MODULES if "." in module} == set(HEIGHT)
    assert len(HEIGHT) == sum(len(rooms.split()) for _, rooms in FLOORS)  # none stands twice


def test_every_file_of_tests_has_a_name_of_its_own():
    """pytest imports them by their names alone."""
    names = [file.name for file in Path("tests").rglob("test_*.py")]
    assert len(names) > 80 and sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("module", [module for module in MODULES if "." in module])
def test_no_arrow_points_up(module):
    above = {other for other in imports(module) if "." in other and HEIGHT[room(other)] > HEIGHT[room(module)]}
    assert not above


def test_a_run_and_a_family_share_no_setting():
    of_run = {field.name for field in dataclasses.fields(TrainConfig)}
    for family in FAMILIES.values():
        assert not of_run & {field.name for field in dataclasses.fields(family.config)}


def without_exports_of_before(file: Path) -> str:
    """The text of a module but for what describes exports without a contract, which were a GAN's of PNG files."""
    return re.sub(r"(?s)\ndef of_before.*?\n\n\n", "", file.read_text())


@pytest.mark.parametrize("words, allowed", [(FAMILY_WORDS, OF_A_FAMILY), (MODALITY_WORDS, OF_A_MODALITY)])
def test_what_is_shared_names_no_familys_parts_and_no_kind_of_file(words, allowed):
    own = tuple(f"aigc_tf.{name}" for name in allowed)
    of_names = "aigc_tf.metrics"  # its list of measures names one of them
    shared = {
        name: without_exports_of_before(file)
        for name, file in MODULES.items()
        if name != of_names and not any(f"{name}.".startswith(f"{each}.") for each in own)
    }
    found = {name: words.findall(text) for name, text in shared.items()}
    assert len(shared) > 200 and {name: hits for name, hits in found.items() if hits} == {}


@pytest.mark.parametrize("of_exports", ["serving", "export", "rollout", "verification", "contract"])
def test_what_handles_exports_knows_them_by_their_contract_alone(of_exports):
    """But for the signatures of exports that have none."""
    for module, file in MODULES.items():
        if "." in module and room(module) == of_exports:
            text = without_exports_of_before(file)
            assert re.findall(r"(?i)\b(?:generator|discriminat\w+|critic|latents?|png)\b", text) == [], module


def test_every_content_hash_stands_once():
    """What is recognised in two places is written down in one."""
    found = [content for file in MODULES.values() for content in re.findall(r"\b[0-9a-f]{64}\b", file.read_text())]
    assert len(found) > 5 and sorted(set(found)) == sorted(found)


def test_tensorflow_rewrites_no_code_of_ours():
    """Its AutoGraph takes a tenth of a second and more for each function; what strangers' networks are may need it."""
    for module in MODULES.keys() - {"aigc_tf.metrics.keras_file"}:
        for node in ast.walk(ast.parse(MODULES[module].read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "tf.function":
                assert "autograph=False" in [f"{each.arg}={ast.unparse(each.value)}" for each in node.keywords], module
            decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
            assert "tf.function" not in map(ast.unparse, decorators), module
