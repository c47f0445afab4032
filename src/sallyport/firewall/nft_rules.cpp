#include <sallyport/firewall/nft_rules.hpp>

#include <array>
#include <cstdint>

// Before the kernel's headers, which then leave out what both define.
#include <net/if_arp.h>
#include <netinet/in.h>

#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

#include <sallyport/firewall/conntrack.hpp>
#include <sallyport/firewall/nft_rule.hpp>
#include <sallyport/firewall/snat_ports.hpp>

namespace sallyport::firewall {
namespace {

// Before an administrator's NAT chains, at -100 and 100.
constexpr std::int32_t before_dnat = -110;
constexpr std::int32_t before_snat = 90;
// After connection tracking (-200) has updated the state of the packet's connection.
constexpr std::int32_t after_tracking = -149;

// Maximum number of used openings that are not removed yet. The kernel allocates a hash table of this size.
constexpr std::uint32_t max_spent = 131'072;

constexpr std::uint32_t tcp_flags_at = 13;
constexpr std::uint8_t syn = 0x02;
constexpr std::uint8_t rst = 0x04;

// The label of a connection that has used up its opening: bit 127, which other programs are unlikely to use. A label, not a
// mark, since administrators use marks for routing.
constexpr std::uint32_t label_size = 16;
constexpr std::array<std::uint32_t, 4> spent_label{0, 0, 0, 0x80000000U};

// The data types of keys and values for nft(8), six bits for each part. The kernel stores the number and does not use it.
constexpr std::uint32_t ipv4_addr = 7;
constexpr std::uint32_t ipv6_addr = 8;
constexpr std::uint32_t inet_service = 13;
[[nodiscard]] constexpr std::uint32_t joined(std::uint32_t a, std::uint32_t b) { return a << 6U | b; }

// A packet has sixteen 32-bit registers: the key is in the first nine, the value that was found in the next five.
constexpr std::uint32_t key = NFT_REG32_00;
constexpr std::uint32_t found = NFT_REG32_09;
constexpr std::uint32_t scratch = nft_rule::scratch;

/// Constants of one address family.
struct family_place {
    bool v4;
    std::uint8_t number;
    std::uint32_t address_type;
    // The size of an address in bytes.
    std::uint32_t size;
    // This and the following are offsets in the packet.
    std::uint32_t source_at;
    std::uint32_t target_at;
    std::uint32_t ct_source;
    std::uint32_t ct_target;
    [[nodiscard]] std::uint32_t words() const noexcept { return size / 4; }
};
constexpr std::array<family_place, 2> families{{
    {true, NFPROTO_IPV4, ipv4_addr, 4, 12, 16, NFT_CT_SRC_IP, NFT_CT_DST_IP},
    {false, NFPROTO_IPV6, ipv6_addr, 16, 8, 24, NFT_CT_SRC_IP6, NFT_CT_DST_IP6},
}};

/// A rule about openings. Their key is in the first nine registers.
class rule : public nft_rule {
public:
    using nft_rule::nft_rule;

    void load_original(std::uint32_t field, std::uint32_t into) {
        auto* e = add("ct", {{NFTNL_EXPR_CT_KEY, field}, {NFTNL_EXPR_CT_DREG, into}});
        nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
    }
    void look_up(const char* map, std::uint32_t into = found) {
        auto* e = add("lookup", {{NFTNL_EXPR_LOOKUP_SREG, key}, {NFTNL_EXPR_LOOKUP_DREG, into}});
        nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, map);
    }
    /// Matches if the key is in the map. Written as a comparison, since nft(8) does not list a lookup whose result is
    /// unused.
    void require_in(const char* map_to_addresses, const family_place& f, std::uint32_t into = found) {
        constexpr std::array<char, 16> unspecified{};
        look_up(map_to_addresses, into);
        auto* e = add("cmp", {{NFTNL_EXPR_CMP_SREG, into}, {NFTNL_EXPR_CMP_OP, NFT_CMP_NEQ}});
        nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, unspecified.data(), f.size);
    }
    void require_in_set(const char* set) {
        nftnl_expr_set_str(add("lookup", {{NFTNL_EXPR_LOOKUP_SREG, key}}), NFTNL_EXPR_LOOKUP_SET, set);
    }
    void require_absent(const char* set) {
        auto* e = add("lookup", {{NFTNL_EXPR_LOOKUP_SREG, key}, {NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV}});
        nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
    }
    /// Matches the first packet with this key only, also if packets arrive on several processors at the same time.
    void insert_once(const char* set) {
        auto* e = add("dynset", {{NFTNL_EXPR_DYNSET_SREG_KEY, key}, {NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD}});
        nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, set);
        nftnl_expr_set(e, NFTNL_EXPR_DYNSET_EXPR, single_use_limit(), 0);
    }
    void require_label() {
        constexpr std::array<std::uint32_t, 4> none{};
        load_connection(NFT_CT_LABELS, found);
        combine(found, spent_label.data(), none.data(), label_size);
        compare(found, NFT_CMP_NEQ, none.data(), label_size);
    }
    void set_label() {
        auto* e = add("immediate", {{NFTNL_EXPR_IMM_DREG, found}});
        nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, spent_label.data(), label_size);
        add("ct", {{NFTNL_EXPR_CT_KEY, NFT_CT_LABELS}, {NFTNL_EXPR_CT_SREG, found}});
    }
    void load_original_key(const family_place& f) {
        load_original(f.ct_source, key);
        load_original(f.ct_target, key + f.words());
        load_original(NFT_CT_PROTO_DST, key + 2 * f.words());
    }
    void translate(std::uint32_t which, const family_place& f) {
        add("nat", {{NFTNL_EXPR_NAT_TYPE, which},
                    {NFTNL_EXPR_NAT_FAMILY, f.number},
                    {NFTNL_EXPR_NAT_REG_ADDR_MIN, found},
                    {NFTNL_EXPR_NAT_REG_PROTO_MIN, found + f.words()}});
    }
    /// Translates to the source address that was found, and to any free port of the range.
    void translate_to_any_port(const family_place& f) {
        const auto set = [this](std::uint32_t register_number, std::uint16_t port) {
            const auto in_order = htons(port);
            nftnl_expr_set(add("immediate", {{NFTNL_EXPR_IMM_DREG, register_number}}), NFTNL_EXPR_IMM_DATA, &in_order,
                           sizeof in_order);
        };
        const auto first = found + f.words();
        set(first, snat_ports::first);
        set(first + 1, snat_ports::last);
        add("nat", {{NFTNL_EXPR_NAT_TYPE, NFT_NAT_SNAT},
                    {NFTNL_EXPR_NAT_FAMILY, f.number},
                    {NFTNL_EXPR_NAT_REG_ADDR_MIN, found},
                    {NFTNL_EXPR_NAT_REG_PROTO_MIN, first},
                    {NFTNL_EXPR_NAT_REG_PROTO_MAX, first + 1},
                    {NFTNL_EXPR_NAT_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY}});
    }
    void tcp_of(const family_place& f) {
        family(f.v4);
        tcp();
    }
};

struct chain {
    const char* name;
    const char* type;
    std::uint32_t hook;
    std::int32_t priority;
};
constexpr std::array dnat_chains{chain{"prerouting", "nat", NF_INET_PRE_ROUTING, before_dnat},
                                 chain{"output", "nat", NF_INET_LOCAL_OUT, before_dnat}};
constexpr std::array snat_chains{chain{"postrouting", "nat", NF_INET_POST_ROUTING, before_snat},
                                 chain{"input", "nat", NF_INET_LOCAL_IN, before_snat}};
constexpr std::array helper_chains{chain{"sessions", "filter", NF_INET_PRE_ROUTING, before_helpers},
                                   chain{"sessions_here", "filter", NF_INET_LOCAL_OUT, before_helpers},
                                   chain{"redirected_sessions", "filter", NF_INET_LOCAL_IN, before_helpers}};
constexpr std::array spent_chains{chain{"established", "filter", NF_INET_PRE_ROUTING, after_tracking},
                                  chain{"established_here", "filter", NF_INET_LOCAL_OUT, after_tracking}};

/// A map from an opening's key to an address, and with `with_port` to a port as well.
void add_map(nft_transaction& to, const std::string& table, const char* name, const family_place& f, bool with_port,
             std::uint32_t flags, std::uint32_t id) {
    const auto made = owned_by<nftnl_set_free>(nftnl_set_alloc());
    auto* s = made.get();
    nftnl_set_set_str(s, NFTNL_SET_TABLE, table.c_str());
    nftnl_set_set_str(s, NFTNL_SET_NAME, name);
    nftnl_set_set_u32(s, NFTNL_SET_ID, id);
    nftnl_set_set_u32(s, NFTNL_SET_FLAGS, NFT_SET_MAP | flags);
    nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, joined(joined(f.address_type, f.address_type), inet_service));
    nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, 2 * f.size + 4);
    nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, with_port ? joined(f.address_type, inet_service) : f.address_type);
    nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, with_port ? f.size + 4 : f.size);
    auto* m = to.start_message(NFT_MSG_NEWSET, NLM_F_CREATE);
    nftnl_set_nlmsg_build_payload(m, s);
    to.finish_message();
}

/// A set of keys of openings. `filled_by_rules`: that of the used ones.
void add_key_set(nft_transaction& to, const std::string& table, const char* name, const family_place& f,
                 bool filled_by_rules, std::uint32_t id) {
    const auto made = owned_by<nftnl_set_free>(nftnl_set_alloc());
    auto* s = made.get();
    nftnl_set_set_str(s, NFTNL_SET_TABLE, table.c_str());
    nftnl_set_set_str(s, NFTNL_SET_NAME, name);
    nftnl_set_set_u32(s, NFTNL_SET_ID, id);
    if (filled_by_rules) {
        nftnl_set_set_u32(s, NFTNL_SET_FLAGS, NFT_SET_EVAL);
        nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, max_spent);
    }
    nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, joined(joined(f.address_type, f.address_type), inet_service));
    nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, 2 * f.size + 4);
    auto* m = to.start_message(NFT_MSG_NEWSET, NLM_F_CREATE);
    nftnl_set_nlmsg_build_payload(m, s);
    to.finish_message();
}

// Forwards a new connection that is expected, unless one has been established. The counter of "opened" shows that a SYN was
// forwarded, also after the element of "expected" has expired.
void add_dnat_rules(nft_transaction& to, const std::string& table, const char* chain, const family_place& f) {
    constexpr std::uint32_t tcp_port_at = 2;
    rule r(table, chain);
    r.tcp_of(f);
    r.connection_request();
    r.load(NFT_PAYLOAD_NETWORK_HEADER, f.source_at, f.size, key);
    r.load(NFT_PAYLOAD_NETWORK_HEADER, f.target_at, f.size, key + f.words());
    r.load(NFT_PAYLOAD_TRANSPORT_HEADER, tcp_port_at, 2, key + 2 * f.words());
    r.look_up(names_of(f.v4).expected);
    r.require_absent(names_of(f.v4).spent);
    r.require_in(names_of(f.v4).opened, f, key);
    r.translate(NFT_NAT_DNAT, f);
    r.finish(to);
}

// Finds a forwarded connection by its original destination. The first one gets the source port of "source". Further ones, of
// which at most one is the client's, get any other port, since the first may occupy that port for as long as the kernel
// tracks it. If the opening keeps the source, neither address nor port of the connection is changed here.
void add_snat_rules(nft_transaction& to, const std::string& table, const char* chain, const family_place& f) {
    const auto start_rule = [&](rule& r) {
        r.tcp_of(f);
        r.load_connection(NFT_CT_STATUS, scratch);
        r.mask(std::uint32_t{IPS_DST_NAT});
        r.require(NFT_CMP_NEQ, std::uint32_t{0});
        r.load_original_key(f);
    };
    rule kept(table, chain);
    start_rule(kept);
    kept.require_in_set(names_of(f.v4).kept);
    kept.decide(NF_ACCEPT);
    kept.finish(to);
    rule first(table, chain);
    start_rule(first);
    first.look_up(names_of(f.v4).source);
    first.translate(NFT_NAT_SNAT, f);
    first.finish(to);
    rule others(table, chain);
    start_rule(others);
    others.look_up(names_of(f.v4).opened);
    others.translate_to_any_port(f);
    others.finish(to);
}

// Accepts all other packets first, since every packet of the machine passes these chains. The rules after these see only
// packets that the client of a connection with DNAT, or of a related connection, sends, as long as the connection does not
// carry the label.
void add_accept_rules(nft_transaction& to, const std::string& table, const char* chain) {
    rule others(table, chain);
    others.load_connection(NFT_CT_STATUS, scratch);
    others.mask(std::uint32_t{IPS_DST_NAT | IPS_EXPECTED});
    others.require(NFT_CMP_EQ, std::uint32_t{0});
    others.decide(NF_ACCEPT);
    others.finish(to);
    rule replies(table, chain);
    replies.load_connection(NFT_CT_DIRECTION, scratch);
    replies.require(NFT_CMP_EQ, std::uint8_t{IP_CT_DIR_REPLY});
    replies.decide(NF_ACCEPT);
    replies.finish(to);
    rule known(table, chain);
    known.require_label();
    known.decide(NF_ACCEPT);
    known.finish(to);
}

// Related connections that are neither forwarded nor those of an opening that keeps both ends have arrived at a listener of
// the gateway, which rejects them. The first packet after the handshake uses up the opening. If another connection was
// first, or there was no handshake, the packets are dropped.
void add_spent_rules(nft_transaction& to, const std::string& table, const char* chain, const family_place& f) {
    rule rejected(table, chain);
    rejected.tcp_of(f);
    rejected.load_connection(NFT_CT_STATUS, scratch);
    rejected.mask(std::uint32_t{IPS_DST_NAT});
    rejected.require(NFT_CMP_EQ, std::uint32_t{0});
    rejected.load_original_key(f);
    rejected.require_absent(names_of(f.v4).kept);
    rejected.decide(NF_ACCEPT);
    rejected.finish(to);
    rule first(table, chain);
    first.tcp_of(f);
    first.load_connection(NFT_CT_STATUS, scratch);
    first.mask(std::uint32_t{IPS_ASSURED});
    first.require(NFT_CMP_NEQ, std::uint32_t{0});
    first.load_original_key(f);
    first.require_in(names_of(f.v4).opened, f);
    first.insert_once(names_of(f.v4).spent);
    first.set_label();
    first.decide(NF_ACCEPT);
    first.finish(to);
    rule second(table, chain);
    second.tcp_of(f);
    second.load(NFT_PAYLOAD_TRANSPORT_HEADER, tcp_flags_at, 1, scratch);
    second.mask(std::uint8_t{syn | rst});
    second.require(NFT_CMP_EQ, std::uint8_t{0});
    second.load_original_key(f);
    second.require_in(names_of(f.v4).opened, f);
    second.decide(NF_DROP);
    second.finish(to);
    // Without DNAT nothing else distinguishes a further connection request from the first one. A rule cannot find a key in
    // "spent", only its absence: the limit of a used element ends the rule.
    const auto request = [&](bool unused, std::uint32_t verdict) {
        rule r(table, chain);
        r.tcp_of(f);
        r.connection_request();
        r.load_original_key(f);
        r.require_in_set(names_of(f.v4).kept);
        if (unused) r.require_absent(names_of(f.v4).spent);
        r.decide(verdict);
        r.finish(to);
    };
    request(true, NF_ACCEPT);
    request(false, NF_DROP);
}

// A connection whose port an administrator's NAT changes gets the helper in the third chain. Connections from this machine
// to itself do not need that, and it is too late for them there.
void add_helper_rules(nft_transaction& to, const std::string& table, const chain& c, std::uint16_t port) {
    rule r(table, c.name);
    r.tcp();
    r.port(false, port);
    r.connection_request();
    r.new_connection();
    if (c.hook == NF_INET_LOCAL_IN) {
        r.load_meta(NFT_META_IIFTYPE);
        r.require(NFT_CMP_NEQ, std::uint16_t{ARPHRD_LOOPBACK});
    } else {
        r.to_this_machine();
    }
    r.assign_helper(control_helper);
    r.finish(to);
}

}  // namespace

nftnl_expr* single_use_limit() {
    constexpr std::uint64_t day = 24UL * 60 * 60;
    auto* once = nftnl_expr_alloc("limit");
    nftnl_expr_set_u64(once, NFTNL_EXPR_LIMIT_RATE, 1);
    nftnl_expr_set_u64(once, NFTNL_EXPR_LIMIT_UNIT, day);
    nftnl_expr_set_u32(once, NFTNL_EXPR_LIMIT_BURST, 1);
    nftnl_expr_set_u32(once, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
    return once;
}

void add_openings_table(nft_transaction& to, const std::string& name, std::span<const std::uint16_t> control_ports) {
    add_table(to, name, true);

    std::uint32_t id = 1;
    for (const auto& f : families) {
        const auto maps = names_of(f.v4);
        add_map(to, name, maps.expected, f, true, NFT_SET_TIMEOUT, id++);
        add_map(to, name, maps.source, f, true, 0, id++);
        add_map(to, name, maps.opened, f, false, 0, id++);
        add_key_set(to, name, maps.kept, f, false, id++);
        add_key_set(to, name, maps.spent, f, true, id++);
    }
    if (!control_ports.empty()) {
        add_helper(to, name, control_helper);
        for (const auto& c : helper_chains) {
            add_base_chain(to, name, c.name, c.type, c.hook, c.priority);
            for (const auto port : control_ports) add_helper_rules(to, name, c, port);
        }
    }
    for (const auto& c : dnat_chains) {
        add_base_chain(to, name, c.name, c.type, c.hook, c.priority);
        for (const auto& f : families) add_dnat_rules(to, name, c.name, f);
    }
    for (const auto& c : snat_chains) {
        add_base_chain(to, name, c.name, c.type, c.hook, c.priority);
        for (const auto& f : families) add_snat_rules(to, name, c.name, f);
    }
    for (const auto& c : spent_chains) {
        add_base_chain(to, name, c.name, c.type, c.hook, c.priority);
        add_accept_rules(to, name, c.name);
        for (const auto& f : families) add_spent_rules(to, name, c.name, f);
    }
}

}  // namespace sallyport::firewall
