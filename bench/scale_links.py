#!/usr/bin/env python3
"""How training over two or more ranks bears slow links: each rank in a network namespace of its own, joined by links with a delay
of one way (milliseconds) and a bandwidth (Mbit/s); 0/0 is a link without limits. As root.

    cmake --build build --target slow_link
    sudo bench/scale_links.py                       full-size SD 2 inpainting, random weights, LoRA, 2 ranks
    sudo bench/scale_links.py --model models/mini --resolution 64 --flags= --each 10      a small model, all of it

All links of a row of one kind are tried within one training: after the first step, and from then on after every --each steps, the
link becomes the next one. Efficiency is the seconds of a step alone, without MPI, over those with the ranks, medians of each;
bytes are what the busiest rank sent in a step, with the headers of the network.
"""
import os
import shlex
import shutil
import statistics
import subprocess
import tempfile
import time

from links import NET, Links
from scale import measure, parser, prepare, seconds_of, training
from side_by_side import HERE, heading, note

OPEN_MPI = f"""mpirun --allow-run-as-root --oversubscribe --bind-to none --mca btl tcp,self --mca btl_tcp_if_include {NET}0/24
 --mca oob_tcp_if_include {NET}0/24 --mca plm_rsh_agent {{agent}} --hostfile {{hosts}}"""
MPICH = "mpirun.mpich -launcher ssh -launcher-exec {agent} -iface slow0 -f {hosts} -genv UCX_TLS tcp,self"


def arguments():
    p = parser(__doc__)
    p.add_argument("--mpi", choices=("openmpi", "mpich"), default="openmpi")
    p.add_argument("--slow-link", default=os.path.join(HERE, "..", "build", "slow_link"), help="the program (build/slow_link)")
    p.add_argument("--ranks", type=int, default=2)
    p.add_argument("--links", default="0/0,1/1000,10/1000,1/100", help="MS/MBIT,... (0/0,1/1000,10/1000,1/100)")
    p.add_argument("--wires", default="f32,bf16", help="values of --gradient_wire (f32,bf16)")
    p.add_argument("--each", type=int, default=2, help="steps over each link (2)")
    a = p.parse_args()
    a.links = [tuple(float(x) for x in link.split("/")) for link in a.links.split(",")]
    a.steps, a.mpirun, a.photos = 1 + a.each, "", a.ranks
    return a


def watch(a, links, process, out):
    """Changes the link as steps end. Seconds and bytes of the steps of each link."""
    change = [1 + i * a.each for i in range(len(a.links) + 1)]  # steps that are done then
    sent = []
    while process.poll() is None or len(sent) < len(change):
        done = len(seconds_of(out))
        if len(sent) < len(change) and done >= change[len(sent)]:
            sent.append(links.set(*a.links[len(sent)]) if len(sent) < len(a.links) else links.sent())
        elif process.poll() is not None:
            raise OSError(f"the training ended with {process.returncode} after {done} steps")
        time.sleep(0.002)
    seconds = seconds_of(out)
    return [(seconds[change[i]:change[i + 1]], max(y - x for x, y in zip(sent[i], sent[i + 1])) / a.each)
            for i in range(len(a.links))]


def over_links(a, links, wire):
    with tempfile.TemporaryDirectory() as folder:
        agent = links.agent(os.path.join(folder, "agent"))
        command, out = training(a, 1 + a.each * len(a.links), [f"--gradient_wire={wire}"])
        mpirun, line = (OPEN_MPI, "{} slots=1\n") if a.mpi == "openmpi" else (MPICH, "{}:1\n")
        hosts = os.path.join(folder, "hosts")
        with open(hosts, "w", encoding="utf-8") as f:
            f.writelines(line.format(address) for address in links.addresses)
        mpirun = mpirun.format(agent=agent, hosts=hosts)
        links.set(0, 0)
        with open(os.path.join(folder, "said"), "w+", encoding="utf-8") as said:
            with subprocess.Popen(links.enter(0) + shlex.split(mpirun) + ["-n", str(a.ranks)] + command, stdout=said,
                                  stderr=said) as process:
                try:
                    got = watch(a, links, process, out)
                except OSError:
                    said.seek(0)
                    note(said.read())
                    raise
                finally:
                    process.terminate()
        shutil.rmtree(out)
    return got


def name(link):
    return " and ".join(([f"{link[0]:g} ms"] if link[0] else []) + ([f"{link[1]:g} Mbit/s"] if link[1] else [])) or "no limits"


def main():
    a = arguments()
    prepare(a)
    with Links(a.ranks, a.slow_link) as links:
        probes = []
        for link in a.links:
            links.set(*link)
            probes.append(links.probe())
            note(f"{name(link)}: a round trip takes {probes[-1][0]:.2f} ms, a stream has {probes[-1][1]:.0f} Mbit/s")
        alone = statistics.median(measure(a, 0)[0])
        note(f"alone: {alone:.3g} s")
        rows = []
        for wire in a.wires.split(","):
            for link, probe, (seconds, sent) in zip(a.links, probes, over_links(a, links, wire)):
                note(f"{wire}, {name(link)}: {', '.join(f'{s:.2f}' for s in seconds)} s")
                step = statistics.median(seconds)
                rows.append(f"| {name(link)} | {probe[0]:.1f} ms, {probe[1]:.0f} Mbit/s | {wire} | {sent / 1e6:.2f} MB | {step:.3g} s | "
                            f"{alone / step:.3f} |")
    print(heading(a.drape, a.model, f"{a.resolution}x{a.resolution}", 1, None)[0])
    print(f"\n{a.ranks} ranks by {a.mpi}; a step alone takes {alone:.3g} s.\n")
    print("| link | round trip and stream, measured | wire | sent in a step | a step | efficiency |\n" + "| --- " * 6 + "|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
