# SPDX-License-Identifier: BSD-2-Clause
"""What came out: one table for people, JSON, and a plot of the ratios by gnuplot."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

HEAD = ("", "peer", "peer: median", "xtcp: median", "ratio min / med / max", "wanted", "",
        "CPU s/M peer", "xtcp", "of the limit")


def three(values):
    return min(values), statistics.median(values), max(values)


def in_units(value, unit):
    if unit == "us":
        return "%.1f us" % (value / 1e3)
    if unit == "bit/s":
        return "%.2f Gbit/s" % (value / 1e9)
    if unit in ("B", "s/M", "%"):
        return "%.*f %s" % (0 if value >= 100 else 2, value, unit)
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return "%.3g %s%s" % (value / size, letter, unit)
    return "%.3g %s" % (value, unit)


def ratios(result):
    return [o / p for o, p in zip(result["ours"], result["peer"]) if p]


def holds(result):
    """None where nothing is wanted, or nothing was measured."""
    values = result["ours"] if result["absolute"] else ratios(result)
    if result["wanted"] is None or not values:
        return None
    median = statistics.median(values)
    return median <= result["wanted"] if result["lower"] else median >= result["wanted"]


def verdict(result):
    if "not_measured" in result:
        return "not measured"
    return {None: "", True: "holds", False: "missed"}[holds(result)] + \
        (" !" if result["notes"] else "")


def wanted(result):
    if result["wanted"] is None:
        return ""
    number = "%g" % result["wanted"]
    if result["absolute"]:
        number = in_units(result["wanted"], result["unit"])
    return ("<= " if result["lower"] else ">= ") + number


def median(values, unit):
    return in_units(statistics.median(values), unit) if values else ""


def cost(costs, of):
    return "%.2f" % statistics.median(c[of] for c in costs) if costs else ""


def of_limit(result, results):
    limit = [r for r in results if r["name"] == result["limit"] and r["peer"]]
    if not limit or not result["ours"]:
        return ""
    share = statistics.median(result["ours"]) / statistics.median(limit[0]["peer"])
    return "%.0f %% of %s" % (100 * share, limit[0]["name"])


def line(result, results, cost_of):
    spread = ""
    if ratios(result):
        spread = "%.2f / %.2f / %.2f" % three(ratios(result))
    elif result["peer"] and not result["ours_name"]:  # a limit: how much it varies
        low, middle, high = three(result["peer"])
        spread = "%.2f / 1 / %.2f of it" % (low / middle, high / middle)
    return ("  " + result["name"], result["peer_name"], median(result["peer"], result["unit"]),
            median(result["ours"], result["unit"]), spread, wanted(result), verdict(result),
            cost(result["peer_cost"], cost_of), cost(result["ours_cost"], cost_of),
            of_limit(result, results))


def table(results, cost_of):
    rows, group = [HEAD], None
    for r in results:
        if r["group"] != group:
            group = r["group"]
            rows.append((group,))
        rows.append(line(r, results, cost_of))
    full = [row for row in rows if len(row) > 1]
    widths = [max(len(row[i]) for row in full) for i in range(len(HEAD))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows)


def remarks(results):
    lines = ["! %s: %s" % (r["name"], n) for r in results for n in sorted(set(r["notes"]))]
    lines += ["%s: not measured: %s" % (r["name"], r["not_measured"])
              for r in results if "not_measured" in r]
    return lines + ["%s: %s" % (r["name"], n) for r in results for n in r["remarks"]]


def busy_time():
    """Seconds of each CPU so far that were not idle."""
    with open("/proc/stat") as f:
        rows = [row.split() for row in f if row.startswith("cpu") and row[3].isdigit()]
    tick = os.sysconf("SC_CLK_TCK")
    return {int(r[0][3:]): sum(int(r[i]) for i in (1, 2, 3, 6, 7)) / tick for r in rows}


def machine(cpu):
    """What it is, and what it does before anything of ours runs: the share of the CPU
    that is to be measured on, and of the others together, that is taken already."""
    with open("/proc/cpuinfo") as f:
        model = [row.split(":")[1].strip() for row in f if row.startswith("model name")]
    before = busy_time()
    time.sleep(0.5)
    taken = {c: (t - before.get(c, t)) / 0.5 for c, t in busy_time().items()}
    elsewhere = sum(share for c, share in taken.items() if c != cpu)
    return {"kernel": platform.release(), "cpu": model[0] if model else platform.machine(),
            "cpus": os.cpu_count(), "busy_here": taken.get(cpu, 0), "busy_elsewhere": elsewhere,
            "busy": elsewhere > 0.1}


def complaint(about):
    if about["busy_here"] > 0.1:
        return "somebody else takes %.0f %% of the CPU measured on: do not trust these figures" % (
            100 * about["busy_here"])
    if about["busy"]:
        return "the machine is not idle: CPU per million is of the measuring CPU only"
    return None


def progress(result, number, rounds):
    if "not_measured" in result:
        text = "not measured: " + result["not_measured"]
    else:
        text = "%d/%d: " % (number, rounds) + " beside ".join(
            in_units(result[who][-1], result["unit"]) for who in ("ours", "peer") if result[who])
    print("  %s %s" % (result["name"], text), file=sys.stderr, flush=True)


def plot(results, folder):
    """A bar for each ratio, a cross for what is wanted; where less is better, inverted."""
    data = os.path.join(folder, "ratios.dat")
    with open(data, "w") as f:
        for r in results:
            if not ratios(r):
                continue
            values = three([1 / x for x in ratios(r) if x] if r["lower"] else ratios(r))
            goal = None if r["absolute"] else r["wanted"]
            goal = 1 / goal if r["lower"] and goal else goal
            f.write('"%s" %f %f %f %s\n' % (r["name"], *values, goal or "NaN"))
    if not shutil.which("gnuplot") or not os.path.getsize(data):
        return None
    svg = os.path.join(folder, "ratios.svg")
    script = """set terminal svg size 1100,560 font 'sans,11' background 'white'
set output '%s'
set title 'xtcp beside its peers: median, least and most of pairwise ratios'
set ylabel 'times as good'
set logscale y 2
set yrange [0.25:*]
set xtics rotate by -50
set grid ytics
set style fill solid 0.6
set boxwidth 0.6
plot '%s' using 0:3:xticlabels(1) with boxes lc rgb '#4477aa' title 'xtcp / peer', \\
     '' using 0:3:2:4 with yerrorbars lc rgb '#222222' pt 0 notitle, \\
     '' using 0:5 with points pt 2 ps 1.2 lc rgb '#cc3311' title 'wanted', \\
     1 with lines lc rgb '#888888' notitle
""" % (svg, data)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    return svg


def others_worked(results):
    """Did CPUs that nothing of ours runs on work while something was measured?"""
    costs = [c for r in results for c in r["peer_cost"] + r["ours_cost"]]
    more = [c["machine"] / c["ours"] for c in costs if c["ours"]]
    return bool(more) and statistics.median(more) > 1.1


def write(results, about, folder):
    os.makedirs(folder, exist_ok=True)
    about["busy"] = about["busy"] or others_worked(results)
    with open(os.path.join(folder, "results.json"), "w") as f:
        json.dump({"machine": about, "results": [dict(r, holds=holds(r)) for r in results]},
                  f, indent=1)
    cost_of = "ours" if about["busy"] else "machine"
    text = table(results, cost_of) + "\n\nCPU s/M: seconds of %s per million\n" % (
        "the CPU measured on" if about["busy"] else "the whole machine")
    text += "".join(row + "\n" for row in filter(None, [complaint(about)] + remarks(results)))
    with open(os.path.join(folder, "table.txt"), "w") as f:
        f.write(text)
    print(text, end="")
    svg = plot(results, folder)
    print("written: %s/results.json, table.txt%s" % (folder, ", ratios.svg" if svg else
                                                     " (no gnuplot, so no plot)"))
