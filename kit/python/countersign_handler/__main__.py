"""python3 -m countersign_handler --print-ddl postgres|mysql"""
import sys

from . import mysql, postgres


def main() -> int:
    engines = {"postgres": postgres.ddl, "mysql": mysql.ddl}
    if len(sys.argv) != 3 or sys.argv[1] != "--print-ddl" or sys.argv[2] not in engines:
        print(__doc__, file=sys.stderr)
        return 2
    print(engines[sys.argv[2]](), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
