# SPDX-License-Identifier: BSD-2-Clause
"""What came out: one table for people, JSON, and a plot of the ratios by gnuplot."""

import json
import os
import platform
import shutil
import statistics
import subprocess


def three(values):
    return min(values), statistics.median(values), max(values)


def in_units(value, unit):
    if unit == "us":
        return "%.1f us" % (value / 1e3)
    if unit == "bit/s":
        return "%.2f Gbit/s" % (value / 1e9)
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return "%.3g %s%s" % (value / size, letter, unit)
    return "%.3g %s" % (value, unit)


def ratios(result):
    return [o / p for o, p in zip(result["ours"], result["peer"]) if p]


def holds(result):
    if result["target"] is None or not ratios(result):
        return None
    median = statistics.median(ratios(result))
    return median <= result["target"] if result["lower"] else median >= result["target"]


def verdict(result):
    held = holds(result)
    return {None: "", True: "holds", False: "missed"}[held] + (" !" if result["notes"] else "")


def cost(values):
    return "%.2f" % statistics.median(values) if values else ""


def table(results):
    rows = [("row", "peer", "peer: median", "xtcp: median", "ratio min / med / max", "wanted",
             "", "CPU s/M peer", "xtcp")]
    for r in results:
        low, middle, high = three(ratios(r)) if ratios(r) else (0, 0, 0)
        wanted = "" if r["target"] is None else ("<= " if r["lower"] else ">= ") + "%g" % r["target"]
        rows.append((r["name"], r["peer_name"], in_units(three(r["peer"])[1], r["unit"]),
                     in_units(three(r["ours"])[1], r["unit"]),
                     "%.2f / %.2f / %.2f" % (low, middle, high), wanted, verdict(r),
                     cost(r["peer_cost"]), cost(r["ours_cost"])))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows)


def notes(results):
    return "\n".join("! %s: %s" % (r["name"], n) for r in results for n in sorted(set(r["notes"])))


def machine():
    with open("/proc/cpuinfo") as f:
        model = [line.split(":")[1].strip() for line in f if line.startswith("model name")]
    return {"kernel": platform.release(), "cpu": model[0] if model else platform.machine(),
            "cpus": os.cpu_count(), "load": os.getloadavg()[0]}


def plot(results, folder):
    """A bar for each ratio, a cross for what is wanted; where less is better, inverted."""
    data = os.path.join(folder, "ratios.dat")
    with open(data, "w") as f:
        for r in results:
            if not ratios(r):
                continue
            values = three([1 / x for x in ratios(r)] if r["lower"] else ratios(r))
            wanted = r["target"] or 0
            wanted = 1 / wanted if r["lower"] and wanted else wanted
            f.write('"%s" %f %f %f %s\n' % (r["name"], *values, wanted or "NaN"))
    if not shutil.which("gnuplot"):
        return None
    svg = os.path.join(folder, "ratios.svg")
    script = """set terminal svg size 900,480 font 'sans,11' background 'white'
set output '%s'
set title 'xtcp beside its peers: median, least and most of pairwise ratios'
set ylabel 'times as good'
set yrange [0:*]
set xtics rotate by -35
set grid ytics
set style fill solid 0.6
set boxwidth 0.6
plot '%s' using 0:3:xticlabels(1) with boxes lc rgb '#4477aa' title 'xtcp / peer', \\
     '' using 0:3:2:4 with yerrorbars lc rgb '#222222' pt 0 notitle, \\
     '' using 0:5 with points pt 2 ps 1.2 lc rgb '#cc3311' title 'wanted'
""" % (svg, data)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    return svg


def write(results, folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "results.json"), "w") as f:
        json.dump({"machine": machine(), "results": [dict(r, holds=holds(r)) for r in results]},
                  f, indent=1)
    text = table(results)
    extra = notes(results)
    with open(os.path.join(folder, "table.txt"), "w") as f:
        f.write(text + "\n" + extra + "\n")
    print(text + ("\n" + extra if extra else ""))
    svg = plot(results, folder)
    print("written: %s/results.json, table.txt%s" % (folder, ", ratios.svg" if svg else
                                                     " (no gnuplot, so no plot)"))
