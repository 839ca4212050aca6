"""How many lines of a program are code: it is parsed, never executed."""

from __future__ import annotations

import ast
from collections.abc import Mapping


def program_lines(files: Mapping[str, str], script: str) -> int:
    r"""Lines of code of a script and of the files beside it that it imports.

    Blank lines, comments and docstrings are none; a statement over three lines is three.

    Args:
        files: texts of the workdir's python files, by path.
        script: path of the one that runs.

    >>> program_lines({"a.py": "import b\n# why\nprint(1)", "b.py": '"text"'}, "a.py")
    2
    """
    wanted, seen, count = [script], {script}, 0
    while wanted:
        try:
            tree = ast.parse(files[wanted.pop()])
        except (SyntaxError, ValueError):
            continue
        count += len(_code_lines(tree))
        for module in _imported(tree):
            stem = module.replace(".", "/")
            for path in (f"{stem}.py", f"{stem}/__init__.py"):
                if path in files and path not in seen:
                    seen.add(path)
                    wanted.append(path)
    return count


def _code_lines(tree: ast.Module) -> set[int]:
    lines: set[int] = set()
    texts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and _is_text(node.value):
            texts.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, ast.stmt) and not hasattr(node, "body"):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, ast.stmt | ast.excepthandler):
            lines.add(node.lineno)
            lines.update(one.lineno for one in getattr(node, "decorator_list", ()))
    return lines - texts


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found
