"""The firewall of a router, as its administrator writes it in the form that he knows: what Host.rules takes.

All admit the same. From the inside segment to the outside: the control ports and what conntrack calls established or related. To
the router itself: the control ports, from the inside. From the outside: nothing new. With `nat`, what leaves gets the router's
outside address. None of them mentions Sallyport, and none assigns the kernel's FTP helper.

The texts of ufw and firewalld are those of Debian 12's packages, 0.36.2 and 1.3.3, without their empty chains and logging.
"""

from network import Iptables, masquerade


def nftables(inside, outside, ports, nat=True):
    admit = f'iifname "{inside}" tcp dport {{ {ports} }} accept'
    return (f"""
table inet filter {{
    chain input {{
        type filter hook input priority filter; policy drop
        ct state established,related accept
        ct state invalid drop
        iifname "lo" accept
        meta l4proto {{ icmp, ipv6-icmp }} accept
        {admit}
    }}
    chain forward {{
        type filter hook forward priority filter; policy drop
        ct state established,related accept
        ct state invalid drop
        meta l4proto ipv6-icmp accept
        {admit}
    }}
}}""",) + ((masquerade(out=outside),) if nat else ())


def iptables(inside, outside, ports, nat=True, program="iptables-nft"):
    admit = f"-i {inside} -p tcp -m multiport --dports {ports.replace(' ', '')} -j ACCEPT"
    return (Iptables(f"""
*filter
:INPUT DROP
:FORWARD DROP
:OUTPUT ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -p icmp -j ACCEPT
-A INPUT {admit}
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD {admit}
COMMIT
{translation(outside, nat)}""", program),)


def iptables_legacy(inside, outside, ports, nat=True):
    return iptables(inside, outside, ports, nat, "iptables-legacy")


def translation(outside, nat):
    return f"*nat\n-A POSTROUTING -o {outside} -j MASQUERADE\nCOMMIT\n" if nat else ""


def ufw(inside, outside, ports, nat=True, before=True):
    """`ufw default deny incoming`, `ufw default deny routed`, `ufw allow in on INSIDE to any port PORTS proto tcp` and `ufw route
    allow in on INSIDE to any port PORTS proto tcp`.

    `before`: the line in /etc/ufw/before.rules, in front of ufw-not-local, which drops what is for another host's address.
    """
    admit = f"-i {inside} -p tcp -m multiport --dports {ports.replace(' ', '')} -j ACCEPT"
    return (Iptables(f"""
*filter
:INPUT DROP
:FORWARD DROP
:OUTPUT ACCEPT
:ufw-before-forward -
:ufw-before-input -
:ufw-not-local -
:ufw-user-forward -
:ufw-user-input -
-A INPUT -j ufw-before-input
-A FORWARD -j ufw-before-forward
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp --icmp-type destination-unreachable -j ACCEPT
-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
-A ufw-before-forward -p icmp --icmp-type destination-unreachable -j ACCEPT
-A ufw-before-forward -p icmp --icmp-type echo-request -j ACCEPT
-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT
{f"-A ufw-before-input {admit}" if before else ""}
-A ufw-before-input -j ufw-not-local
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
-A ufw-not-local -j DROP
-A ufw-before-input -j ufw-user-input
-A ufw-before-forward -j ufw-user-forward
-A ufw-user-input {admit}
-A ufw-user-forward {admit}
COMMIT
{translation(outside, nat)}"""),)


def firewalld(inside, outside, ports, nat=True):
    """Zone internal with the control ports; a policy from internal to external with the same ports; masquerading in external."""
    translate = f"""
    chain nat_POSTROUTING {{
        type nat hook postrouting priority srcnat + 10; policy accept
        jump nat_POSTROUTING_POLICIES
    }}
    chain nat_POSTROUTING_POLICIES {{
        oifname "{outside}" jump nat_POST_policy_external
    }}
    chain nat_POST_policy_external {{
        meta nfproto ipv4 oifname != "lo" masquerade
    }}""" if nat else ""
    return (f"""
table inet firewalld {{
    chain filter_PREROUTING {{
        type filter hook prerouting priority filter + 10; policy accept
        icmpv6 type {{ nd-router-advert, nd-neighbor-solicit }} accept
        meta nfproto ipv6 fib saddr . mark . iif oif missing drop
    }}
    chain filter_INPUT {{
        type filter hook input priority filter + 10; policy accept
        ct state {{ established, related }} accept
        ct status dnat accept
        iifname "lo" accept
        ct state invalid drop
        jump filter_INPUT_ZONES
        reject with icmpx admin-prohibited
    }}
    chain filter_FORWARD {{
        type filter hook forward priority filter + 10; policy accept
        ct state {{ established, related }} accept
        ct status dnat accept
        iifname "lo" accept
        ct state invalid drop
        jump filter_FORWARD_POLICIES
        reject with icmpx admin-prohibited
    }}
    chain filter_INPUT_ZONES {{
        iifname "{inside}" goto filter_IN_internal
        goto filter_IN_external
    }}
    chain filter_IN_internal {{
        jump filter_IN_internal_allow
        meta l4proto {{ icmp, ipv6-icmp }} accept
        reject with icmpx admin-prohibited
    }}
    chain filter_IN_internal_allow {{
        tcp dport {{ {ports} }} ct state {{ new, untracked }} accept
    }}
    chain filter_IN_external {{
        meta l4proto {{ icmp, ipv6-icmp }} accept
        reject with icmpx admin-prohibited
    }}
    chain filter_FORWARD_POLICIES {{
        iifname "{inside}" oifname "{outside}" jump filter_FWD_policy_out
    }}
    chain filter_FWD_policy_out {{
        tcp dport {{ {ports} }} ct state {{ new, untracked }} accept
        reject with icmpx admin-prohibited
    }}{translate}
}}""",)


FIREWALLS = {"nftables": nftables, "iptables-nft": iptables, "iptables-legacy": iptables_legacy, "ufw": ufw, "firewalld": firewalld}
