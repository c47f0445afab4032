#include <sallyport/diagnosis/published_rules.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {
namespace {

// Each port costs the engine a rule, and often a process of some MiB.
constexpr std::uint32_t many_ports = 200;

[[nodiscard]] bool is_published(const server_facts& known, std::uint32_t port) {
    return std::ranges::any_of(
        known.published, [port](const published_ports& p) { return p.inside.contains(static_cast<std::uint16_t>(port)); });
}

/// "30010-30099" for the first interval of ports that are not published; nothing if all are.
[[nodiscard]] std::string first_gap(const server_facts& known) {
    const auto& range = known.passive_ports;
    std::uint32_t first = range.first;
    while (first <= range.last && is_published(known, first)) ++first;
    if (first > range.last) return {};
    auto last = first;
    while (last < range.last && !is_published(known, last + 1)) ++last;
    return port_range{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)}.text();
}

void judge_many(const server_facts& known, std::vector<verdict>& out) {
    std::uint32_t count = 0;
    for (const auto& p : known.published) count += p.inside.size();
    if (count <= many_ports) return;
    auto found = verdict_of("published-ports-many", side::server_config, confidence::likely);
    found.evidence.push_back(fmt::format("{} ports are published", count));
    out.push_back(std::move(found));
}

void judge_missing(const server_facts& known, std::vector<verdict>& out) {
    if (!known.passive || known.passive_ports.first == 0) return;
    const auto gap = first_gap(known);
    if (gap.empty()) return;
    auto found = verdict_of("published-ports-missing", side::server_config, confidence::certain);
    found.evidence.push_back(fmt::format("the passive ports are {}, and {} {} not published", known.passive_ports.text(),
                                         gap, gap.contains('-') ? "are" : "is"));
    out.push_back(std::move(found));
}

// A 227 or 229 has the number that the server knows, which clients then connect to.
void judge_renumbered(const server_facts& known, std::vector<verdict>& out) {
    for (const auto& p : known.published) {
        const bool is_passive = known.passive_ports.first != 0 && p.inside.first <= known.passive_ports.last &&
                                p.inside.last >= known.passive_ports.first;
        if (p.outside == p.inside || !is_passive) continue;
        auto found = verdict_of("published-ports-renumbered", side::server_config, confidence::likely);
        found.evidence.push_back(fmt::format("{} outside is {} inside", p.outside.text(), p.inside.text()));
        out.push_back(std::move(found));
        return;
    }
}

}  // namespace

void judge_published_ports(const server_facts& known, std::vector<verdict>& out) {
    if (known.publisher == port_publisher::none) return;
    judge_many(known, out);
    judge_missing(known, out);
    judge_renumbered(known, out);
}

}  // namespace sallyport::diagnosis
