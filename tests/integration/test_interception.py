"""The options of an intercepting gateway (gate --intercept), what it prints, and what it needs (G2, G12). Networks with routers are in
test_router_networks.py."""

import ftplib
import json
import subprocess

import pytest


def test_the_plan_has_every_rule_and_changes_nothing(sallyport):
    plan = [sallyport, "gate", "plan", "--intercept", "lan0?ports=21,2121&from=192.168.0.0/16", "--intercept", "wlan*", "--mark",
            "0x100/0x300", "--route-table", "77"]
    text = subprocess.run(plan, capture_output=True, text=True, check=True).stdout
    assert 'iifname "lan0"' in text and 'iifname "wlan*"' in text and "192.168.0.0/16" in text
    assert "tproxy" in text and 'type "sane" protocol tcp' in text
    assert "fwmark 0x100/0x300" in text and "table 77" in text
    assert 'iifname "lan0" tcp dport { 21, 2121 } accept' in text
    assert "sallyport_when_down" not in text
    blocking = subprocess.run([*plan, "--when-down", "block", "--for", "ufw"], capture_output=True, text=True, check=True).stdout
    assert "sallyport_when_down_" in blocking and "nft delete table inet" in blocking
    assert "ufw allow in on lan0 to any port 21,2121 proto tcp" in blocking


def test_without_the_right_it_does_not_start(sallyport, tmp_path):
    done = subprocess.run(["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", sallyport, "gate", "--intercept",
                           "lan0", "--control-socket", tmp_path / "gate.sock"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "--intercept needs the right to configure the network (CAP_NET_ADMIN)" in done.stderr


def test_openings_of_a_running_gateway(start, sallyport, tmp_path):
    control = tmp_path / "gate.sock"
    server = start("serve", tmp_path, "--listen", "127.0.0.1:0", "--anonymous")
    gate = start("gate", "--listen", "127.0.0.1:0", "--backend", f"ftp://127.0.0.1:{server.port}", "--control-socket", control)
    show = [sallyport, "gate", "openings", "--control-socket", control]
    assert subprocess.run(show, capture_output=True, text=True, check=True).stdout == ""
    with ftplib.FTP() as client:
        client.connect("127.0.0.1", gate.port)
        client.login()
        port = client.makepasv()[1]
        (opening,) = json.loads(subprocess.run([*show, "--json"], capture_output=True, text=True, check=True).stdout)
        assert (opening["port"], opening["peer"], opening["reason"]) == (port, "127.0.0.1", "passive")
        line = subprocess.run(show, capture_output=True, text=True, check=True).stdout
        assert f"from 127.0.0.1 to port {port}, accepted by the gateway" in line
    missing = subprocess.run([*show[:-1], tmp_path / "none.sock", "--follow"], capture_output=True, text=True)
    assert missing.returncode == 3


if __name__ == "__main__":
    pytest.main([__file__])
