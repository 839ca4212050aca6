from __future__ import annotations

from launcher.spec.program_lines import program_lines

TRAIN = '''"""What it does.

More of it."""
# why
import helper
from pkg import part


def main(
    a,
):
    """Docstring."""
    if a:  # a comment
        return {
            "x": 1,
        }
    return "text"


main(1)
'''


def test_blank_lines_comments_and_docstrings_are_no_code() -> None:
    # 2 imports, def, if, the return over three lines, return, main(1)
    assert program_lines({"train.py": TRAIN}, "train.py") == 9


def test_files_of_the_workdir_that_it_imports_count_once() -> None:
    files = {
        "train.py": TRAIN,
        "helper.py": "import train\nx = 1\n",
        "pkg/__init__.py": "y = 1\n",
        "pkg/part.py": "import helper\n",
        "other.py": "never = 'imported'\n",
    }
    assert program_lines(files, "train.py") == 9 + 2 + 1 + 1


def test_what_python_cannot_read_counts_nothing() -> None:
    assert program_lines({"train.py": "def :"}, "train.py") == 0
