"""The rubric: which criteria count how much, by which thresholds, and what caps the score.

A rubric is a YAML file (:mod:`pipeline.rubric_file`) together with the cue files it uses.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from pipeline.cues import CUES_DIR, CueSet, load_cues
from pipeline.errors import RubricError
from pipeline.patterns import PatternError
from pipeline.records import RubricRef
from pipeline.rubric_file import AutoFail, CannotTell, Criterion, Flags, RubricFile, check_file
from pipeline.yamlfile import YamlFile, digest, read_yaml

RUBRICS_DIR = Path(__file__).resolve().parent.parent / "rubrics"


@dataclass(frozen=True, slots=True)
class Rubric:
    """A checked rubric with its cues, ready to score with.

    ``hash`` covers everything in the rubric and cue files that can change an answer.
    """

    id: str
    version: str
    hash: str
    title: str
    default_language: str
    criteria: tuple[Criterion, ...]
    auto_fail: tuple[AutoFail, ...]
    flags: Flags
    cannot_tell: CannotTell
    cues: Mapping[str, CueSet]
    files: Mapping[str, str]
    """Its files by their names, the rubric first: what a stored result can be recomputed from."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Goes to another process as its files."""
        return restore_rubric, (dict(self.files),)

    @property
    def ref(self) -> RubricRef:
        return RubricRef(self.id, self.version, self.hash)

    def cues_for(self, language: str | None) -> CueSet | None:
        """The cues of a call's language; of the default one where the call names none."""
        code = (language or self.default_language).lower().replace("_", "-").split("-")[0]
        return self.cues.get(code)


def load_rubric(source: str | Path = "leap") -> Rubric:
    """A shipped rubric by its name, or any rubric by its path.

    The cues are those in a folder ``cues`` beside the file, else the shipped ones.
    """
    path = _find(source)
    file = read_yaml(path)
    try:
        content = RubricFile.model_validate(file.value)
    except ValidationError as error:
        raise file.invalid(error) from None
    own_cues = path.parent / "cues"
    folder = own_cues if own_cues.is_dir() else CUES_DIR
    cues = _all_cues(folder)
    check_file(content, file, cues)
    cues[content.default_language] = _with_phrases(cues[content.default_language], content, file)
    return Rubric(
        id=content.id,
        version=content.version,
        hash=digest([content.model_dump(), {name: c.hash for name, c in sorted(cues.items())}]),
        title=content.title,
        default_language=content.default_language,
        criteria=tuple(content.criteria),
        auto_fail=tuple(content.auto_fail),
        flags=content.flags,
        cannot_tell=content.cannot_tell,
        cues=MappingProxyType(cues),
        files=MappingProxyType(_files(path, folder)),
    )


@dataclass(frozen=True, slots=True)
class Rubrics:
    """The rubric of each queue, and the one for all other calls."""

    default: Rubric
    by_queue: Mapping[str, Rubric]

    def for_queue(self, queue: str | None) -> Rubric:
        return self.by_queue.get(queue, self.default) if queue is not None else self.default


def load_rubrics(default: str | Path, by_queue: Mapping[str, str]) -> Rubrics:
    """The rubrics of the settings ``rubric`` and ``queue_rubrics``."""
    loaded = {source: load_rubric(source) for source in {*by_queue.values()}}
    return Rubrics(
        load_rubric(default), {queue: loaded[source] for queue, source in by_queue.items()}
    )


def restore_rubric(files: Mapping[str, str]) -> Rubric:
    """The rubric whose ``files`` were stored. Raises RubricError: this version cannot read it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load_rubric(Path(folder, next(iter(files))))


def _find(source: str | Path) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    shipped = RUBRICS_DIR / f"{source}.yaml"
    if isinstance(source, str) and path.name == source and shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.stem for p in RUBRICS_DIR.glob("*.yaml")))
    raise RubricError(f"{source}: no such rubric; give a path to a YAML file, or one of: {names}")


def _all_cues(folder: Path) -> dict[str, CueSet]:
    languages = sorted(p.name for p in folder.iterdir() if p.is_dir())
    loaded = {name: load_cues(name, folder) for name in languages}
    return {name: cues for name, cues in loaded.items() if cues is not None}


def _with_phrases(cues: CueSet, content: RubricFile, file: YamlFile) -> CueSet:
    """The cues and the rubric's own phrases, which are looked for in the same way."""
    added = []
    for key, entry in content.phrases():
        try:
            added.append(cues.define(entry))
        except PatternError as error:
            raise file.error(key, f"the pattern {entry.patterns[0]!r} {error}") from None
    return replace(cues, definitions=(*cues.definitions, *added))


def _files(rubric: Path, cues: Path) -> dict[str, str]:
    names = {rubric.name: rubric}
    for path in sorted(p for p in cues.rglob("*") if p.suffix in (".yaml", ".json")):
        names[f"cues/{path.relative_to(cues).as_posix()}"] = path
    return {name: path.read_text(encoding="utf-8-sig") for name, path in names.items()}
