#pragma once
// Builds one nf_tables rule, expression by expression, and the objects that rules refer to.
//
// Values for one thread and one transaction. The values that a rule compares pass through registers: `scratch` has 32 bits,
// `wide` 128 bits; a method that uses one says so.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter/nf_tables.h>

#include <sallyport/base/address.hpp>
#include <sallyport/firewall/nft_transaction.hpp>

namespace sallyport::firewall {

class nft_rule {
public:
    static constexpr std::uint32_t wide = NFT_REG_1;
    static constexpr std::uint32_t scratch = NFT_REG32_15;

    nft_rule(const std::string& table, const std::string& chain);

    struct number {
        std::uint16_t attribute;
        std::uint32_t value;
    };
    nftnl_expr* add(const char* kind, std::initializer_list<number> numbers);

    void load(std::uint32_t base, std::uint32_t offset, std::uint32_t size, std::uint32_t into);
    // These two use `scratch`.
    void load_meta(std::uint32_t field);
    void load_connection(std::uint32_t field, std::uint32_t into = scratch);
    void compare(std::uint32_t register_number, std::uint32_t comparison, const void* value, std::uint32_t size);
    /// Compares `scratch`.
    template <class Value>
    void require(std::uint32_t comparison, Value value) {
        compare(scratch, comparison, &value, sizeof value);
    }
    /// Keeps these bits of `scratch`.
    template <class Value>
    void mask(Value bits) {
        const Value none = 0;
        combine(scratch, &bits, &none, sizeof bits);
    }
    void combine(std::uint32_t register_number, const void* and_bits, const void* xor_bits, std::uint32_t size);

    // Matches; they use `scratch`, and those of interfaces, addresses and labels `wide`.

    /// A name that ends in '*' stands for all that begin so.
    void from_interface(std::string_view name);
    /// Of IPv4 or IPv6 packets.
    void family(bool v4);
    void tcp();
    /// After tcp().
    void port(bool source, std::uint16_t value);
    /// The destination port; after tcp().
    void port_between(std::uint16_t first, std::uint16_t last);
    /// The source and the destination address; after family().
    void pair_in(const std::string& set, bool v4);
    /// After family().
    void network(bool source, const ip_network& n);
    /// A connection request: SYN without ACK, RST and FIN. After tcp().
    void connection_request();
    /// The first packets of a connection, until one is answered.
    void new_connection();
    /// A destination that is an address of this machine.
    void to_this_machine();

    // Statements

    void assign_helper(const char* name);
    /// In the counter of the table with this name.
    void count(const char* counter);
    void decide(std::uint32_t verdict);
    /// `returns`: the packet continues after this rule if the chain does not decide.
    void go_to(const std::string& chain, bool returns);

    void finish(nft_transaction& to);

private:
    owned<nftnl_rule, nftnl_rule_free> rule_;
};

/// The priority of our chains that assign helpers: before other programs assign one (filter, 0, and a little earlier), since
/// the first assignment applies, and before an administrator's DNAT (-100); after his rules about marks (mangle, -150).
inline constexpr std::int32_t before_helpers = -146;

/// The beginning of the names of our tables.
inline constexpr auto table_prefix = "sallyport_";
/// "sallyport_1f2e3d4c", another one at each call.
[[nodiscard]] std::string unique_table_name(std::string_view prefix = table_prefix);
/// Creates a table that belongs to the socket of the transaction, so that the kernel removes it with the socket. With
/// `owned` false, it outlives the process. The transaction fails if a table of this name exists.
void add_table(nft_transaction& to, const std::string& name, bool owned);
void remove_table(nft_transaction& to, const std::string& name);
/// A chain of a hook.
void add_base_chain(nft_transaction& to, const std::string& table, const std::string& name, const char* type,
                    std::uint32_t hook, std::int32_t priority);
/// A chain that rules go to.
void add_chain(nft_transaction& to, const std::string& table, const std::string& name);
/// A helper for TCP connections, with the same name in the table as in the kernel.
void add_helper(nft_transaction& to, const std::string& table, const char* name);
/// A counter of packets that rules refer to.
void add_counter(nft_transaction& to, const std::string& table, const char* name);
/// A set of pairs of addresses. `id` is another one for each set of a transaction.
void add_pair_set(nft_transaction& to, const std::string& table, const std::string& name, bool v4, std::uint32_t id);
/// Adds a pair of addresses of one family to a set, or removes it.
void change_pair(nft_transaction& to, const std::string& table, const std::string& set, bool add, const ip_address& first,
                 const ip_address& second);
/// The number of packets in such a counter.
[[nodiscard]] result<std::uint64_t> packets_in(mnl_socket& asked, const std::string& table, const char* counter);

}  // namespace sallyport::firewall
