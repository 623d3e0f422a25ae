"""Who may import whom: one way, from the records up to what people see."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A module imports only from rows above its own (a package in a row may import within itself).
# A new module needs a place here.
LAYERS = [
    {"pipeline", "records", "errors"},
    {"encryption"},
    {
        "spans",
        "yamlfile",
        "patterns",
        "normalise",
        "codeversion",
        "tables",
        "result",
        "rounding",
        "wording",
        "memory",
        "paths",
    },
    {"review_tables", "privacy_tables", "coaching_tables", "device"},
    {"fulltext"},
    {"durations", "turn_taking", "manifest", "remote", "signs_of_life", "beep"}
    | {"wipe", "forgotten", "legal_hold"},
    {"settings", "audio", "find", "models", "campplus", "cues", "database", "transcript", "voices"}
    | {"dialogues"},
    {"minilm", "promises", "redaction"},
    {"tagger"},
    {"metadata", "activity", "bleed", "transcribe", "two_voices", "roles", "third_parties"}
    | {"measures", "criteria"},
    {"rubric_file", "diarize"},
    {"rubric"},
    {"separate"},
    {"flags", "engines", "findings", "certainty"},
    {"score", "sound", "risk"},
    {"day_sums", "contacts"},
    {"standing"},
    {"second_opinion", "store", "training"},
    {"call", "as_scored"},
    {"archive", "batch", "causes", "report", "doctor", "worklist"},
    {"verify", "backtest", "rubric_review", "triage", "crew", "status"},
    {"metrics", "coaching"},
    {"deletion"},
    {"score_command", "archive_command", "status_command", "redact_command"}
    | {"encrypt_command", "review"},
    {"coaching_command"},
    {"cli"},
]
# What Prefect and its workers must not load, and what importing the package must not cost.
MODELS = ("torch", "faster_whisper", "ctranslate2", "pyannote", "librosa", "onnxruntime")


def imports(path: Path) -> set[str]:
    """Full names of all modules that a file imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def place(name: str) -> int:
    """The layer of a module, by the first part of its name below ``pipeline``."""
    for number, layer in enumerate(LAYERS):
        if name in layer:
            return number
    raise AssertionError(f"pipeline.{name} has no layer in tests/test_imports.py")


SOURCES = sorted((ROOT / "pipeline").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    parts = path.relative_to(ROOT / "pipeline").with_suffix("").parts
    if parts[0] == "migrations":
        return
    module = "pipeline" if parts[0] == "__init__" else parts[0]
    for name in imports(path):
        assert not name.startswith(("prefect", "flows")), (
            f"pipeline knows nothing of Prefect: {path}"
        )
        if not name.startswith("pipeline."):
            continue
        below = name.split(".")[1]
        if (
            not (ROOT / "pipeline" / below).is_dir()
            and not (ROOT / "pipeline" / f"{below}.py").is_file()
        ):
            below = "pipeline"  # a name of the package itself, such as __version__
        within_package = below == module and len(parts) > 1
        assert within_package or place(below) < place(module), f"{module} imports {below}"


@pytest.mark.parametrize("path", sorted((ROOT / "flows").glob("*.py")), ids=lambda path: path.name)
def test_flows_never_import_models(path):
    assert not [name for name in imports(path) if name.split(".")[0] in MODELS]


def test_measures_do_not_know_each_other():
    for path in (ROOT / "pipeline" / "measures").glob("*.py"):
        assert not [name for name in imports(path) if name.startswith("pipeline.measures")], path


@pytest.mark.parametrize(
    "module", ["pipeline", "pipeline.cli", "pipeline.batch", "pipeline.report", "flows.tasks"]
)
def test_importing_loads_no_model_library(module):
    script = f"import sys, {module}; print(*(m for m in {MODELS} if m in sys.modules))"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""


def test_importing_the_package_is_quick():
    script = (
        "import sys, time; begin = time.perf_counter(); import pipeline; "
        "print(time.perf_counter() - begin, len(sys.modules))"
    )
    command = [sys.executable, "-c", script]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(shown.stdout.split()[0]) < 0.3
