#pragma once
// The result of a rule: what is wrong, on which side, at which hop, how sure that is, and what removes it. Plain values and
// pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::diagnosis {

/// The side that has to change something.
enum class side : std::uint8_t {
    // The network of the client: its host, its router.
    client,
    // The network of the server.
    server,
    // A provider.
    between,
    // The settings of the client program.
    client_config,
    // The settings of the server program.
    server_config,
    // The facts do not tell the sides apart.
    undecided
};
/// As in the report: "client-config".
[[nodiscard]] std::string_view name(side s) noexcept;

/// `certain` requires evidence that no other cause gives.
enum class confidence : std::uint8_t { possible, likely, certain };
[[nodiscard]] std::string_view name(confidence c) noexcept;

/// A note is worth knowing, but nothing failed because of it.
enum class severity : std::uint8_t { problem, note };
[[nodiscard]] std::string_view name(severity s) noexcept;

/// The device is one of these hops; hop 0 is the client's host.
struct hop_span {
    unsigned first = 0;
    unsigned last = 0;
    /// Of the first hop, if it answered.
    std::optional<ip_address> address;

    friend bool operator==(const hop_span&, const hop_span&) = default;
};

struct verdict {
    /// A key of the table of rules (rules.hpp); stable.
    std::string id;
    /// One sentence: what is wrong.
    std::string cause;
    diagnosis::side side = diagnosis::side::undecided;
    std::optional<hop_span> hop;
    /// The data method that it is about, if it is about one.
    std::optional<proto::data_method> method;
    diagnosis::confidence confidence = diagnosis::confidence::possible;
    diagnosis::severity severity = diagnosis::severity::problem;
    /// One or two sentences: what to do, and who.
    std::string remedy;
    /// Firewall rules that remove the cause, ready to paste.
    std::vector<std::string> rules;
    /// What was seen, one fact each.
    std::vector<std::string> evidence;
};

/// Whether something failed, and not only notes were found.
[[nodiscard]] bool has_problem(const std::vector<verdict>& found) noexcept;
/// Problems before notes, and the surer ones first.
void sort_by_weight(std::vector<verdict>& found);

/// One id, for 'doctor --explain' and docs/doctor.md.
struct explanation {
    std::string_view id;
    /// The usual sentence of the cause.
    std::string_view cause;
    /// The facts that the rule needs.
    std::string_view needs;
    /// Other causes that the rule excludes, and how.
    std::string_view excludes;
    /// Other causes that give the same facts.
    std::string_view looks_alike;
    std::string_view remedy;
};

}  // namespace sallyport::diagnosis
