"""A home router that forwards ports on request, by PCP, NAT-PMP and UPnP, and STUN servers on the Internet."""

from network import Fact, Host, Program, Scenario, Segment

# miniupnpd adds its rules to the three chains that end with its name. The set-up script of its Debian package makes none of these.
FIREWALL = """
table inet filter {
    chain input {
        type filter hook input priority filter
        iifname "wan" meta l4proto { tcp, udp } ct state new drop
    }
    chain forward {
        type filter hook forward priority filter; policy drop
        ct state established,related accept
        iifname "lan" accept
        jump miniupnpd
    }
    chain prerouting {
        type nat hook prerouting priority dstnat
        jump prerouting_miniupnpd
    }
    chain postrouting {
        type nat hook postrouting priority srcnat
        jump postrouting_miniupnpd
        meta nfproto ipv4 oifname "wan" masquerade
    }
    chain miniupnpd { }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
}"""

# miniupnpd refuses external addresses that are private or reserved for documentation, so the lab uses public addresses.
MINIUPNPD = """\
ext_ifname=wan
ext_ifname6=wan
listening_ip=lan
enable_natpmp=yes
enable_upnp=yes
secure_mode=yes
min_lifetime=60
lease_file={folder}/leases
uuid=00000000-0000-0000-0000-000000000001
allow 1024-65535 192.168.77.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""
UPNP_ALONE = MINIUPNPD.replace("enable_natpmp=yes", "enable_natpmp=no")


def miniupnpd(config=MINIUPNPD, host="router"):
    port = 5351 if "enable_natpmp=yes" in config else 1900
    return Program(host, "miniupnpd -f {folder}/miniupnpd.conf -P {folder}/pid", port=port, files={"miniupnpd.conf": config})


def coturn(*addresses, host="stun"):
    listen = " ".join(f"-L {address}" for address in addresses)
    return Program(host, f"turnserver -n {listen} --stun-only --no-auth --no-tls --no-dtls --no-cli --listening-port 3478 "
                         "--pidfile {folder}/pid --log-file stdout", port=3478)


scenario = Scenario(
    name="router-mapping",
    title="A router that maps ports on request",
    rows="S3 C2",
    about="The router drops connections from outside, unless a host inside asks it to forward a port. The addresses are public ones, "
          "since miniupnpd refuses others; no packet leaves the lab.",
    segments=(Segment("wan", "5.9.1.0/24"), Segment("lan", "192.168.77.0/24")),
    hosts=(
        Host("client", {"wan": ("5.9.1.10/24", "2a01:4f8:1::10/64")}, via=("5.9.1.1", "2a01:4f8:1::1")),
        Host("stun", {"wan": ("5.9.1.2/24", "5.9.1.3/24")}, about="two addresses"),
        Host("router", {"wan": ("5.9.1.1/24", "2a01:4f8:1::1/64"), "lan": ("192.168.77.1/24", "2a01:4f8:77::1/64")}, forwards=True,
             rules=(FIREWALL,), about="NAT to 5.9.1.1, no incoming connections"),
        Host("server", {"lan": ("192.168.77.10/24", "2a01:4f8:77::10/64")}, via=("192.168.77.1", "2a01:4f8:77::1")),
        Host("second-server", {"lan": ("192.168.77.11/24", "2a01:4f8:77::11/64")}, via=("192.168.77.1", "2a01:4f8:77::1")),
    ),
    programs=(miniupnpd(), coturn("5.9.1.2", "5.9.1.3")),
    facts=(
        Fact("server", "5.9.1.10", 21, "client", True),
        Fact("client", "5.9.1.1", 2121, "server", False, "until it is mapped"),
        Fact("client", "2a01:4f8:77::10", 2121, "server", False, "until it is mapped"),
    ),
)
