#pragma once
// What the rules share: selections of facts, and their texts as evidence. Private to this directory. Pure functions; any
// thread.

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/diagnosis/first_of.hpp>
#include <sallyport/diagnosis/path.hpp>
#include <sallyport/diagnosis/rules.hpp>

namespace sallyport::diagnosis {

/// The groups of rules, each in its own file; rules() joins them.
[[nodiscard]] std::span<const rule> session_rules() noexcept;
[[nodiscard]] std::span<const rule> address_rules() noexcept;
[[nodiscard]] std::span<const rule> comparison_rules() noexcept;
[[nodiscard]] std::span<const rule> device_rules() noexcept;
[[nodiscard]] std::span<const rule> method_rules() noexcept;
[[nodiscard]] std::span<const rule> port_rules() noexcept;
[[nodiscard]] std::span<const rule> time_rules() noexcept;

using methods = std::vector<const method_facts*>;

[[nodiscard]] methods passive_methods(const facts& known);
[[nodiscard]] methods active_methods(const facts& known);
/// The data connection was established, also if the server then refused the listing.
[[nodiscard]] bool is_usable(const method_facts& m) noexcept;
/// The data connection itself failed on its way: refused, silent, reset or unreachable.
[[nodiscard]] bool is_blocked(const method_facts& m) noexcept;
/// The first attempt with this method; nullptr if there is none.
[[nodiscard]] const method_facts* find_method(const facts& known, proto::data_method method, bool tls) noexcept;
/// A note if passive mode works, or would without a cause of its own, so that active mode is not needed.
[[nodiscard]] severity severity_of_active(const facts& known);
/// The address ranges that Docker and Podman give to their bridges, 172.17.0.0/16 to 172.31.0.0/16. Other networks may use
/// them too.
[[nodiscard]] bool is_container_address(const ip_address& a) noexcept;
/// The client has a private address, and the server a public one.
[[nodiscard]] bool has_nat_at_client(const facts& known) noexcept;

/// "EPSV over TLS: no answer from 192.0.2.1:50001".
[[nodiscard]] std::string evidence_of(const method_facts& m);
/// "the server's reply: 425 ..."; empty without a reply.
[[nodiscard]] std::string evidence_of_reply(const method_facts& m);

/// The device that holds a line of this name back: the forward chain of the hop before the first TTL at which it is held, or
/// the server. Nothing if the distance to the server is not known.
[[nodiscard]] std::optional<hop_span> holder_of(const facts& known, std::string_view line);
/// The side of a span; undecided if its ends are on different sides.
[[nodiscard]] side side_of(const facts& known, const hop_span& hop);

/// The verdict about blocked ports that one end's facts give; a new one if they give none.
[[nodiscard]] verdict& verdict_about_ports(std::vector<verdict>& found, std::string_view id);

/// Whether a rule has already found one of these causes.
[[nodiscard]] bool has_id(const std::vector<verdict>& found, std::initializer_list<std::string_view> ids) noexcept;
/// Sets the hop and the side of a verdict to those of the break, and adds what shows it.
void place(verdict& v, const path_break& at);

/// A verdict with the cause and the remedy that the table has for this id; the rule replaces what it knows better.
/// REQUIRES: the table has the id.
[[nodiscard]] verdict verdict_of(std::string_view id, side where, confidence sure, severity weight = severity::problem);

}  // namespace sallyport::diagnosis
