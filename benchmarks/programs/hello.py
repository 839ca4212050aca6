"""One line and one mark: when did a program begin, and when was its line shown?"""

import time

BEGUN = time.time()


def main() -> None:
    import sys

    from marks import Marks

    print("hello from the program", flush=True)
    Marks(sys.argv[1]).add("line", BEGUN)


if __name__ == "__main__":
    main()
