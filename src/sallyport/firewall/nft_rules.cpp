#include <sallyport/firewall/nft_rules.hpp>

#include <array>
#include <cstdint>
#include <memory>

#include <netinet/in.h>  // first: the kernel's own headers give way to it

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>

namespace sallyport::firewall {
namespace {

// Before an administrator's own, at -100 and 100.
constexpr std::uint32_t before_dnat = static_cast<std::uint32_t>(-110);
constexpr std::uint32_t before_snat = 90;

// How nft(8) reads keys and values, six bits a part. The kernel keeps the number and makes nothing of it.
constexpr std::uint32_t ipv4_addr = 7;
constexpr std::uint32_t ipv6_addr = 8;
constexpr std::uint32_t inet_service = 13;
[[nodiscard]] constexpr std::uint32_t joined(std::uint32_t a, std::uint32_t b) { return a << 6U | b; }

// A packet's registers are sixteen words: the key in the first nine, what is found in the next five.
constexpr std::uint32_t key = NFT_REG32_00;
constexpr std::uint32_t found = NFT_REG32_09;
constexpr std::uint32_t scratch = NFT_REG32_15;

/// Where things are in a packet of one family.
struct family {
    bool v4;
    std::uint8_t number;
    std::uint32_t address_type;
    std::uint32_t size;       // of an address
    std::uint32_t source_at;  // in the packet
    std::uint32_t target_at;
    std::uint32_t ct_source;
    std::uint32_t ct_target;
    [[nodiscard]] std::uint32_t words() const noexcept { return size / 4; }
};
constexpr std::array<family, 2> families{{
    {true, NFPROTO_IPV4, ipv4_addr, 4, 12, 16, NFT_CT_SRC_IP, NFT_CT_DST_IP},
    {false, NFPROTO_IPV6, ipv6_addr, 16, 8, 24, NFT_CT_SRC_IP6, NFT_CT_DST_IP6},
}};

/// One rule, expression by expression.
class rule {
public:
    rule(const std::string& table, const char* chain) : made_(nftnl_rule_alloc()) {
        nftnl_rule_set_str(made_.get(), NFTNL_RULE_TABLE, table.c_str());
        nftnl_rule_set_str(made_.get(), NFTNL_RULE_CHAIN, chain);
        nftnl_rule_set_u32(made_.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
    }

    struct number {
        std::uint16_t attribute;
        std::uint32_t value;
    };
    nftnl_expr* add(const char* kind, std::initializer_list<number> numbers) {
        auto* e = nftnl_expr_alloc(kind);
        for (const auto& n : numbers) nftnl_expr_set_u32(e, n.attribute, n.value);
        nftnl_rule_add_expr(made_.get(), e);
        return e;
    }

    void load(std::uint32_t base, std::uint32_t offset, std::uint32_t size, std::uint32_t into) {
        add("payload", {{NFTNL_EXPR_PAYLOAD_BASE, base},
                        {NFTNL_EXPR_PAYLOAD_OFFSET, offset},
                        {NFTNL_EXPR_PAYLOAD_LEN, size},
                        {NFTNL_EXPR_PAYLOAD_DREG, into}});
    }
    void load_meta(std::uint32_t what) { add("meta", {{NFTNL_EXPR_META_KEY, what}, {NFTNL_EXPR_META_DREG, scratch}}); }
    void load_original(std::uint32_t what, std::uint32_t into) {
        auto* e = add("ct", {{NFTNL_EXPR_CT_KEY, what}, {NFTNL_EXPR_CT_DREG, into}});
        nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
    }
    template <class Value>
    void require(std::uint32_t comparison, Value value) {
        auto* e = add("cmp", {{NFTNL_EXPR_CMP_SREG, scratch}, {NFTNL_EXPR_CMP_OP, comparison}});
        nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, &value, sizeof value);
    }
    template <class Value>
    void mask(Value bits) {
        const Value none = 0;
        auto* e = add("bitwise", {{NFTNL_EXPR_BITWISE_SREG, scratch},
                                  {NFTNL_EXPR_BITWISE_DREG, scratch},
                                  {NFTNL_EXPR_BITWISE_LEN, sizeof bits},
                                  {NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL}});
        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof bits);
        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &none, sizeof none);
    }
    void look_up(const char* map) {
        auto* e = add("lookup", {{NFTNL_EXPR_LOOKUP_SREG, key}, {NFTNL_EXPR_LOOKUP_DREG, found}});
        nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, map);
    }
    void translate(std::uint32_t which, const family& f) {
        add("nat", {{NFTNL_EXPR_NAT_TYPE, which},
                    {NFTNL_EXPR_NAT_FAMILY, f.number},
                    {NFTNL_EXPR_NAT_REG_ADDR_MIN, found},
                    {NFTNL_EXPR_NAT_REG_PROTO_MIN, found + f.words()}});
    }
    void tcp_of(const family& f) {
        load_meta(NFT_META_NFPROTO);
        require(NFT_CMP_EQ, f.number);
        load_meta(NFT_META_L4PROTO);
        require(NFT_CMP_EQ, std::uint8_t{IPPROTO_TCP});
    }

    void finish(nft_transaction& to) {
        auto* m = to.message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
        nftnl_rule_nlmsg_build_payload(m, made_.get());
        to.done();
    }

private:
    struct frees {
        void operator()(nftnl_rule* r) const noexcept { nftnl_rule_free(r); }
    };
    std::unique_ptr<nftnl_rule, frees> made_;
};

struct chain {
    const char* name;
    std::uint32_t hook;
    std::uint32_t priority;
};
constexpr std::array leading{chain{"prerouting", NF_INET_PRE_ROUTING, before_dnat},
                             chain{"output", NF_INET_LOCAL_OUT, before_dnat}};
constexpr std::array sourcing{chain{"postrouting", NF_INET_POST_ROUTING, before_snat},
                              chain{"input", NF_INET_LOCAL_IN, before_snat}};

void add_chain(nft_transaction& to, const std::string& table, const chain& c) {
    const std::unique_ptr<nftnl_chain, void (*)(nftnl_chain*)> made(nftnl_chain_alloc(),
                                                                    [](nftnl_chain* x) { nftnl_chain_free(x); });
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TABLE, table.c_str());
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_NAME, c.name);
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TYPE, "nat");
    nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_HOOKNUM, c.hook);
    nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_PRIO, c.priority);
    auto* m = to.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    nftnl_chain_nlmsg_build_payload(m, made.get());
    to.done();
}

/// From an opening's key to an address and port.
void add_map(nft_transaction& to, const std::string& table, const char* name, const family& f, std::uint32_t flags,
             std::uint32_t id) {
    const std::unique_ptr<nftnl_set, void (*)(nftnl_set*)> made(nftnl_set_alloc(), [](nftnl_set* x) { nftnl_set_free(x); });
    auto* s = made.get();
    nftnl_set_set_str(s, NFTNL_SET_TABLE, table.c_str());
    nftnl_set_set_str(s, NFTNL_SET_NAME, name);
    nftnl_set_set_u32(s, NFTNL_SET_ID, id);
    nftnl_set_set_u32(s, NFTNL_SET_FLAGS, NFT_SET_MAP | flags);
    nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, joined(joined(f.address_type, f.address_type), inet_service));
    nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, 2 * f.size + 4);
    nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, joined(f.address_type, inet_service));
    nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, f.size + 4);
    auto* m = to.message(NFT_MSG_NEWSET, NLM_F_CREATE);
    nftnl_set_nlmsg_build_payload(m, s);
    to.done();
}

// A new connection to us that is expected, the first of its element, is led on.
void add_leading(nft_transaction& to, const std::string& table, const char* chain, const family& f) {
    constexpr std::uint32_t tcp_port_at = 2;
    constexpr std::uint32_t tcp_flags_at = 13;
    constexpr std::uint8_t fin_syn_rst_ack = 0x17;
    constexpr std::uint8_t syn = 0x02;
    rule r(table, chain);
    r.tcp_of(f);
    r.load(NFT_PAYLOAD_TRANSPORT_HEADER, tcp_flags_at, 1, scratch);
    r.mask(fin_syn_rst_ack);
    r.require(NFT_CMP_EQ, syn);
    r.load(NFT_PAYLOAD_NETWORK_HEADER, f.source_at, f.size, key);
    r.load(NFT_PAYLOAD_NETWORK_HEADER, f.target_at, f.size, key + f.words());
    r.load(NFT_PAYLOAD_TRANSPORT_HEADER, tcp_port_at, 2, key + 2 * f.words());
    r.look_up(names_of(f.v4).expected);
    r.translate(NFT_NAT_DNAT, f);
    r.finish(to);
}

// What was led is found again by what it was before.
void add_sourcing(nft_transaction& to, const std::string& table, const char* chain, const family& f) {
    rule r(table, chain);
    r.tcp_of(f);
    r.add("ct", {{NFTNL_EXPR_CT_KEY, NFT_CT_STATUS}, {NFTNL_EXPR_CT_DREG, scratch}});
    r.mask(std::uint32_t{IPS_DST_NAT});
    r.require(NFT_CMP_NEQ, std::uint32_t{0});
    r.load_original(f.ct_source, key);
    r.load_original(f.ct_target, key + f.words());
    r.load_original(NFT_CT_PROTO_DST, key + 2 * f.words());
    r.look_up(names_of(f.v4).source);
    r.translate(NFT_NAT_SNAT, f);
    r.finish(to);
}

}  // namespace

void add_table(nft_transaction& to, const std::string& name) {
    const std::unique_ptr<nftnl_table, void (*)(nftnl_table*)> made(nftnl_table_alloc(),
                                                                    [](nftnl_table* x) { nftnl_table_free(x); });
    nftnl_table_set_str(made.get(), NFTNL_TABLE_NAME, name.c_str());
    nftnl_table_set_u32(made.get(), NFTNL_TABLE_FLAGS, NFT_TABLE_F_OWNER);
    auto* m = to.message(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    nftnl_table_nlmsg_build_payload(m, made.get());
    to.done();

    std::uint32_t id = 1;
    for (const auto& f : families) {
        const auto maps = names_of(f.v4);
        add_map(to, name, maps.expected, f, NFT_SET_TIMEOUT, id++);
        add_map(to, name, maps.source, f, 0, id++);
    }
    for (const auto& c : leading) {
        add_chain(to, name, c);
        for (const auto& f : families) add_leading(to, name, c.name, f);
    }
    for (const auto& c : sourcing) {
        add_chain(to, name, c);
        for (const auto& f : families) add_sourcing(to, name, c.name, f);
    }
}

}  // namespace sallyport::firewall
