"""RX-03: an allocation that fails ends one session at most: for each scenario, the n-th allocation fails, for many n.

CI takes the first and the last of each scenario and some that are drawn; ALLOCATIONS=all (make soak) takes every one, alone
and as the first of a lack that lasts, and ALLOCATIONS=N draws N. SEED chooses what is drawn.
"""

import os
import random

import pytest

from harness import fault_scenarios as scenarios
from harness.daemon import wait_until
from harness.faults import ALLOCATIONS, Fault, FaultPage, chosen, count, library, walk

HOW_MANY = os.environ.get("ALLOCATIONS", "")
SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
# As many in a row fail: a single one, and a lack that lasts.
LASTING = 40


@pytest.fixture(scope="session")
def preloaded():
    return library("fail_allocations") or pytest.skip("no tests/faults/libfail_allocations.so next to the program; make dev builds it")


def serve(start, tmp_path, certificate, page, *preload):
    root = tmp_path / "root"
    root.mkdir()
    content = scenarios.files(root)
    control = tmp_path / "server.sock"
    daemon = start("serve", root, "--listen", "127.0.0.1:0",
                   "--user", f"{scenarios.USER}:{scenarios.PASSWORD}",
                   "--user", f"{scenarios.HASHED_USER}:{scenarios.cheap_hash(scenarios.PASSWORD)}", "--tls-cert", certificate.cert,
                   "--tls-key", certificate.key, "--control-socket", control, "--threads", "1", "--data-timeout", "2",
                   *scenarios.OPTIONS, env=page.environment(*preload) if page else None)
    return daemon, content, control, root


def faults_of(calls):
    every = list(range(1, calls + 1))
    numbers = every if HOW_MANY == "all" else chosen(calls, drawn=int(HOW_MANY or 100), seed=SEED)
    lasting = every if HOW_MANY == "all" else random.Random(SEED).sample(every, min(calls, 10))
    return [Fault(ALLOCATIONS, n, n) for n in numbers] + [Fault(ALLOCATIONS, n, n + LASTING) for n in lasting]


def survive(page, service, scenario):
    calls = count(page, ALLOCATIONS, service, scenario)
    outcome = walk(page, service, scenario, faults_of(calls), calls)
    print(f"{outcome} (SEED={SEED})")
    assert not outcome.broken, f"{outcome}\nSEED={SEED}"
    assert calls > 0 and outcome.refused > 0, f"nothing failed: is the library loaded? {outcome}"


@pytest.mark.limit(3600 if HOW_MANY == "all" else 180)
@pytest.mark.parametrize("scenario", scenarios.SERVER, ids=lambda s: s.__name__)
def test_server(start, tmp_path, certificate, preloaded, scenario):
    page = FaultPage(tmp_path / "faults")
    daemon, content, control, root = serve(start, tmp_path, certificate, page, preloaded)
    survive(page, scenarios.Service(daemon, content, control, root), scenario)


@pytest.mark.limit(3600 if HOW_MANY == "all" else 180)
def test_health_checks(start, tmp_path, certificate, preloaded):
    """A check takes a second, so fewer allocations fail here; afterwards the checks still notice that the backend ends."""
    backend, content, _, root = serve(start, tmp_path, certificate, None)
    page = FaultPage(tmp_path / "faults")
    control = tmp_path / "gateway.sock"
    daemon = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://{backend.host}:{backend.port}", "--control-socket", control,
                   "--threads", "1", "--health-check", "list", "--health-check-interval", "1",
                   "--health-check-user", f"{scenarios.USER}:{scenarios.PASSWORD}", env=page.environment(preloaded))
    service = scenarios.Service(daemon, content, control, root)
    calls = count(page, ALLOCATIONS, service, scenarios.health_check)
    numbers = range(1, calls + 1) if HOW_MANY == "all" else random.Random(SEED).sample(range(1, calls + 1), min(calls, 25))
    outcome = walk(page, service, scenarios.health_check, [Fault(ALLOCATIONS, n, n) for n in numbers], calls)
    print(f"{outcome} (SEED={SEED})")
    assert calls > 0 and not outcome.broken, f"{outcome}\nSEED={SEED}"
    backend.stop()
    wait_until(lambda: scenarios.administer(service, command="status")["backends"][0]["health"] == "down", 15, "the check that fails")


@pytest.mark.limit(3600 if HOW_MANY == "all" else 180)
@pytest.mark.parametrize("scenario", scenarios.GATEWAY, ids=lambda s: s.__name__)
def test_gateway(start, tmp_path, certificate, preloaded, scenario):
    """With two backends that have the same files."""
    backend, content, _, root = serve(start, tmp_path, certificate, None)
    other = start("serve", root, "--listen", "127.0.0.1:0", "--user", f"{scenarios.USER}:{scenarios.PASSWORD}")
    page = FaultPage(tmp_path / "faults")
    control = tmp_path / "gateway.sock"
    daemon = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://{backend.host}:{backend.port}", "--backend",
                   f"ftp://{other.host}:{other.port}", "--tls-cert", certificate.cert, "--tls-key", certificate.key, "--control-socket",
                   control, "--threads", "1", "--data-timeout", "2", "--health-check", "off", *scenarios.OPTIONS,
                   env=page.environment(preloaded))
    survive(page, scenarios.Service(daemon, content, control, root), scenario)
