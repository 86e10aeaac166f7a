"""What the bench writes down: figures beside their floors, and what the kernel
knows about our processes."""
import contextlib
import json
import os
import re
import statistics

TICKS = os.sysconf("SC_CLK_TCK")


# What the kernel knows about our processes ---------------------------------

def stat_of(pid):
    with open("/proc/%d/stat" % pid) as file:
        text = file.read()
    name = text[text.index("(") + 1:text.rindex(")")]
    return name, text.rsplit(") ", 1)[1].split()


def tree(pid):
    """The process and all its descendants, as {pid: program}."""
    parents = {}
    for other in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            name, fields = stat_of(other)
            parents[other] = (int(fields[1]), name)
    found = {pid: parents[pid][1]}
    while True:
        more = {p: name for p, (parent, name) in parents.items() if parent in found and p not in found}
        if not more:
            return found
        found.update(more)


def cpu_seconds(pids):
    """utime + stime of each program."""
    total = {}
    for pid, name in pids.items():
        fields = stat_of(pid)[1]
        total[name] = total.get(name, 0) + (int(fields[11]) + int(fields[12])) / TICKS
    return total


def pss_kb(pids):
    """Proportional memory of each program; None where we may not look."""
    total = {}
    for pid, name in pids.items():
        try:
            with open("/proc/%d/smaps_rollup" % pid) as file:
                total[name] = total.get(name, 0) + int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M).group(1))
        except OSError:
            return None
    return total


# Figures -------------------------------------------------------------------

class Figure:
    """Values of repeated runs and the floor that was measured between them."""

    def __init__(self, name, unit, in_flight=None):
        self.name = name
        self.unit = unit
        self.in_flight = in_flight
        self.values = []
        self.floor = None
        self.floor_name = None
        self.aim = None  # ("ratio" or "value", ">=" or "<=", number)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def ratio(self):
        if self.floor is None or not self.floor.values or not self.floor.median:
            return None
        return self.median / self.floor.median

    def beside(self, floor, name):
        self.floor, self.floor_name = floor, name
        return self

    def met(self):
        if self.aim is None or not self.values:
            return None
        what, sign, number = self.aim
        value = self.ratio if what == "ratio" else self.median
        return value is not None and (value >= number if sign == ">=" else value <= number)

    def aim_text(self):
        if self.aim is None:
            return ""
        what, sign, number = self.aim
        text = "%g %%" % (number * 100) if what == "ratio" else "%g %s" % (number, self.unit)
        return "%s %s: %s" % (sign, text, "met" if self.met() else "MISSED")

    def as_json(self):
        value = {"name": self.name, "in_flight": self.in_flight, "unit": self.unit, "median": self.median,
                 "min": min(self.values), "max": max(self.values), "runs": self.values}
        if self.ratio is not None:
            value.update(floor=self.floor_name, floor_median=self.floor.median, floor_runs=self.floor.values,
                         ratio=self.ratio)
        if self.aim is not None:
            value.update(aim=self.aim_text(), met=self.met())
        return value


def number(value):
    return "%.0f" % value if value >= 100 else "%.1f" % value if value >= 10 else "%.2f" % value


class Report:
    def __init__(self):
        self.figures = {}
        self.facts = {}

    def figure(self, name, unit, in_flight=None):
        key = (name, in_flight)
        if key not in self.figures:
            self.figures[key] = Figure(name, unit, in_flight)
        return self.figures[key]

    def add(self, name, unit, in_flight, value):
        self.figure(name, unit, in_flight).values.append(value)

    def rows(self):
        yield ("", "calls in flight", "median", "min – max", "floor", "ratio", "aim")
        for f in self.figures.values():
            if not f.values:
                continue
            floor = "%s: %s" % (f.floor_name, number(f.floor.median)) if f.ratio is not None else ""
            yield (f.name, str(f.in_flight or ""), "%s %s" % (number(f.median), f.unit),
                   "%s – %s" % (number(min(f.values)), number(max(f.values))), floor,
                   "%.1f %%" % (f.ratio * 100) if f.ratio is not None else "", f.aim_text())

    def markdown(self):
        lines = ["%s: %s  " % item for item in self.facts.items()] + [""]
        rows = list(self.rows())
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for i, row in enumerate(rows):
            lines.append("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
            if i == 0:
                lines.append("|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines) + "\n"

    def write(self, folder):
        with open(os.path.join(folder, "bench.json"), "w") as file:
            json.dump({"facts": self.facts, "figures": [f.as_json() for f in self.figures.values() if f.values]},
                      file, indent=1)
        with open(os.path.join(folder, "bench.md"), "w") as file:
            file.write(self.markdown())
