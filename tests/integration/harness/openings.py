"""What the kernel holds of a gateway's openings, seen through nft."""

import re
import subprocess

from harness.daemon import wait_until

STORED = re.compile(r"(?:map|set) (expected|spent)[46] \{(.*?)\n\t\}", re.DOTALL)
KEY = re.compile(r"([0-9a-f.:]+) \. ([0-9a-f.:]+) \. (\d+) (?:timeout|expires|limit)")


def ruleset(network, host="router", options=("--json",)):
    return subprocess.run(network.command(host, "nft", *options, "list", "ruleset"), capture_output=True, text=True, check=True,
                          timeout=10).stdout


def unused_openings(network, host="router"):
    """(client, our address, our port) of each opening that has served no connection yet."""
    keys = {"expected": [], "spent": []}
    for name, content in STORED.findall(ruleset(network, host, ())):
        keys[name] += [(client, at, int(port)) for client, at, port in KEY.findall(content)]
    return [key for key in keys["expected"] if key not in keys["spent"]]


def tables(network, host="router"):
    return re.findall(r'"name": "(sallyport_\w+)"', ruleset(network, host))


def gone(network, within, host="router"):
    wait_until(lambda: not unused_openings(network, host), within, "the openings' end")
