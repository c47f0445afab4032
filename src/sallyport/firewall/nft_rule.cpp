#include <sallyport/firewall/nft_rule.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <random>

#include <fmt/format.h>

// Before the kernel's headers, which then leave out what both define.
#include <net/if.h>
#include <netinet/in.h>

#include <libnftnl/chain.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>

namespace sallyport::firewall {
namespace {

/// The places of the addresses in the header of a packet.
struct address_place {
    std::uint32_t source;
    std::uint32_t destination;
    std::uint32_t size;
};
constexpr address_place places_v4{12, 16, 4};
constexpr address_place places_v6{8, 24, 16};

void put_chain(nft_transaction& to, nftnl_chain* c) {
    auto* m = to.start_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    nftnl_chain_nlmsg_build_payload(m, c);
    to.finish_message();
}

[[nodiscard]] auto named_counter(const std::string& table, const char* name) {
    auto out = owned_by<nftnl_obj_free>(nftnl_obj_alloc());
    nftnl_obj_set_str(out.get(), NFTNL_OBJ_TABLE, table.c_str());
    nftnl_obj_set_str(out.get(), NFTNL_OBJ_NAME, name);
    nftnl_obj_set_u32(out.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
    return out;
}

}  // namespace

nft_rule::nft_rule(const std::string& table, const std::string& chain) : rule_(nftnl_rule_alloc()) {
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, table.c_str());
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain.c_str());
    nftnl_rule_set_u32(rule_.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
}

nftnl_expr* nft_rule::add(const char* kind, std::initializer_list<number> numbers) {
    auto* e = nftnl_expr_alloc(kind);
    for (const auto& n : numbers) nftnl_expr_set_u32(e, n.attribute, n.value);
    nftnl_rule_add_expr(rule_.get(), e);
    return e;
}

void nft_rule::load(std::uint32_t base, std::uint32_t offset, std::uint32_t size, std::uint32_t into) {
    add("payload", {{NFTNL_EXPR_PAYLOAD_BASE, base},
                    {NFTNL_EXPR_PAYLOAD_OFFSET, offset},
                    {NFTNL_EXPR_PAYLOAD_LEN, size},
                    {NFTNL_EXPR_PAYLOAD_DREG, into}});
}

void nft_rule::load_meta(std::uint32_t field) {
    add("meta", {{NFTNL_EXPR_META_KEY, field}, {NFTNL_EXPR_META_DREG, scratch}});
}

void nft_rule::load_connection(std::uint32_t field, std::uint32_t into) {
    add("ct", {{NFTNL_EXPR_CT_KEY, field}, {NFTNL_EXPR_CT_DREG, into}});
}

void nft_rule::compare(std::uint32_t register_number, std::uint32_t comparison, const void* value, std::uint32_t size) {
    auto* e = add("cmp", {{NFTNL_EXPR_CMP_SREG, register_number}, {NFTNL_EXPR_CMP_OP, comparison}});
    nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, value, size);
}

void nft_rule::combine(std::uint32_t register_number, const void* and_bits, const void* xor_bits, std::uint32_t size) {
    auto* e = add("bitwise", {{NFTNL_EXPR_BITWISE_SREG, register_number},
                              {NFTNL_EXPR_BITWISE_DREG, register_number},
                              {NFTNL_EXPR_BITWISE_LEN, size},
                              {NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL}});
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, and_bits, size);
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, xor_bits, size);
}

void nft_rule::from_interface(std::string_view name) {
    std::array<char, IFNAMSIZ> padded{};
    const bool prefix = name.ends_with('*');
    if (prefix) name.remove_suffix(1);
    name.copy(padded.data(), padded.size() - 1);
    add("meta", {{NFTNL_EXPR_META_KEY, NFT_META_IIFNAME}, {NFTNL_EXPR_META_DREG, wide}});
    compare(wide, NFT_CMP_EQ, padded.data(), static_cast<std::uint32_t>(prefix ? name.size() : padded.size()));
}

void nft_rule::family(bool v4) {
    load_meta(NFT_META_NFPROTO);
    require(NFT_CMP_EQ, static_cast<std::uint8_t>(v4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
}

void nft_rule::tcp() {
    load_meta(NFT_META_L4PROTO);
    require(NFT_CMP_EQ, std::uint8_t{IPPROTO_TCP});
}

void nft_rule::port(bool source, std::uint16_t value) {
    load(NFT_PAYLOAD_TRANSPORT_HEADER, source ? 0 : 2, sizeof value, scratch);
    require(NFT_CMP_EQ, htons(value));
}

void nft_rule::port_between(std::uint16_t first, std::uint16_t last) {
    load(NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof first, scratch);
    require(NFT_CMP_GTE, htons(first));
    require(NFT_CMP_LTE, htons(last));
}

void nft_rule::pair_in(const std::string& set, bool v4) {
    const auto& place = v4 ? places_v4 : places_v6;
    load(NFT_PAYLOAD_NETWORK_HEADER, place.source, place.size, v4 ? NFT_REG32_00 : NFT_REG_1);
    load(NFT_PAYLOAD_NETWORK_HEADER, place.destination, place.size, v4 ? NFT_REG32_01 : NFT_REG_2);
    auto* e = add("lookup", {{NFTNL_EXPR_LOOKUP_SREG, v4 ? NFT_REG32_00 : NFT_REG_1}});
    nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set.c_str());
}

void nft_rule::network(bool source, const ip_network& n) {
    const auto text = n.text();
    const auto base = ip_address::parse(std::string_view(text).substr(0, text.find('/'))).value_or(ip_address());
    const auto& place = base.is_v4() ? places_v4 : places_v6;
    load(NFT_PAYLOAD_NETWORK_HEADER, source ? place.source : place.destination, place.size, wide);
    if (n.prefix() < place.size * 8) {
        std::array<std::uint8_t, 16> bits{};
        for (unsigned i = 0; i < n.prefix(); ++i) bits.at(i / 8) |= static_cast<std::uint8_t>(0x80U >> (i % 8));
        constexpr std::array<std::uint8_t, 16> none{};
        combine(wide, bits.data(), none.data(), place.size);
    }
    compare(wide, NFT_CMP_EQ, base.bytes().data(), place.size);
}

void nft_rule::connection_request() {
    constexpr std::uint32_t flags_at = 13;
    constexpr std::uint8_t fin_syn_rst_ack = 0x17;
    constexpr std::uint8_t syn_alone = 0x02;
    load(NFT_PAYLOAD_TRANSPORT_HEADER, flags_at, 1, scratch);
    mask(fin_syn_rst_ack);
    require(NFT_CMP_EQ, syn_alone);
}

void nft_rule::new_connection() {
    constexpr std::uint32_t new_state = 8;
    load_connection(NFT_CT_STATE);
    mask(new_state);
    require(NFT_CMP_NEQ, std::uint32_t{0});
}

void nft_rule::to_this_machine() {
    add("fib", {{NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE},
                {NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR},
                {NFTNL_EXPR_FIB_DREG, scratch}});
    require(NFT_CMP_EQ, std::uint32_t{RTN_LOCAL});
}

void nft_rule::assign_helper(const char* name) {
    auto* e = add("objref", {{NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_CT_HELPER}});
    nftnl_expr_set_str(e, NFTNL_EXPR_OBJREF_IMM_NAME, name);
}

void nft_rule::count(const char* counter) {
    auto* e = add("objref", {{NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER}});
    nftnl_expr_set_str(e, NFTNL_EXPR_OBJREF_IMM_NAME, counter);
}

void nft_rule::decide(std::uint32_t verdict) {
    add("immediate", {{NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT}, {NFTNL_EXPR_IMM_VERDICT, verdict}});
}

void nft_rule::go_to(const std::string& chain, bool returns) {
    auto* e = add("immediate", {{NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT},
                                {NFTNL_EXPR_IMM_VERDICT, static_cast<std::uint32_t>(returns ? NFT_JUMP : NFT_GOTO)}});
    nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain.c_str());
}

void nft_rule::finish(nft_transaction& to) {
    auto* m = to.start_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    nftnl_rule_nlmsg_build_payload(m, rule_.get());
    to.finish_message();
}

std::string unique_table_name(std::string_view prefix) {
    std::random_device random;
    return fmt::format("{}{:08x}", prefix, random());
}

void add_table(nft_transaction& to, const std::string& name, bool owned) {
    const auto made = owned_by<nftnl_table_free>(nftnl_table_alloc());
    nftnl_table_set_str(made.get(), NFTNL_TABLE_NAME, name.c_str());
    nftnl_table_set_u32(made.get(), NFTNL_TABLE_FLAGS, owned ? NFT_TABLE_F_OWNER : 0);
    auto* m = to.start_message(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    nftnl_table_nlmsg_build_payload(m, made.get());
    to.finish_message();
}

void remove_table(nft_transaction& to, const std::string& name) {
    const auto named = owned_by<nftnl_table_free>(nftnl_table_alloc());
    nftnl_table_set_str(named.get(), NFTNL_TABLE_NAME, name.c_str());
    auto* m = to.start_message(NFT_MSG_DELTABLE, 0);
    nftnl_table_nlmsg_build_payload(m, named.get());
    to.finish_message();
}

void add_base_chain(nft_transaction& to, const std::string& table, const std::string& name, const char* type,
                    std::uint32_t hook, std::int32_t priority) {
    const auto made = owned_by<nftnl_chain_free>(nftnl_chain_alloc());
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TABLE, table.c_str());
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_NAME, name.c_str());
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TYPE, type);
    nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_HOOKNUM, hook);
    nftnl_chain_set_s32(made.get(), NFTNL_CHAIN_PRIO, priority);
    put_chain(to, made.get());
}

void add_chain(nft_transaction& to, const std::string& table, const std::string& name) {
    const auto made = owned_by<nftnl_chain_free>(nftnl_chain_alloc());
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TABLE, table.c_str());
    nftnl_chain_set_str(made.get(), NFTNL_CHAIN_NAME, name.c_str());
    put_chain(to, made.get());
}

void add_helper(nft_transaction& to, const std::string& table, const char* name) {
    const auto made = owned_by<nftnl_obj_free>(nftnl_obj_alloc());
    nftnl_obj_set_str(made.get(), NFTNL_OBJ_TABLE, table.c_str());
    nftnl_obj_set_str(made.get(), NFTNL_OBJ_NAME, name);
    nftnl_obj_set_u32(made.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_CT_HELPER);
    nftnl_obj_set_str(made.get(), NFTNL_OBJ_CT_HELPER_NAME, name);
    nftnl_obj_set_u16(made.get(), NFTNL_OBJ_CT_HELPER_L3PROTO, NFPROTO_INET);
    nftnl_obj_set_u8(made.get(), NFTNL_OBJ_CT_HELPER_L4PROTO, IPPROTO_TCP);
    auto* m = to.start_message(NFT_MSG_NEWOBJ, NLM_F_CREATE);
    nftnl_obj_nlmsg_build_payload(m, made.get());
    to.finish_message();
}

void add_counter(nft_transaction& to, const std::string& table, const char* name) {
    const auto made = named_counter(table, name);
    nftnl_obj_set_u64(made.get(), NFTNL_OBJ_CTR_PKTS, 0);
    nftnl_obj_set_u64(made.get(), NFTNL_OBJ_CTR_BYTES, 0);
    auto* m = to.start_message(NFT_MSG_NEWOBJ, NLM_F_CREATE);
    nftnl_obj_nlmsg_build_payload(m, made.get());
    to.finish_message();
}

void add_pair_set(nft_transaction& to, const std::string& table, const std::string& name, bool v4, std::uint32_t id) {
    // The type of the keys for nft(8), six bits for each part.
    const std::uint32_t type = v4 ? 7 : 8;
    const auto made = owned_by<nftnl_set_free>(nftnl_set_alloc());
    nftnl_set_set_str(made.get(), NFTNL_SET_TABLE, table.c_str());
    nftnl_set_set_str(made.get(), NFTNL_SET_NAME, name.c_str());
    nftnl_set_set_u32(made.get(), NFTNL_SET_ID, id);
    nftnl_set_set_u32(made.get(), NFTNL_SET_FLAGS, 0);
    nftnl_set_set_u32(made.get(), NFTNL_SET_KEY_TYPE, type << 6U | type);
    nftnl_set_set_u32(made.get(), NFTNL_SET_KEY_LEN, 2 * (v4 ? places_v4 : places_v6).size);
    auto* m = to.start_message(NFT_MSG_NEWSET, NLM_F_CREATE);
    nftnl_set_nlmsg_build_payload(m, made.get());
    to.finish_message();
}

void change_pair(nft_transaction& to, const std::string& table, const std::string& set, bool add, const ip_address& first,
                 const ip_address& second) {
    const auto size = (first.is_v4() ? places_v4 : places_v6).size;
    std::array<std::uint8_t, 32> pair{};
    std::memcpy(pair.data(), first.bytes().data(), size);
    std::memcpy(pair.data() + size, second.bytes().data(), size);
    const auto changed = owned_by<nftnl_set_free>(nftnl_set_alloc());
    nftnl_set_set_str(changed.get(), NFTNL_SET_TABLE, table.c_str());
    nftnl_set_set_str(changed.get(), NFTNL_SET_NAME, set.c_str());
    auto* e = nftnl_set_elem_alloc();
    nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, pair.data(), 2 * size);
    nftnl_set_elem_add(changed.get(), e);
    auto* m = to.start_message(add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, add ? NLM_F_CREATE : 0);
    nftnl_set_elems_nlmsg_build_payload(m, changed.get());
    to.finish_message();
}

result<std::uint64_t> packets_in(mnl_socket& asked, const std::string& table, const char* counter) {
    alignas(nlmsghdr) std::array<char, 1024> buffer{};
    auto* request = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETOBJ, NFPROTO_INET, 0, 1);
    const auto named = named_counter(table, counter);
    nftnl_obj_nlmsg_build_payload(request, named.get());
    std::optional<std::uint64_t> out;
    const int os = exchange(asked, request, [&out](const nlmsghdr* r) {
        if (r->nlmsg_type < NLMSG_MIN_TYPE) return;
        const auto found = owned_by<nftnl_obj_free>(nftnl_obj_alloc());
        if (nftnl_obj_nlmsg_parse(r, found.get()) == 0) out = nftnl_obj_get_u64(found.get(), NFTNL_OBJ_CTR_PKTS);
    });
    if (!out) return fail_os(os != 0 ? os : ENOENT, "nf_tables");
    return *out;
}

}  // namespace sallyport::firewall
