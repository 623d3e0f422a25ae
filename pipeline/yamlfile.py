"""YAML with line numbers, so that a mistake in a rubric or cue file can be pointed at."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline.errors import RubricError

Key = tuple[str | int, ...]

# The C parser is ten times as fast; it is missing where PyYAML was built without libyaml.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The values of a file, and the line of each (by the path of keys that leads there)."""

    path: Path
    value: Any
    lines: dict[Key, int] = field(default_factory=dict)

    def error(self, key: Key, message: str) -> RubricError:
        """One line that names file, line and key."""
        where = key
        while where and where not in self.lines:
            where = where[:-1]
        name = ".".join(str(part) for part in key) or "the file"
        return RubricError(f"{self.path}, line {self.lines.get(where, 1)}, {name}: {message}")

    def invalid(self, error: ValidationError, at: Key = ()) -> RubricError:
        """The first complaint of pydantic in our words; an unknown key before what is missing,
        because a key that is spelt wrong is both.
        """
        first = min(error.errors(), key=lambda found: found["type"] == "missing")
        key = at + tuple(first["loc"])
        found = repr(first.get("input"))
        found = found if len(found) <= 40 else found[:37] + "..."
        if first["type"] == "extra_forbidden":
            message = "unknown key; remove it or correct its spelling"
        elif first["type"] == "missing":
            message = "missing; add it"
        else:
            message = f"{first['msg'].removeprefix('Value error, ')}; found {found}; correct it"
        return self.error(key, message)


def read_yaml(path: Path) -> YamlFile:
    """Reads a file through PyYAML's node tree. Duplicate keys are errors."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RubricError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError as error:
        raise RubricError(
            f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        file = YamlFile(path, None, {(): 1})
        if node is None:
            raise RubricError(f"{path}, line 1: the file is empty; see rubrics/README.md")
        value = _value(loader, node, (), file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise RubricError(
            f"{path}, line {line}: is not YAML ({error.problem}); correct it"
        ) from None
    except yaml.YAMLError as error:
        raise RubricError(
            f"{path}: is not YAML ({str(error).splitlines()[0]}); correct it"
        ) from None
    finally:
        loader.dispose()
    return YamlFile(path, value, file.lines)


def digest(content: Any) -> str:
    """sha256 of a value's canonical JSON: comments, key order and layout do not count."""
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _value(loader: Any, node: yaml.Node, key: Key, file: YamlFile) -> Any:
    file.lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, child, (*key, i), file) for i, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        values: dict[str, Any] = {}
        for name_node, child in node.value:
            name = str(name_node.value)
            line = name_node.start_mark.line + 1
            if name in values:
                first = file.lines[(*key, name)]
                file.lines[(*key, name)] = line
                raise file.error(
                    (*key, name), f"this key is there already (line {first}); remove one of the two"
                )
            file.lines[(*key, name)] = line
            values[name] = _value(loader, child, (*key, name), file)
        return values
    # Anchors, tags and other types than plain scalars are read as SafeLoader reads them.
    return loader.construct_object(node, deep=True)
